"""One message of the wire: parsing and writing it, tags included.

Pure. Follows the Modern IRC Client Protocol ("Message Format") and the IRCv3 ``message-tags``
specification (escaping, sizes). Lines are handled without their CR LF.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from securechat.errors import MessageError

_ESCAPES = {":": ";", "s": " ", "\\": "\\", "r": "\r", "n": "\n"}
_TO_ESCAPE = str.maketrans({";": "\\:", " ": "\\s", "\\": "\\\\", "\r": "\\r", "\n": "\\n"})
_FORBIDDEN = frozenset("\r\n\0")
_NOT_IN_KEYS = frozenset("; =")


@dataclass(frozen=True, slots=True)
class Message:
    """A parsed message: ``command`` in upper case, ``tags`` with their values unescaped.

    A tag without a value has the value ``""``, as the specification has it.
    """

    command: str
    params: tuple[str, ...] = ()
    source: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def nick(self) -> str:
        """The name before ``!`` in the source; empty where there is no source."""
        return (self.source or "").partition("!")[0]

    def encode(self) -> bytes:
        """Return the line with its CR LF.

        Raises ``MessageError`` for what no line can carry, so that no part of a message can pass
        for another: CR, LF or NUL, half a surrogate pair, a space in the source or in a tag's
        key, a command that is none, or a parameter other than the last that is empty, holds a
        space or starts with a colon.
        """
        parts: list[str] = []
        if self.tags:
            if not all(key and _NOT_IN_KEYS.isdisjoint(key) for key in self.tags):
                raise MessageError("a tag's key is not empty and holds no space, ; or =")
            parts.append("@" + format_tags(self.tags))
        if self.source:
            if " " in self.source:
                raise MessageError("a source holds no space")
            parts.append(":" + self.source)
        _check_command(self.command)
        parts.append(self.command)
        if self.params:
            for param in self.params[:-1]:
                if not param or " " in param or param[0] == ":":
                    raise MessageError(f"only the last parameter can be {param!r}")
                parts.append(param)
            last = self.params[-1]
            plain = last and " " not in last and last[0] != ":"
            parts.append(last if plain else ":" + last)
        line = " ".join(parts)
        if not _FORBIDDEN.isdisjoint(line):
            raise MessageError("a line cannot carry CR, LF or NUL")
        try:
            return line.encode() + b"\r\n"
        except UnicodeEncodeError:
            raise MessageError("a line cannot carry half a surrogate pair") from None


def parse(line: str) -> Message:
    """Return the message in one line (no CR LF, no more than its own characters).

    Raises ``MessageError`` for a line without a command or with a NUL, CR or LF in it.
    """
    if not _FORBIDDEN.isdisjoint(line):
        raise MessageError("a line cannot carry CR, LF or NUL")
    tags: Mapping[str, str] = {}
    source = None
    rest = line.lstrip(" ")
    if rest.startswith("@"):
        raw, _, rest = rest[1:].partition(" ")
        tags = parse_tags(raw)
        rest = rest.lstrip(" ")
    if rest.startswith(":"):
        source, _, rest = rest[1:].partition(" ")
        rest = rest.lstrip(" ")
    rest, colon, trailing = _split_trailing(rest)
    words = rest.split(" ")
    params = [word for word in words if word]
    if not params:
        raise MessageError("a line needs a command")
    command = params.pop(0)
    _check_command(command)
    if colon:
        params.append(trailing)
    return Message(command.upper(), tuple(params), source or None, tags)


def _check_command(command: str) -> None:
    # Before it is put in upper case, which makes ASCII letters of some others.
    if not (command.isascii() and command.isalnum()):
        raise MessageError("a command is letters or digits")


def _split_trailing(rest: str) -> tuple[str, bool, str]:
    """Split at the parameter that starts with a colon, if there is one."""
    at = rest.find(" :")
    if at < 0:
        return rest, False, ""
    return rest[:at], True, rest[at + 2 :]


def parse_tags(raw: str) -> dict[str, str]:
    """Return the tags of the part after ``@``; a repeated key keeps its last value."""
    tags: dict[str, str] = {}
    for item in raw.split(";"):
        key, _, value = item.partition("=")
        if key:
            tags[key] = unescape(value) if "\\" in value else value
    return tags


def format_tags(tags: Mapping[str, str]) -> str:
    """Return tags as they stand after ``@``, without it and without the space."""
    return ";".join(
        f"{key}={value.translate(_TO_ESCAPE)}" if value else key for key, value in tags.items()
    )


def unescape(value: str) -> str:
    """Undo the escaping of a tag's value; a lone backslash before anything else is dropped."""
    out: list[str] = []
    characters = iter(value)
    for character in characters:
        if character == "\\":
            following = next(characters, "")
            out.append(_ESCAPES.get(following, following))
        else:
            out.append(character)
    return "".join(out)
