"""The client library at the real server, both in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import trio
from support.house import House, open_house, password_of

from securechat.client import Client, connect, events
from securechat.client.trust.reach import Dial
from securechat.errors import ConnectionLost
from securechat.server.commands.table import dispatch
from securechat.server.connection import serve_link
from securechat.transport.base import Link
from securechat.transport.memory import MemoryWire, PlainLink, memory_wires

PATIENCE_SECONDS = 10_000


class _Link(PlainLink):
    """A client's end, which may go dead."""

    dead = False

    async def receive(self) -> bytes:
        data = await super().receive()
        if self.dead:
            await trio.sleep_forever()
        return data


class Line:
    """One client's way to a house: it can be cut, and closed for a while."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.open = True
        self.wires: list[MemoryWire] = []
        self.links: list[_Link] = []

    def dial(self) -> Dial:
        async def dial(host: str, port: int) -> Link:
            await trio.lowlevel.checkpoint()
            if not self.open:
                raise ConnectionLost("cannot reach the house")
            ours, theirs = memory_wires(1 << 20)
            self.wires.append(theirs)
            serve = partial(
                serve_link, self.house.server, PlainLink(theirs), "203.0.113.1", handle=dispatch
            )
            self.house.running.connections.start_soon(serve)
            self.links.append(_Link(ours))
            return self.links[-1]

        return dial

    def die(self) -> None:
        """Let nothing come any more, without a word."""
        self.links[-1].dead = True

    def cut(self) -> None:
        """Reset the connection: what is on its way is lost."""
        self.wires[-1].reset()


class Sleeper:
    """The clock of a machine that may sleep: it goes on then (``slept``), and Trio's does not."""

    def __init__(self) -> None:
        self.slept = timedelta(0)
        self._start = trio.current_time()

    def now(self) -> datetime:
        """Return the time of day."""
        awake = timedelta(seconds=trio.current_time() - self._start)
        return datetime(2030, 1, 1, tzinfo=UTC) + self.slept + awake


@asynccontextmanager
async def at_home(
    house: House, name: str, *, line: Line | None = None, **more: Any
) -> AsyncIterator[Client]:
    """Run a client of this account; it is in the lobby when the body begins."""
    line = line or Line(house)
    arguments = {"random": lambda: 0.5, **more}
    with trio.fail_after(PATIENCE_SECONDS):
        async with connect(
            "chat.test", account=name, password=password_of(name), dial=line.dial(), **arguments
        ) as client:
            await client.join("#lobby")
            yield client


@asynccontextmanager
async def two_at_home(folder: Path, **more: Any) -> AsyncIterator[tuple[Client, Client]]:
    """Run alice's client and bob's in a house of their own; ``more`` is for ``open_house``."""
    async with (
        open_house(folder, **more) as house,
        at_home(house, "alice") as alice,
        at_home(house, "bob") as bob,
    ):
        yield alice, bob


async def happen(client: Client, kind: type[events.Event], **fields: object) -> Any:
    """Return the next event of this kind with these fields."""
    async for event in client:
        if isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items()):
            return event
    raise AssertionError(f"no {kind.__name__} came")
