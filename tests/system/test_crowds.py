"""Many at once: silent connections, a storm of logins, no file descriptors left."""

from __future__ import annotations

import resource
import statistics
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
from support.person import SIMPLE, Person, connect_tcp, converse, read_to_end, user
from support.system import (
    NO_CONNECTION_LIMITS,
    NO_FLOOD_LIMIT,
    PATIENCE_SECONDS,
    Home,
    Server,
    running_server,
)

SILENT = 500
LOGINS = 50
PAUSE_SECONDS = 0.01
# On a quiet machine it is 0.1 and 0.005; a busy one must not fail the tests.
ROUND_TRIP_SECONDS_MAX = 20.0
ROUND_TRIP_SECONDS_MEDIAN = 1.0

FEW_DESCRIPTORS = ("sh", "-c", 'ulimit -n 64 && exec "$0" "$@"')

# Two hashes of the fast profile at once take 38 MiB; 50 would take 950.
STORM_MIB_MAX = 150.0


@asynccontextmanager
async def round_trips(*people: Person) -> AsyncIterator[list[float]]:
    """Have each of these people make round trips, with small pauses, during the block."""
    seconds: list[float] = []

    async def go_on(person: Person) -> None:
        while not done:
            seconds.append(await person.ping())
            await trio.sleep(PAUSE_SECONDS)

    done = False
    async with trio.open_nursery() as nursery:
        for person in people:
            nursery.start_soon(go_on, person)
        yield seconds
        done = True
    assert max(seconds) < ROUND_TRIP_SECONDS_MAX
    assert statistics.median(seconds) < ROUND_TRIP_SECONDS_MEDIAN


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Let this process, and the servers that it starts, have enough file descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * SILENT
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this needs {wanted} file descriptors; the system allows {hard}")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def connect_silently(server: Server, stack: AsyncExitStack) -> list[trio.SocketStream]:
    return [await stack.enter_async_context(await connect_tcp(server)) for _ in range(SILENT)]


async def count_ends(streams: list[trio.SocketStream], least: int) -> int:
    """Return how many of these have ended, once that is at least as many as given."""
    ended = 0
    enough = trio.Event()

    async def wait_for(stream: trio.SocketStream) -> None:
        nonlocal ended
        await read_to_end(stream)
        ended += 1
        if ended >= least:
            enough.set()

    async with trio.open_nursery() as nursery:
        for stream in streams:
            nursery.start_soon(wait_for, stream)
        with trio.fail_after(PATIENCE_SECONDS):
            await enough.wait()
        nursery.cancel_scope.cancel()
    return ended


@pytest.mark.usefixtures("many_descriptors")
async def test_silent_connections_beyond_the_limits_are_refused_at_once(home: Home) -> None:
    """docs/safety.md fault 1, with the limits per address on."""
    await home.add("alice", "bob")
    settings = {"new_connections_per_address": 0, "handshake_seconds": 120}
    async with (
        running_server(home, settings) as server,
        user(server, "alice") as alice,
        user(server, "bob") as bob,
        AsyncExitStack() as stack,
    ):
        async with round_trips(alice):
            silent = await connect_silently(server, stack)
            # Ten may wait; they still do, as their deadline is far away.
            assert await count_ends(silent, SILENT - 10) == SILENT - 10
        await converse(bob, alice, "as if they were not there")


@pytest.mark.usefixtures("many_descriptors")
async def test_a_crowd_at_one_address_does_not_keep_out_another_address(home: Home) -> None:
    await home.add("alice")
    settings = {"new_connections_per_address": 0, "waiting_drop_from": 0, "handshake_seconds": 120}
    async with running_server(home, settings) as server, AsyncExitStack() as stack:
        silent = await connect_silently(server, stack)
        assert await count_ends(silent, SILENT - 10) == SILENT - 10
        try:
            elsewhere = user(server, "alice", local_address="127.0.0.2")
            alice = await stack.enter_async_context(elsewhere)
        except OSError:
            pytest.skip("this system has one loopback address only")
        await alice.ping()


