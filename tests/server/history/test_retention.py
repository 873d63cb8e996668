"""What goes when, that people chat on meanwhile, and that the disk is really given back."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
from support.between import shaky_house
from support.house import CHEAP, House, open_house, quiet_settings
from trio.testing import MockClock

from securechat.errors import StoreUnavailable
from securechat.server.fanout.delivery import Delivery
from securechat.server.history import retention
from securechat.server.history.retention import EVENTS_AT_ONCE, ROUND_SECONDS, remove_old, tidy
from securechat.server.rooms.keep_limits import Keeping
from securechat.server.run import make_server, running
from securechat.store import database, pruning
from securechat.store.contract import Entry, Event
from securechat.store.credentials.passwords import Hasher
from securechat.store.database import FILE_NAME
from securechat.store.runner import inline
from securechat.store.sqlite import SQLiteStore, open_store

T = TypeVar("T")

HOUR_MS = 3_600_000
NOW_MS = 1_790_000_000_000


def now_ms() -> int:
    return NOW_MS


def said(number: int, conversation: str, hours_ago: float, **fields: Any) -> Entry:
    values: dict[str, Any] = {
        "msgid": f"m{number:08}",
        "time_ms": NOW_MS - round(hours_ago * HOUR_MS),
        "kind": "PRIVMSG",
        "account": "alice",
        "source": "alice!~alice@securechat.internal",
        "conversation": conversation,
        "target": conversation,
        "text": f"text {number}",
    }
    return Entry(Event(**(values | fields)))


async def fill(folder: Path, entries: Sequence[Entry]) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append(entries)


async def left(store: SQLiteStore, conversation: str) -> list[int]:
    return [int(one.event.msgid[1:]) for one in await store.history(conversation, limit=10_000)]


async def hours_in(folder: Path, conversation: str, count: int = 10) -> None:
    """Have something said once an hour up to now: number 0 ``count`` hours ago."""
    await fill(folder, [said(n, conversation, count - n) for n in range(count)])


async def set_keeping(house: House, seconds: int = 0, messages: int = 0) -> None:
    house.server.lobby.keeping = Keeping(seconds, messages)


async def test_the_servers_days_hold_everywhere(folder: Path, autojump_clock: MockClock) -> None:
    where = ["#lobby", "alice bob", "@#lobby"]
    await fill(folder, [said(n, where[n % 3], 30 - n) for n in range(30)])
    async with open_house(folder, changes={"keep_days": 1}, now_ms=now_ms) as house:
        assert await remove_old(house.server) == 6
        # One day is 24 hours: the 6 before number 6 go, which is just as old.
        assert (await left(house.store, "#lobby"))[0] == 6
        assert (await left(house.store, "alice bob"))[0] == 7
        assert (await left(house.store, "@#lobby"))[0] == 8
        assert await remove_old(house.server) == 0


async def test_the_servers_number_holds_for_each(folder: Path, autojump_clock: MockClock) -> None:
    where = ["#lobby", "alice bob"]
    kinds = ["PRIVMSG", "PRIVMSG", "NOTICE", "NOTICE", "TOPIC", "TAGMSG"]
    await fill(folder, [said(n, where[n % 2], 1, kind=kinds[n % 6]) for n in range(36)])
    async with open_house(folder, changes={"keep_messages": 4}, now_ms=now_ms) as house:
        await remove_old(house.server)
        # What is no message does not count, and what is older than the fourth one goes.
        assert await left(house.store, "#lobby") == [24, 26, 28, 30, 32, 34]
        assert await left(house.store, "alice bob") == [25, 27, 29, 31, 33, 35]


async def test_a_channel_keeps_less(folder: Path, autojump_clock: MockClock) -> None:
    await fill(folder, [said(n, ["#lobby", "alice bob"][n % 2], 20 - n) for n in range(20)])
    async with open_house(folder, now_ms=now_ms) as house:
        await set_keeping(house, seconds=5 * 3600)
        await remove_old(house.server)
        assert await left(house.store, "#lobby") == [16, 18]
        await set_keeping(house, messages=1)
        await remove_old(house.server)
        assert await left(house.store, "#lobby") == [18]
        assert len(await left(house.store, "alice bob")) == 10


async def test_a_channel_keeps_no_more_than_the_server(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Also one that was set while the server kept more."""
    await hours_in(folder, "#lobby", 48)
    changes = {"keep_days": 1, "keep_messages": 10}
    async with open_house(folder, changes=changes, now_ms=now_ms) as house:
        await set_keeping(house, seconds=40 * 3600, messages=1000)
        await remove_old(house.server)
        assert await left(house.store, "#lobby") == list(range(38, 48))


