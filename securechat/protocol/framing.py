"""Bytes to lines: splitting, and the limits on what one line may be.

Pure. The limits are those of the IRCv3 ``message-tags`` specification: up to 4094 bytes of data
in a client's tags (4096 with the ``@`` and the space), and 512 for the rest with its CR LF.
Lines end at LF; a CR before it is dropped, as the Modern IRC Client Protocol allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

LINE_BYTES_MAX = 512
CLIENT_TAG_BYTES_MAX = 4096
SERVER_TAG_BYTES_MAX = 8191


# Tags and a source may stand before the command.
_COMMAND = re.compile(rb" *(?:@[^ ]* +)?(?::[^ ]* +)?([A-Za-z0-9]+)(?: |$)")


class Fault(Enum):
    """Why a line could not be read."""

    TOO_LONG = "too long"
    NOT_UTF8 = "not UTF-8"


@dataclass(frozen=True, slots=True)
class BadLine:
    """Stands in the place of a line that could not be read.

    ``command`` is what it was to do, in upper case, or ``*`` where even that cannot be told.
    """

    fault: Fault
    command: str = field(default="*", compare=False)


class LineBuffer:
    """Collects bytes and gives whole lines; keeps at most one line's limit of bytes.

    What overflows is not stored: the rest of an endless line is skipped up to its end, and one
    ``BadLine(TOO_LONG)`` tells of it, as soon as the limit is passed.
    """

    __slots__ = ("_line_max", "_partial", "_skipping", "_tags_max")

    def __init__(
        self, *, line_max: int = LINE_BYTES_MAX, tags_max: int = CLIENT_TAG_BYTES_MAX
    ) -> None:
        self._line_max = line_max
        self._tags_max = tags_max
        self._partial = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[str | BadLine]:
        """Take what arrived and return the lines it completed, in order, without empty ones."""
        pieces = (self._partial + data).split(b"\n")
        self._partial = pieces.pop()
        out: list[str | BadLine] = []
        for piece in pieces:
            if self._skipping:
                self._skipping = False
                continue
            line = piece[:-1] if piece.endswith(b"\r") else piece
            if not line:
                continue
            if self._too_long(line):
                out.append(BadLine(Fault.TOO_LONG))
                continue
            try:
                out.append(line.decode())
            except UnicodeDecodeError:
                found = _COMMAND.match(line)
                command = found[1].decode().upper() if found else "*"
                out.append(BadLine(Fault.NOT_UTF8, command))
        if self._skipping:
            self._partial = b""
        elif self._too_long(self._partial.removesuffix(b"\r")):
            out.append(BadLine(Fault.TOO_LONG))
            self._skipping = True
            self._partial = b""
        return out

    def _too_long(self, line: bytes) -> bool:
        if len(line) <= self._line_max - 2:
            return False
        if not line.startswith(b"@"):
            return True
        tags_end = line.find(b" ")
        tag_bytes = (tags_end if tags_end >= 0 else len(line)) + 1
        return tag_bytes > self._tags_max or len(line) - tag_bytes > self._line_max - 2


def split_text(text: str, limit: int) -> list[str]:
    """Split text into pieces of at most ``limit`` bytes of UTF-8, never inside a character.

    Breaks at a space where one stands in the last third of a piece, and drops that space. No
    piece is empty, but that of an empty text. Raises ``ValueError`` for a limit below 4 bytes,
    which might have no room for a character.
    """
    if limit < 4:
        raise ValueError("a piece needs room for at least 4 bytes")
    pieces: list[str] = []
    rest = text.encode()
    while len(rest) > limit:
        cut = limit
        while rest[cut] & 0xC0 == 0x80:
            cut -= 1
        space = rest.rfind(b" ", limit * 2 // 3, cut + 1)
        if space > 0:
            pieces.append(rest[:space].decode())
            rest = rest[space + 1 :]
        else:
            pieces.append(rest[:cut].decode())
            rest = rest[cut:]
    if rest or not pieces:
        pieces.append(rest.decode())
    return pieces


def truncate(text: str, limit: int) -> str:
    """Return as much of the text as fits into ``limit`` bytes of UTF-8."""
    return text.encode()[:limit].decode(errors="ignore")