@pytest.mark.usefixtures("many_descriptors")
async def test_silent_connections_without_limits_are_cut_at_the_deadline(home: Home) -> None:
    """docs/safety.md fault 1, with the limits off: the deadline is what is left."""
    await home.add("alice", "bob")
    settings = NO_CONNECTION_LIMITS | {"handshake_seconds": 2, "messages_per_second": 0}
    async with (
        running_server(home, settings) as server,
        user(server, "alice") as alice,
        user(server, "bob") as bob,
        AsyncExitStack() as stack,
    ):
        async with round_trips(alice, bob):
            silent = await connect_silently(server, stack)
            assert await count_ends(silent, SILENT) == SILENT
        await server.logged("TLS handshake timed out", count=SILENT)
        await converse(bob, alice, "all gone")


async def test_fifty_logins_at_once_all_succeed_while_others_chat(home: Home) -> None:
    """docs/safety.md fault 7: memory is bounded by the limiter, and the others do not notice."""
    crowd = [f"user-{number}" for number in range(LOGINS)]
    await home.add("alice", "bob", *crowd)
    settings = NO_CONNECTION_LIMITS | {"messages_per_second": 0}
    async with (
        running_server(home, settings) as server,
        user(server, "alice") as alice,
        user(server, "bob") as bob,
    ):
        await alice.ping()
        before = server.memory_mib()

        async def come_in(name: str) -> None:
            async with user(server, name) as person:
                await person.ping()
                arrived.append(name)
                if len(arrived) == LOGINS:
                    everybody.set()
                await everybody.wait()

        arrived: list[str] = []
        everybody = trio.Event()
        with trio.fail_after(2 * PATIENCE_SECONDS):
            async with round_trips(alice, bob), trio.open_nursery() as nursery:
                for name in crowd:
                    nursery.start_soon(come_in, name)
        assert sorted(arrived) == sorted(crowd)
        assert server.memory_mib("VmHWM") - before < STORM_MIB_MAX
        await alice.ping()
        joined = {line.source.split("!")[0] for line in alice.seen if line.command == "JOIN"}
        assert joined >= set(crowd)


async def test_a_member_of_many_busy_channels_gets_in(home: Home) -> None:
    """What is replayed at login never fills the outbox: that would end every login at once."""
    await home.add("alice", "bob")
    channels = [f"#room-{number}" for number in range(20)]
    settings = NO_FLOOD_LIMIT | {"outbox_bytes_max": 65536}
    async with running_server(home, settings) as server:
        async with user(server, "alice") as alice, user(server, "bob") as bob:
            for channel in channels:
                for person in (alice, bob):
                    await person.send(f"JOIN {channel}")
                    await person.expect("366", None, channel)
                await alice.send(*[f"PRIVMSG {channel} :{'x' * 400}"] * 20)
            await alice.ping()
        async with user(server, "bob", caps=SIMPLE) as bob:
            await bob.ping()
            replayed = [line for line in bob.seen if line.command == "PRIVMSG"]
            assert replayed[0].params[0] == channels[0]
            assert len(replayed) == 20 * len(channels)
            assert not [line for line in bob.seen if line.command == "NOTICE"]
            assert len([line for line in bob.seen if line.command == "366"]) == 1 + len(channels)


async def test_file_descriptors_run_out_and_come_back(home: Home) -> None:
    """docs/safety.md fault 19: accepting resumes, live sessions live on."""
    await home.add("alice", "bob", "carol")
    settings = NO_CONNECTION_LIMITS | {"handshake_seconds": 120}
    async with (
        running_server(home, settings, through=FEW_DESCRIPTORS) as server,
        user(server, "alice") as alice,
        user(server, "bob") as bob,
    ):
        async with AsyncExitStack() as stack:
            for _ in range(80):
                await stack.enter_async_context(await connect_tcp(server))
            await server.logged("cannot accept connections, trying on")
            await converse(alice, bob, "we are inside already")
            assert len(await alice.history()) == 1
        await server.logged("accepting connections again")
        async with user(server, "carol") as carol:
            await converse(carol, bob, "now me too")
