"""The keys: what terminals send for them, and what the settings file may change.

The bytes are xterm's (ctlseqs), which tmux passes on with ``xterm-keys``, its default.
"""

from __future__ import annotations

import pytest
from urwid.display import escape

from securechat.client.tui.keynames import WrongKey, as_ever, from_person, to_person
from securechat.client.tui.keys import BINDINGS, CONTEXTS, DEFAULT, resolve

_CURSOR = {"up": "A", "down": "B", "right": "C", "left": "D", "end": "F", "home": "H"}
_NUMBERED = {"insert": 2, "delete": 3, "page up": 5, "page down": 6}
_FUNCTION = {
    "f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS", "f5": "\x1b[15~",
    "f6": "\x1b[17~", "f7": "\x1b[18~", "f8": "\x1b[19~", "f9": "\x1b[20~", "f10": "\x1b[21~",
    "f11": "\x1b[23~", "f12": "\x1b[24~",
}  # fmt: skip
# Kitty's and xterm's extended keyboards; "shift enter" is Enter elsewhere.
_EXTENDED = {"shift enter": "\x1b[13;2u"}
_SINGLE = {"enter": "\r", "tab": "\t", "esc": "\x1b", "backspace": "\x7f", "shift tab": "\x1b[Z"}


def sent(key: str) -> str:
    """Return what xterm sends for a key of the table."""
    if key in _EXTENDED:
        return _EXTENDED[key]
    if key in _SINGLE:
        return _SINGLE[key]
    if key in _FUNCTION:
        return _FUNCTION[key]
    modifier, _, base = key.partition(" ")
    if key in _NUMBERED or key in _CURSOR:
        modifier, base = "", key
    code = {"": "", "meta": "3", "ctrl": "5"}.get(modifier)
    if base in _CURSOR:
        return f"\x1b[1;{code}{_CURSOR[base]}" if code else f"\x1b[{_CURSOR[base]}"
    if base in _NUMBERED:
        return f"\x1b[{_NUMBERED[base]};{code}~" if code else f"\x1b[{_NUMBERED[base]}~"
    if modifier == "meta":
        return "\x1b" + _SINGLE.get(base, base)
    if modifier == "ctrl":
        return chr(ord(base.upper()) & 0x1F)
    return key


ALL_KEYS = sorted({key for row in BINDINGS for key in row.keys} - {"ctrl j"})


@pytest.mark.parametrize("key", ALL_KEYS)
def test_a_terminal_can_send_the_key_and_urwid_names_it_so(key: str) -> None:
    assert escape.process_keyqueue(list(sent(key).encode()), more_available=False) == ([key], [])


def test_a_new_line_has_a_key_that_is_not_enter_on_any_terminal() -> None:
    """A plain terminal sends a line feed for Ctrl-J, which urwid names Enter."""
    assert escape.process_keyqueue([0x0A], more_available=False)[0] == ["enter"]
    assert DEFAULT.key("newline") == "Alt-Enter"


@pytest.mark.parametrize("key", [*ALL_KEYS, "ctrl j"])
def test_a_key_is_read_as_it_is_shown(key: str) -> None:
    assert from_person(to_person(key)) == key


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("Ctrl-K", "ctrl k"),
        ("ctrl+k", "ctrl k"),
        ("C-k", "ctrl k"),
        ("M-x", "meta x"),
        ("Alt-Enter", "meta enter"),
        ("Alt-Shift-M", "meta M"),
        ("Shift-Alt-Up", "shift meta up"),
        ("Ctrl-Alt-Left", "meta ctrl left"),
        ("PgUp", "page up"),
        ("pagedown", "page down"),
        ("f12", "f12"),
        ("Alt--", "meta -"),
        ("Alt-+", "meta +"),
        ("+", "+"),
        ("R", "R"),
        ("Esc", "esc"),
    ],
)
def test_people_write_keys_in_many_ways(written: str, key: str) -> None:
    assert from_person(written) == key


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Ctrl-I", "is Tab to a terminal"),
        ("Ctrl-M", "is Enter to a terminal"),
        ("Ctrl-1", "cannot send"),
        ("Ctrl-Shift-K", "cannot send"),
        ("Alt-Shift-1", "Alt-!"),
        ("Hyper-X", "write it like"),
        ("F13", "write it like"),
        ("", "write it like"),
    ],
)
def test_a_key_that_cannot_be_gets_a_sentence(written: str, words: str) -> None:
    with pytest.raises(WrongKey, match=words):
        from_person(written)


