"""A small server, and clients that are connected to it over memory links."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
from support.clients import PASSWORD, Connect
from support.fake_server import FakeServer

from securechat.client import Client, connect


@pytest.fixture
def server() -> FakeServer:
    return FakeServer(alice=PASSWORD, bob="a-builder's-secret", carol="sings-at-christmas")


@pytest.fixture
def dialled(server: FakeServer, nursery: trio.Nursery) -> Connect:
    """Connect as alice unless told otherwise."""

    @asynccontextmanager
    async def make(**more: Any) -> AsyncIterator[Client]:
        arguments = {"account": "alice", "password": PASSWORD, "random": lambda: 0.5, **more}
        arguments.setdefault("now", lambda: datetime(2030, 1, 1, tzinfo=UTC))
        with trio.fail_after(1000):
            async with connect("chat.test", dial=server.dial(nursery), **arguments) as client:
                yield client

    return make
