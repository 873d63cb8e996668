"""The conformance suite of search on SQLite, and the task that keeps its index."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
from support.store_conformance import StoreFactory, entries, entry
from support.store_conformance_search import (
    LOBBY,
    TestSearch,
    edit,
    found,
    keeping,
    texts,
)

from securechat.errors import StoreError, StoreRefused, StoreUnavailable
from securechat.store.runner import at_low_priority, inline
from securechat.store.search import index as search_index
from securechat.store.search import indexer as search
from securechat.store.search import source as search_source
from securechat.store.search.check import disagreements
from securechat.store.search.query import Query
from securechat.store.sqlite import SQLiteStore, open_store

__all__ = ["TestSearch"]

T = TypeVar("T")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / search_index.FILE_NAME


@pytest.fixture(params=["threads", "inline"])
def store_factory(request: pytest.FixtureRequest, folder: Path) -> StoreFactory:
    runner = inline if request.param == "inline" else None
    return lambda: open_store(folder, runner=runner)


def mode_of(path: Path) -> int | None:
    return path.stat().st_mode & 0o777 if path.exists() else None


def bytes_of(path: Path) -> bytes:
    """Return everything that is on the disk of an index."""
    beside = path.with_name(path.name + "-wal")
    return path.read_bytes() + (beside.read_bytes() if beside.exists() else b"")


async def followed(store: SQLiteStore) -> None:
    """Wait until the index has followed everything, and forgotten what it is to forget."""
    with trio.fail_after(600):
        await found(store)
        while store.search_index._state.erased:  # noqa: ASYNC110 - whatever makes it go on
            await trio.sleep(1)


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def remove_journal(folder: Path) -> None:
    for name in folder.glob("securechat.db*"):
        name.unlink()


def do_damage(path: Path, damage: str) -> None:
    data = path.read_bytes()
    match damage:
        case "lost":
            path.unlink()
        case "garbage":
            path.write_bytes(b"garbage " * 1000)
        case "torn":
            path.write_bytes(data[:8192] + b"\xff" * 8192 + data[16384:])
        case "empty":
            path.write_bytes(b"")
        case "other":
            path.unlink()
            with closing(sqlite3.connect(path)) as other:
                other.execute("CREATE TABLE things (a)")
                other.execute(f"PRAGMA user_version = {search_index.FORMAT}")
        case "newer":
            with closing(sqlite3.connect(path)) as other:
                other.execute("PRAGMA user_version = 999")


class Disk:
    """A runner that fails in the middle of what a test chooses."""

    def __init__(self) -> None:
        self.broken: dict[Callable[..., Any], Exception] = {}
        self.failures = 0

    async def __call__(self, work: Callable[[], T], /) -> T:
        function: Callable[..., Any] = work
        if isinstance(function, partial) and function.func is at_low_priority:
            (function,) = function.args
        if isinstance(function, partial):
            function = function.func
        if function in self.broken:
            self.failures += 1
            raise self.broken[function]
        return await inline(work)


def full() -> sqlite3.Error:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


# --- what is on the disk ----------------------------------------------------------------------


async def test_only_who_keeps_it_makes_a_file(folder: Path, path: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append(entries([1]))
        await store.history("#lobby", limit=1)
        assert mode_of(path) is None
        async with keeping(store):
            await found(store)
        assert mode_of(path) == 0o600


async def test_it_holds_words_and_no_texts(folder: Path, path: Path) -> None:
    async with open_store(folder, runner=inline) as store, keeping(store):
        await store.append(texts("Unmistakable sentence"))
        await found(store)
        assert b"unmistakable" in bytes_of(path)
        assert b"Unmistakable sentence" not in bytes_of(path)


async def test_no_word_of_what_was_erased_stays(
    autojump_clock: trio.testing.MockClock, folder: Path, path: Path
) -> None:
    """What is redacted does not stay in the file, nor in its log."""
    async with open_store(folder, runner=inline) as store, keeping(store):
        await store.append([entry(n, text=f"common word{n}") for n in range(3000)])
        await store.append(texts("xyzzysecret common", "plughother common", start=3000))
        await found(store, "xyzzysecret")
        await store.append([edit(4000, 3000, ""), edit(4001, 3001, "quux now")])
        await followed(store)
        for word, there in ((b"xyzzy", False), (b"plugh", False), (b"quux", True)):
            assert (word in bytes_of(path)) is there
        assert await found(store, "common", limit=1, newest=True) == [2999]
    assert disagreements(folder) == []


async def test_words_are_forgotten_after_a_restart_too(
    autojump_clock: trio.testing.MockClock, folder: Path, path: Path
) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append(texts("xyzzysecret", "rest"))
        async with keeping(store):
            await followed(store)
            store.search_index._forget_at = trio.current_time() + 1000
            await store.append([edit(2, 0, "")])
            await found(store)
            assert store.search_index._state.erased
    assert b"xyzzysecret" in bytes_of(path)
    async with open_store(folder, runner=inline) as store, keeping(store):
        await followed(store)
        assert b"xyzzysecret" not in bytes_of(path)


async def test_it_gives_disk_space_back(
    autojump_clock: trio.testing.MockClock, folder: Path, path: Path
) -> None:
    async with open_store(folder, runner=inline) as store, keeping(store):
        p = await store.append(
            [entry(n, text=" ".join(f"w{n * 7 + k}" for k in range(20))) for n in range(5000)]
        )
        await followed(store)
        before = len(bytes_of(path))
        while await store.forget(before=p[4500], limit=1000):
            pass
        await followed(store)
        await trio.sleep(60)  # nothing wakes it: it looks
        await followed(store)
        assert len(bytes_of(path)) < before / 4
        assert len(await found(store, limit=10_000)) == 500


async def test_it_is_not_always_forgetting(
    autojump_clock: trio.testing.MockClock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merges: list[float] = []

    def merge_step(*arguments: Any, **more: Any) -> bool:
        if more.get("first"):
            merges.append(autojump_clock.current_time())
        return False

    monkeypatch.setattr(search_index, "merge_step", merge_step)
    async with open_store(folder, runner=inline) as store, keeping(store):
        await store.append(texts(*(["word"] * 20)))
        for number in range(20):
            await store.append([edit(100 + number, number, "")])
            await found(store)
            await trio.sleep(1)
    assert 3 <= len(merges) <= 5


# --- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["lost", "garbage", "torn", "empty", "other", "newer"])
async def test_what_is_wrong_with_the_file_is_mended(
    autojump_clock: trio.testing.MockClock, folder: Path, path: Path, damage: str
) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append(entries(range(2000)))
        async with keeping(store):
            await found(store)
    do_damage(path, damage)
    async with open_store(folder, runner=inline) as store, keeping(store):
        await store.append(entries([2000]))
        with trio.fail_after(120):
            while True:
                try:
                    assert len(await found(store, "text", limit=3000)) == 2001
                    break
                except StoreUnavailable:
                    await trio.sleep(1)
    assert disagreements(folder) == []


async def test_an_index_of_another_journal_is_not_used(folder: Path, path: Path) -> None:
    async with open_store(folder, runner=inline) as store, keeping(store):
        await store.append(texts("theirs"))
        await found(store)
    remove_journal(folder)
    async with open_store(folder, runner=inline) as store:
        await store.append(texts("ours", start=5))
        assert disagreements(folder) == ["The search index does not belong to this journal."]
        async with keeping(store):
            assert await found(store, "theirs") == []
            assert await found(store, "ours") == [5]
    assert disagreements(folder) == []


async def test_an_older_copy_of_the_index_is_not_used(folder: Path, path: Path) -> None:
    """It would not know what was erased since: the queue does not hold that any more."""
    async with open_store(folder, runner=inline) as store:
        async with keeping(store):
            await store.append(texts("secret", "other"))
            await found(store)
        copy = bytes_of(path)
        async with keeping(store):
            await store.append([edit(2, 0, "")])
            await found(store)
        write(path, copy)
        assert disagreements(folder)
        async with keeping(store):
            assert await found(store, "secret") == []
            assert await found(store) == [1]
    assert disagreements(folder) == []


async def test_a_full_disk(autojump_clock: trio.testing.MockClock, folder: Path) -> None:
    """Searches fail meanwhile, messages are stored, and later all of them are found."""
    disk = Disk()
    async with open_store(folder, runner=disk) as store, keeping(store):
        await store.append(texts("before"))
        assert await found(store, "before") == [0]
        disk.broken[search_index.apply] = full()
        await store.append(texts("meanwhile", start=1))
        with pytest.raises(StoreUnavailable, match="disk is full"):
            await found(store, "before")
        with pytest.raises(StoreUnavailable):
            await found(store, "meanwhile")
        assert len(await store.history("#lobby", limit=9)) == 2
        del disk.broken[search_index.apply]
        await trio.sleep(30)
        assert await found(store, "meanwhile") == [1]
        assert disk.failures >= 1


async def test_a_disk_that_is_full_from_the_start(
    autojump_clock: trio.testing.MockClock, folder: Path
) -> None:
    disk = Disk()
    disk.broken[search_index.open_index] = full()
    async with open_store(folder, runner=disk) as store, keeping(store):
        await store.append(texts("word"))
        await trio.sleep(7)
        assert store.search_index.position == 0
        with pytest.raises(StoreUnavailable):
            await found(store, "word")
        disk.broken.clear()
        await trio.sleep(7)
        assert await found(store, "word") == [0]
        assert store.search_index.position == 1


async def test_a_search_that_cannot_open_the_file(
    autojump_clock: trio.testing.MockClock, folder: Path, path: Path
) -> None:
    async with open_store(folder, runner=inline) as store, keeping(store):
        await store.append(texts("word"))
        await found(store)
        search_index.remove(path)
        with pytest.raises(StoreUnavailable):
            await found(store, "word")
        await trio.sleep(20)
        assert await found(store, "word") == [0]


async def test_new_messages_are_found_while_words_are_forgotten(
    autojump_clock: trio.testing.MockClock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_FORGET_PAGES", 1)
    async with open_store(folder, runner=inline) as store, keeping(store):
        await store.append([entry(n, text=f"common word{n}") for n in range(3000)])
        await store.append([edit(3000, 0, "")])
        for number in range(3001, 3030):
            await store.append([entry(number, text=f"word{number}")])
            assert await found(store, f"word{number}") == [number]
        await followed(store)
    assert disagreements(folder) == []


async def test_the_journal_cannot_take_it_out_of_the_queue(
    autojump_clock: trio.testing.MockClock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[StoreError] = [StoreRefused("full"), StoreUnavailable("who knows")]

    real = search_source.followed

    def followed(journal: sqlite3.Connection, sequence: int) -> None:
        if failures:
            raise failures.pop()
        real(journal, sequence)

    async with open_store(folder, runner=inline) as store, keeping(store):
        await store.append(texts("first"))
        assert await found(store, "first") == [0]
        monkeypatch.setattr(search_source, "followed", followed)
        await store.append([edit(1, 0, "second")])
        await trio.sleep(30)
        assert await found(store, "second") == [0]
        assert await found(store, "first") == []
        assert not failures
        assert await store._read(lambda db: db.execute("SELECT * FROM reindex").fetchall()) == []
    assert disagreements(folder) == []


async def test_damage_that_a_search_finds_is_mended(
    autojump_clock: trio.testing.MockClock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Torn(Query):
        def next(self, count: int) -> list[int]:
            monkeypatch.undo()
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

    async with open_store(folder, runner=inline) as store, keeping(store):
        await store.append(entries(range(10)))
        monkeypatch.setattr(search, "Query", Torn)
        with pytest.raises(StoreUnavailable, match="malformed"):
            await found(store, "text")
        await trio.sleep(1)
        assert len(await found(store, "text")) == 10


async def test_a_search_that_takes_too_long_is_interrupted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """soju.im/search, "Security Considerations": a timeout on the total request time."""
    monkeypatch.setattr(search, "SEARCH_SECONDS", 0.0)
    async with open_store(folder, runner=inline) as store, keeping(store):
        await store.append(entries(range(2000)))
        with pytest.raises(StoreUnavailable, match="took longer"):
            await found(store, "text", limit=2000)
        monkeypatch.undo()
        assert len(await found(store, "text", limit=2000)) == 2000


async def test_a_search_does_not_wait_long_for_an_index_that_is_built(
    autojump_clock: trio.testing.MockClock, folder: Path
) -> None:
    async with open_store(folder, runner=inline) as store, trio.open_nursery() as nursery:
        await store.append(entries([1]))
        start = trio.current_time()
        with pytest.raises(StoreUnavailable, match="being built"):
            await store.search(LOBBY, limit=1)
        assert trio.current_time() - start <= 5
        nursery.start_soon(store.keep_index)
        assert await found(store) == [1]
        nursery.cancel_scope.cancel()


async def test_closing_the_store_ends_it(folder: Path) -> None:
    with trio.fail_after(10):
        async with open_store(folder, runner=inline) as store, trio.open_nursery() as nursery:
            nursery.start_soon(store.keep_index)
            nursery.start_soon(store.keep_index)
            await found(store)
            await store.aclose()


# --- the check --------------------------------------------------------------------------------


async def test_the_check_finds_words_too_many_and_too_few(folder: Path, path: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append(texts("one two", "three"))
        assert disagreements(folder) == []  # there is no index yet
        async with keeping(store):
            await found(store)
        for statement, which in (
            ("INSERT INTO messages (rowid, text) VALUES (2, 'zoo')", "has a word too many"),
            (
                "INSERT INTO messages (messages, rowid, text) VALUES ('delete', 2, 'three zoo')",
                "lacks a word",
            ),
        ):
            with closing(search_index.connect(path)) as index:
                index.execute(statement)
            (sentence,) = disagreements(folder)
            assert which in sentence
            assert "position 2" in sentence
        # What is to be followed still is not looked at.
        await store.append([edit(2, 1, "")])
        assert disagreements(folder) == []


async def test_the_check_of_a_damaged_file(folder: Path, path: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append(entries(range(3000)))
        async with keeping(store):
            await found(store)
    for damage in ("torn", "garbage", "empty"):
        do_damage(path, damage)
        (sentence,) = disagreements(folder)
        assert sentence.startswith("The search index ")


async def test_the_check_of_an_index_without_a_state(folder: Path, path: Path) -> None:
    async with open_store(folder, runner=inline) as store, keeping(store):
        await found(store)
    with closing(search_index.connect(path)) as index:
        index.execute("DELETE FROM state")
    assert "how far" in disagreements(folder)[0]
    async with open_store(folder, runner=inline) as store, keeping(store):
        assert await found(store) == []
