"""Read markers and unread counts: what a crowd costs, what a failing store leaves, what is cut."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from support.between import Between, shaky_house
from support.house import open_house
from trio.testing import MockClock

from securechat.errors import StoreUnavailable
from securechat.protocol.capabilities import CAPABILITIES
from securechat.server.history.read_state import UNREAD_MAX
from securechat.server.persistence.markers import MARKER_RECORD
from securechat.store.contract import Change, Entry, Event, Record
from securechat.store.credentials.accounts import NewAccount

SERVER = ":securechat.internal"
READ = f"{SERVER} MARKREAD #lobby timestamp=2026-01-01T00:00:00.001Z"
UNREAD = "securechat.internal/unread draft/chathistory batch"
NOW_MS = 1_790_000_000_000


def said(number: int, text: str = "hello", *, account: str = "bob", **fields: Any) -> Entry:
    """Return a message in the lobby."""
    values: dict[str, Any] = {"conversation": "#lobby", "target": "#lobby"} | fields
    source = f"{account}!~{account}@securechat.internal"
    msgid = f"z{number:021}"
    return Entry(Event(msgid, NOW_MS + number, "PRIVMSG", account, source, text=text, **values))


async def test_a_crowd_that_marks_everything_takes_few_transactions(
    folder: Path, autojump_clock: MockClock
) -> None:
    """One commit for what comes together, so that marking does not stall what is said."""
    puts: list[int] = []

    class Counting(Between):
        async def put(self, changes: Sequence[Change]) -> list[Record]:
            puts.append(sum(change.kind == MARKER_RECORD for change in changes))
            return await super().put(changes)

    names = [f"user{number}" for number in range(40)]
    async with open_house(folder, names, between=Counting) as house:
        people = [await house.login(name, "draft/read-marker") for name in names]
        for person in people:
            await person.sync()
        for person in people:
            await person.send(
                *(
                    f"MARKREAD {target} timestamp=2026-01-01T00:00:00.00{step}Z"
                    for step in range(5)
                    for target in ("#lobby", "user0")
                )
            )
        for person in people:
            lines = await person.sync()
            assert [line.rpartition("0")[2] for line in lines if "#lobby" in line] == [
                "Z" if step == 0 else f"{step}Z" for step in range(5)
            ]
        assert sum(puts) == 40 * 2 * 5
        # Each session's marks of one target need a transaction each, and no more than that.
        assert len([count for count in puts if count]) <= 7


async def test_a_marker_that_cannot_be_stored(folder: Path, autojump_clock: MockClock) -> None:
    """read-marker, "Errors and Warnings"; nothing has changed then."""
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", "draft/read-marker")
        between.broken["put"] = StoreUnavailable("disk is full")
        assert await alice.ask("MARKREAD #lobby timestamp=2026-01-01T00:00:00.001Z") == [
            f"{SERVER} FAIL MARKREAD INTERNAL_ERROR #lobby :The read timestamp could not be set"
        ]
        assert await alice.ask("MARKREAD #lobby") == [f"{SERVER} MARKREAD #lobby *"]
        del between.broken["put"]
        assert await alice.ask("MARKREAD #lobby timestamp=2026-01-01T00:00:00.001Z") == [READ]
        between.broken["get"] = StoreUnavailable("busy")
        text = "The read timestamp could not be looked up"
        assert await alice.ask("MARKREAD carol") == [
            f"{SERVER} FAIL MARKREAD INTERNAL_ERROR carol :{text}"
        ]


async def test_who_leaves_at_once_has_marked_it(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        await alice.send("MARKREAD #lobby timestamp=2026-01-01T00:00:00.001Z", "QUIT")
        lines = await alice.rest()
        assert READ in lines
        again = await house.login("alice")
        assert await again.ask("MARKREAD #lobby") == [READ]


async def test_a_clock_that_was_put_back(folder: Path, autojump_clock: MockClock) -> None:
    """What was said can be marked as read, though its time has not come again yet."""
    now = [NOW_MS]
    async with open_house(folder, now_ms=lambda: now[0]) as house:
        alice = await house.login("alice", "echo-message server-time message-tags")
        (echo,) = await alice.ask("PRIVMSG #lobby :hello")
        time = echo.partition("time=")[2].partition(";")[0]
        now[0] -= 3_600_000
        assert await alice.ask(f"MARKREAD #lobby timestamp={time}") == [
            f"{SERVER} MARKREAD #lobby timestamp={time}"
        ]


async def test_another_account_of_the_same_name_has_read_nothing(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        assert await alice.ask("MARKREAD #lobby timestamp=2026-01-01T00:00:00.001Z") == [READ]
        bob = await house.login("bob")
        await bob.ask("MARKREAD alice timestamp=2026-01-01T00:00:00.001Z")
        account = await house.accounts.remove("alice")
        assert [record.key for record in await house.store.scan(MARKER_RECORD)] == ["bob alice"]
        await alice.rest()
        await house.accounts.add(NewAccount("alice", account.password_hash))
        again = await house.login("alice")
        assert await again.ask("MARKREAD #lobby") == [f"{SERVER} MARKREAD #lobby *"]
        (line,) = [line for line in await bob.ask("MARKREAD alice") if "MARKREAD" in line]
        assert line == f"{SERVER} MARKREAD alice *"


async def test_no_more_than_the_newest_are_counted(folder: Path, autojump_clock: MockClock) -> None:
    """The capability's value says up to where a count is exact."""
    (capability,) = [row for row in CAPABILITIES if row.name == "securechat.internal/unread"]
    assert capability.value == f"max={UNREAD_MAX}"
    async with open_house(folder, now_ms=lambda: NOW_MS) as house:
        await house.store.append([said(number, "hi alice") for number in range(UNREAD_MAX + 1)])
        alice = await house.login("alice")
        assert await alice.ask("UNREAD #lobby") == [
            f"{SERVER} UNREAD #lobby {UNREAD_MAX} {UNREAD_MAX}"
        ]


