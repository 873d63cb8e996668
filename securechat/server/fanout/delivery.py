"""Delivery: what was committed happens here, in the journal's order, and goes to whom it concerns.

The feed gives groups of events as they were committed. A run of messages to one room is rendered
once per shape and put into each recipient's outbox in one piece; what happens to a room changes
the directory and is then shown (``channel_events.py``). Nothing here waits, so what one event
changes is complete before the next is looked at, and every member sees the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from securechat.protocol import replies
from securechat.protocol.capabilities import ECHO_MESSAGE, SELF_MESSAGE
from securechat.protocol.names import fold, is_channel
from securechat.server.fanout.about_messages import RANK_OF_SIGN, AboutMessages, in_audience
from securechat.server.fanout.channel_events import ChannelEvents
from securechat.server.fanout.showing import answered, give, is_outside, named, put
from securechat.server.persistence.journal import Journal
from securechat.server.rooms.directory import Directory
from securechat.server.sessions.rendering import render
from securechat.server.sessions.session import Session
from securechat.store.contract import Event, Store, Stored

MESSAGES = frozenset({"PRIVMSG", "NOTICE"})


class Delivery:
    """Serves the feed to the users who are here. One task runs ``run``."""

    def __init__(self, store: Store, directory: Directory, journal: Journal, after: int) -> None:
        self._store = store
        self._directory = directory
        self._journal = journal
        self._apply: dict[str, Callable[[Event], None]] = {
            "PRIVMSG": self._to_some,
            "NOTICE": self._to_some,
            **AboutMessages(directory, journal).table,
            **ChannelEvents(directory, journal).table,
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
        room = self._directory.by_id.get(events[0].conversation)
        if room is not None:
            events = [named(event, room) for event in events]
            senders = frozenset(origin for origin in origins if origin is not None)
            for shape, sessions in room.by_shape.items():
                lines = [render(event, shape) for event in events]
                joined = b"".join(lines)
                for session in sessions:
                    if session not in senders:
                        session.outbox.put(joined)
                        continue
                    for line, origin in zip(lines, origins, strict=True):
                        give(session, line, origin)
            for event, origin in zip(events, origins, strict=True):
                if origin is not None and is_outside(room, origin):
                    give(origin, render(event, origin.shape), origin)
        for event, origin in zip(events, origins, strict=True):
            if room is None:
                _unheard(event, origin)
            answered(origin)

    def _to_some(self, event: Event) -> None:
        """Show a message to a person, or to those in a room whose role is high enough."""
        sign = event.conversation[0]
        if sign in RANK_OF_SIGN:
            self._to_roles(event, sign)
        else:
            self._direct(event)

    def _to_roles(self, event: Event, sign: str) -> None:
        """Show a message to the members with a role at least as high, and to the sender."""
        origin = self._journal.origin(event.msgid)
        room = self._directory.by_id.get(event.conversation[1:])
        if room is not None:
            event = named(event, room)
            hearers = in_audience(room, sign, event.account)
            put(event, (session for session in hearers if session is not origin))
            if origin is not None:
                give(origin, render(event, origin.shape), origin)
        else:
            _unheard(event, origin)
        answered(origin)

    def _direct(self, event: Event) -> None:
        """Show a message to the other person, and to the sender's own other sessions.

        A session that writes to its own user gets it twice with echo-message, as receipt and as
        message; the receipt alone has the label (labeled-response, "Tag value").
        """
        origin = self._journal.origin(event.msgid)
        recipient = self._directory.users.get(fold(event.target))
        sender = self._directory.users.get(event.account)
        if origin is not None:
            give(origin, render(event, origin.shape), origin)
        for session in recipient.sessions if recipient is not None else ():
            session.outbox.put(render(event, session.shape))
        if sender is not None and sender is not recipient:
            for session in sender.sessions:
                # A client that does not expect its own words would take them for the other's.
                if session is not origin and session.enabled & (ECHO_MESSAGE | SELF_MESSAGE):
                    session.outbox.put(render(event, session.shape))
        answered(origin)


def _unheard(event: Event, origin: Session | None) -> None:
    """Answer a message whose channel was removed while it was stored; a NOTICE has no answer."""
    if origin is not None and event.kind == "PRIVMSG":
        origin.reply(replies.ERR_NOSUCHCHANNEL(event.target))
