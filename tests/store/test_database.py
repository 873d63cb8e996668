"""The database file: its modes, its versions, and what can go wrong with it."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from support.store_conformance import entries

from securechat.errors import StoreRefused, StoreUnavailable, UserError
from securechat.store import database
from securechat.store.runner import inline
from securechat.store.schema import SCHEMA_STEPS
from securechat.store.sqlite import open_store


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes_in(folder: Path) -> dict[str, int]:
    return {path.name: mode(path) for path in folder.iterdir()}


async def test_nobody_else_can_read_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    old = os.umask(0)
    try:
        async with open_store(folder, runner=inline) as store:
            await store.append(entries([1]))
            assert mode(folder) == 0o700
            assert modes_in(folder) == {
                "securechat.db": 0o600,
                "securechat.db-shm": 0o600,
                "securechat.db-wal": 0o600,
            }
    finally:
        os.umask(old)


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    database.open_writer(tmp_path).close()
    assert mode(tmp_path) == 0o750


async def test_closing_folds_the_log_in(tmp_path: Path) -> None:
    async with open_store(tmp_path, runner=inline) as store:
        await store.append(entries([1]))
    assert list(modes_in(tmp_path)) == ["securechat.db"]


async def refusal(folder: Path, **arguments: Any) -> str:
    """Return the sentence with which opening a folder fails."""
    with pytest.raises(UserError) as caught:
        async with open_store(folder, runner=inline, **arguments):
            pass
    return str(caught.value)


async def test_a_missing_folder_is_made_only_on_request(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert "no SecureChat data" in await refusal(folder, create=False)
    assert not folder.exists()
    async with open_store(folder, runner=inline):
        pass
    async with open_store(folder, runner=inline, create=False):
        pass


async def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "cannot be written" in await refusal(tmp_path / "data")
    assert "cannot be written" in await refusal(tmp_path / "data" / "deeper")


@pytest.fixture
def not_root() -> Iterator[Path]:
    """Become somebody whom file modes concern, and return a folder that they can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        else:
            folder.chmod(0o555)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o700)


async def test_a_folder_that_is_not_writable(not_root: Path) -> None:
    assert "cannot be written (Permission denied)" in await refusal(not_root)
    assert "cannot be written (Permission denied)" in await refusal(not_root / "deeper")


