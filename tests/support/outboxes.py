"""An outbox on a link that counts its sends, for tests of what goes out when."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio

from securechat.errors import ConnectionLost
from securechat.server.sessions.outbox import Flusher, Outbox


@dataclass
class FakeLink:
    """Counts sends. ``room`` is how many bytes the socket still takes; ``None`` is any number."""

    room: int | None = None
    lost: bool = False
    sends: list[bytes] = field(default_factory=list)
    kept: bytes = b""
    arrived: bytes = b""
    drained: trio.Event = field(default_factory=trio.Event)
    description: str = "fake"
    peer_certificate: bytes | None = None

    async def handshake(self) -> None:
        raise NotImplementedError

    async def receive(self) -> bytes:
        raise NotImplementedError

    def send_now(self, data: bytes) -> bool:
        if self.lost:
            raise ConnectionLost("the fake link is lost")
        self.sends.append(data)
        self.kept += data
        taken = self.kept if self.room is None else self.kept[: self.room]
        self.arrived += taken
        self.kept = self.kept[len(taken) :]
        if self.room is not None:
            self.room -= len(taken)
        return not self.kept

    def make_room(self, room: int | None = None) -> None:
        """Let the socket take that much more, and wake who waits for it."""
        self.room = room
        self.drained.set()
        self.drained = trio.Event()

    def break_off(self) -> None:
        self.lost = True
        self.drained.set()

    async def drain(self) -> None:
        await trio.lowlevel.checkpoint()
        while self.kept:
            await self.drained.wait()
            if self.lost:
                raise ConnectionLost("the fake link is lost")
            taken = self.kept if self.room is None else self.kept[: self.room]
            self.arrived += taken
            self.kept = self.kept[len(taken) :]
            if self.room is not None:
                self.room -= len(taken)

    async def send_all(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if not self.send_now(data):
            await self.drain()

    def close(self) -> None:
        raise NotImplementedError


@dataclass
class Rig:
    """An outbox on a fake link, with a flusher that runs."""

    link: FakeLink
    flusher: Flusher
    outbox: Outbox
    nursery: trio.Nursery
    events: list[str]


@asynccontextmanager
async def rig(limit: int = 0, room: int | None = None) -> AsyncIterator[Rig]:
    link, flusher = FakeLink(room), Flusher()
    events: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)

        def park(drain: Callable[[], Awaitable[None]]) -> None:
            events.append("park")
            nursery.start_soon(drain)

        outbox = Outbox(
            link,
            flusher,
            limit=limit,
            park=park,
            on_overflow=lambda: events.append("overflow"),
            on_lost=lambda: events.append("lost"),
        )
        yield Rig(link, flusher, outbox, nursery, events)
        nursery.cancel_scope.cancel()


def never(*_drain: object) -> None:
    pytest.fail("this must not be called")
