"""Structured concurrency: what fails or stops ends what it must, and leaves nothing behind."""

from __future__ import annotations

import socket
from collections.abc import MutableMapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from support.between import shaky_house
from support.house import Person, assert_closed, is_closed, login_lines, open_house
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.protocol.framing import BadLine
from securechat.server.commands.table import dispatch
from securechat.server.connection import serve_link
from securechat.server.context import Server
from securechat.server.sessions.session import Session
from securechat.store.contract import Stored
from securechat.transport.memory import PlainLink, memory_wires
from securechat.transport.sockets import SocketWire


class Bug(Exception):
    """Nobody foresaw this one."""


async def buggy(server: Server, session: Session, line: str | BadLine) -> None:
    """Handle lines, but for one that shows a bug."""
    if line == "BUG":
        raise Bug
    await dispatch(server, session, line)


# --- a failure ends what it must and nothing else -------------------------------------------------


async def test_a_crashing_handler_ends_one_connection_only(
    folder: Path, autojump_clock: MockClock, logs: list[MutableMapping[str, Any]]
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice", handle=buggy)
        bob = await house.login("bob")
        await alice.send("PRIVMSG #lobby :before", "BUG", "PRIVMSG #lobby :after")
        assert (await alice.rest())[-1] == "ERROR :Closing link: Internal error"
        assert await bob.sync() == [
            ":alice!~alice@securechat.internal PRIVMSG #lobby :before",
            ":alice!~alice@securechat.internal QUIT :Internal error",
        ]
        crash = next(entry for entry in logs if entry["event"] == "connection failed")
        assert crash["log_level"] == "error"
        assert crash["exc_info"]
        alice = await house.login("alice")
        assert await bob.sync() == [":alice!~alice@securechat.internal JOIN #lobby"]
        assert set(house.server.directory.users) == {"alice", "bob"}
    assert_closed(house)


@pytest.mark.parametrize("way", ["BUG", "QUIT", "cancel"])
async def test_last_words_go_out_though_the_socket_was_full(
    folder: Path, autojump_clock: MockClock, way: str
) -> None:
    """On real sockets, where only one task may wait for room: not the parked one any more."""
    near, far = socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    alice = Person(PlainLink(SocketWire(far)), "alice")
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with open_house(folder) as house:
                serve = partial(
                    serve_link, house.server, PlainLink(SocketWire(near)), "local", handle=buggy
                )
                house.running.connections.start_soon(serve)
                await alice.send(*login_lines("alice"))
                await alice.until(" 366 ")
                bob = await house.login("bob")
                await bob.send(*[f"PRIVMSG #lobby :{number:400}" for number in range(30)])
                await bob.sync()
                (session,) = house.server.directory.users["alice"].sessions
                assert session.outbox.size > 0  # parked
                lines: list[str] = []

                async def read() -> None:
                    lines.extend(await alice.rest())

                if way == "cancel":
                    nursery.start_soon(read)
                    scope.cancel()
                await alice.send(way)
                await wait_all_tasks_blocked()
                nursery.start_soon(read)
                await bob.until("QUIT")
    said = [line for line in lines if "PRIVMSG" in line]
    assert [int(line[-3:]) for line in said] == list(range(30))
    reasons = {"BUG": "Internal error", "QUIT": "Quit: ", "cancel": "The server is stopping"}
    assert lines[-1] == f"ERROR :Closing link: {reasons[way]}"
    assert_closed(house)
    alice.link.close()


async def test_a_crashing_delivery_ends_the_server_loudly(
    folder: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deliver(batch: Sequence[Stored]) -> None:
        raise Bug

    with pytest.RaisesGroup(Bug, flatten_subgroups=True):
        async with open_house(folder) as house:
            alice = await house.login("alice")
            monkeypatch.setattr(
                type(house.server.delivery), "deliver", lambda _, batch: deliver(batch)
            )
            start = trio.current_time()
            await alice.send("PRIVMSG #lobby :never seen")
            try:
                await alice.rest()
            finally:
                assert trio.current_time() - start <= house.server.settings.drain_seconds
            await trio.sleep_forever()
    assert_closed(house)


async def test_a_crashing_flusher_ends_the_server_loudly(
    folder: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.RaisesGroup(Bug, flatten_subgroups=True):
        async with open_house(folder) as house:
            alice = await house.login("alice")

            def send_now(data: bytes) -> bool:
                raise Bug

            (session,) = house.server.sessions
            monkeypatch.setattr(session.outbox._link, "send_now", send_now)
            await alice.send("PING x")
            await trio.sleep_forever()
    assert_closed(house)


# --- shutting down --------------------------------------------------------------------------------


async def test_everybody_is_told_and_gets_all_that_was_said(
    folder: Path, autojump_clock: MockClock
) -> None:
    heard: dict[str, list[str]] = {}

    async def listen(person: Person) -> None:
        heard[person.name] = await person.rest()

    async with trio.open_nursery() as listeners:
        async with open_house(folder) as house:
            alice = await house.login("alice", "echo-message")
            bob = await house.login("bob", capacity=700)
            guest = await house.visit()
            await guest.send("NICK guest")
            await alice.sync()
            await alice.send(*[f"PRIVMSG #lobby :{number:400}" for number in range(9)])
            await wait_all_tasks_blocked()
            for person in (alice, bob, guest):
                listeners.start_soon(listen, person)
            start = trio.current_time()
        assert trio.current_time() == start  # nobody was slow, so nothing was waited for
    for name in ("alice", "bob"):
        said = [line for line in heard[name] if "PRIVMSG" in line]
        assert [line[-1] for line in said] == [str(number) for number in range(9)]
        assert heard[name][-1] == "ERROR :Closing link: The server is stopping"
        assert not any("QUIT" in line for line in heard[name])
    assert heard["*"] == ["ERROR :Closing link: The server is stopping"]
    assert_closed(house)


async def test_stopping_waits_for_the_commit_that_is_under_way(
    folder: Path, autojump_clock: MockClock
) -> None:
    """What a session posted is answered before its connection ends: committed, then seen."""

    async def open_later(event: trio.Event) -> None:
        await trio.sleep(1)
        event.set()

    async with trio.open_nursery() as nursery, shaky_house(folder) as (house, between):
        alice = await house.login("alice", "echo-message")
        gate = between.closed["append"] = trio.Event()
        await alice.send("PRIVMSG #lobby :the last thing said")
        await wait_all_tasks_blocked()
        nursery.start_soon(open_later, gate)
    assert await alice.rest() == [
        ":alice!~alice@securechat.internal PRIVMSG #lobby :the last thing said",
        "ERROR :Closing link: The server is stopping",
    ]


@pytest.mark.parametrize("drain_seconds", [0.5, 1.0, 3.0, 5.0])
async def test_stopping_ends_by_its_deadline_though_somebody_never_reads(
    folder: Path, autojump_clock: MockClock, drain_seconds: float
) -> None:
    async with open_house(folder, changes={"drain_seconds": drain_seconds}) as house:
        bob = await house.login("bob")
        deaf = await house.login("alice", capacity=600)
        leaving = await house.login("carol", capacity=600)
        await deaf.sync()
        await bob.send(*[f"PRIVMSG #lobby :{number:400}" for number in range(20)])
        await bob.sync()
        stuck = await house.visit(capacity=10)
        await stuck.send("PING is-nobody-reading-this")
        await leaving.send("QUIT :already on the way out, and does not read either")
        await wait_all_tasks_blocked()
        start = trio.current_time()
    assert trio.current_time() - start <= drain_seconds
    assert_closed(house)
    # What it would still find is in order, up to where it was cut off.
    assert await deaf.rest() == [f":bob!~bob@securechat.internal PRIVMSG #lobby :{0:400}"]


async def test_a_connection_that_came_in_at_the_last_moment_does_not_hold_up_a_stop(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        ours, theirs = memory_wires()
        house.running.serve_link(PlainLink(theirs))
        start = trio.current_time()
    assert trio.current_time() == start
    assert is_closed(theirs)
    ours.close()


async def test_a_stop_without_a_deadline_lets_everybody_finish(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder, changes={"drain_seconds": 0.0}) as house:
        alice = await house.login("alice")
    assert await alice.rest() == ["ERROR :Closing link: The server is stopping"]
    assert_closed(house)
