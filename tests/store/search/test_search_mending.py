"""What goes wrong with the search index or its disk, and how it is mended."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import trio
from support.search_files import (
    Disk,
    bytes_of,
    do_damage,
    followed,
    full,
    remove_journal,
    write,
)
from support.store_conformance import entries, entry
from support.store_conformance_search import (
    LOBBY,
    edit,
    found,
    keeping,
    texts,
)

from securechat.errors import StoreError, StoreRefused, StoreUnavailable
from securechat.store.runner import inline
from securechat.store.search import index as search_index
from securechat.store.search import indexer as search
from securechat.store.search import source as search_source
from securechat.store.search.check import disagreements
from securechat.store.search.query import Query
from securechat.store.sqlite import open_store


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
