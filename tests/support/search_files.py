"""The search index's files: what is in them, what harms them, and a disk that fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import trio
from support.store_conformance_search import (
    found,
)

from securechat.store.runner import at_low_priority, inline
from securechat.store.search import index as search_index
from securechat.store.sqlite import SQLiteStore

T = TypeVar("T")


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
