"""The client over memory links, on the autojump clock, against a small server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
from support.fake_server import FakeServer

from securechat.client import events
from securechat.client.connection import Client, Receipt, connect

PASSWORD = "wonderland-rabbit"
Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def server() -> FakeServer:
    return FakeServer(alice=PASSWORD, bob="a-builder's-secret", carol="sings-at-christmas")


@pytest.fixture
def dialled(server: FakeServer, nursery: trio.Nursery, autojump_clock: Any) -> Connect:
    """Connect as alice unless told otherwise."""

    @asynccontextmanager
    async def make(**more: Any) -> AsyncIterator[Client]:
        arguments = {"account": "alice", "password": PASSWORD, "random": lambda: 0.5, **more}
        arguments.setdefault("now", lambda: datetime(2030, 1, 1, tzinfo=UTC))
        with trio.fail_after(1000):
            async with connect("chat.test", dial=server.dial(nursery), **arguments) as client:
                yield client

    return make


async def until(client: Client, kind: type[events.Event], **fields: object) -> Any:
    """Return the next event of this kind with these fields."""
    async for event in client:
        if isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items()):
            return event
    raise AssertionError(f"no {kind.__name__} came")


async def test_says_and_hears(dialled: Connect, server: FakeServer) -> None:
    async with dialled() as client:
        await until(client, events.Joined, channel="#lobby", own=True)
        receipt = await client.say("#lobby", "hello")
        assert receipt == Receipt("#lobby", ("m000000",), server.kept[0].time)
        said = await until(client, events.Said)
        assert (said.sender, said.text, said.own, said.history) == ("alice", "hello", True, False)
        server.say("bob", "#lobby", "hi alice")
        said = await until(client, events.Said)
        assert (said.sender, said.text, said.own) == ("bob", "hi alice", False)
    assert server.received[-1] == "QUIT"


async def test_what_was_missed_is_told_once_and_in_order(
    dialled: Connect, server: FakeServer
) -> None:
    """IRCv3 chathistory: AFTER the last msgid, page by page, until there is no more."""
    server.history_max = 10
    async with dialled() as client:
        await until(client, events.Names)
        await client.say("#lobby", "first")
        server.break_all()
        for n in range(25):
            server.keep("bob", "#lobby", f"missed {n}")
        await until(client, events.Disconnected)
        await until(client, events.LoggedIn)
        texts = []
        async for event in client:
            if isinstance(event, events.Said):
                texts.append(event.text)
            if isinstance(event, events.CaughtUp):
                break
        assert texts == [f"missed {n}" for n in range(25)]
