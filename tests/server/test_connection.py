"""One connection: its deadlines, what ends it and what is said then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from support.house import Person, events, open_house, password_of
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.errors import ConnectionLost, HandshakeFailed
from securechat.server.connection import serve_link, serve_wire
from securechat.transport.memory import PlainLink, memory_wires

# --- the deadlines --------------------------------------------------------------------------------


class SilentLink(PlainLink):
    """Never gets through its handshake."""

    async def handshake(self) -> None:
        await trio.sleep_forever()


async def test_a_silent_handshake_is_cut_after_ten_seconds(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    async with open_house(folder) as house:
        ours, theirs = memory_wires()
        await serve_link(house.server, SilentLink(theirs), "203.0.113.1")
        assert trio.current_time() == 10.0
        with pytest.raises(ConnectionLost):
            await PlainLink(ours).send_all(b"too late")
    assert events(logs, "TLS handshake timed out")


async def test_a_failed_handshake_is_one_line_in_the_log(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    class BadLink(PlainLink):
        async def handshake(self) -> None:
            raise HandshakeFailed("wrong version number")

    async with open_house(folder) as house:
        await serve_link(house.server, BadLink(memory_wires()[1]), "203.0.113.1")
        assert house.server.addresses.waiting == 0
    (line,) = events(logs, "TLS handshake failed")
    assert line["reason"] == "wrong version number"
    assert not events(logs, "connection failed")


async def test_who_does_not_log_in_is_cut_after_sixty_seconds(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        idle = await house.visit()
        chatty = await house.visit()
        with trio.move_on_after(59):
            while True:
                await chatty.send("PING still-here")
                await chatty.line()
                await trio.sleep(7)
        assert await idle.rest() == ["ERROR :Closing link: Login timed out"]
        assert await chatty.rest() == ["ERROR :Closing link: Login timed out"]
        assert trio.current_time() == 60.0
        assert house.server.addresses.waiting == 0


async def test_login_may_take_as_long_as_it_likes_where_that_limit_is_off(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder, changes={"login_seconds": 0.0}) as house:
        slow = await house.visit()
        await trio.sleep(300)
        assert await slow.sync() == []


async def test_a_silent_session_is_pinged_after_90_and_dropped_after_150_seconds(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice", "draft/chathistory")
        bob = await house.login("bob", "draft/chathistory")
        await alice.sync()
        start = trio.current_time()
        await trio.sleep(50)
        await bob.sync()  # anything at all shows that a client is there
        data = await alice.link.receive()
        assert data == b"PING :securechat.internal\r\n"
        assert 90 <= trio.current_time() - start <= 91
        assert await alice.link.receive() == b"ERROR :Closing link: Ping timeout: 150 seconds\r\n"
        assert 150 <= trio.current_time() - start <= 151
        assert await alice.rest() == []
        assert (
            await bob.line() == ":alice!~alice@securechat.internal QUIT :Ping timeout: 150 seconds"
        )
        assert "bob" in house.server.directory.users


async def test_who_answers_pings_stays(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice", "draft/chathistory")
        start = trio.current_time()
        for _ in range(5):
            assert await alice.link.receive() == b"PING :securechat.internal\r\n"
            await alice.send("PONG securechat.internal")
        assert 450 <= trio.current_time() - start <= 455
        assert await alice.sync() == []


@pytest.mark.parametrize(
    ("ping", "drop", "ended_after"), [(0.0, 30.0, 30), (30.0, 0.0, None), (0.0, 0.0, None)]
)
async def test_ping_and_drop_can_be_off(
    folder: Path, autojump_clock: MockClock, ping: float, drop: float, ended_after: float | None
) -> None:
    """Every limit is a setting, and 0 turns it off."""
    changes = {"ping_seconds": ping, "drop_seconds": drop}
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice")
        start = trio.current_time()
        got = b""
        with trio.move_on_after(300):
            while data := await alice.link.receive():
                got += data
        assert (b"PING" in got) == bool(ping)
        if ended_after is None:
            assert trio.current_time() - start == 300
        else:
            assert got == b"ERROR :Closing link: Ping timeout: 30 seconds\r\n"
            assert ended_after <= trio.current_time() - start <= ended_after + 1


# --- the end --------------------------------------------------------------------------------------


async def test_nothing_that_follows_a_quit_is_done(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        bob = await house.login("bob")
        await alice.send("PRIVMSG #lobby :last", "QUIT :bye", "PRIVMSG #lobby :never", "JOIN #x")
        assert (await alice.rest())[-1] == "ERROR :Closing link: Quit: bye"
        assert await bob.sync() == [
            ":alice!~alice@securechat.internal PRIVMSG #lobby :last",
            ":alice!~alice@securechat.internal QUIT :Quit: bye",
        ]
        assert list(house.server.directory.rooms) == ["#lobby"]


@pytest.mark.parametrize(
    ("quit_", "reason"),
    [("QUIT", "Quit: "), ("QUIT :", "Quit: "), ("QUIT " + "x" * 400, "Quit: " + "x" * 300)],
)
async def test_reasons_to_quit(
    folder: Path, autojump_clock: MockClock, quit_: str, reason: str
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        bob = await house.login("bob")
        await alice.send(quit_)
        await alice.rest()
        assert await bob.sync() == [f":alice!~alice@securechat.internal QUIT :{reason}"]


async def test_a_peer_that_hangs_up_is_gone_and_what_it_said_stays(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        bob = await house.login("bob")
        await alice.send("PRIVMSG #lobby :and gone")
        alice.link.close()
        await wait_all_tasks_blocked()
        assert await bob.sync() == [
            ":alice!~alice@securechat.internal PRIVMSG #lobby :and gone",
            ":alice!~alice@securechat.internal QUIT :Connection closed",
        ]


async def test_a_reset_ends_a_session_with_its_reason(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        await house.login("alice")
        bob = await house.login("bob")
        house.wires[0].reset()
        assert await bob.line() == (
            ":alice!~alice@securechat.internal QUIT :The connection broke: connection reset by peer"
        )


async def test_a_peer_that_is_found_gone_by_writing(
    folder: Path, autojump_clock: MockClock
) -> None:
    class Deaf(PlainLink):
        """Reads nothing, and breaks when written to after a while."""

        broken = False

        async def receive(self) -> bytes:
            data = await super().receive()
            if b"HANG" in data:
                await trio.sleep_forever()
            return data

        def send_now(self, data: bytes) -> bool:
            if self.broken:
                raise ConnectionLost("the connection broke: gone")
            return super().send_now(data)

    async with open_house(folder) as house:
        bob = await house.login("bob")
        ours, theirs = memory_wires()
        link = Deaf(theirs)
        house.running.serve_link(link)
        alice = Person(PlainLink(ours), "alice")
        await alice.send(
            f"PASS :alice:{password_of('alice')}", "NICK alice", "USER alice 0 * :Alice"
        )
        await alice.until(" 366 ")
        await bob.sync()
        await alice.send("HANG")
        await wait_all_tasks_blocked()
        link.broken = True
        await bob.send("PRIVMSG #lobby :anybody?")
        assert await bob.line() == ":alice!~alice@securechat.internal QUIT :Connection lost"


async def test_hanging_up_before_login_is_no_matter(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    async with open_house(folder) as house:
        guest = await house.visit()
        await guest.send("NICK guest")
        guest.link.close()
        await wait_all_tasks_blocked()
        (line,) = events(logs, "connection ended")
        assert line["reason"] == "the peer hung up before logging in"
        assert house.server.addresses.waiting == 0


async def test_a_reader_that_stops_is_cut_at_its_limit_and_nobody_else_is(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    async with open_house(folder, changes={"outbox_bytes_max": 10_000}) as house:
        deaf = await house.login("alice", capacity=600)
        bob = await house.login("bob", "echo-message")
        carol = await house.login("carol")
        await bob.sync()
        for number in range(40):
            await bob.send(f"PRIVMSG #lobby :{number:400}")
            assert (await bob.until(f"{number:400}"))[-1].endswith(f"{number:400}")
            await carol.until(f"{number:400}")
        assert "alice" not in house.server.directory.users
        ended = [entry for entry in events(logs, "session ended") if entry["account"] == "alice"]
        assert [entry["reason"] for entry in ended] == ["Too much waits to be sent to you"]
        assert len(await deaf.rest()) <= 3


async def test_too_many_connections_are_turned_away(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    async with open_house(folder, changes={"connections_per_address": 2}) as house:
        guests = [await house.visit() for _ in range(3)]
        assert await guests[2].rest() == []
        assert [await guest.sync() for guest in guests[:2]] == [[], []]
        assert events(logs, "connection ended")[0]["reason"] == (
            "too many connections from this address"
        )
        other = await house.visit("203.0.113.2")
        assert await other.sync() == []


async def test_a_server_without_a_certificate_serves_no_sockets(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        with pytest.raises(RuntimeError, match="no certificate"):
            await serve_wire(house.server, memory_wires()[0], "203.0.113.1")
