"""Delivery: what was committed happens here, in the journal's order, and goes to whom it concerns.

The feed gives groups of events as they were committed. A run of messages to one room is rendered
once per shape and put into each recipient's outbox in one piece; joins, parts and topics change
the directory and are then shown. Nothing here waits, so what one event changes is complete
before the next is looked at, and every member sees the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from securechat.protocol.capabilities import AWAY_NOTIFY, ECHO_MESSAGE, SELF_MESSAGE
from securechat.protocol.names import fold, is_channel
from securechat.server.directory import Directory
from securechat.server.journal import Journal
from securechat.server.rendering import render, render_join
from securechat.server.room import Member, Room, User
from securechat.server.session import Session
from securechat.server.views import entry_lines
from securechat.store.contract import Event, Store, Stored

MESSAGES = frozenset({"PRIVMSG", "NOTICE"})


class Delivery:
    """Serves the feed to the users who are here. One task runs ``run``."""

    def __init__(self, store: Store, directory: Directory, journal: Journal, after: int) -> None:
        self._store = store
        self._directory = directory
        self._journal = journal
        self._apply: dict[str, Callable[[Event], None]] = {
            "PRIVMSG": self._direct,
            "NOTICE": self._direct,
            "JOIN": self._join,
            "PART": self._part,
            "TOPIC": self._topic,
        }
        self.position = after

    async def run(self) -> None:
        """Deliver until cancelled. A failure here ends the server: its promises would be void."""
        async for batch in self._store.feed(self.position):
            self.deliver(batch)

    def deliver(self, batch: Sequence[Stored]) -> None:
        """Deliver one group of events."""
        run: list[Event] = []
        for stored in batch:
            event = stored.event
            is_said = event.kind in MESSAGES and is_channel(event.conversation)
            if run and not (is_said and event.conversation == run[0].conversation):
                self._say(run)
                run = []
            if is_said:
                run.append(event)
            else:
                self._apply[event.kind](event)
        if run:
            self._say(run)
        self.position = batch[-1].position

    def _say(self, events: Sequence[Event]) -> None:
        """Show a run of messages to one room's sessions; the sender's own gets the echo."""
        origins = [self._journal.origin(event.msgid) for event in events]
        room = self._directory.rooms.get(events[0].conversation)
        if room is not None:
            senders = frozenset(origin for origin in origins if origin is not None)
            for shape, sessions in room.by_shape.items():
                lines = [render(event, shape) for event in events]
                joined = b"".join(lines)
                for session in sessions:
                    if session not in senders:
                        session.outbox.put(joined)
                        continue
                    for line, origin in zip(lines, origins, strict=True):
                        _give(session, line, origin)
        for origin in origins:
            _answered(origin)

    def _direct(self, event: Event) -> None:
        """Show a message to the other person, and to the sender's own other sessions.

        A session that writes to its own user gets it twice with echo-message, as receipt and as
        message; the receipt alone has the label (labeled-response, "Tag value").
        """
        origin = self._journal.origin(event.msgid)
        recipient = self._directory.users.get(fold(event.target))
        sender = self._directory.users.get(event.account)
        if origin is not None:
            _give(origin, render(event, origin.shape), origin)
        for session in recipient.sessions if recipient is not None else ():
            session.outbox.put(render(event, session.shape))
        if sender is not None and sender is not recipient:
            for session in sender.sessions:
                # A client that does not expect its own words would take them for the other's.
                if session is not origin and session.enabled & (ECHO_MESSAGE | SELF_MESSAGE):
                    session.outbox.put(render(event, session.shape))
        _answered(origin)

    def _join(self, event: Event) -> None:
        room = self._directory.rooms.get(event.conversation)
        if room is None:
            room = Room(event.target, event.conversation, event.time_ms)
            self._directory.rooms[room.key] = room
        origin = self._journal.origin(event.msgid)
        present = self._directory.users.get(event.account)
        # Who left while the commit took its time is a member all the same, as the record says.
        user = present or (origin.user if origin is not None else None)
        if user is not None:
            # The text of a JOIN in the journal is the role that it came with.
            member = Member(user.name, user.account_id, event.time_ms, event.text)
            room.members[user.key] = member
        if present is not None and room.key not in present.rooms:
            room.enter(present)
            show_join(room, present, event, origin)
            for session in present.sessions:
                lines = entry_lines(session, room)
                if session is origin:
                    session.send(*lines)
                else:
                    session.push(*lines)
        _answered(origin)

    def _part(self, event: Event) -> None:
        origin = self._journal.origin(event.msgid)
        room = self._directory.rooms.get(event.conversation)
        if room is not None:
            user = self._directory.users.get(event.account)
            if user is not None and room.key in user.rooms:
                _show(room, event, origin)
                room.leave(user)
            room.members.pop(event.account, None)
        _answered(origin)

    def _topic(self, event: Event) -> None:
        origin = self._journal.origin(event.msgid)
        room = self._directory.rooms.get(event.conversation)
        if room is not None:
            room.topic = event.text
            room.topic_by = event.source.partition("!")[0]
            room.topic_ms = event.time_ms
            _show(room, event, origin)
        _answered(origin)


def _show(room: Room, event: Event, origin: Session | None) -> None:
    """Show an event to everybody present, the one who caused it included."""
    for shape, sessions in room.by_shape.items():
        data = render(event, shape)
        for session in sessions:
            if session is origin:
                session.receive_own(data)
            else:
                session.outbox.put(data)


def show_join(room: Room, user: User, event: Event, origin: Session | None) -> None:
    """Show that a user entered, and to those who want to know, that the user is away."""
    for shape, sessions in room.by_shape.items():
        data = render_join(event, shape, user.realname)
        for session in sessions:
            if session is origin:
                session.receive_own(data)
            else:
                session.outbox.put(data)
            if user.away and session.enabled & AWAY_NOTIFY and session.user is not user:
                session.push(f":{user.source} AWAY :{user.away}")


def _give(session: Session, line: bytes, origin: Session | None) -> None:
    """Give a message to a session; its own only as the echo that it asked for."""
    if session is not origin:
        session.outbox.put(line)
    elif session.enabled & ECHO_MESSAGE:
        session.receive_own(line)


def show_to(users: Sequence[User], event: Event) -> None:
    """Show an event that is not kept (a QUIT, a presence) to users, once to each session."""
    rendered: dict[int, bytes] = {}
    for user in users:
        for session in user.sessions:
            data = rendered.get(session.shape)
            if data is None:
                data = rendered[session.shape] = render(event, session.shape)
            session.outbox.put(data)


def _answered(origin: Session | None) -> None:
    if origin is not None:
        origin.answered()
