"""What was typed into the full-screen client: something to say, or a command. Pure.

The commands are the rows of :mod:`securechat.client.commandtable`; doing them is the screen's
business.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from securechat.client.commandtable import NAMES, ROWS, Kind, Row
from securechat.errors import UserError
from securechat.protocol.names import is_channel

NO_NICK = (
    "Your nickname is your account's name and cannot be changed here; "
    "an administrator can make another account with securechat-users add."
)


class WrongCommand(UserError):
    """A command that is unknown or lacks words; the text is one sentence that says what to type."""


@dataclass(frozen=True)
class Say:
    """A text to be said where one is."""

    text: str


@dataclass(frozen=True)
class Do:
    """A command: the name of its row (never an alias), and what followed it."""

    name: str
    rest: str = ""

    @property
    def row(self) -> Row:
        """The row of the table."""
        return ROWS[self.name]

    @property
    def words(self) -> list[str]:
        """What followed, split at spaces."""
        return self.rest.split()


def parse(text: str) -> Say | Do:
    """Return what a submitted input means.

    Two slashes at the beginning say one; a path such as ``/etc/passwd`` and a slash before a space
    are said as they are. Raises ``WrongCommand``.
    """
    if text.startswith("//"):
        return Say(text[1:])
    word, rest = _split(text)
    if not text.startswith("/") or not word or "/" in word:
        return Say(text)
    name = NAMES.get(word.lower())
    if name is None:
        raise WrongCommand(f"There is no command /{word}: {suggestion(word)}")
    if name == "nick":
        raise WrongCommand(NO_NICK)
    row = ROWS[name]
    if len(rest.split()) < row.least:
        raise WrongCommand(f"Type {usage(name)}: {row.help}.")
    if name == "mouse" and rest not in {"on", "off"}:
        raise WrongCommand("Type /mouse on or /mouse off.")
    return Do(name, rest)


def _split(text: str) -> tuple[str, str]:
    words = text[1:].split(maxsplit=1) if text[1:2].strip() else []
    return (words[0] if words else ""), (words[1].strip() if len(words) > 1 else "")


def usage(name: str) -> str:
    """Return how a command is typed: ``/part [CHANNEL] [REASON]``."""
    return f"/{name} {ROWS[name].usage}".rstrip()


def suggestion(word: str) -> str:
    """Return the words that end the sentence about a command that does not exist."""
    near = difflib.get_close_matches(word.lower(), NAMES, n=1)
    return f"did you mean /{near[0]}?" if near else "/help lists the commands."


def hint(partial: str) -> str:
    """Return the help to show while a command is typed, or an empty text where there is none."""
    if not partial.startswith("/") or partial.startswith("//"):
        return ""
    word = partial[1:].split(" ", 1)[0].split("\n", 1)[0].lower()
    if "/" in word:
        return ""
    name = NAMES.get(word)
    if name:
        return f"{usage(name)}  {ROWS[name].help}"
    fitting = [f"/{one}" for one in ROWS if one.startswith(word)]
    if fitting and " " not in partial:
        return "  ".join(fitting[:8])
    return f"no command /{word}: {suggestion(word)}" if word else ""


def kind_at(before: str) -> Kind | None:
    """Return what can be completed at the end of this beginning of a command; none: nothing."""
    if not before.startswith("/") or before.startswith("//"):
        return None
    word, space, rest = before[1:].partition(" ")
    if not space:
        return "command"
    name = NAMES.get(word.lower())
    kinds = ROWS[name].kinds if name else ()
    if not kinds:
        return None
    place = len(rest.split()) - (0 if not rest or rest.endswith(" ") else 1)
    return kinds[min(place, len(kinds) - 1)]


def help_rows() -> list[tuple[str, str, str]]:
    """Return every command as its group, how it is typed, and what it does; groups together."""
    groups = dict.fromkeys(row.group for row in ROWS.values())
    return [
        (group, usage(name), row.help)
        for group in groups
        for name, row in ROWS.items()
        if row.group == group
    ]


def help_on(name: str) -> str:
    """Return the help of one command, slash or not. Raises ``WrongCommand``."""
    word = name.removeprefix("/").lower()
    known = NAMES.get(word)
    if known is None:
        raise WrongCommand(f"There is no command /{word}: {suggestion(word)}")
    row = ROWS[known]
    also = f" (also {', '.join(f'/{one}' for one in row.aliases)})" if row.aliases else ""
    return f"{usage(known)}{also}: {row.help}."


def wire_line(command: Do, channel: str) -> str:
    """Return the line of the protocol for a row that is passed to the server, or for ``/raw``.

    ``channel`` is where one is; a channel typed as the first word is meant instead. A reason of
    several words becomes one parameter. Raises ``WrongCommand`` where a channel is needed.
    """
    if command.name == "raw":
        return " ".join(command.rest.splitlines())
    words = command.rest.split()
    if words and is_channel(words[0]):
        channel = words.pop(0)
    if not is_channel(channel):
        raise WrongCommand(f"Type /{command.name} in a channel, or name one after it.")
    if len(words) < command.row.least:
        raise WrongCommand(f"Type {usage(command.name)}: {command.row.help}.")
    reason_from = {"KICK": 1, "BAN": 2, "MUTE": 2}.get(command.row.wire)
    if reason_from == 2 and len(words) > 1 and not words[1][0].isdigit():
        reason_from = 1
    if reason_from is not None and len(words) > reason_from:
        words[reason_from:] = [":" + " ".join(words[reason_from:])]
    return " ".join([command.row.wire, channel, *words])
