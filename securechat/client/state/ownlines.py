"""What this client says: waiting, sent, acknowledged - and what a broken connection leaves unknown.

Pure. A line is *waiting* until it is handed to the server, *in flight* until the server answers it
with its echo (which means: stored) or a refusal, and *unsure* when the connection broke in
between. What happens to an unsure line is decided after the reconnect, by the history:

* The history holds a message of this account with the same text, in the same conversation, after
  what was known before, that belongs to no other line: the line was stored. That is its receipt.
* It holds one there whose text was edited or removed meanwhile, from another session: that may
  have been the line, so the line is given up as *not confirmed*.
* Neither: the line is sent again, before those that wait.
* The history cannot be asked: the line is given up as *not confirmed*.

What that promises: lines are stored in the order they were given, none is lost without its sender
being told, and none is doubled - with two exceptions that only a server can close. A line that the
server had received but not yet stored when it was asked for the history is stored twice. A line of
the same text, said from another session in that very gap, is taken for this one.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from securechat.client.errors import NotConfirmed, NotSent
from securechat.client.events import Said
from securechat.protocol.message import Message
from securechat.protocol.multiline import (
    BATCH_TYPE,
    CONCAT_TAG,
    combined,
    is_multiline,
    pieces_of,
)
from securechat.protocol.names import fold

# How many lines may be in flight. It bounds what a break can leave unsure.
IN_FLIGHT_MAX = 16

# How many receipts are remembered: more than come between a message and its copy from the history.
RECEIPTS_MAX = 10_000


_ACTION = "\x01ACTION "
_CHANGED = (
    "it is unknown whether it was stored: a message of yours was edited or removed meanwhile "
    "that may have been this one"
)


def action(text: str) -> str:
    """Return the text of ``/me`` as it goes on the wire (CTCP ACTION)."""
    return f"{_ACTION}{text}\x01"


def action_text(wire_text: str) -> str | None:
    """Return what an action says, or ``None`` when this is none."""
    if not wire_text.startswith(_ACTION):
        return None
    return wire_text[len(_ACTION) :].removesuffix("\x01")


@dataclass(frozen=True, slots=True)
class OwnLine:
    """One message to say. ``text`` is what goes on the wire, an action's wrapping included.

    Of several lines, LF is between two of them, and CR where a line goes on in the next one.
    """

    number: int
    command: str
    target: str
    text: str
    reply_to: str = ""

    def messages(self, label: str = "") -> list[Message]:
        """Return what says it: one message, or a batch of them (IRCv3 ``multiline``)."""
        tags = {"label": label} if label else {}
        if self.reply_to:
            tags["+draft/reply"] = self.reply_to
        if not is_multiline(self.text):
            return [Message(self.command, (self.target, self.text), tags=tags)]
        reference = f"m{self.number}"
        lines = [
            Message(
                self.command,
                (self.target, piece.text),
                tags={"batch": reference} | ({CONCAT_TAG: ""} if piece.goes_on else {}),
            )
            for piece in pieces_of(self.text)
        ]
        begin = Message("BATCH", (f"+{reference}", BATCH_TYPE, self.target), tags=tags)
        return [begin, *lines, Message("BATCH", (f"-{reference}",))]


@dataclass(frozen=True, slots=True)
class Delivered:
    """Line ``number`` is stored."""

    number: int
    msgid: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Line ``number`` was given up; ``error`` says why, and whether it may be stored after all."""

    number: int
    error: NotSent


Outcome = Delivered | Undelivered


