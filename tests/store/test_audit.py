"""The audit log: read from its end in pages, and shortened from its beginning."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.store.audit import AuditEntry, audit_page, audited, prune_audit
from securechat.store.runner import inline
from securechat.store.sqlite import SQLiteStore, open_store

DAY_MS = 86_400_000
# 2026-11-20, and the eleven days before, of which each has three acts in one millisecond.
TIMES = [1_795_132_800_000 - day * DAY_MS for day in reversed(range(12)) for _ in range(3)]
ENTRIES = [AuditEntry(time_ms, "dave", "mute", f"n{n}") for n, time_ms in enumerate(TIMES)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    async with open_store(tmp_path, runner=inline) as opened:
        await opened.put([audited(entry) for entry in ENTRIES])
        yield opened


@pytest.mark.parametrize("limit", [1, 2, 5, 36, 100])
async def test_pages_from_the_end_skip_and_repeat_nothing(store: SQLiteStore, limit: int) -> None:
    found: list[AuditEntry] = []
    page, place = await audit_page(store, limit=limit)
    while True:
        assert len(page) == limit or not place
        found = page + found
        if not place:
            break
        page, place = await audit_page(store, before=place, limit=limit)
    assert found == ENTRIES


async def test_from_a_time_on_and_before_one(store: SQLiteStore) -> None:
    assert await audit_page(store, since_ms=TIMES[-1], limit=9) == (ENTRIES[-3:], "")
    assert await audit_page(store, since_ms=TIMES[-1] + 1, limit=9) == ([], "")
    assert await audit_page(store, since_ms=-5, limit=99) == (ENTRIES, "")
    page, place = await audit_page(store, since_ms=TIMES[-4], limit=4)
    assert page == ENTRIES[-4:]
    assert await audit_page(store, since_ms=TIMES[-4], before=place, limit=4) == (
        ENTRIES[-6:-4],
        "",
    )
    page, _ = await audit_page(store, before="2026-11-19", limit=2)
    assert page == ENTRIES[-8:-6]
    assert await audit_page(store, before="2026-11", limit=2) == ([], "")


async def test_the_oldest_go_in_portions(store: SQLiteStore) -> None:
    kept_from = TIMES[7]
    assert await prune_audit(store, before_ms=-1, limit=4) == 0
    assert await prune_audit(store, before_ms=kept_from, limit=4) == 4
    assert await prune_audit(store, before_ms=kept_from, limit=4) == 2
    assert await prune_audit(store, before_ms=kept_from, limit=4) == 0
    assert await audit_page(store, limit=100) == (ENTRIES[6:], "")
