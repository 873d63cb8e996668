"""Saying things: the part of a client that is about words of one's own.

What does not fit into one line, and what has several, is one message of several lines (IRCv3 draft
``multiline``) where the server offers it, within the limits that it announces; elsewhere, and past
these limits, it is several messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import trio

from securechat.client.errors import NotSent
from securechat.client.events import TypingState
from securechat.client.sessions.core import Core
from securechat.client.sessions.jobs import Slot
from securechat.client.state.ownlines import Undelivered
from securechat.client.state.ownlines import action as as_action
from securechat.errors import ConnectionLost
from securechat.protocol.framing import split_text
from securechat.protocol.message import Message
from securechat.protocol.multiline import Limits, Piece, combined, fitted, joined, pieces_of
from securechat.protocol.names import fold

SAY_SECONDS_MAX = 60

# IRCv3 typing: "clients SHOULD NOT send more than one every 3 seconds".
TYPING_SECONDS = 3

_NOT_IN_A_TEXT = frozenset("\r\0")
_NOT_IN_A_TARGET = frozenset("\r\n\0 ,")
_HOST_BYTES = 63  # what a host name in the own source may take, while the source is not known
_ROOM_MIN = 64


@dataclass(frozen=True, slots=True)
class Receipt:
    """The server's word that something said is stored: one msgid for each message it became."""

    target: str
    msgids: tuple[str, ...]
    time: datetime

    @property
    def msgid(self) -> str:
        """The last message's msgid."""
        return self.msgids[-1]


class Saying:
    """Something handed over to be said, in one message or several. ``receipt`` must be awaited."""

    def __init__(self, core: Core, target: str, numbers: Sequence[int]) -> None:
        self._core = core
        self._target = target
        self._slots = {number: Slot() for number in numbers}
        core.slots.update(self._slots)

    async def receipt(self, seconds_max: float = SAY_SECONDS_MAX) -> Receipt:
        """Wait until all of it is stored; raise as ``Client.say`` does. Await it once.

        With ``math.inf`` it waits over any number of breaks: what is said while there is no
        connection goes out afterwards, in order, once. Cancelling gives up what is not stored
        yet; a line in flight may be stored all the same.
        """
        core = self._core
        try:
            with trio.move_on_after(seconds_max):
                for slot in self._slots.values():
                    await slot.done.wait()
            for number in self._slots:
                core.give_up(number, f"no answer came in {seconds_max:g} seconds")
        finally:
            for number in self._slots:
                del core.slots[number]
                core.state.lines.give_up(number, "")  # where this was cancelled
            core.flush()
        delivered = []
        for slot in self._slots.values():
            if isinstance(slot.outcome, Undelivered):
                raise slot.outcome.error
            if slot.outcome is not None:
                delivered.append(slot.outcome)
        return Receipt(self._target, tuple(one.msgid for one in delivered), delivered[-1].time)

    def cancel(self) -> None:
        """Give up what is not stored yet; ``receipt`` then raises ``NotSent``.

        What is in flight may be stored all the same: ``NotConfirmed``.
        """
        for number in self._slots:
            self._core.give_up(number, "it was taken back")


class Speech:
    """The methods of a client that say something."""

    _core: Core

    async def say(
        self,
        target: str,
        text: str,
        *,
        notice: bool = False,
        action: bool = False,
        reply_to: str = "",
        seconds_max: float = SAY_SECONDS_MAX,
    ) -> Receipt:
        """Say something in a channel or to a person; return when the server has stored it.

        ``text`` may have several lines, LF between them. ``reply_to`` is the msgid of the message
        that it answers. While there is no connection it waits, in order. Raises ``NotSent`` where
        the server refused it or there was no connection for ``seconds_max``; ``NotConfirmed``
        where it was handed over and no answer came; ``ValueError`` for text that is empty or
        holds a lone CR or NUL, and for what is no target.
        """
        saying = self.speak(target, text, notice=notice, action=action, reply_to=reply_to)
        return await saying.receipt(seconds_max)

    def speak(
        self,
        target: str,
        text: str,
        *,
        notice: bool = False,
        action: bool = False,
        reply_to: str = "",
    ) -> Saying:
        """Hand something over to be said, in the order of these calls.

        ``await`` the result's ``receipt``; everything else is as with ``say``.
        """
        core = self._core
        command = "NOTICE" if notice else "PRIVMSG"
        pieces = self._pieces(target, text, command=command, action=action)
        if core.ended:
            raise NotSent(target, "the client has ended")
        numbers = [
            core.state.lines.add(command, target, piece, reply_to=reply_to).number
            for piece in pieces
        ]
        saying = Saying(core, target, numbers)
        core.flush()
        core.typing_told.pop(fold(target), None)
        return saying

    def typing(self, target: str, state: TypingState) -> None:
        """Tell a conversation that this person is typing, or not any more (IRCv3 ``typing``).

        Call it at every key: no more than one in 3 seconds goes out for each target, but that the
        state changed to ``done`` or ``paused`` is told at once, and only where ``active`` was.
        Without a connection, or where the server does not offer it, nothing happens.
        """
        core, key, now = self._core, fold(target), trio.current_time()
        before, at = core.typing_told.get(key, ("done", float("-inf")))
        if state == "active":
            if before == state and now - at < TYPING_SECONDS:
                return
        elif before in ("done", state):
            return
        if core.session is None or "message-tags" not in core.state.capabilities:
            return
        core.typing_told[key] = (state, now)
        try:
            core.session.post(Message("TAGMSG", (target,), tags={"+typing": state}))
        except ConnectionLost:
            core.typing_told.pop(key, None)

    def _pieces(self, target: str, text: str, *, command: str, action: bool) -> list[str]:
        """Return the text in messages as the server passes them on.

        One of several lines has LF between two of them, and CR where a line goes on.
        """
        text = text.replace("\r\n", "\n")
        if not text.strip("\n") or not _NOT_IN_A_TEXT.isdisjoint(text):
            raise ValueError("a text needs characters, and none of CR and NUL")
        if not target or target[0] == ":" or not _NOT_IN_A_TARGET.isdisjoint(target):
            raise ValueError(f"{target!r} is neither a channel nor a person")
        state = self._core.state
        source = state.source or f"{state.nick}!{state.nick}@{'x' * _HOST_BYTES}"
        frame = len(f":{source} {command} {target} :\r\n".encode())
        room = state.line_bytes_max - frame - (len(as_action("")) if action else 0)
        if room < _ROOM_MIN:
            raise ValueError(f"{target!r} is too long for a name")
        limits = None if action else state.multiline
        if limits is not None:
            return packed(fitted(text, min(room, limits.bytes_max)), limits)
        pieces = [piece for line in text.split("\n") if line for piece in split_text(line, room)]
        return [as_action(piece) for piece in pieces] if action else pieces


def packed(text: str, limits: Limits) -> list[str]:
    """Return a text of several pieces as messages that each keep within the limits.

    None of them is blank; blank lines at a border between two are dropped.
    """
    out: list[str] = []
    taken: list[Piece] = []
    size = 0
    for piece in pieces_of(text):
        more = len(piece.text.encode()) + (bool(taken) and not piece.goes_on)
        if taken and (size + more > limits.bytes_max or len(taken) >= limits.lines_max):
            out.append(joined(taken))
            taken, size, more = [], 0, len(piece.text.encode())
        taken.append(piece)
        size += more
    out.append(joined(taken))
    return [message for message in out if combined(message).strip("\n")]