async def test_what_is_said_meanwhile_comes_behind_and_is_not_counted(
    folder: Path, autojump_clock: MockClock
) -> None:
    """So a client that counts on from the line it got counts every message once."""
    async with shaky_house(folder) as (house, between):
        bob = await house.login("bob")
        await bob.ask("PRIVMSG #lobby :before")
        held = between.closed["count"] = trio.Event()
        alice = await house.start_login("alice", UNREAD)
        await bob.until(" JOIN ")
        await bob.ask("PRIVMSG #lobby :meanwhile")
        held.set()
        lines = await alice.until("meanwhile")
        assert lines[-2] == f"{SERVER} UNREAD #lobby 1 0"


@pytest.mark.parametrize("method", ["count", "scan", "position_at"])
async def test_what_cannot_be_counted_is_told(
    folder: Path, autojump_clock: MockClock, logs: list[Any], method: str
) -> None:
    async with shaky_house(folder) as (house, between):
        between.broken[method] = StoreUnavailable("busy")
        alice = await house.start_login("alice", UNREAD)
        await alice.until("What is unread could not be counted")
        assert await alice.ask("UNREAD") == [
            f"{SERVER} FAIL UNREAD INTERNAL_ERROR * :What is unread could not be counted"
        ]
    assert any(entry["event"] == "unread messages not counted" for entry in logs)


async def test_what_was_forgotten_or_redacted_is_not_unread(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder, moderators=["carol"]) as house:
        alice = await house.login("alice")
        bob = await house.login("bob", "echo-message message-tags batch draft/message-redaction")
        echoes = await bob.ask("PRIVMSG #lobby :alice 1", "PRIVMSG #lobby :alice 2")
        msgid = echoes[0].partition("msgid=")[2].partition(" ")[0].partition(";")[0]
        await bob.ask(f"REDACT #lobby {msgid}")
        assert (await alice.ask("UNREAD #lobby"))[-1] == f"{SERVER} UNREAD #lobby 1 1"