def test_no_key_of_the_table_has_two_meanings_in_one_place() -> None:
    for context in CONTEXTS:
        held = [
            key for row in BINDINGS if {"anywhere", context} & set(row.contexts) for key in row.keys
        ]
        assert len(held) == len(set(held)), context


def test_actions_have_names_of_their_own_and_a_key() -> None:
    assert len({row.action for row in BINDINGS}) == len(BINDINGS)
    assert all(row.keys and row.help for row in BINDINGS)


def test_a_key_does_what_the_place_says() -> None:
    assert DEFAULT.action("esc", "input") == "read"
    assert DEFAULT.action("esc", "popup") == "popup.close"
    assert DEFAULT.action("f1", "select") == "help"
    assert DEFAULT.action("r", "input") is None


def test_the_settings_give_an_action_other_keys() -> None:
    keymap = resolve({"switcher": ["Ctrl-G"], "edit.kill_to_end": ["Ctrl-K"], "emoji": []})
    assert keymap.action("ctrl g", "input") == "switcher"
    assert keymap.action("ctrl k", "input") == "edit.kill_to_end"
    assert keymap.action("ctrl t", "input") is None
    assert keymap.keys("emoji") == ()


def test_a_key_that_is_given_away_is_taken_from_who_had_it() -> None:
    keymap = resolve({"edit.kill_to_end": ["Ctrl-K"]})
    assert keymap.action("ctrl k", "input") == "edit.kill_to_end"
    assert keymap.keys("switcher") == ("Ctrl-T",)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"swithcer": ["F2"]}, "There is no action 'swithcer': did you mean switcher?"),
        ({"search": ["F2"], "help": ["F2"]}, "F2 cannot be the key of both search and help."),
        ({"select.copy": ["F2"], "help": ["f2"]},
         "F2 cannot be the key of both select.copy and help."),
        ({"search": ["x"]}, "x types a character and cannot be the key of search."),
        ({"search": "F2"}, "The keys of search are a list, such as ['F2', 'Alt-X']."),
        ({"quit": [], "clear": []},
         "No key would leave the program: give quit a key, such as ['Ctrl-Q']."),
    ],
)  # fmt: skip
def test_a_mistake_in_the_settings_is_one_sentence(
    overrides: dict[str, list[str]], sentence: str
) -> None:
    with pytest.raises(WrongKey) as wrong:
        resolve(overrides)
    assert str(wrong.value) == sentence


def test_one_key_may_serve_in_two_places_that_never_meet() -> None:
    keymap = resolve({"select.copy": ["F2"], "edit.undo": ["F2"]})
    assert keymap.action("f2", "select") == "select.copy"
    assert keymap.action("f2", "input") == "edit.undo"


def test_the_help_screen_shows_the_keys_as_they_are_now() -> None:
    rows = resolve({"help": ["F2"], "emoji": []}).help_rows()
    assert ("Screen", "F2", "this help") in rows
    assert ("Conversations", "Alt-1…9", "the conversation of that number") in rows
    assert not [row for row in rows if row[2] == "choose an emoji"]
    groups = [row[0] for row in rows]
    assert groups == sorted(groups, key=groups.index)


@pytest.mark.parametrize(
    ("key", "ever"),
    [("ctrl i", "tab"), ("ctrl m", "enter"), ("ctrl [", "esc"), ("ctrl h", "backspace"),
     ("ctrl /", "ctrl _"), ("shift ctrl _", "ctrl _"), ("shift enter", "shift enter"), ("a", "a")],
)  # fmt: skip
def test_on_an_extended_keyboard_keys_do_what_they_always_did(key: str, ever: str) -> None:
    assert as_ever(key) == ever


def test_shift_enter_is_a_new_line() -> None:
    assert DEFAULT.action("shift enter", "input") == "newline"
    assert DEFAULT.key("newline") == "Alt-Enter"


def test_e_edits_a_chosen_message_and_plus_reacts() -> None:
    """As in Slack and Discord, whose people press ``e`` to edit (issue 5, point 2)."""
    assert DEFAULT.action("e", "select") == "select.edit"
    assert DEFAULT.key("select.edit") == "e"
    assert DEFAULT.action("+", "select") == "select.react"