class OwnLines:
    """The lines of one client. ``session`` begins every label and is different for each client."""

    def __init__(self, session: str = "") -> None:
        self._session = session
        self._waiting: deque[OwnLine] = deque()
        self._in_flight: list[OwnLine] = []
        self._unsure: list[OwnLine] = []
        self._numbers = 0
        self._receipts: OrderedDict[str, None] = OrderedDict()
        self._changed: list[tuple[str, str]] = []
        self._open = False
        self._labels = False

    def add(self, command: str, target: str, text: str, *, reply_to: str = "") -> OwnLine:
        """Put a line at the end of those that wait."""
        self._numbers += 1
        line = OwnLine(self._numbers, command, target, text, reply_to)
        self._waiting.append(line)
        return line

    def start(self) -> None:
        """From now on, lines go out. Call it when nothing is unsure any more."""
        self._open = True

    def to_send(self, *, labels: bool) -> list[Message]:
        """Return the messages to send now; their lines are in flight from then on."""
        out: list[Message] = []
        self._labels = labels
        while self._open and self._waiting and len(self._in_flight) < IN_FLIGHT_MAX:
            line = self._waiting.popleft()
            self._in_flight.append(line)
            out += line.messages(self.label(line) if labels else "")
        return out

    def label(self, line: OwnLine) -> str:
        """Return the line's ``label``: the same whenever it is sent."""
        return f"{self._session}{line.number}"

    # --- answers -------------------------------------------------------------------------------

    def echoed(self, said: Said, label: str = "") -> Delivered | None:
        """Take a message of this account's own; return what it settles, if it is a line of ours.

        By label where there is one, else the first line of the same text to the same target.
        """
        line = self._labelled(label) if label else None
        return self._settled(line or self._first(self._in_flight + self._unsure, said), said)

    def found(self, said: Said) -> Delivered | None:
        """Take a message of this account's own from the history; settle an unsure line by it."""
        delivered = self._settled(self._first(self._unsure, said), said)
        changed = said.edited is not None or said.redacted
        if delivered is None and changed and said.msgid not in self._receipts:
            self._changed.append((said.kind.upper(), fold(said.conversation)))
        return delivered

    def _settled(self, line: OwnLine | None, said: Said) -> Delivered | None:
        # One message settles one line, although it may come twice: live and from the history.
        if line is None or said.msgid in self._receipts:
            return None
        if said.msgid:
            self._receipts[said.msgid] = None
            if len(self._receipts) > RECEIPTS_MAX:
                self._receipts.popitem(last=False)
        self._forget(line)
        return Delivered(line.number, said.msgid, said.time)

    def refused(
        self, code: str, text: str, targets: tuple[str, ...], command: str = "", label: str = ""
    ) -> Undelivered | None:
        """Take a refusal; return the line that it is about, if any.

        By label where lines have them: what has none, or another, is about something else. Else the
        first line that fits.
        """
        line = self._labelled(label) if label else None
        if line is None and not (label or self._labels):
            about = {fold(target) for target in targets}
            fitting = [one for one in self._in_flight if _may_be_about(command, one)]
            named = (one for one in fitting if fold(one.target) in about)
            line = next(named, fitting[0] if command and fitting else None)
        if line is None:
            return None
        self._forget(line)
        return Undelivered(line.number, NotSent(line.target, text, code))

    # --- breaks --------------------------------------------------------------------------------

    def broke(self) -> None:
        """Note that the connection is gone: what was in flight is unsure, nothing goes out."""
        self._open = False
        self._unsure += self._in_flight
        self._in_flight = []

    def unsure_targets(self) -> list[str]:
        """Return the conversations whose history decides about unsure lines."""
        return list(dict.fromkeys(line.target for line in self._unsure))

    def unknowable(self, target: str, reason: str) -> list[Undelivered]:
        """Give up the unsure lines of a conversation whose history cannot be asked."""
        key = fold(target)
        lost = [line for line in self._unsure if fold(line.target) == key]
        self._unsure = [line for line in self._unsure if fold(line.target) != key]
        return [
            Undelivered(line.number, NotConfirmed(line.target, f"it is unknown whether {reason}"))
            for line in lost
        ]

    def settle(self) -> list[Undelivered]:
        """Note that the history was asked: what is still unsure was not stored and waits again.

        Returns the lines that are given up: of those in a conversation, as many of the first ones
        as there were messages whose first text is not known any more. Lines are stored in their
        order, so later ones were not stored.
        """
        again: list[OwnLine] = []
        lost: list[Undelivered] = []
        for line in self._unsure:
            about = (line.command, fold(line.target))
            if about in self._changed:
                self._changed.remove(about)
                lost.append(Undelivered(line.number, NotConfirmed(line.target, _CHANGED)))
            else:
                again.append(line)
        self._waiting.extendleft(reversed(again))
        self._unsure, self._changed = [], []
        return lost

    def give_up(self, number: int, reason: str) -> Undelivered | None:
        """Stop waiting for a line; ``None`` when it is settled already."""
        for lines in (self._waiting, self._in_flight, self._unsure):
            for line in lines:
                if line.number == number:
                    lines.remove(line)
                    sent = lines is not self._waiting
                    kind: Callable[[str, str], NotSent] = NotConfirmed if sent else NotSent
                    return Undelivered(number, kind(line.target, reason))
        return None

    def rename(self, old: str, new: str) -> None:
        """Send what is for a channel to the other name that it has."""
        for lines in (self._waiting, self._in_flight, self._unsure):
            for place, line in enumerate(lines):
                if fold(line.target) == fold(old):
                    lines[place] = replace(line, target=new)
        self._changed = [
            (command, fold(new) if key == fold(old) else key) for command, key in self._changed
        ]

    @property
    def unsettled(self) -> int:
        """How many lines are not acknowledged yet."""
        return len(self._waiting) + len(self._in_flight) + len(self._unsure)

    def _labelled(self, label: str) -> OwnLine | None:
        return next((line for line in self._in_flight if self.label(line) == label), None)

    def _forget(self, line: OwnLine) -> None:
        lines = self._in_flight if line in self._in_flight else self._unsure
        lines.remove(line)

    @staticmethod
    def _first(lines: list[OwnLine], said: Said) -> OwnLine | None:
        text = action(said.text) if said.action else said.text
        said_as = (said.kind.upper(), fold(said.conversation), text)
        for line in lines:
            if (line.command, fold(line.target), combined(line.text)) == said_as:
                return line
        return None


def _may_be_about(command: str, line: OwnLine) -> bool:
    """Tell whether a refusal of a command may be about a line."""
    if command == "BATCH":
        return is_multiline(line.text)
    return command in ("", line.command)
