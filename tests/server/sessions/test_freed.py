"""What a session holds is freed when it ends: the server has the collector run seldom."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from support.house import House, open_house
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.protocol.registration import Registration
from securechat.server.rooms.room import User
from securechat.server.sessions.outbox import Outbox
from securechat.server.sessions.session import Session
from securechat.transport.memory import PlainLink

HELD = (Outbox, PlainLink, Registration, Session, User)


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def held() -> list[str]:
    """Return what is in memory of sessions, whether anything can still reach it or not."""
    return sorted(type(item).__name__ for item in gc.get_objects() if isinstance(item, HELD))


@pytest.mark.parametrize("end", ["QUIT :bye", "nothing", "a refused login"])
async def test_an_ended_connection_leaves_no_cycle(
    folder: Path, autojump_clock: MockClock, without_collector: None, end: str
) -> None:
    async with open_house(folder) as house:
        bob = await house.login("bob")
        before = held()
        await come_and_go(house, end)
        # The flusher's last round may hold who was in it.
        await bob.send("PING :there")
        await bob.until("PONG")
        await wait_all_tasks_blocked()
        assert held() == before


async def come_and_go(house: House, end: str) -> None:
    if end == "a refused login":
        person = await house.start_login("alice", password="a wrong one, and long")
        await person.rest()
        return
    before = held()
    alice = await house.login("alice")
    assert held().count("Session") == before.count("Session") + 1
    await alice.send("PRIVMSG #lobby :hello", "PING :there")
    await alice.until("PONG")
    if end == "nothing":
        alice.link.close()
    else:
        await alice.send(end)
        await alice.rest()
    await trio.sleep(1)
