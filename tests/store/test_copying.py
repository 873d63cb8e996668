"""Backup and restore: one moment's state, whole or not at all, and nothing lost by a mistake."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from support.store_conformance import entries, entry, numbers

from securechat.errors import UserError
from securechat.store import copying, database
from securechat.store.contract import Change
from securechat.store.copying import back_up, restore
from securechat.store.database import FILE_NAME
from securechat.store.lock import sole_server
from securechat.store.runner import inline
from securechat.store.schema import SCHEMA_STEPS
from securechat.store.sqlite import open_store

MOMENT = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def fill(folder: Path, first: int, end: int) -> None:
    async def write() -> None:
        async with open_store(folder, runner=inline) as store:
            await store.append([entry(n, text="x" * 500) for n in range(first, end)])
            await store.put([Change("k", "a", {"n": end})])

    trio.run(write)


def kept(folder: Path) -> list[int]:
    async def read() -> list[int]:
        async with open_store(folder, runner=inline, create=False) as store:
            return numbers(await store.history("#lobby", limit=10_000))

    return trio.run(read)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_copy_is_one_file_for_this_user_alone(folder: Path, tmp_path: Path) -> None:
    fill(folder, 0, 10)
    target = tmp_path / "copies" / "b.db"
    target.parent.mkdir()
    old = os.umask(0)
    try:
        back_up(folder, target)
    finally:
        os.umask(old)
    assert names(target.parent) == {"b.db"}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    copy = sqlite3.connect(target)
    assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert copy.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    assert copy.execute("SELECT count(*) FROM events").fetchone() == (10,)
    copy.close()


async def test_it_is_one_moments_state_while_others_write(folder: Path, tmp_path: Path) -> None:
    """Without the read transaction, SQLite begins again at each commit of somebody else."""
    told: list[tuple[int, int]] = []
    async with open_store(folder, runner=inline) as store:
        await store.append([entry(n, text="x" * 5000) for n in range(3000)])

        def write_too(done: int, total: int) -> None:
            told.append((done, total))
            with sqlite3.connect(folder / FILE_NAME) as other:
                other.execute("UPDATE records SET value = '{}'")
                other.execute("DELETE FROM events WHERE position > ?", (3000 - len(told),))
            other.close()

        back_up(folder, tmp_path / "b.db", progress=write_too)
        left = numbers(await store.history("#lobby", limit=10_000))
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert len(told) >= 4
    assert told[-1][0] == told[-1][1]
    assert len(left) < 3000
    copy = sqlite3.connect(tmp_path / "b.db")
    assert copy.execute("SELECT count(*) FROM events").fetchone() == (3000,)
    copy.close()


def test_what_is_there_is_not_replaced_by_mistake(folder: Path, tmp_path: Path) -> None:
    fill(folder, 0, 3)
    target = tmp_path / "b.db"
    target.write_text("precious")
    with pytest.raises(UserError, match=r"b\.db exists already: .* --force"):
        back_up(folder, target)
    assert target.read_text() == "precious"
    back_up(folder, target, force=True)
    assert target.read_bytes().startswith(b"SQLite format 3")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert names(tmp_path) == {"data", "b.db"}


def test_what_comes_there_meanwhile_is_not_replaced_either(folder: Path, tmp_path: Path) -> None:
    fill(folder, 0, 3)
    target = tmp_path / "b.db"

    def come(done: int, total: int) -> None:
        target.write_text("precious")

    with pytest.raises(UserError, match="exists already"):
        back_up(folder, target, progress=come)
    assert target.read_text() == "precious"
    assert names(tmp_path) == {"data", "b.db"}


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP])
def test_a_file_system_with_one_name_for_each_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def link(*names: object) -> None:
        raise OSError(code, "no")

    fill(folder, 0, 3)
    monkeypatch.setattr(os, "link", link)
    back_up(folder, tmp_path / "b.db")
    assert names(tmp_path) == {"data", "b.db"}


def test_a_failure_leaves_nothing_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(done: int, total: int) -> None:
        raise KeyboardInterrupt

    def link(*names: object) -> None:
        raise OSError(errno.EIO, "broken disk")

    fill(folder, 0, 3)
    with pytest.raises(KeyboardInterrupt):
        back_up(folder, tmp_path / "b.db", progress=interrupted)
    monkeypatch.setattr(os, "link", link)
    with pytest.raises(OSError, match="broken disk"):
        back_up(folder, tmp_path / "b.db")
    assert names(tmp_path) == {"data"}


def test_a_full_disk_is_told(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., sqlite3.Connection] = sqlite3.connect

    def small(path: Any, **options: Any) -> sqlite3.Connection:
        connection = real(path, **options)
        connection.execute("PRAGMA max_page_count = 2")
        return connection

    fill(folder, 0, 300)
    source = real(folder / FILE_NAME)
    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(UserError, match="The copy could not be written"):
        copying._copy(source, tmp_path / "part", copying.no_progress, what=folder)
    source.close()


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (".", "is a folder: name a file in it"),
        ("none/b.db", "There is no folder .*/none: make it"),
        (f"data/{FILE_NAME}", "is the database itself"),
    ],
)
def test_where_no_copy_can_go(folder: Path, tmp_path: Path, target: str, sentence: str) -> None:
    fill(folder, 0, 3)
    with pytest.raises(UserError, match=sentence):
        back_up(folder, tmp_path / target, force=True)
    assert kept(folder) == [0, 1, 2]


def test_without_data_there_is_no_copy(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no SecureChat data in"):
        back_up(tmp_path / "none", tmp_path / "b.db")


def damage(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2].ljust(len(content), b"\xff"))


def test_a_damaged_database_is_not_copied(folder: Path, tmp_path: Path) -> None:
    fill(folder, 0, 500)
    damage(folder / FILE_NAME)
    with pytest.raises(UserError, match="is damaged"):
        back_up(folder, tmp_path / "b.db")
    assert names(tmp_path) == {"data"}


# --- restoring ------------------------------------------------------------------------------------


def test_a_restored_copy_is_what_was_backed_up(folder: Path, tmp_path: Path) -> None:
    fill(folder, 0, 5)
    back_up(folder, tmp_path / "b.db")
    fill(folder, 5, 9)
    (folder / "search.db").write_text("the index of what was there")
    aside = restore(folder, tmp_path / "b.db", now=lambda: MOMENT)
    assert aside == folder / "securechat-before-restore-20260921T141320Z.db"
    assert kept(folder) == [0, 1, 2, 3, 4]
    assert names(folder) == {FILE_NAME, aside.name, "server.lock"}
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    # What was there can be had back, and nothing is replaced by that.
    again = restore(folder, aside, now=lambda: MOMENT)
    assert again == folder / "securechat-before-restore-20260921T141320Z-2.db"
    assert kept(folder) == list(range(9))
    assert {aside.name, again.name} <= names(folder)


def test_a_new_folder_is_made(folder: Path, tmp_path: Path) -> None:
    fill(folder, 0, 5)
    back_up(folder, tmp_path / "b.db")
    new = tmp_path / "deep" / "new"
    assert restore(new, tmp_path / "b.db") is None
    assert kept(new) == [0, 1, 2, 3, 4]
    assert stat.S_IMODE(new.stat().st_mode) == 0o700


def test_not_while_a_server_runs(folder: Path, tmp_path: Path) -> None:
    fill(folder, 0, 5)
    back_up(folder, tmp_path / "b.db")
    with sole_server(folder), pytest.raises(UserError, match="Another server is running on"):
        restore(folder, tmp_path / "b.db")


def test_not_while_another_program_uses_the_data(folder: Path, tmp_path: Path) -> None:
    fill(folder, 0, 5)
    back_up(folder, tmp_path / "b.db")
    using = database.open_writer(folder)
    with pytest.raises(UserError, match=r"Another program uses .* try again"):
        restore(folder, tmp_path / "b.db")
    using.close()
    assert kept(folder) == [0, 1, 2, 3, 4]
    assert restore(folder, tmp_path / "b.db") is not None


def test_a_log_without_a_database_is_put_aside(folder: Path, tmp_path: Path) -> None:
    """As a crash between two steps of restoring leaves it."""
    fill(folder, 0, 5)
    back_up(folder, tmp_path / "b.db")
    (folder / FILE_NAME).unlink()
    (folder / f"{FILE_NAME}-wal").write_bytes(b"old log")
    assert restore(folder, tmp_path / "b.db", now=lambda: MOMENT) is None
    assert kept(folder) == [0, 1, 2, 3, 4]
    assert "securechat-before-restore-20260921T141320Z.db-wal" in names(folder)


def test_a_damaged_database_is_kept_too(folder: Path, tmp_path: Path) -> None:
    fill(folder, 0, 5)
    back_up(folder, tmp_path / "b.db")
    (folder / FILE_NAME).write_bytes(b"rubbish " * 1000)
    aside = restore(folder, tmp_path / "b.db", now=lambda: MOMENT)
    assert aside is not None
    assert aside.read_bytes() == b"rubbish " * 1000
    assert kept(folder) == [0, 1, 2, 3, 4]


def other_database(path: Path, version: int = 0, *tables: str) -> None:
    connection = sqlite3.connect(path)
    for table in tables:
        connection.execute(f"CREATE TABLE {table} (a)")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "There is no file .*: name a file that backup made"),
        (lambda path: path.mkdir(), "There is no file"),
        (lambda path: path.write_bytes(b"text " * 1000), "is not a SecureChat database or is"),
        (lambda path: path.touch(), "is not a SecureChat database"),
        (lambda path: other_database(path, 1, "songs"), "is not a SecureChat database"),
        (lambda path: other_database(path, 0, "events", "records"), "is not a SecureChat database"),
        (
            lambda path: other_database(path, len(SCHEMA_STEPS) + 1, "events", "records"),
            "made by a newer SecureChat: update SecureChat first",
        ),
    ],
)
def test_what_cannot_be_restored_changes_nothing(
    folder: Path, tmp_path: Path, make: Any, sentence: str
) -> None:
    fill(folder, 0, 5)
    make(tmp_path / "b.db")
    with pytest.raises(UserError, match=sentence):
        restore(folder, tmp_path / "b.db")
    assert kept(folder) == [0, 1, 2, 3, 4]
    assert names(folder) <= {FILE_NAME, "server.lock"}


def test_a_damaged_copy_is_not_restored(folder: Path, tmp_path: Path) -> None:
    fill(folder, 0, 500)
    back_up(folder, tmp_path / "b.db")
    damage(tmp_path / "b.db")
    with pytest.raises(UserError, match="damaged"):
        restore(folder, tmp_path / "b.db")
    assert len(kept(folder)) == 500


def test_a_copy_that_somebody_else_keeps_locked(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("securechat.store.database.BUSY_SECONDS", 0.05)
    fill(folder, 0, 5)
    back_up(folder, tmp_path / "b.db")
    locking = sqlite3.connect(tmp_path / "b.db", isolation_level=None)
    locking.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UserError, match="cannot be read"):
        restore(folder, tmp_path / "b.db")
    locking.close()
    assert kept(folder) == [0, 1, 2, 3, 4]


def test_the_database_is_not_restored_from_itself(folder: Path) -> None:
    fill(folder, 0, 5)
    with pytest.raises(UserError, match="is the database itself"):
        restore(folder, folder / FILE_NAME)
    assert kept(folder) == [0, 1, 2, 3, 4]


async def test_positions_go_on_after_restoring(folder: Path, tmp_path: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append(entries(range(5)))
    back_up(folder, tmp_path / "b.db")
    restore(folder, tmp_path / "b.db")
    async with open_store(folder, runner=inline) as store:
        (position,) = await store.append([entry(9)])
        assert position == 6
