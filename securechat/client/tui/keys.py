"""The keys: one table, from which come what a key does, the help screen and what can be rebound.

A key is written for people as ``Ctrl-K``, ``Alt-Enter``, ``F1`` or ``PgUp``, and within the program
as urwid names it: ``ctrl k``, ``meta enter``, ``f1``, ``page up``. Pure.

A context is where one is: ``anywhere`` holds in all of them, ``input`` is the input line,
``select`` the choosing of a message, ``popup`` a list of candidates or the quick switcher,
``members`` the list of members while one types at it. Ctrl-I,
Ctrl-M, Ctrl-H and Ctrl-[ are Tab, Enter, Backspace and Esc for a terminal, and Ctrl-J is Enter
unless the terminal has the extended keyboard, and so is Shift-Enter; that is why Alt-Enter comes
first for a new line.
Ctrl-K goes to a conversation, as in Slack; what readline has there is Alt-K.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from securechat.client.tui.keynames import WrongKey, from_person, to_person

Context = Literal["anywhere", "input", "select", "popup", "members"]
CONTEXTS: tuple[Context, ...] = get_args(Context)


class Binding(NamedTuple):
    """An action, the keys it has unless rebound (in urwid's names), and where they hold."""

    action: str
    keys: tuple[str, ...]
    contexts: tuple[Context, ...]
    help: str
    group: str


def _rows(
    group: str, context: Context, *rows: tuple[str, tuple[str, ...], str]
) -> tuple[Binding, ...]:
    return tuple(Binding(action, keys, (context,), text, group) for action, keys, text in rows)


BINDINGS: tuple[Binding, ...] = (
    *_rows(
        "Conversations",
        "anywhere",
        ("switcher", ("ctrl k", "ctrl t"), "go to a conversation by a part of its name"),
        ("conversation.next", ("meta down", "ctrl n"), "the next conversation"),
        ("conversation.previous", ("meta up", "ctrl p"), "the previous conversation"),
        ("conversation.unread", ("meta a",), "the next conversation with something unread"),
        ("conversation.back", ("meta `",), "the conversation before this one"),
        *(
            (f"conversation.{n}", (f"meta {n}",), f"the conversation number {n}")
            for n in range(1, 10)
        ),
        ("conversation.mute", ("meta M",), "mute this conversation, or undo that"),
    ),
    *_rows(
        "Reading",
        "anywhere",
        ("log.page_up", ("page up",), "a page up; at the top, older messages"),
        ("log.page_down", ("page down",), "a page down"),
        ("log.start", ("ctrl home", "meta <"), "the oldest message that is loaded"),
        ("log.end", ("ctrl end", "meta >"), "the latest message"),
        ("log.unread", ("meta u",), "the first unread message"),
        ("search", ("ctrl f",), "search"),
        ("select", ("ctrl up", "meta s"), "choose a message, to answer or change it"),
    ),
    *_rows("Reading", "input", ("read", ("esc",), "mark everything here as read")),
    *_rows(
        "Writing",
        "input",
        ("send", ("enter",), "send"),
        ("newline", ("meta enter", "shift enter", "ctrl j"), "a new line"),
        ("complete", ("tab",), "complete a name, a command or an emoji"),
        ("complete.back", ("shift tab",), "the candidate before"),
        ("history.up", ("up",), "the line above, or what was sent before"),
        ("history.down", ("down",), "the line below, or what was sent after"),
        ("clear", ("ctrl c",), "clear the input; twice: leave"),
        ("emoji", ("meta e",), "choose an emoji"),
    ),
    *_rows(
        "Editing",
        "input",
        ("edit.left", ("left", "ctrl b"), "a character back"),
        ("edit.right", ("right",), "a character on"),
        ("edit.word_left", ("meta b", "ctrl left", "meta left"), "a word back"),
        ("edit.word_right", ("meta f", "ctrl right", "meta right"), "a word on"),
        ("edit.line_start", ("ctrl a", "home"), "the beginning of the line"),
        ("edit.line_end", ("ctrl e", "end"), "the end of the line"),
        ("edit.backspace", ("backspace",), "remove the character before"),
        ("edit.delete", ("delete", "ctrl d"), "remove the character after"),
        ("edit.kill_word_rubout", ("ctrl w",), "cut back to a space"),
        ("edit.kill_word_back", ("meta backspace",), "cut the word before"),
        ("edit.kill_word", ("meta d",), "cut the word after"),
        ("edit.kill_to_start", ("ctrl u",), "cut to the beginning of the line"),
        ("edit.kill_to_end", ("meta k",), "cut to the end of the line"),
        ("edit.yank", ("ctrl y",), "put back what was cut"),
        ("edit.yank_pop", ("meta y",), "then: put back what was cut before that"),
        ("edit.transpose", ("meta t",), "swap two characters"),
        ("edit.undo", ("ctrl _",), "undo"),
        ("edit.redo", ("meta _", "meta z"), "redo"),
    ),
    *_rows(
        "A chosen message",
        "select",
        ("select.up", ("up", "k"), "the message before"),
        ("select.down", ("down", "j"), "the message after"),
        ("select.reply", ("r", "enter"), "reply"),
        ("select.react", ("+",), "react with an emoji"),
        ("select.edit", ("e", "E"), "edit, if it is yours"),
        ("select.delete", ("d", "delete"), "delete, if it is yours or you may"),
        ("select.resend", ("R",), "send again what failed"),
        ("select.mark", ("v", " "), "choose from here on, to copy several"),
        ("select.copy", ("c",), "copy the text"),
        ("select.open", ("o",), "open the link"),
        ("select.copy_link", ("y",), "copy the link"),
        ("select.leave", ("esc", "q", "ctrl c"), "back to the input"),
    ),
    *_rows(
        "Lists",
        "popup",
        ("popup.up", ("up", "shift tab"), "the entry before"),
        ("popup.down", ("down", "tab"), "the entry after"),
        ("popup.take", ("enter",), "take it"),
        ("popup.close", ("esc", "ctrl c"), "close"),
    ),
    *_rows(
        "Members",
        "anywhere",
        ("members", ("f7", "meta n"), "show or hide the members"),
        ("members.filter", ("f8", "meta N"), "show those members whose names have some letters"),
    ),
    *_rows(
        "Members",
        "members",
        ("members.keep", ("enter",), "keep what is shown, and go back to the input"),
        ("members.clear", ("esc", "ctrl c"), "show everybody again"),
        ("members.up", ("up",), "scroll up"),
        ("members.down", ("down",), "scroll down"),
    ),
    *_rows(
        "Screen",
        "anywhere",
        ("help", ("f1",), "this help"),
        ("sidebar", ("f6", "meta l"), "show or hide the conversations"),
        ("reconnect", ("f5", "meta r"), "try to connect now"),
        ("redraw", ("ctrl l",), "draw everything again"),
        ("suspend", ("ctrl z",), "stop, and come back with fg"),
        ("quit", ("ctrl q",), "leave"),
    ),
)
_BY_ACTION = {row.action: row for row in BINDINGS}


class Keymap:
    """What each key does, and what each action is reached by."""

    def __init__(self, keys: Mapping[str, tuple[str, ...]]) -> None:
        self._keys = keys
        self._actions = {
            (context, key): row.action
            for row in BINDINGS
            for context in row.contexts
            for key in keys[row.action]
        }

    def action(self, key: str, context: Context) -> str | None:
        """Return what a key (urwid's name) does in a context; ``None``: nothing."""
        return self._actions.get((context, key)) or self._actions.get(("anywhere", key))

    def keys(self, action: str) -> tuple[str, ...]:
        """Return the keys of an action, as people write them; none where it has been unbound."""
        return tuple(to_person(key) for key in self._keys[action])

    def key(self, action: str) -> str:
        """Return the first key of an action for a hint on the screen, or an empty text."""
        return next(iter(self.keys(action)), "")

    def help_rows(self) -> list[tuple[str, str, str]]:
        """Return the help screen: group, keys, and what they do; the nine numbers are one row."""
        rows: list[tuple[str, str, str]] = []
        for group in dict.fromkeys(row.group for row in BINDINGS):
            for row in (one for one in BINDINGS if one.group == group):
                keys = " ".join(self.keys(row.action))
                number = re.fullmatch(r"conversation\.(\d)", row.action)
                if number and self._keys[row.action] == row.keys:
                    if number[1] == "1":
                        rows.append((group, f"{keys}…9", "the conversation of that number"))
                elif keys:
                    rows.append((group, keys, row.help))
        return rows


def resolve(overrides: Mapping[str, Sequence[str]]) -> Keymap:
    """Return the keys with those of the settings file in the place of the table's.

    ``overrides`` names for an action all its keys as people write them; none unbinds it. A key that
    an action gets so is taken from the action that has it in the table. Raises ``WrongKey`` with
    one sentence where an action or a key is unknown or two overrides want the same key.
    """
    chosen: dict[str, tuple[str, ...]] = {}
    for action, keys in overrides.items():
        if action not in _BY_ACTION:
            raise WrongKey(f"There is no action {action!r}: {_near(action)}")
        if isinstance(keys, str) or not all(isinstance(key, str) for key in keys):
            raise WrongKey(f"The keys of {action} are a list, such as ['F2', 'Alt-X'].")
        chosen[action] = tuple(dict.fromkeys(from_person(key) for key in keys))
    for action, names in chosen.items():
        for key in names:
            _check_free(action, key, chosen)
    kept = {
        row.action: tuple(key for key in row.keys if not any(_clash(row.action, key, chosen)))
        for row in BINDINGS
        if row.action not in chosen
    }
    if not (chosen.get("quit") or kept.get("quit") or kept.get("clear")):
        raise WrongKey("No key would leave the program: give quit a key, such as ['Ctrl-Q'].")
    return Keymap({**kept, **chosen})


def _clash(action: str, key: str, chosen: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the actions of the overrides that have a key where this action would have it too."""
    return [
        other
        for other, keys in chosen.items()
        if other != action and key in keys and _meet(action, other)
    ]


def _meet(one: str, other: str) -> bool:
    """Tell whether two actions can be asked for in the same place."""
    first, second = set(_BY_ACTION[one].contexts), set(_BY_ACTION[other].contexts)
    return bool(first & second) or "anywhere" in first | second


def _check_free(action: str, key: str, chosen: Mapping[str, tuple[str, ...]]) -> None:
    types = len(key) == 1
    if types and "select" not in _BY_ACTION[action].contexts:
        raise WrongKey(f"{to_person(key)} types a character and cannot be the key of {action}.")
    for other in _clash(action, key, chosen):
        raise WrongKey(f"{to_person(key)} cannot be the key of both {action} and {other}.")


def _near(action: str) -> str:
    near = difflib.get_close_matches(action, _BY_ACTION, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(_BY_ACTION)}."


DEFAULT = resolve({})
