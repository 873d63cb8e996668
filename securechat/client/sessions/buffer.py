"""Events between the task that reads the connection and the one that iterates over them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import trio

from securechat.client.events import Event

EVENTS_MAX = 20_000


class EventBuffer:
    """A queue that takes events without waiting, and asks its filler to pause when it is long.

    Once somebody takes events, none is ever dropped: past ``events_max`` of them, ``room`` waits
    until half are taken. Before that, for a program that only talks, the oldest are dropped.
    """

    def __init__(self, events_max: int = EVENTS_MAX) -> None:
        self._events: deque[Event] = deque()
        self._events_max = events_max
        self._listening = False
        self._closed = False
        self._takers = trio.lowlevel.ParkingLot()
        self._fillers = trio.lowlevel.ParkingLot()

    def put(self, events: Iterable[Event]) -> None:
        """Add events at the end."""
        self._events.extend(events)
        while not self._listening and len(self._events) > self._events_max:
            self._events.popleft()
        if self._takers:  # waking nobody is slow, and this runs for every message
            self._takers.unpark_all()

    def close(self) -> None:
        """Say that no more will come; what is there can still be taken."""
        self._closed = True
        self._takers.unpark_all()

    async def get(self) -> Event | None:
        """Take the next event, waiting for it; ``None`` when there will be no more."""
        self._listening = True
        await trio.lowlevel.checkpoint()
        while not self._events:
            if self._closed:
                return None
            await self._takers.park()
        if self._fillers and len(self._events) <= self._events_max // 2:
            self._fillers.unpark_all()
        return self._events.popleft()

    async def room(self) -> None:
        """Return when there is room."""
        while self._listening and len(self._events) >= self._events_max:
            await self._fillers.park()
