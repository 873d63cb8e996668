"""One connection: its deadlines, its pace, what ends it and what is said then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from support.between import Between, shaky_house
from support.house import Person, login_lines, open_house, password_of
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.errors import ConnectionLost, HandshakeFailed, StoreRefused, StoreUnavailable
from securechat.server.connection import serve_link, serve_wire
from securechat.store.contract import Record
from securechat.store.credentials.accounts import Accounts
from securechat.store.credentials.tokens import Tokens
from securechat.store.sqlite import SQLiteStore
from securechat.transport.memory import PlainLink, memory_wires


def events(logs: list[Any], event: str) -> list[Any]:
    return [entry for entry in logs if entry["event"] == event]


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


# --- the pace -------------------------------------------------------------------------------------

PACE = {"messages_per_second": 5.0, "message_burst": 20}


async def test_a_flood_is_slowed_and_nothing_of_it_is_dropped(
    folder: Path, autojump_clock: MockClock
) -> None:
    """A burst of 20, then 5 a second."""
    async with open_house(folder, changes=PACE) as house:
        alice = await house.login("alice", "echo-message")
        bob = await house.login("bob")
        await alice.sync()
        await trio.sleep(60)
        start = trio.current_time()
        await alice.send(*[f"PRIVMSG #lobby :{number}" for number in range(120)])
        times = []
        for number in range(120):
            assert (await bob.line()).endswith(f"PRIVMSG #lobby :{number}")
            times.append(trio.current_time() - start)
        assert times[19] == 0
        assert times[20] == pytest.approx(0.2)
        assert times[119] == pytest.approx(20.0)
        for number in range(120):
            assert (await alice.line()).endswith(f"PRIVMSG #lobby :{number}")


async def test_a_flood_longer_than_the_ping_deadline_is_no_silence(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Whoever pasted a book is slow to be heard, not gone."""
    async with open_house(folder, changes=PACE) as house:
        alice = await house.login("alice")
        bob = await house.login("bob", "echo-message")
        await alice.send(*[f"NOTICE bob :{number}" for number in range(1500)])
        heard = 0
        while heard < 1500:
            line = await bob.line()
            assert line == f":alice!~alice@securechat.internal NOTICE bob :{heard}"
            heard += 1
            if heard % 100 == 0:
                await bob.send("PONG x")


async def test_a_flood_before_login_is_slowed_too(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder, changes=PACE) as house:
        guest = await house.visit()
        await guest.send(*[f"PING {number}" for number in range(70)])
        for number in range(70):
            assert await guest.line() == f":securechat.internal PONG securechat.internal :{number}"
        assert trio.current_time() == pytest.approx(10.0)


async def test_history_has_a_budget_of_its_own(folder: Path, autojump_clock: MockClock) -> None:
    """16 requests at once, then one a second, for one session; others are not slowed."""
    changes = {"history_requests_per_second": 1.0, "history_request_burst": 16}
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice", "batch draft/chathistory")
        bob = await house.login("bob", "batch draft/chathistory")
        start = trio.current_time()
        await alice.send(*["CHATHISTORY LATEST #lobby * 1"] * 20)
        times = []
        for _ in range(20):
            await alice.until("BATCH -")
            times.append(trio.current_time() - start)
        assert times == pytest.approx([0] * 16 + [1, 2, 3, 4])
        at = trio.current_time()
        await bob.ask("CHATHISTORY LATEST #lobby * 1")
        assert trio.current_time() == at


