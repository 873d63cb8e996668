"""The conformance suite of search on SQLite, and what its index leaves on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from support.search_files import (
    bytes_of,
    followed,
    mode_of,
)
from support.store_conformance import StoreFactory, entries, entry
from support.store_conformance_search import (
    TestSearch,
    edit,
    found,
    keeping,
    texts,
)

from securechat.store.runner import inline
from securechat.store.search import index as search_index
from securechat.store.search.check import disagreements
from securechat.store.sqlite import open_store

__all__ = ["TestSearch"]


@pytest.fixture(params=["threads", "inline"])
def store_factory(request: pytest.FixtureRequest, folder: Path) -> StoreFactory:
    runner = inline if request.param == "inline" else None
    return lambda: open_store(folder, runner=runner)


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
