"""How far the index is behind, at whose expense; see the head of ``store/search/indexer.py``."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from pathlib import Path

import pytest
import trio
from support.store_conformance import entry
from support.store_conformance_search import found, keeping

from securechat.store.runner import inline
from securechat.store.search import index as search_index
from securechat.store.search import indexer as search
from securechat.store.search.source import News, State
from securechat.store.sqlite import open_store


async def steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: int, size: int, *, search_at: int = -1
) -> tuple[list[tuple[int, bool]], int]:
    """Commit groups of messages, a millisecond apart.

    Return how many each step of the index put in and whether at low priority, and how far behind
    it ever was.
    """
    real = search_index.apply
    taken: list[tuple[int, bool]] = []
    home = threading.get_ident()

    def apply(index: sqlite3.Connection, news: News) -> State:
        taken.append((len(json.loads(news.said)), threading.get_ident() != home))
        return real(index, news)

    monkeypatch.setattr(search_index, "apply", apply)
    behind = 0
    async with open_store(tmp_path, runner=inline) as store, keeping(store):
        for group in range(groups):
            await store.append([entry(group * size + n, text="a") for n in range(size)])
            await trio.sleep(0.001)
            if group == search_at:
                assert len(await found(store, "a")) == 100
                assert store.search_index.position == (group + 1) * size
            behind = max(behind, (group + 1) * size - store.search_index.position)
        await trio.sleep(1)
        assert store.search_index.position == groups * size
    return taken, behind


async def test_a_busy_servers_messages_are_put_in_together(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one they cost three times as much."""
    taken, behind = await steps(tmp_path, monkeypatch, groups=1000, size=3)
    # The first one at once; then by the quarter of a second.
    assert len(taken) <= 7
    assert behind <= 3 * 255
    if sys.platform == "linux":
        assert all(low for _, low in taken)


async def test_who_searches_does_not_wait_for_more_to_come(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = trio.current_time()
    taken, _ = await steps(tmp_path, monkeypatch, groups=120, size=1, search_at=110)
    assert trio.current_time() - started < 1.5
    assert taken[1] == (110, False)


async def test_far_behind_it_is_in_a_hurry(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_BATCH", 10)
    monkeypatch.setattr(search, "_LAG_EVENTS", 100)
    taken, _ = await steps(tmp_path, monkeypatch, groups=2, size=200)
    assert [count for count, _ in taken] == [10] * 40
    if sys.platform == "linux":
        assert [low for _, low in taken] == ([False] * 11 + [True] * 9) * 2