async def test_what_is_said_to_those_with_a_role_goes_with_the_channel(
    folder: Path, autojump_clock: MockClock
) -> None:
    await hours_in(folder, "@#lobby")
    async with open_house(folder, now_ms=now_ms) as house:
        await set_keeping(house, seconds=3 * 3600)
        await remove_old(house.server)
        assert await left(house.store, "@#lobby") == [7, 8, 9]


async def test_the_history_of_a_channel_that_is_gone_goes(
    folder: Path, autojump_clock: MockClock
) -> None:
    where = ["#gone", "@#gone", "#lobby", "#gone 2"]
    await fill(folder, [said(n, where[n % 4], 1) for n in range(400)])
    async with open_house(folder, now_ms=now_ms) as house:
        assert await remove_old(house.server) == 300
        assert await house.store.conversations(limit=9) == ["#lobby"]


async def test_a_channel_that_was_just_made_is_no_such_one(
    folder: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not delivered yet is of channels that the directory does not know yet."""
    await fill(folder, [said(1, "#gone", 1)])
    monkeypatch.setattr(Delivery, "deliver", lambda self, batch: None)
    async with open_house(folder, now_ms=now_ms) as house:
        await house.store.append([said(2, "#new", 0)])
        assert await remove_old(house.server) == 1
        assert await left(house.store, "#new") == [2]


async def test_a_server_that_keeps_everything_removes_nothing(
    folder: Path, autojump_clock: MockClock
) -> None:
    await hours_in(folder, "#lobby", 1000)
    async with open_house(folder, now_ms=now_ms) as house:
        assert await remove_old(house.server) == 0


@pytest.mark.usefixtures("hours")
async def test_it_is_done_every_quarter_of_an_hour(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    await hours_in(folder, "#lobby", 30)
    async with open_house(folder, changes={"keep_days": 1}, now_ms=now_ms) as house:
        await trio.sleep(ROUND_SECONDS - 1)
        assert len(await left(house.store, "#lobby")) == 30
        await trio.sleep(2)
        assert len(await left(house.store, "#lobby")) == 24
        await trio.sleep(5 * ROUND_SECONDS)
    rows = [row for row in logs if row["event"] == "old messages removed"]
    assert [row["events"] for row in rows] == [6]


@pytest.mark.usefixtures("hours")
@pytest.mark.parametrize("method", ["forget", "conversations", "shrink", "clear_log"])
async def test_a_store_that_fails_is_asked_again(
    folder: Path, autojump_clock: MockClock, logs: list[Any], method: str
) -> None:
    await hours_in(folder, "#lobby", 30)
    async with shaky_house(folder, changes={"keep_days": 1}, now_ms=now_ms) as (house, between):
        between.broken[method] = StoreUnavailable("disk on fire")
        await trio.sleep(ROUND_SECONDS + 60)
        (row,) = [row for row in logs if row["event"].startswith("old messages not removed")]
        assert row["reason"] == "disk on fire"
        del between.broken[method]
        await trio.sleep(ROUND_SECONDS + 60)
        assert len(await left(house.store, "#lobby")) == 24


@pytest.mark.usefixtures("hours")
async def test_no_text_is_on_the_disk_once_the_index_has_followed(
    folder: Path, autojump_clock: MockClock
) -> None:
    """docs/safety.md: erased means erased, in the database, its log and the search index."""
    words = ("platypus", "wombat")
    await fill(folder, [said(n, "#lobby", 30 - n, text=words[n // 15]) for n in range(30)])
    async with open_house(folder, now_ms=now_ms) as house:
        await trio.sleep(60)
        assert b"platypus" in on_disk(folder)
        await set_keeping(house, seconds=15 * 3600)
        await trio.sleep(3 * ROUND_SECONDS)
        assert await left(house.store, "#lobby") == list(range(15, 30))
        assert b"platypus" not in on_disk(folder)
        assert b"wombat" in on_disk(folder)


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


# --- on threads and a real disk ---------------------------------------------------------------

OLD_EVENTS = 30_000


async def test_people_chat_on_meanwhile_and_the_disk_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many steps of the pruner a message waits for, and the file before and after."""
    where = [f"#{number}" for number in range(20)]
    async with open_store(tmp_path) as store:
        for first in range(0, OLD_EVENTS, 2000):
            rows = range(first, first + 2000)
            await store.append([said(n, where[n % 20], 99, text="x" * 300) for n in rows])
        await store.append([said(10**7, "#lobby", 1)])
        await store.clear_log()
    before = (tmp_path / FILE_NAME).stat().st_size
    steps = watch_steps(monkeypatch)
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0.0)
    async with house_on_disk(tmp_path) as house:
        alice, bob = await house.login("alice", "echo-message"), await house.login("bob")
        steps.clear()
        waited: list[int] = []
        async with trio.open_nursery() as nursery:

            async def prune() -> None:
                assert await remove_old(house.server) == OLD_EVENTS
                await tidy(house.server)
                nursery.cancel_scope.cancel()

            nursery.start_soon(prune)
            heard = 0
            while True:
                start = len(steps)
                await alice.send(f"PRIVMSG #lobby :number {heard}")
                await bob.until(f"number {heard}")
                waited.append(len(steps) - start)
                heard += 1
        # Let the index forget what it is told to, then give that back too.
        with trio.fail_after(30):
            while await house.store._read(waiting_for_index):  # noqa: ASYNC110 - it tells nobody
                await trio.sleep(0.05)  # real: the index works in a thread
        await tidy(house.server)
        after = (tmp_path / FILE_NAME).stat().st_size
    assert heard > 20
    assert after < before / 10
    assert len(steps) >= OLD_EVENTS / EVENTS_AT_ONCE
    # Writers take turns: a message waits for the step under way, and perhaps for the next.
    assert max(waited) <= 2


def waiting_for_index(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM reindex").fetchone()
    return int(count)


def watch_steps(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return the list that gets an item for each write transaction of the pruner."""
    steps: list[None] = []
    real = database.transact
    removing = threading.local()

    def noting(name: str) -> Callable[..., Any]:
        step = getattr(pruning, name)

        def note(*arguments: Any) -> Any:
            removing.now = True
            return step(*arguments)

        return note

    def transact(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        removing.now = False
        result = real(connection, work)
        if removing.now:
            steps.append(None)
        return result

    for name in ("forget", "shrink"):
        monkeypatch.setattr(pruning, name, noting(name))
    monkeypatch.setattr(database, "transact", transact)
    return steps


@asynccontextmanager
async def house_on_disk(folder: Path) -> AsyncIterator[House]:
    """Run a server whose store is in threads, as in earnest."""
    async with open_house(folder):
        pass
    hasher = Hasher(CHEAP, inline)
    async with open_store(folder) as store:
        settings = quiet_settings(folder, keep_days=1)
        server = await make_server(settings, store, hasher=hasher, now_ms=now_ms)
        async with running(server) as current:
            yield House(current, store, hasher)
