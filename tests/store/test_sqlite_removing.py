"""What SQLite keeps of what was removed: nothing, and the disk gets its room back."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from support.store_conformance import (
    entries,
    entry,
    event,
)

from securechat.errors import StoreUnavailable, UserError
from securechat.store import pruning
from securechat.store.contract import Amendment, Entry
from securechat.store.database import FILE_NAME
from securechat.store.pruning import make_shrinkable
from securechat.store.runner import inline
from securechat.store.sqlite import SQLiteStore, open_store

SECRET = "the quick brown secret"


def on_disk(folder: Path) -> bytes:
    """Return all that the store's files hold."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob(f"{FILE_NAME}*")))


async def forget_all(store: SQLiteStore, before: int) -> int:
    steps = 0
    while await store.forget(before=before, limit=100):
        steps += 1
    while await store.shrink():
        pass
    assert await store.clear_log()
    return steps


async def test_what_is_forgotten_is_on_the_disk_no_more(folder: Path) -> None:
    """docs/safety.md: erased means erased; the index has its own tests."""
    async with open_store(folder, runner=inline) as store:
        p = await store.append([entry(n, text=f"{SECRET} {n}") for n in range(300)])
        await store.append(entries(range(300, 400)))
        assert SECRET.encode() in on_disk(folder)
        await forget_all(store, p[-1] + 1)
        # What the index is yet to learn is the last place: it must be told what to forget.
        assert SECRET.encode() in on_disk(folder)
        store._writer.execute("DELETE FROM reindex")
        assert await store.clear_log()
        assert SECRET.encode() not in on_disk(folder)
        assert b"text 399" in on_disk(folder)


async def test_what_was_amended_is_on_the_disk_no_more(folder: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append([entry(n, text=f"{SECRET} {n}") for n in range(3)])
        for number in range(3):
            erasing = Amendment(f"m{number:08}", "")
            about = event(number + 10, kind="REDACT", text="", parent=erasing.msgid)
            await store.append([Entry(about, amends=[erasing])])
        store._writer.execute("DELETE FROM reindex")
        assert await store.clear_log()
        assert SECRET.encode() not in on_disk(folder)


async def test_the_index_is_told_of_what_it_may_have(folder: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append([entry(1), entry(2, kind="NOTICE"), entry(3, kind="TOPIC")])
        await store.append([entry(4, text=""), entry(5, kind="EDIT", parent="m00000001")])
        await store.forget(before=99, limit=9)
        rows = store._writer.execute("SELECT position, old_text, new_text FROM reindex").fetchall()
        assert rows == [(1, "text 1", ""), (2, "text 2", "")]


async def test_the_file_shrinks(folder: Path) -> None:
    async with open_store(folder) as store:
        for number in range(0, 8000, 1000):
            await store.append(
                [
                    entry(n, conversation=f"#{n % 10}", text="x" * 200)
                    for n in range(number, number + 1000)
                ]
            )
        assert await store.clear_log()
        before = (folder / FILE_NAME).stat().st_size
        assert (folder / f"{FILE_NAME}-wal").stat().st_size == 0
        while await store.forget(before=99999, limit=100, conversation="#7"):
            pass
        steps = await forget_all(store, 6001)
        assert steps >= 50
        store._writer.execute("DELETE FROM reindex")
        while await store.shrink():
            pass
        assert await store.clear_log()
        assert (folder / FILE_NAME).stat().st_size < before / 3
        assert len(await store.history("#1", limit=999)) == 200


async def test_a_reader_of_an_older_state_keeps_the_log(folder: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append(entries(range(9)))
        reading = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM events").fetchone()
        await store.forget(before=5, limit=9)
        assert not await store.clear_log()
        reading.execute("COMMIT")
        assert await store.clear_log()
        reading.close()
        assert store._writer.execute("PRAGMA busy_timeout").fetchone() == (5000,)


def make_old_file(folder: Path) -> None:
    """Make a file whose free pages stay in it, as they were."""
    folder.mkdir()
    old = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
    old.execute("PRAGMA secure_delete = OFF")
    old.execute("CREATE TABLE waste (text TEXT)")
    old.execute("INSERT INTO waste VALUES (?)", (SECRET * 5000,))
    old.execute("DROP TABLE waste")
    old.close()
    (folder / FILE_NAME).chmod(0o600)


async def test_a_file_of_an_older_version_is_made_shrinkable_once(folder: Path) -> None:
    make_old_file(folder)
    async with open_store(folder, runner=inline) as store:
        p = await store.append(entries(range(500)))
        assert SECRET.encode() in on_disk(folder)
        await store.forget(before=p[400], limit=500)
        assert not await store.shrink()
        with pytest.raises(StoreUnavailable, match="locked"):
            make_shrinkable(folder)
        await store.append(entries([1000]))
    assert make_shrinkable(folder)
    assert not make_shrinkable(folder)
    assert SECRET.encode() not in on_disk(folder)
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    async with open_store(folder, runner=inline) as store:
        assert len(await store.history("#lobby", limit=999)) == 101
        while await store.forget(before=p[450], limit=500):
            pass
        await store.shrink()
        assert (await store._read(pruning.free_pages), await store.shrink()) == (0, False)


def test_what_is_no_database_is_not_made_shrinkable(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE_NAME).touch()
    assert not make_shrinkable(folder)
    (folder / FILE_NAME).write_bytes(b"no database" * 1000)
    with pytest.raises(UserError, match="is not a SecureChat database or is damaged"):
        make_shrinkable(folder)
