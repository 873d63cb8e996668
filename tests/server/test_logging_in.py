"""Logging in: what comes with it, what changes meanwhile, and a store that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from support.between import Between, shaky_house
from support.house import Person, events, login_lines, open_house, password_of
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.errors import StoreRefused, StoreUnavailable
from securechat.store.contract import Record
from securechat.store.credentials.accounts import Accounts
from securechat.store.credentials.tokens import Tokens
from securechat.store.sqlite import SQLiteStore
from securechat.transport.memory import PlainLink, memory_wires

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
