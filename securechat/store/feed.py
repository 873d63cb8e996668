"""How committed events reach those who follow the journal.

``Recent`` keeps the newest batches in memory, in the order of their commits, and is where feeds
wait. A ``Feed`` that keeps up gets each batch from there without touching the database; one that
fell further behind than ``Recent`` remembers reads pages from the database until it is close
enough. Each feed knows only the position that it has shown, so there can be any number of them,
and a slow one costs nothing but its own reading.

An event is shown once it is durable, not before: ``Recent.publish`` is called after the commit,
and a reader of the database sees committed events only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import trio

from securechat.errors import StoreUnavailable
from securechat.store.contract import Stored

#: How many events are remembered; a feed further behind reads the database.
RECENT_EVENTS_MAX = 4096
#: How many events a feed yields at once when it catches up.
PAGE_EVENTS_MAX = 500


class Recent:
    """The newest events, everything from past ``start`` to ``tail``, and a place to wait."""

    def __init__(self, tail: int, events_max: int = RECENT_EVENTS_MAX) -> None:
        """Start with nothing remembered behind ``tail``, the newest position so far."""
        self.start = tail
        self.tail = tail
        self._events_max = events_max
        self._batches: deque[Sequence[Stored]] = deque()
        self._count = 0
        self._waiting = trio.lowlevel.ParkingLot()
        self._closed = False

    def publish(self, batch: Sequence[Stored]) -> None:
        """Remember a batch that was just committed, and wake the feeds.

        Batches come in the order of their positions, but another process may have appended in
        between: then what came before is for the database to show.
        """
        if not batch or batch[-1].position <= self.tail:
            return
        if batch[0].position != self.tail + 1:
            self._forget_all(batch[0].position - 1)
        self._batches.append(batch)
        self._count += len(batch)
        self.tail = batch[-1].position
        while self._count > self._events_max:
            oldest = self._batches.popleft()
            self._count -= len(oldest)
            self.start = oldest[-1].position
        self._waiting.unpark_all()

    def advance(self, tail: int) -> None:
        """Take note that the database holds events up to ``tail``, whoever appended them."""
        if tail > self.tail:
            self._forget_all(tail)
            self.tail = tail
            self._waiting.unpark_all()

    def _forget_all(self, start: int) -> None:
        self._batches.clear()
        self._count = 0
        self.start = start

    def after(self, position: int) -> Sequence[Stored]:
        """Return every event past a position, which is at least ``start``."""
        following: list[Sequence[Stored]] = []
        for batch in reversed(self._batches):
            if batch[-1].position <= position:
                break
            following.append(batch)
        if len(following) == 1 and following[0][0].position > position:
            return following[0]  # a feed that keeps up: nothing is copied
        return [
            stored
            for batch in reversed(following)
            for stored in batch
            if stored.position > position
        ]

    async def wait_past(self, position: int) -> None:
        """Wait, for as long as it takes, until there is an event past ``position``.

        Raises ``StoreUnavailable`` when the store is closed.
        """
        while self.tail <= position and not self._closed:
            await self._waiting.park()
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def close(self) -> None:
        """End every feed."""
        self._closed = True
        self._waiting.unpark_all()


class Feed(AsyncIterator[Sequence[Stored]]):
    """One follower's view of the journal: batches past a position, in order, forever.

    Cancelling between or within steps loses nothing; the next step goes on from what was shown.
    """

    def __init__(
        self, recent: Recent, read_page: Callable[[int], Awaitable[list[Stored]]], after: int
    ) -> None:
        self._recent = recent
        self._read_page = read_page
        self._shown = after

    async def __anext__(self) -> Sequence[Stored]:
        """Return the next events, at least one; raises ``StoreUnavailable``."""
        # Also when nothing has to be waited for: a feed that is busy must let others run.
        await trio.lowlevel.checkpoint()
        while True:
            await self._recent.wait_past(self._shown)
            if self._shown >= self._recent.start:
                batch = self._recent.after(self._shown)
            else:
                tail = self._recent.tail
                batch = await self._read_page(self._shown)
                if not batch:
                    self._shown = tail
            if batch:
                self._shown = batch[-1].position
                return batch
