"""Messages of several lines: gathered from a client's batch, kept as one text, taken apart again.

Pure. Follows the IRCv3 drafts ``multiline`` and ``client-batch``. In the one text that is kept, LF
stands between two lines, and CR where a line goes on in the next piece: neither can be in a line
of IRC, so how the client composed its message is never lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from securechat.protocol.framing import LINE_BYTES_MAX, BadLine
from securechat.protocol.message import Message
from securechat.protocol.names import fold
from securechat.protocol.replies import Reply, fail

BATCH_TYPE = "draft/multiline"
CONCAT_TAG = "draft/multiline-concat"
COMMANDS = frozenset({"PRIVMSG", "NOTICE"})

_BETWEEN = re.compile("([\n\r])")
# Tags of a line in a batch: all that concern the message are on the opening BATCH.
_LABEL = "label"


class Piece(NamedTuple):
    """One line as it was sent; ``goes_on`` says that it goes on with the line before."""

    text: str
    goes_on: bool = False


def is_multiline(text: str) -> bool:
    """Tell whether a kept text has more than one piece."""
    return "\n" in text or "\r" in text


def joined(pieces: Iterable[Piece]) -> str:
    """Return pieces as one text to keep."""
    return "".join(f"\r{piece.text}" if piece.goes_on else f"\n{piece.text}" for piece in pieces)[
        1:
    ]


def pieces_of(text: str) -> list[Piece]:
    """Return the pieces of a kept text: undoes ``joined``."""
    first, *rest = _BETWEEN.split(text)
    return [
        Piece(first),
        *(Piece(piece, sign == "\r") for sign, piece in zip(rest[::2], rest[1::2], strict=True)),
    ]


def combined(text: str) -> str:
    """Return a kept text as people see it ("combined message value")."""
    return text.replace("\r", "")


def fitted(value: str, bytes_max: int) -> str:
    """Return a combined value as a text to keep whose pieces have at most ``bytes_max`` bytes.

    Breaks behind a space where one is in the last third of a piece, never inside a character, and
    drops nothing. ``bytes_max`` is at least 4.
    """
    pieces: list[Piece] = []
    for line in value.split("\n"):
        rest, goes_on = line.encode(), False
        while len(rest) > bytes_max:
            cut = bytes_max
            while rest[cut] & 0xC0 == 0x80:
                cut -= 1
            space = rest.rfind(b" ", bytes_max * 2 // 3, cut) + 1
            cut = space or cut
            pieces.append(Piece(rest[:cut].decode(), goes_on))
            rest, goes_on = rest[cut:], True
        pieces.append(Piece(rest.decode(), goes_on))
    return joined(pieces)


class Limits(NamedTuple):
    """What ``max-bytes`` and ``max-lines`` are."""

    bytes_max: int
    lines_max: int

    @property
    def value(self) -> str:
        """The capability's value."""
        return f"max-bytes={self.bytes_max},max-lines={self.lines_max}"

    def refusal(self, size: int, lines: int) -> Reply | None:
        """Return how a message of this size in bytes and lines is refused, if it is."""
        if size > self.bytes_max:
            text = "Multiline batch max-bytes exceeded"
            return fail("BATCH", "MULTILINE_MAX_BYTES", str(self.bytes_max), text=text)
        if lines > self.lines_max:
            text = "Multiline batch max-lines exceeded"
            return fail("BATCH", "MULTILINE_MAX_LINES", str(self.lines_max), text=text)
        return None


def invalid(text: str) -> Reply:
    """Return the refusal of a batch for any reason that has no code of its own."""
    return fail("BATCH", "MULTILINE_INVALID", text=text)


@dataclass(slots=True)
class Gathering:
    """A client's open batch: what has come of it, or that it has failed and is ignored.

    ``source`` is the sender as others see it, by which the length of a line is known. ``label``
    is the opening's, escaped as it is sent back. ``opened`` is Trio's time.
    """

    reference: str
    source: str
    limits: Limits
    target: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    opened: float = 0.0
    command: str = ""
    pieces: list[Piece] = field(default_factory=list)
    size: int = 0
    failed: bool = False

    @property
    def text(self) -> str:
        """The message as one text to keep."""
        return joined(self.pieces)

    def expects(self, line: str | BadLine) -> bool:
        """Tell from how a line looks whether it is one of this batch's, or its end."""
        if self.failed or isinstance(line, BadLine):
            return False
        if line.startswith("@"):
            return f"batch={self.reference}" in line[1:].partition(" ")[0].split(";")
        return line.upper().startswith("BATCH -")

    def add(self, message: Message) -> Reply | None:
        """Take one line of the batch; return the refusal of the whole where it cannot be."""
        if message.command not in COMMANDS or self.command not in {"", message.command}:
            return invalid("A multiline batch has PRIVMSG lines only, or NOTICE lines only")
        if len(message.params) < 2:
            return invalid("A line of a multiline batch has a target and a text")
        target, text = message.params[:2]
        if fold(target) != fold(self.target):
            why = "Invalid multiline target"
            return fail("BATCH", "MULTILINE_INVALID_TARGET", self.target, target, text=why)
        if any(key.startswith("+") or key == _LABEL for key in message.tags):
            return invalid("The tags of a multiline message belong on its opening BATCH")
        piece = Piece(text, CONCAT_TAG in message.tags)
        if piece.goes_on and not text:
            return invalid("Invalid multiline batch with concatenated blank line")
        if piece.goes_on and not self.pieces:
            return invalid("The first line of a multiline batch goes on with nothing")
        head = f":{self.source} {message.command} {self.target} :"
        if len(f"{head}{text}".encode()) > LINE_BYTES_MAX - 2:
            return invalid(f"Line {len(self.pieces) + 1} is too long: split it and send it again")
        self.command = message.command
        self.size += len(text.encode()) + (bool(self.pieces) and not piece.goes_on)
        self.pieces.append(piece)
        return self.limits.refusal(self.size, len(self.pieces))

    def finish(self) -> Reply | None:
        """Return the refusal of a batch that is closed, if it is no message."""
        if not any(piece.text for piece in self.pieces):
            return invalid("Invalid multiline batch with blank lines only")
        return None
