"""What is done to messages, shown: reactions, edits and redactions, once they are committed.

Who knows an edit or a redaction gets it as it is; everybody else gets a notice from the server, so
that nobody reads on believing a text that its author or a moderator took back. That a reaction was
removed is not told to them: they have not seen it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from securechat.protocol.capabilities import (
    ECHO_MESSAGE,
    MESSAGE_EDIT,
    MESSAGE_REDACTION,
    MESSAGE_TAGS,
    SELF_MESSAGE,
)
from securechat.protocol.durations import format_duration
from securechat.protocol.framing import split_text
from securechat.protocol.modes import PREFIXES
from securechat.protocol.multiline import combined
from securechat.protocol.names import fold, is_channel
from securechat.server.fanout.showing import answered, is_outside, named
from securechat.server.persistence.ids import time_of
from securechat.server.persistence.journal import Journal
from securechat.server.rooms.directory import Directory
from securechat.server.rooms.room import RANKS, Room
from securechat.server.sessions.removal import Removal
from securechat.server.sessions.rendering import render
from securechat.server.sessions.session import Session
from securechat.store.contract import Event

RANK_OF_SIGN = {sign: RANKS[letter] for letter, sign in PREFIXES.items()}
# What a notice with the longest names of server and channel has room for.
_NOTICE_BYTES_MAX = 350


class AboutMessages:
    """Shows events about messages. ``table`` has one function for each kind."""

    def __init__(self, directory: Directory, journal: Journal) -> None:
        self._directory = directory
        self._journal = journal
        self.table: Mapping[str, Callable[[Event], None]] = {
            "TAGMSG": self._reaction,
            "EDIT": self._edit,
            "REDACT": self._redaction,
        }

    def _reaction(self, event: Event) -> None:
        """Show a reaction to who knows tags, and to its sender as the echo that was asked for."""
        origin, event, hearers = self._heard(event)
        for session in hearers:
            if session.enabled & MESSAGE_TAGS and (
                session is not origin or session.enabled & ECHO_MESSAGE
            ):
                _give(session, render(event, session.shape), origin)
        answered(origin)

    def _edit(self, event: Event) -> None:
        nick = event.source.partition("!")[0]
        start = f"{nick} edited a message{ago(event)}: "
        self._show(event, MESSAGE_EDIT, as_notices(start + combined(event.text)))

    def _redaction(self, event: Event) -> None:
        removal = Removal.from_text(event.text)
        if removal.kind == "TAGMSG":
            self._show(event, MESSAGE_REDACTION, [])
            return
        nick = event.source.partition("!")[0]
        whose = "a message" if nick == removal.author else f"a message of {removal.author}"
        text = f"{nick} removed {whose}{ago(event)}"
        self._show(
            event,
            MESSAGE_REDACTION,
            as_notices(f"{text}: {removal.reason}" if removal.reason else text),
        )

    def _show(self, event: Event, wanted: int, texts: list[str]) -> None:
        """Show an event to those with a capability, and texts from the server to the others.

        Its own author gets it too: that is the receipt.
        """
        origin, event, hearers = self._heard(event)
        for session in hearers:
            known = wanted | MESSAGE_TAGS
            if session.enabled & known == known:
                data = render(event, session.shape)
            else:
                target = event.target if "#" in event.target else session.user.name
                start = f":{session.server_name} NOTICE {target} :"
                data = "".join(f"{start}{text}\r\n" for text in texts).encode()
            if data:
                _give(session, data, origin)
        answered(origin)

    def _heard(self, event: Event) -> tuple[Session | None, Event, list[Session]]:
        """Return who posted an event, the event under today's name, and whom it concerns."""
        origin = self._journal.origin(event.msgid)
        sign = "" if is_channel(event.conversation) else event.conversation[0]
        if sign and sign not in RANK_OF_SIGN:
            return origin, event, self._of_two(event, origin)
        room = self._directory.by_id.get(event.conversation.removeprefix(sign))
        if room is None:
            return origin, event, []
        # Whose message was removed is told, by whoever it was.
        author = fold(Removal.from_text(event.text).author) if event.kind == "REDACT" else ""
        hearers = in_audience(room, sign, event.account, author)
        if origin is not None and is_outside(room, origin):
            hearers.append(origin)
        return origin, named(event, room), hearers

    def _of_two(self, event: Event, origin: Session | None) -> list[Session]:
        """Return the other person's sessions, and those of the sender's that expect its words."""
        recipient = self._directory.users.get(fold(event.target))
        sender = self._directory.users.get(event.account)
        hearers = dict.fromkeys(recipient.sessions if recipient is not None else ())
        for session in sender.sessions if sender is not None else ():
            if session is origin or session.enabled & (ECHO_MESSAGE | SELF_MESSAGE):
                hearers[session] = None
        return list(hearers)


def in_audience(room: Room, sign: str, *others: str) -> list[Session]:
    """Return the sessions in a room that a message is for.

    ``sign`` is of the lowest role that it is for; empty for everybody. ``others`` are the keys of
    accounts that get it whatever their role is: who sent it.
    """
    if not sign:
        return list(room.sessions())
    return [
        session
        for user in room.present.values()
        if room.rank_of(user.key) >= RANK_OF_SIGN[sign] or user.key in others
        for session in user.sessions
    ]


def _give(session: Session, data: bytes, origin: Session | None) -> None:
    if session is origin:
        session.receive_own(data)
    else:
        session.outbox.put(data)


def ago(event: Event) -> str:
    """Return how long ago the message that an event is about was sent."""
    seconds = max(0, event.time_ms - time_of(event.parent)) // 1000
    for unit in (86400, 3600, 60):
        if seconds >= unit:
            return f" from {format_duration(seconds // unit * unit)} ago"
    return f" from {format_duration(seconds)} ago" if seconds else ""


def as_notices(text: str) -> list[str]:
    """Return a text as notices: each line for itself, and none that is blank."""
    return [
        piece
        for line in text.split("\n")
        if line.strip()
        for piece in split_text(line, _NOTICE_BYTES_MAX)
    ]