async def test_a_file_that_is_writable_in_a_folder_that_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write-ahead log has to be made beside the file."""
    async with open_store(tmp_path, runner=inline):
        pass
    monkeypatch.setattr("os.access", lambda path, wanted: False)
    assert "cannot be written (Permission denied)" in await refusal(tmp_path)


async def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / database.FILE_NAME).write_bytes(b"not a database at all " * 500)
    assert "is not a SecureChat database or is damaged" in await refusal(tmp_path)


async def test_a_database_that_is_damaged(tmp_path: Path) -> None:
    async with open_store(tmp_path, runner=inline) as store:
        await store.append(entries([1]))
    path = tmp_path / database.FILE_NAME
    path.write_bytes(path.read_bytes()[:4096].ljust(40960, b"\xff"))
    assert "is not a SecureChat database or is damaged" in await refusal(tmp_path)


async def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / database.FILE_NAME
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(SCHEMA_STEPS) + 1}")
    connection.close()
    assert "made by a newer SecureChat: update SecureChat" in await refusal(tmp_path)


@pytest.mark.parametrize("lock", ["EXCLUSIVE", "IMMEDIATE"])
async def test_a_database_that_somebody_else_keeps_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr("securechat.store.database.BUSY_SECONDS", 0.05)
    locking = sqlite3.connect(tmp_path / database.FILE_NAME, isolation_level=None)
    locking.execute(f"BEGIN {lock}")
    assert "database is locked" in await refusal(tmp_path)
    locking.close()


def test_making_a_database_waits_for_others_who_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locking = sqlite3.connect(tmp_path / database.FILE_NAME, isolation_level=None)
    locking.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr("time.sleep", lambda seconds: locking.close())
    database.open_writer(tmp_path).close()


def schema_of(path: Path) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("done", range(len(SCHEMA_STEPS) + 1))
def test_a_database_at_any_step_is_brought_up_to_date(tmp_path: Path, done: int) -> None:
    path = tmp_path / database.FILE_NAME
    connection = sqlite3.connect(path)
    for step in SCHEMA_STEPS[:done]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {done}")
    connection.close()
    database.open_writer(tmp_path).close()
    fresh = tmp_path / "fresh"
    database.open_writer(fresh).close()
    assert schema_of(path) == schema_of(fresh / database.FILE_NAME)


def test_a_step_that_fails_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.open_writer(tmp_path).close()
    before = schema_of(tmp_path / database.FILE_NAME)
    broken = (*SCHEMA_STEPS, ("CREATE TABLE more (a)", "CREATE TABLE more (a)"))
    monkeypatch.setattr("securechat.store.database.SCHEMA_STEPS", broken)
    with pytest.raises(UserError), database.explained(tmp_path):
        database.open_writer(tmp_path)
    assert schema_of(tmp_path / database.FILE_NAME) == before


def test_several_processes_can_make_the_same_database_at_once(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from securechat.store import database; "
        "sys.stdin.readline(); database.open_writer(pathlib.Path(sys.argv[1])).close()"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE)
        for _ in range(4)
    ]
    for child in children:
        child.communicate(b"go\n", timeout=30)
    assert [child.returncode for child in children] == [0] * 4


class FailingConnection:
    """A connection on which one statement fails, as the disk under it would make it fail."""

    def __init__(self, statement: str, code: int, *, still_in_transaction: bool = False) -> None:
        self.statement = statement
        self.code = code
        self.still_in_transaction = still_in_transaction
        self.in_transaction = False
        self.ran: list[str] = []

    def execute(self, statement: str) -> None:
        self.ran.append(statement)
        if statement == self.statement:
            self.in_transaction = self.still_in_transaction
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.code
            raise error
        self.in_transaction = statement == "BEGIN IMMEDIATE"


@pytest.mark.parametrize("still_in_transaction", [False, True])
@pytest.mark.parametrize(
    ("statement", "code", "expected"),
    [
        ("BEGIN IMMEDIATE", sqlite3.SQLITE_BUSY, StoreRefused),
        ("BEGIN IMMEDIATE", sqlite3.SQLITE_IOERR_READ, StoreRefused),
        ("COMMIT", sqlite3.SQLITE_FULL, StoreRefused),
        ("COMMIT", sqlite3.SQLITE_IOERR_FSYNC, StoreUnavailable),
        ("COMMIT", sqlite3.SQLITE_IOERR_WRITE, StoreUnavailable),
    ],
)
def test_a_failure_tells_whether_something_may_be_stored(
    statement: str, code: int, expected: type[Exception], still_in_transaction: bool
) -> None:
    connection: Any = FailingConnection(statement, code, still_in_transaction=still_in_transaction)
    with pytest.raises(expected):
        database.transact(connection, lambda connection: None)
    assert (connection.ran[-1] == "ROLLBACK") == still_in_transaction
    assert not connection.in_transaction


def test_a_rollback_that_fails_leaves_it_unknown() -> None:
    connection: Any = FailingConnection("ROLLBACK", sqlite3.SQLITE_IOERR, still_in_transaction=True)

    def work(connection: sqlite3.Connection) -> None:
        raise KeyError

    with pytest.raises(StoreUnavailable):
        database.transact(connection, work)


def test_a_failure_of_the_work_itself_passes() -> None:
    connection: Any = FailingConnection("", 0)

    def work(connection: sqlite3.Connection) -> None:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        database.transact(connection, work)
    assert connection.ran == ["BEGIN IMMEDIATE", "ROLLBACK"]


async def test_a_connection_that_fails_to_open_leaves_none_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = database.connect
    opened: list[sqlite3.Connection] = []

    def connect(path: Path) -> sqlite3.Connection:
        if len(opened) == 3:
            raise sqlite3.OperationalError("unable to open database file")
        opened.append(real(path))
        return opened[-1]

    monkeypatch.setattr("securechat.store.database.connect", connect)
    assert "unable to open database file" in await refusal(tmp_path)
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


def test_a_connection_that_cannot_be_set_up_is_closed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no database" * 1000)
    with pytest.raises(sqlite3.DatabaseError):
        database.connect(tmp_path / "file")


async def test_opening_can_be_cancelled(tmp_path: Path) -> None:
    with trio.move_on_after(0):
        async with open_store(tmp_path) as store:
            await store.append(entries([1]))
    async with open_store(tmp_path) as store:
        assert await store.last() is None
