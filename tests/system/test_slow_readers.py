"""Who does not read: that session ends, nobody else waits, and nothing is lost for good."""

from __future__ import annotations

import signal

import trio
from support.person import Person, tls_connection, user
from support.system import NO_FLOOD_LIMIT, Home, Server, running_server

OUTBOX_BYTES = 65536
SMALL_RECEIVE_BUFFER = 4096
TEXT = "x" * 380
PIPELINED = 50
DRAIN_SECONDS = 1
# Far more than what the kernel's buffers on both sides may hold beyond the outbox.
ROUNDS_MAX = 1000


async def talk_until_cut(server: Server, speaker: Person, name: str) -> list[float]:
    """Say much, until the session of ``name`` is cut; return the seconds of each round."""
    seconds = []
    for _ in range(ROUNDS_MAX):
        await speaker.send(*[f"PRIVMSG #lobby :{TEXT}"] * PIPELINED)
        seconds.append(await speaker.ping())
        if server.rows("session ended", account=name):
            return seconds
    raise AssertionError(f"{name} was never cut")


async def test_a_reader_that_stops_reading_is_cut_at_its_outbox(home: Home) -> None:
    """docs/safety.md fault 16; and what was missed is in the history."""
    await home.add("alice", "bob", "carol")
    settings = NO_FLOOD_LIMIT | {"outbox_bytes_max": OUTBOX_BYTES}
    async with (
        running_server(home, settings) as server,
        user(server, "alice") as alice,
        user(server, "carol") as carol,
    ):
        await alice.send("PRIVMSG #lobby :the last that bob hears")
        async with user(server, "bob", receive_bytes=SMALL_RECEIVE_BUFFER) as bob:
            (last,) = await bob.history()
            before = server.memory_mib()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(carol.expect, "QUIT", "Too much waits to be sent to you")
                seconds = await talk_until_cut(server, alice, "bob")
            assert max(seconds) < 5.0
            assert server.memory_mib() - before < 20.0
            (row,) = server.rows("session ended")
            assert (row["account"], row["reason"]) == ("bob", "Too much waits to be sent to you")
        async with user(server, "bob") as bob:
            missed = await bob.history("AFTER", f"msgid={last.msgid}")
            assert {line.text for line in missed} == {TEXT}


async def test_a_reader_that_never_reads_does_not_hold_up_the_end(home: Home) -> None:
    """The server ends by its drain deadline whatever a peer does; exit status 0."""
    await home.add("alice", "bob")
    settings = NO_FLOOD_LIMIT | {"drain_seconds": DRAIN_SECONDS, "outbox_bytes_max": 0}
    async with (
        running_server(home, settings) as server,
        user(server, "alice") as alice,
        user(server, "bob", receive_bytes=SMALL_RECEIVE_BUFFER),
        tls_connection(server),
    ):
        # Without a limit bob's outbox grows and his socket stays full until the end.
        for _ in range(200):
            await alice.send(*[f"PRIVMSG #lobby :{TEXT}"] * PIPELINED)
            await alice.ping()
        started = trio.current_time()
        server.send_signal(signal.SIGTERM)
        await server.logged("stopping")
        for number in (signal.SIGTERM, signal.SIGINT):
            server.send_signal(number)  # as an impatient operator does, and timeout(1)
        assert "The server is stopping" in await alice.end()
        assert await server.ended() == 0
        assert trio.current_time() - started >= DRAIN_SECONDS, "nobody was being waited for"


async def answer_pings(person: Person) -> None:
    while True:
        line = await person.expect("PING")
        await person.send(f"PONG {line.text}")


async def test_a_peer_that_vanished_is_gone_after_its_ping_timeout(home: Home) -> None:
    """docs/safety.md fault 25: no ghosts. A connection that is half open looks like bob's here."""
    await home.add("alice", "bob")
    settings = {"ping_seconds": 0.5, "drop_seconds": 3}
    async with running_server(home, settings) as server, user(server, "alice") as alice:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer_pings, alice)
            async with user(server, "bob") as bob:
                assert "Ping timeout" in await bob.end()
            nursery.cancel_scope.cancel()
        assert "PING" in {line.command for line in bob.seen}
        await alice.ping()
        assert "QUIT" in {line.command for line in alice.seen}
