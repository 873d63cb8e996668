"""Moderation where the store fails, and what transcripts cannot show."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from support.between import shaky_house
from support.house import House, Person, open_house
from trio.testing import MockClock

from securechat.errors import StoreError, StoreRefused, StoreUnavailable
from securechat.store.audit import audit_page
from securechat.store.contract import Change

FULL, BUSY = StoreRefused("the disk is full"), StoreUnavailable("busy")
NOT_DONE = "It could not be stored and was not done. Try again later."
UNSURE = "It could not be stored for certain. Look whether it was done before you do it again."


async def promoted(house: House, name: str, role: str) -> Person:
    await house.accounts.set_role(name, role)
    return await house.login(name)


@pytest.mark.parametrize(
    ("method", "error", "line", "answer"),
    [
        ("put", FULL, "SUSPEND bob", f"FAIL SUSPEND NOT_STORED :{NOT_DONE}"),
        ("put", BUSY, "SUSPEND bob", f"FAIL SUSPEND NOT_STORED :{UNSURE}"),
        ("get", BUSY, "SUSPEND bob", f"FAIL SUSPEND NOT_STORED :{UNSURE}"),
        ("put", FULL, "UNSUSPEND carol", f"FAIL UNSUSPEND NOT_STORED :{NOT_DONE}"),
        ("get", BUSY, "BAN #lobby bob", f"FAIL BAN NOT_STORED :{UNSURE}"),
        ("get", BUSY, "INVITE nobody #lobby", f"FAIL INVITE NOT_STORED :{UNSURE}"),
        ("append", FULL, "BAN #lobby bob", "FAIL BAN NOT_STORED #lobby :*"),
        ("append", FULL, "MUTE #lobby bob 1h", "FAIL BAN NOT_STORED #lobby :*"),
        ("append", FULL, "SLOWMODE #lobby 9", "FAIL SLOWMODE NOT_STORED #lobby :*"),
        ("scan", BUSY, "AUDIT", "FAIL AUDIT NOT_READ :*"),
    ],
)
async def test_what_cannot_be_stored_is_not_done(
    folder: Path,
    autojump_clock: MockClock,
    method: str,
    error: StoreError,
    line: str,
    answer: str,
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await promoted(house, "alice", "admin")
        bob = await house.login("bob")
        await house.accounts.suspend("carol", by="dave")
        await alice.sync()
        before = await audit_page(house.store, limit=100)
        between.broken[method] = error
        (line,) = await alice.ask(line)
        beginning, star, _ = f":securechat.internal {answer}".partition("*")
        assert line.startswith(beginning)
        assert star or line == beginning
        between.broken.clear()
        await trio.sleep(1)
        assert await bob.sync() == []
        assert await audit_page(house.store, limit=100) == before
        assert house.server.lobby.modes.listed("b") == ()
        assert house.server.lobby.pace.seconds == 0


async def test_a_role_counts_and_ends_within_a_second(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        assert " 481 " in (await alice.ask("SUSPEND bob"))[0]
        await house.accounts.set_role("alice", "moderator")
        await trio.sleep(1)
        assert "is suspended" in (await alice.ask("SUSPEND bob"))[0]
        assert " 481 " in (await alice.ask("AUDIT"))[0]
        await house.accounts.set_role("alice", "member")
        await trio.sleep(1)
        assert " 481 " in (await alice.ask("UNSUSPEND bob"))[0]


@pytest.mark.parametrize("command", ["SUSPEND", "UNSUSPEND"])
async def test_an_account_that_goes_at_that_moment(
    folder: Path, autojump_clock: MockClock, command: str
) -> None:
    """What was looked up is gone when it is to be changed."""
    async with shaky_house(folder) as (house, between):
        alice = await promoted(house, "alice", "moderator")
        await house.accounts.suspend("bob", by="dave")
        looked_up = 0
        get = between.store.get

        async def get_and_remove(kind: str, key: str) -> object:
            nonlocal looked_up
            record = await get(kind, key)
            if (kind, key) == ("account", "bob"):
                looked_up += 1
                if looked_up == 1:
                    await house.store.put([Change("account", "bob", None)])
            return record

        between.get = get_and_remove  # type: ignore[assignment, method-assign]  # in its place
        (line,) = await alice.ask(f"{command} bob")
        assert f"FAIL {command} NO_SUCH_ACCOUNT bob" in line


async def test_who_is_logging_in_while_suspended_is_not_let_in(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        bob = await house.visit()
        await bob.send("PASS :bob:the long password of bob", "CAP LS 302", "NICK bob")
        await bob.send("USER bob 0 * :Bob", "CAP REQ sasl", "AUTHENTICATE PLAIN")
        await bob.send("AUTHENTICATE AGJvYgB0aGUgbG9uZyBwYXNzd29yZCBvZiBib2I=")
        await bob.until(" 903 ")
        await house.accounts.suspend("bob", by="dave", reason="spam")
        await bob.send("CAP END")
        assert (await bob.rest())[-1].startswith("ERROR :Closing link: Your account ")


async def test_an_expired_entry_counts_no_longer_though_it_is_still_there(
    folder: Path, autojump_clock: MockClock
) -> None:
    """By comparison of times; that the store is down delays only that it is seen to go."""
    now = {"ms": 1_790_000_000_000}

    def now_ms() -> int:
        return now["ms"]

    async with open_house(folder, admins=("alice",), now_ms=now_ms) as house:
        alice = await house.login("alice")
        bob = await house.login("bob")
        await alice.ask("JOIN #garden", "BAN #garden bob 60", "MUTE #lobby bob 60")
        assert any(" 404 " in line for line in await bob.ask("PRIVMSG #lobby :hello"))
        now["ms"] += 60_000
        assert len(house.server.lobby.modes.listed("b")) == 1
        await bob.ask("PRIVMSG #lobby :hello")
        assert any("PRIVMSG #lobby :hello" in line for line in await alice.sync())
        assert any(" 366 " in line for line in await bob.ask("JOIN #garden"))
        await trio.sleep(3)
        assert house.server.lobby.modes.listed("b") == ()
        assert ":securechat.internal MODE #lobby -b mute:account:bob" in await alice.sync()


async def test_several_entries_expire_at_once_and_after_a_failure_again(
    folder: Path, autojump_clock: MockClock
) -> None:
    now = {"ms": 1_790_000_000_000}
    async with shaky_house(folder, now_ms=lambda: now["ms"]) as (house, between):
        alice = await promoted(house, "alice", "admin")
        await alice.ask("JOIN #garden", "BAN #garden bob 60", "MUTE #garden bob 60")
        now["ms"] += 60_000
        between.broken["append"] = FULL
        await trio.sleep(5)
        assert await alice.sync() == []
        between.broken.clear()
        await trio.sleep(5)
        assert await alice.sync() == [
            ":securechat.internal MODE #garden -b account:bob",
            ":securechat.internal MODE #garden -b mute:account:bob",
        ]
        record = await house.store.get("channel", "#garden")
        assert record is not None
        assert record.value is not None
        assert record.value["modes"]["lists"]["b"] == []  # type: ignore[index]  # JSON


async def test_the_server_itself_has_no_account(folder: Path, autojump_clock: MockClock) -> None:
    """IRCv3 account-tag: what no account sends has no such tag."""
    now = {"ms": 1_790_000_000_000}
    async with open_house(folder, admins=("alice",), now_ms=lambda: now["ms"]) as house:
        alice = await house.login("alice", "account-tag message-tags")
        await alice.ask("MUTE #lobby bob 60")
        now["ms"] += 60_000
        await trio.sleep(3)
        (line,) = await alice.sync()
        assert line.startswith("@msgid=")
        assert "account=" not in line


async def test_the_list_is_full(folder: Path, autojump_clock: MockClock) -> None:
    """Modern IRC Client Protocol, ERR_BANLISTFULL (478)."""
    async with open_house(folder, admins=("alice",)) as house:
        alice = await house.login("alice")
        await alice.ask(*[f"MODE #lobby +b {number}!*@*" for number in range(100)])
        (line,) = await alice.ask("BAN #lobby bob")
        assert line.startswith(":securechat.internal 478 alice #lobby b :")
        # To change the time of one that is there needs no more room.
        assert "is banned" in (await alice.ask("BAN #lobby 7!*@* 1h"))[0]


async def test_a_long_entry_is_told_whole(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder, admins=("alice",)) as house:
        alice = await house.login("alice")
        masks = " ".join(f"{letter * 40}!*@*" for letter in "abcdefgh")
        await alice.ask(f"MODE #lobby +bbbbbbbb {masks}")
        *lines, last = await alice.ask("AUDIT")
        assert len(lines) > 1
        assert all(len(line.encode()) <= 510 for line in lines)
        told = "".join(line.partition(" :")[2] for line in lines).replace(" ", "")
        assert masks.replace(" ", "") in told
        assert last.endswith("1 entries, the latest last")
