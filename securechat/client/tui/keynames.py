"""The names of keys: as people write them, and as urwid 5.1 gives them to a widget. Pure."""

from __future__ import annotations

from securechat.errors import UserError

# Each key's name for people, and urwid's (urwid.display.escape).
_NAMED = {
    "Enter": "enter",
    "Tab": "tab",
    "Esc": "esc",
    "Backspace": "backspace",
    "Space": " ",
    "Up": "up",
    "Down": "down",
    "Left": "left",
    "Right": "right",
    "PgUp": "page up",
    "PgDn": "page down",
    "Home": "home",
    "End": "end",
    "Ins": "insert",
    "Del": "delete",
    **{f"F{n}": f"f{n}" for n in range(1, 13)},
}
_ALSO = {
    "return": "enter",
    "escape": "esc",
    "pageup": "page up",
    "pagedown": "page down",
    "insert": "insert",
    "delete": "delete",
}
_FROM_PERSON = {name.lower(): key for name, key in _NAMED.items()} | _ALSO
_TO_PERSON = {key: name for name, key in _NAMED.items()}

# urwid's order of the modifiers.
_MODIFIERS = {"shift": "Shift", "meta": "Alt", "ctrl": "Ctrl"}
_TYPED = {
    "ctrl": "ctrl",
    "control": "ctrl",
    "c": "ctrl",
    "alt": "meta",
    "meta": "meta",
    "m": "meta",
    "shift": "shift",
}

# What a terminal sends for these is another key's byte, or nothing of their own.
_SAME = {"i": "Tab", "m": "Enter", "h": "Backspace", "[": "Esc"}
_WITH_CTRL = "abcdefgjklnopqrstuvwxyz\\]^_"
# What the extended keyboard sends, and what the same keys have always been.
_AS_EVER = {
    **{f"ctrl {letter}": name.lower() for letter, name in _SAME.items()},
    "shift backspace": "backspace",
    "shift esc": "esc",
    "ctrl /": "ctrl _",
    "shift ctrl -": "ctrl _",
    "shift ctrl _": "ctrl _",
}
_SHAPE = (
    "write it like Ctrl-K, Alt-Enter, Alt-Shift-M, Ctrl-Up, F1, PgUp or, for a chosen message, r"
)


class WrongKey(UserError):
    """A key or an action of the settings that there is not; the text is one sentence."""


def as_ever(key: str) -> str:
    """Return a key of the extended keyboard as other terminals send it: Ctrl-I is Tab."""
    return _AS_EVER.get(key, key)


def to_person(key: str) -> str:
    """Return urwid's name of a key as people write it: ``meta M`` is ``Alt-Shift-M``."""
    words = key.split(" ") if key != " " else [" "]
    modifiers = []
    while len(words) > 1 and words[0] in _MODIFIERS:
        modifiers.append(words.pop(0))
    base = " ".join(words)
    if len(base) == 1 and base.isalpha() and modifiers:
        if base.isupper():
            modifiers.append("shift")
        base = base.upper()
    shown = [_MODIFIERS[one] for one in ("ctrl", "meta", "shift") if one in modifiers]
    return "-".join([*shown, _TO_PERSON.get(base, base)])


def from_person(name: str) -> str:
    """Return urwid's name of a key that a person wrote, in any case and order of modifiers.

    Raises ``WrongKey`` with a sentence where no terminal could send it.
    """
    *prefixes, base = name.strip().replace("+", "-").split("-") if name != "+" else ["+"]
    if not base and prefixes:  # the key is the hyphen itself, or a plus: Alt--
        base = name.strip()[-1]
        prefixes = [one for one in prefixes if one]
    modifiers = set()
    for prefix in prefixes:
        modifier = _TYPED.get(prefix.strip().lower())
        if modifier is None:
            raise WrongKey(f"There is no key {name!r}: {_SHAPE}.")
        modifiers.add(modifier)
    key = _FROM_PERSON.get(base.lower())
    if key is None:
        if len(base) != 1 or not base.isprintable():
            raise WrongKey(f"There is no key {name!r}: {_SHAPE}.")
        key = _character(name, base, modifiers)
    return " ".join([*(one for one in _MODIFIERS if one in modifiers), key])


def _character(name: str, base: str, modifiers: set[str]) -> str:
    """Return the character of a key; with Shift it is the capital letter, not a modifier."""
    if "ctrl" in modifiers:
        letter = base.lower()
        if letter in _SAME:
            raise WrongKey(f"{name} is {_SAME[letter]} to a terminal: choose another key.")
        if letter not in _WITH_CTRL or "shift" in modifiers:
            raise WrongKey(f"A terminal cannot send {name}: {_SHAPE}.")
        return letter
    if "shift" in modifiers:
        if not base.isalpha():
            raise WrongKey(f"Write what {name} types instead, such as Alt-! for Alt-Shift-1.")
        modifiers.discard("shift")
        return base.upper()
    return base.lower() if modifiers else base
