"""What another process changes: accounts whose sessions must end, and announcements."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from support.between import shaky_house
from support.house import House, open_house
from trio.testing import MockClock

from securechat.errors import StoreRefused, StoreUnavailable
from securechat.server.access.limits import NEW_CONNECTIONS_WINDOW_SECONDS
from securechat.server.watchers import (
    ANNOUNCEMENT_RECORD,
    AUDIT_PORTION,
    AUDIT_SECONDS,
    announce,
)
from securechat.store.audit import AuditEntry, audit_page, audited
from securechat.store.contract import Change
from securechat.store.credentials.accounts import Accounts

Act = Callable[[Accounts], Awaitable[object]]


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda accounts: accounts.disable("alice"), "Your account was disabled"),
        (lambda accounts: accounts.remove("alice"), "Your account was removed"),
        (lambda accounts: accounts.set_password("alice", "x"), "Your password was changed"),
    ],
)
async def test_sessions_of_a_changed_account_end_within_a_second(
    folder: Path, autojump_clock: MockClock, act: Act, reason: str
) -> None:
    """docs/safety.md, fault 23."""
    async with open_house(folder) as house:
        sessions = [await house.login("alice"), await house.login("alice")]
        bob = await house.login("bob")
        start = trio.current_time()
        await act(house.accounts)
        for person in sessions:
            assert (await person.rest())[-1] == f"ERROR :Closing link: {reason}"
        assert trio.current_time() - start <= 1.0
        assert await bob.line() == f":alice!~alice@securechat.internal QUIT :{reason}"
        assert set(house.server.directory.users) == {"bob"}


async def test_a_change_that_touches_no_login_ends_nothing(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        account = await house.accounts.named("alice")
        await house.accounts.rehash(account, await house.hasher.hash("the same, hashed again"))
        await house.accounts.note_login(account)
        await house.accounts.disable("carol")  # who is not here
        await trio.sleep(1)
        assert await alice.sync() == []


async def test_a_new_role_is_seen_at_once(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        await house.accounts.set_role("alice", "admin")
        await trio.sleep(1)
        assert any(" 313 " in line for line in await alice.ask("WHOIS alice"))


async def test_a_store_that_cannot_be_asked_is_asked_again(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice")
        between.broken["changed"] = StoreUnavailable("busy")
        await house.accounts.disable("alice")
        await trio.sleep(3)
        assert await alice.sync() == []
        del between.broken["changed"]
        assert (await alice.rest())[-1] == "ERROR :Closing link: Your account was disabled"
    assert any(entry["event"] == "changes not readable, asking again" for entry in logs)


async def leave(house: House, text: str, key: str = "1") -> None:
    """Leave an announcement, as ``securechat-server announce`` does."""
    await house.store.put([Change(ANNOUNCEMENT_RECORD, key, {"text": text})])


async def test_an_announcement_is_told_once_and_taken_away(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice", "message-tags server-time")
        bob = await house.login("bob")
        await alice.sync()
        await leave(house, "Back in five minutes")
        await trio.sleep(1)
        text = ":Back in five minutes"
        assert await alice.sync() == [f":securechat.internal NOTICE alice {text}"]
        assert await bob.sync() == [f":securechat.internal NOTICE bob {text}"]
        assert await house.store.get(ANNOUNCEMENT_RECORD, "1") is None


@pytest.mark.parametrize("error", [StoreRefused("full"), StoreUnavailable("busy")])
async def test_an_announcement_that_cannot_be_taken_away_was_told_all_the_same(
    folder: Path, autojump_clock: MockClock, logs: list[Any], error: Exception
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice")
        between.broken["put"] = error  # type: ignore[assignment]  # no StoreError: a bug
        await leave(house, "Hello")
        await trio.sleep(2)
        assert await alice.sync() == [":securechat.internal NOTICE alice :Hello"]
    assert any(entry["event"] == "announcement not acknowledged" for entry in logs)


async def test_an_old_announcement_is_not_told_at_the_next_start(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        pass
    async with open_house(folder) as house:
        alice = await house.login("alice")
        await leave(house, "now", "2")
        await trio.sleep(1)
        assert len(await alice.sync()) == 1
        # One that another program only touches is told; what is gone is not.
        await house.store.put([Change(ANNOUNCEMENT_RECORD, "2", None)])
        await trio.sleep(1)
        assert await alice.sync() == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one", ["one"]),
        ("one\n\n  \ntwo\r\n", ["one", "two"]),
        ("nul\0byte", ["nulbyte"]),
        ("x" * 900, ["x" * 400, "x" * 400, "x" * 100]),
        ("", []),
        (" \n", []),
    ],
)
async def test_an_announcement_is_as_many_notices_as_it_needs(
    folder: Path, autojump_clock: MockClock, text: str, lines: list[str]
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        assert announce(house.server, text) == (1 if lines else 0)
        assert await alice.sync() == [
            f":securechat.internal NOTICE alice :{line}" for line in lines
        ]


async def test_limits_forget_what_no_longer_counts(folder: Path, autojump_clock: MockClock) -> None:
    changes = {"new_connections_per_address": 5, "login_attempts_per_minute": 3}
    async with open_house(folder, changes=changes) as house:
        person = await house.start_login("alice", password="guess")
        await person.until(" 904 ")
        server = house.server
        assert server.addresses._recent
        assert server.gate.limits._sources
        await trio.sleep(NEW_CONNECTIONS_WINDOW_SECONDS + 61)
        assert not server.addresses._recent
        assert not server.gate.limits._sources


@pytest.mark.usefixtures("hours")
async def test_the_audit_log_tells_of_so_many_days(folder: Path, autojump_clock: MockClock) -> None:
    """In portions, for a commit of everything at once would keep messages waiting."""
    start_ms, day_ms = 1_790_000_000_000, 86_400_000

    def now_ms() -> int:
        return start_ms + round(trio.current_time() * 1000)

    entries = [AuditEntry(start_ms - 3 * day_ms, "dave", "kick", f"n{n}") for n in range(450)]
    entries += [AuditEntry(start_ms - 2 * day_ms + 60_000, "dave", "kick", "bob")]
    entries += [AuditEntry(start_ms, "dave", "kick", "carol")]
    async with open_house(folder) as house:
        await house.store.put([audited(entry) for entry in entries])
        await trio.sleep(1)
        assert len((await audit_page(house.store, limit=1000))[0]) == len(entries)
    options: dict[str, Any] = {"changes": {"audit_days": 2}, "now_ms": now_ms}
    async with shaky_house(folder, **options) as (house, between):
        await trio.sleep(0.1)
        assert len((await audit_page(house.store, limit=1000))[0]) == len(entries) - AUDIT_PORTION
        between.broken["prune"] = StoreUnavailable("busy")
        await trio.sleep(10)
        assert len((await audit_page(house.store, limit=1000))[0]) == len(entries) - AUDIT_PORTION
        between.broken.clear()
        await trio.sleep(AUDIT_SECONDS)
        assert await audit_page(house.store, limit=1000) == (entries[-1:], "")
    async with open_house(folder, changes={"audit_days": 0}) as house:
        await trio.sleep(1)
        assert await audit_page(house.store, limit=1000) == (entries[-1:], "")
