"""Playback: stored events as lines again, in a ``chathistory`` batch where batches are known.

This is the one place where what was stored becomes lines. Follows the IRCv3 ``batch`` and
``chathistory`` specifications; what follows a message (its edit, the reactions to it) comes from
``context_lines.py``. A client that did not ask and knows no ``server-time`` would take old messages
for new ones: for it the time stands in the text.

However long an answer is, it goes out in pieces, each when the client has taken most of the last.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from securechat.errors import StoreError
from securechat.protocol.capabilities import (
    BATCH,
    ECHO_MESSAGE,
    EXTENDED_JOIN,
    SELF_MESSAGE,
    SERVER_TIME,
    ZNC_PLAYBACK,
)
from securechat.protocol.names import is_channel
from securechat.server.history.context_lines import related_to, with_context
from securechat.server.history.reading import MESSAGE_KINDS, Pages
from securechat.server.sessions.rendering import lines_for, tags_for
from securechat.server.sessions.session import Session
from securechat.store.contract import Event, Store, Stored

Send = Callable[[Sequence[str]], Awaitable[None]]

# So much is put into the outbox at a time: a small part of what may wait there.
PIECE_BYTES = 16384


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown: how many events, and the positions of the first and the last."""

    count: int = 0
    first: int = 0
    last: int = 0


async def play(
    store: Store,
    session: Session,
    name: str,
    pages: Pages,
    *,
    unasked: bool = False,
    send: Send | None = None,
) -> Shown:
    """Send stored events of one conversation, under the name that it has today.

    Where there are none, who asked gets an empty batch and who did not ask gets nothing. ``send``
    takes the place of the session's own way to its client, which waits for room in its outbox.

    Raises ``StoreError``; nothing was sent then, or a batch that is complete as such.
    """
    events = await pages.next()
    if unasked and not events:
        return Shown()
    player = _Player(store, session, name, unasked, send or when_there_is_room(session))
    await player.start()
    first, last, count = events[0].position if events else 0, 0, 0
    try:
        while events:
            await player.take(events)
            last, count = events[-1].position, count + len(events)
            events = await pages.next()
    except StoreError:
        await player.end()
        raise
    await player.end()
    return Shown(count, first, last)


def when_there_is_room(session: Session) -> Send:
    """Return what sends lines once a session's outbox has room for them."""

    async def send(lines: Sequence[str]) -> None:
        # Requests may follow each other faster than the client reads what they bring.
        await session.outbox.room()
        session.send(*lines)

    return send


@dataclass(slots=True)
class _Player:
    """Gathers lines, and sends them in pieces."""

    store: Store
    session: Session
    name: str
    unasked: bool
    send: Send
    batch: str = ""
    lines: list[str] = field(default_factory=list)
    size: int = 0

    async def start(self) -> None:
        if self.session.enabled & BATCH:
            self.batch = secrets.token_hex(4)
            start = f":{self.session.server_name} BATCH +{self.batch} chathistory {self.name}"
            await self._add(start)

    async def take(self, events: Sequence[Stored]) -> None:
        """Take events with what is about them. Raises ``StoreError``."""
        enabled = self.session.enabled
        related = await related_to(self.store, events, enabled)
        for played in with_context(events, related, enabled):
            if self._own_words_unwanted(played.event):
                continue
            await self._add(*self._lines(played.event))
            for event in played.context:
                await self._add(*self._lines(event, context=True))

    async def end(self) -> None:
        if self.batch:
            await self._add(f":{self.session.server_name} BATCH -{self.batch}")
        await self._flush()

    def _lines(self, event: Event, *, context: bool = False) -> list[str]:
        shape = self.session.enabled
        if shape & ZNC_PLAYBACK:
            # These clients go by the times, whether or not they asked for these too.
            shape |= SERVER_TIME
        if is_channel(event.target) and event.kind != "RENAME":
            event = replace(event, target=self.name)
        if event.kind == "JOIN":
            line = f":{event.source} JOIN {event.target}"
            if shape & EXTENDED_JOIN:
                # The real name of that day is not kept: the account's name stands for it.
                nick = event.source.partition("!")[0]
                line += f" {nick} :{nick}"
            return [tags_for(event, shape, self.batch) + line]
        if self.unasked and event.kind in MESSAGE_KINDS and not shape & SERVER_TIME:
            event = replace(event, text=_dated(event))
        return lines_for(event, shape, self.batch, context=context)

    def _own_words_unwanted(self, event: Event) -> bool:
        """Tell whether a client that did not ask would take its owner's words for the other's."""
        return (
            self.unasked
            and not is_channel(event.target)
            and event.account == self.session.user.key
            and not self.session.enabled & (ECHO_MESSAGE | SELF_MESSAGE)
        )

    async def _add(self, *lines: str) -> None:
        for line in lines:
            self.lines.append(line)
            self.size += len(line)
            if self.size > PIECE_BYTES:
                await self._flush()

    async def _flush(self) -> None:
        lines, self.lines, self.size = self.lines, [], 0
        if lines:
            await self.send(lines)


def _dated(event: Event) -> str:
    """Return the text with its time before it; an action keeps its form."""
    when = datetime.fromtimestamp(event.time_ms / 1000, UTC).strftime("[%Y-%m-%d %H:%MZ] ")
    action = "\x01ACTION "
    if event.text.startswith(action):
        return action + when + event.text.removeprefix(action)
    return when + event.text