async def test_a_long_batch_of_lines_lets_others_have_a_turn(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        answers = await alice.ask(*["PING x"] * 200)
        assert len(answers) == 200


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


# --- logging in -----------------------------------------------------------------------------------


async def test_lines_that_came_with_the_login_are_handled_after_it(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        person = await house.visit()
        await person.send(
            f"PASS :alice:{password_of('alice')}",
            "NICK alice",
            "USER alice 0 * :Alice",
            "PING one",
            "JOIN #x",
            "PING two",
        )
        lines = await person.until("PONG securechat.internal :two")
        commands = [line.split(" ")[1] for line in lines]
        assert commands[commands.index("422") :] == [
            *["422", "JOIN", "353", "366", "PONG", "JOIN", "353", "366", "PONG"]
        ]


async def test_a_store_that_fails_lets_nobody_in_and_says_so(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        between.broken["get"] = StoreUnavailable("the disk is gone")
        person = await house.start_login("alice")
        assert (await person.rest())[-1] == (
            "ERROR :Closing link: Logging in is not possible now, try again later"
        )
        del between.broken["get"]
        await house.login("alice")


CHANGES = {
    "disabled": lambda accounts: accounts.disable("alice"),
    "removed": lambda accounts: accounts.remove("alice"),
    "password changed": lambda accounts: accounts.set_password("alice", "another hash"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_login_that_was_overtaken_by_a_change_is_refused(
    folder: Path, autojump_clock: MockClock, change: Callable[[Accounts], Awaitable[object]]
) -> None:
    """Between 903 and CAP END: nobody gets in on what was true a minute ago."""
    async with open_house(folder) as house:
        person = await house.visit()
        *lines, _ = login_lines("alice")
        await person.send(*lines)
        await person.until(" 903 ")
        await change(house.accounts)
        await trio.sleep(2)
        await person.send("CAP END")
        assert await person.rest() == [
            "ERROR :Closing link: Your account was changed: log in again"
        ]
        assert not house.server.directory.users


async def test_a_change_during_the_last_look_is_not_missed(
    folder: Path, autojump_clock: MockClock
) -> None:
    """The look was before the change, the watcher's turn before the session began."""

    class Slow(Between):
        late = False

        async def get(self, kind: str, key: str) -> Record | None:
            record = await super().get(kind, key)
            if self.late:
                self.late = False
                await Accounts(self.store).disable(key)
                await trio.sleep(1)
            return record

    stores: list[Slow] = []

    def between(store: SQLiteStore) -> Slow:
        stores.append(Slow(store))
        return stores[0]

    async with open_house(folder, between=between) as house:
        person = await house.visit()
        *lines, _ = login_lines("alice")
        await person.send(*lines)
        await person.until(" 903 ")
        stores[0].late = True
        await person.send("CAP END")
        assert (await person.rest())[-1].startswith("ERROR ")
        assert not house.server.directory.users


async def test_a_store_that_fails_at_the_last_look_lets_nobody_in(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        person = await house.visit()
        *lines, _ = login_lines("alice")
        await person.send(*lines)
        await person.until(" 903 ")
        between.broken["get"] = StoreUnavailable("the disk is gone")
        await person.send("CAP END")
        assert await person.rest() == [
            "ERROR :Closing link: Logging in is not possible now, try again later"
        ]


@pytest.mark.parametrize("change", ["disable", "suspend", "revoke"])
async def test_a_change_while_a_labeled_login_is_answered_is_not_missed(
    folder: Path, autojump_clock: MockClock, change: str
) -> None:
    """The answer waits for room in the socket, and the watcher's turn is over meanwhile.

    labeled-response, "The label tag": what the command made is answered before the welcome.
    """

    class Slow(PlainLink):
        """Takes a labeled answer only when there is room for it."""

        waits, room = trio.Event(), trio.Event()

        kept = b""

        def send_now(self, data: bytes) -> bool:
            if b"@label=in" in data and not self.room.is_set():
                self.kept = data
                return False
            return super().send_now(data)

        async def drain(self) -> None:
            if self.kept:
                self.waits.set()
                await self.room.wait()
                kept, self.kept = self.kept, b""
                super().send_now(kept)
            await super().drain()

    async with open_house(folder) as house:
        token, secret = await Tokens(house.store).add("alice", "phone", by="alice")
        ours, theirs = memory_wires()
        link = Slow(theirs)
        house.running.serve_link(link)
        person = Person(PlainLink(ours), "alice")
        await person.send(
            "CAP REQ :batch labeled-response",
            f"PASS :alice:{secret}",
            "NICK alice",
            "USER alice 0 * :Alice",
            "@label=in CAP END",
        )
        await link.waits.wait()
        match change:
            case "disable":
                await house.accounts.disable("alice")
            case "suspend":
                await house.accounts.suspend("alice", by="dave")
            case "revoke":
                await Tokens(house.store).revoke(
                    "alice", token.account_id, by="alice", account="alice"
                )
        await trio.sleep(2)
        link.room.set()
        *lines, last = await person.rest()
        assert " 900 " in lines[-1]
        assert lines[-1].startswith("@label=in ")
        assert last.startswith("ERROR :Closing link: Your account ")
        assert not house.server.directory.users


@pytest.mark.parametrize("by", ["SASL", "PASS"])
async def test_a_right_token_is_never_called_wrong_because_the_store_fails(
    folder: Path, autojump_clock: MockClock, by: str
) -> None:
    """A client forgets a token that is refused (904, 464): so that must mean that it is wrong."""
    async with shaky_house(folder) as (house, between):
        _, secret = await Tokens(house.store).add("alice", "phone", by="alice")
        between.broken["get"] = StoreUnavailable("the disk is gone")
        if by == "SASL":
            person = await house.start_login("alice", password=secret)
        else:
            person = await house.visit()
            await person.send(f"PASS :alice:{secret}", "NICK alice", "USER alice 0 * :Alice")
        lines = await person.rest()
        assert lines[-1] == ("ERROR :Closing link: Logging in is not possible now, try again later")
        assert not [line for line in lines if " 904 " in line or " 464 " in line]
        between.broken.clear()
        await house.login("alice", password=secret)


async def test_a_right_token_is_never_called_wrong_because_others_guessed(
    folder: Path, autojump_clock: MockClock
) -> None:
    """From the same address, so often that a password would wait for a minute."""
    async with open_house(folder, changes={"login_attempts_per_minute": 3}) as house:
        _, secret = await Tokens(house.store).add("alice", "phone", by="alice")
        for _ in range(5):
            await house.start_login("alice", password="sct_" + 43 * "A")
        start = trio.current_time()
        await house.login("alice", password=secret)
        assert trio.current_time() - start < 1


async def test_a_right_token_is_never_called_wrong_because_the_server_stops(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        _, secret = await Tokens(house.store).add("alice", "phone", by="alice")
        between.closed["get"] = trio.Event()
        person = await house.start_login("alice", password=secret)
        await wait_all_tasks_blocked()
        for scope in list(house.server.logins):
            house.server.draining = True
            scope.cancel()
        lines = await person.rest()
        assert lines[-1] == "ERROR :Closing link: The server is stopping"
        assert not [line for line in lines if " 904 " in line]
        between.closed["get"].set()


async def test_when_somebody_logged_in_last_is_kept(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder, ["alice", "bob"]) as house:
        assert await house.accounts.last_logins() == {}
        await house.login("alice")
        alice = await house.accounts.named("alice")
        assert list(await house.accounts.last_logins()) == [alice.id]


async def test_a_login_holds_also_where_it_cannot_be_noted(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    async with shaky_house(folder) as (house, between):
        between.broken["put"] = StoreRefused("the disk is full")
        alice = await house.login("alice")
        assert await alice.ask("WHOIS alice")
        assert await house.accounts.last_logins() == {}
    (row,) = events(logs, "login not noted")
    assert (row["account"], row["reason"]) == ("alice", "the disk is full")
