"""The conformance suite on SQLite, and what is particular to SQLite."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import trio
from support.store_conformance import (
    StoreFactory,
    TestHistory,
    TestJournal,
    entries,
    entry,
    event,
    numbers,
    take,
)
from support.store_conformance_changes import TestAbout, TestAmendments, TestForgetting
from support.store_conformance_counting import TestCounting
from support.store_conformance_feed import TestFeed
from support.store_conformance_records import TestClosing, TestRecords
from trio.testing import wait_all_tasks_blocked

from securechat.errors import StoreRefused, StoreUnavailable
from securechat.store import queries
from securechat.store.contract import Change, Store
from securechat.store.database import FILE_NAME
from securechat.store.runner import inline
from securechat.store.sqlite import SQLiteStore, open_store

__all__ = [
    "TestAbout",
    "TestAmendments",
    "TestClosing",
    "TestCounting",
    "TestFeed",
    "TestForgetting",
    "TestHistory",
    "TestJournal",
    "TestRecords",
]


@pytest.fixture(params=["threads", "inline"])
def store_factory(request: pytest.FixtureRequest, folder: Path) -> StoreFactory:
    runner = inline if request.param == "inline" else None
    return lambda: open_store(folder, runner=runner)


def test_it_is_a_store() -> None:
    store: type[Store] = SQLiteStore
    assert store is SQLiteStore


async def test_every_connection_is_set_up_for_durability(folder: Path) -> None:
    """docs/safety.md, defaults: WAL, ``synchronous=FULL`` (2), acknowledge after commit."""
    async with open_store(folder, runner=inline) as store:
        assert len(store._connections) == 5
        for connection in store._connections:
            for pragma, expected in (
                ("journal_mode", "wal"),
                ("synchronous", 2),
                ("foreign_keys", 1),
                ("busy_timeout", 5000),
            ):
                assert connection.execute(f"PRAGMA {pragma}").fetchone() == (expected,)


async def test_reads_do_not_wait_for_a_writer(folder: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append(entries([1]))
        writing = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
        writing.execute("BEGIN IMMEDIATE")
        writing.execute("DELETE FROM events")
        with trio.fail_after(2):
            assert numbers(await store.history("#lobby", limit=9)) == [1]
            assert await store.changed(0) == ([], 0)
        writing.execute("ROLLBACK")
        writing.close()


async def test_a_writer_that_stays_is_refused_for_certain(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("securechat.store.database.BUSY_SECONDS", 0.05)
    async with open_store(folder) as store:
        writing = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
        writing.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreRefused, match="another process"):
            await store.append(entries([1]))
        writing.execute("ROLLBACK")
        writing.close()
        await store.append(entries([1]))


async def test_a_full_disk_refuses_and_the_store_goes_on(folder: Path) -> None:
    """docs/safety.md, fault 24: a full disk is refused, never shown; what follows works again."""
    async with open_store(folder) as store:
        await store.append(entries([1]))
        writer = store._writer
        (pages,) = writer.execute("PRAGMA page_count").fetchone()
        writer.execute(f"PRAGMA max_page_count = {pages}")
        big = [entry(n, Change("room", str(n), {}), text="x" * 9000) for n in range(2, 9)]
        for _ in range(2):
            with pytest.raises(StoreRefused, match="disk is full"):
                await store.append(big)
        with pytest.raises(StoreRefused, match="disk is full"):
            await store.put([Change("k", "a", {"text": "x" * 9000})])
        assert not writer.in_transaction
        assert await store.locate("m00000002") is None
        assert await store.scan("room") == []
        writer.execute("PRAGMA max_page_count = 100000")
        await store.append(big)
        assert numbers(await take(store, 0, 8)) == [1, *range(2, 9)]
        assert len(await store.scan("room")) == 7


async def test_what_cannot_be_written_is_our_bug_and_stays_loud(folder: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        for broken, error in (
            (event(1, text="lone \ud800 surrogate"), UnicodeEncodeError),
            (event(1, time_ms=object()), sqlite3.ProgrammingError),
            (event(1, tags={"k": object()}), TypeError),
        ):
            with pytest.raises(error):
                await store.append([entry(0), type(entry(0))(broken)])
        with pytest.raises(sqlite3.Error):
            await store.history(object(), limit=1)  # type: ignore[arg-type]  # what is wrong on purpose
        await store.append(entries([5]))
        assert numbers(await take(store, 0, 1)) == [5]


async def test_a_missing_column_is_refused(folder: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        with pytest.raises(StoreRefused, match=r"refused the write.*NOT NULL"):
            await store.append([type(entry(0))(event(1, text=None))])


async def test_a_damaged_database_is_unavailable(folder: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append(entries(range(3000)))
    path = folder / FILE_NAME
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2].ljust(len(content), b"\xff"))
    async with open_store(folder, runner=inline) as store:
        with pytest.raises(StoreUnavailable, match="the database failed"):
            await take(store, 0, 3000)


async def test_what_was_acknowledged_survives_without_closing(folder: Path, tmp_path: Path) -> None:
    """docs/safety.md, fault 24. The files of an open store are what ``kill -9`` leaves behind."""
    async with open_store(folder) as store:
        for number in range(20):
            await store.append([entry(number, Change("k", str(number), {}))])
        assert (folder / f"{FILE_NAME}-wal").stat().st_size > 0
        shutil.copytree(folder, tmp_path / "left")
    async with open_store(tmp_path / "left") as store:
        assert numbers(await take(store, 0, 20)) == list(range(20))
        assert len(await store.scan("k")) == 20
        await store.append(entries([20]))


async def test_a_torn_log_loses_only_its_end(folder: Path, tmp_path: Path) -> None:
    """docs/safety.md, fault 24: batches stay whole, in order and without holes."""
    choose = random.Random(3)
    async with open_store(folder) as store:
        for number in range(0, 60, 3):
            await store.append(entries(range(number, number + 3)))
        shutil.copytree(folder, tmp_path / "left")
    log = (tmp_path / "left" / f"{FILE_NAME}-wal").read_bytes()
    for length in choose.sample(range(len(log)), 12):
        torn = tmp_path / f"torn {length}"
        torn.mkdir()
        shutil.copy(tmp_path / "left" / FILE_NAME, torn)
        # The header of the log has 32 bytes: a crash after the first commit leaves that.
        (torn / f"{FILE_NAME}-wal").write_bytes(log[:length])
        async with open_store(torn, runner=inline) as store:
            kept = numbers(await store.history("#lobby", limit=100))
            assert kept == list(range(len(kept)))
            assert len(kept) % 3 == 0
            await store.append(entries([100]))


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_loses_nothing_acknowledged(folder: Path, seed: int) -> None:
    """docs/safety.md, what is promised for messages: acknowledged means committed."""
    program = textwrap.dedent(
        """
        import sys, pathlib, trio
        from support.store_conformance import entries
        from securechat.store.sqlite import open_store

        async def main():
            async with open_store(pathlib.Path(sys.argv[1])) as store:
                for number in range(0, 1000000, 3):
                    await store.append(entries(range(number, number + 3)))
                    print(number + 2, flush=True)

        trio.run(main)
        """
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, folder],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child.stdout as lines:
        seen = [lines.readline() for _ in range(random.Random(seed).randrange(1, 120))]
        child.kill()
        seen.extend(lines.read().splitlines(keepends=True))
    child.wait(10)
    last_acknowledged = int(next(line for line in reversed(seen) if line.endswith("\n")))

    async def check() -> None:
        async with open_store(folder) as store:
            newest = await store.last()
            assert newest is not None
            (count,) = numbers([newest])
            assert last_acknowledged <= count <= last_acknowledged + 3
            assert numbers(await take(store, 0, count + 1)) == list(range(count + 1))

    trio.run(check)


async def test_history_and_search_by_place_use_an_index(folder: Path) -> None:
    """Deep history must cost what recent history costs."""
    async with open_store(folder, runner=inline) as store:
        statements: list[str] = []
        for connection in store._connections:
            connection.set_trace_callback(statements.append)
        await store.append(entries(range(3)))
        await store.history("#lobby", after=1, before=9, limit=5, newest=True)
        await store.history("#lobby", after=1, limit=5, kinds=["JOIN"])
        await store.locate("m1")
        await store.position_at(1)
        await store.last()
        await store.scan("k", "a")
        await store.scan("k", before="a", limit=5, newest=True)
        await store.changed(0)
        for connection in store._connections:
            connection.set_trace_callback(None)
        selects = [one for one in statements if one.startswith("SELECT")]
        assert len(selects) > 8
        for statement in selects:
            plan = store._writer.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            steps = [step[3] for step in plan]
            # A full scan is fine where the first row of an order is all that is read.
            if "LIMIT 1" not in statement and "sqlite_sequence" not in statement:
                assert not any(
                    step.startswith("SCAN") and "json_each" not in step for step in steps
                ), (statement, steps)
            assert not any("TEMP B-TREE" in step and "FOR ORDER" in step for step in steps), steps


async def test_nothing_new_is_learnt_without_a_query(folder: Path) -> None:
    async with open_store(folder, runner=inline) as store, open_store(folder) as other:
        await other.put([Change("k", "a", {})])
        _, mark = await store.changed(0)
        statements: list[str] = []
        store._watcher.set_trace_callback(statements.append)
        assert await store.changed(mark) == ([], mark)
        assert statements == ["PRAGMA data_version"]
        await other.append(entries([1]))
        assert await store.changed(mark) == ([], mark)
        assert len(statements) > 2
        store._watcher.set_trace_callback(None)


async def test_positions_are_not_used_again(folder: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        positions = await store.append(entries(range(5)))
        store._writer.execute("DELETE FROM events")
        assert await store.last() is None
        assert (await store.append(entries([9])))[0] > positions[-1]


async def test_gaps_in_positions(folder: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        p = await store.append([entry(n, time_ms=n * 10) for n in range(12)])
        store._writer.execute("DELETE FROM events WHERE position IN (1, 4, 5, 6, 9, 12)")
        left = [n for n in range(12) if p[n] not in {1, 4, 5, 6, 9, 12}]
        for time_ms in range(130):
            following = [n for n in left if n * 10 >= time_ms]
            expected = p[following[0]] if following else p[left[-1]] + 1
            assert queries.position_at(store._writer, time_ms) == expected


async def test_a_feed_behind_events_that_are_gone_waits_for_new_ones(folder: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append(entries(range(5)))
    async with open_store(folder, runner=inline) as store:
        store._writer.execute("DELETE FROM events")
        async with trio.open_nursery() as nursery:
            shown: list[int] = []

            async def follow() -> None:
                shown.extend(numbers(await anext(store.feed(0))))

            nursery.start_soon(follow)
            await wait_all_tasks_blocked()
            await store.append(entries([7]))
        assert shown == [7]
