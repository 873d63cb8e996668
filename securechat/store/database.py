"""The database file: how it is made, opened, brought up to date, and written to.

Every function here blocks; ``sqlite.py`` runs them in threads. What can go wrong with a file is
told apart here, once: at opening it is the operator's to mend (``UserError``), later it is
``StoreRefused`` when certainly nothing was stored and ``StoreUnavailable`` otherwise.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from securechat.errors import StoreRefused, StoreUnavailable, UserError
from securechat.store.schema import SCHEMA_STEPS

T = TypeVar("T")

FILE_NAME = "securechat.db"

#: How long a connection waits for another process that is writing.
BUSY_SECONDS = 5.0
#: The write-ahead log is cut back to this after a burst.
WAL_BYTES_KEPT = 16 * 1024 * 1024
CACHE_KIB = 8 * 1024


def prepare_file(folder: Path, *, create: bool) -> Path:
    """Return the database's path; make the folder (0700) and the empty file (0600) if missing.

    The file exists with its mode before SQLite opens it, and SQLite gives ``-wal`` and ``-shm``
    the same mode, so nobody else can read them for even a moment.

    Raises ``UserError`` when they are missing and not to be made, or cannot be written.
    """
    path = folder / FILE_NAME
    if not create and not path.exists():
        raise UserError(f"There is no SecureChat data in {folder}: name its folder with --data.")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise _unusable(folder, error.strerror or str(error)) from error
    # SQLite makes its write-ahead log beside the file.
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(folder, "Permission denied")
    return path


def _unusable(folder: Path, why: str) -> UserError:
    return UserError(
        f"The data folder {folder} cannot be written ({why}): "
        "give this user access to it, or name another folder with --data."
    )


def connect(path: Path) -> sqlite3.Connection:
    """Open one connection with every setting that the store relies on."""
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        # FULL syncs the log at every commit: that sync is what "durable" means.
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = ON",
            # What is deleted or replaced is overwritten.
            "secure_delete = ON",
            f"journal_size_limit = {WAL_BYTES_KEPT}",
            f"cache_size = -{CACHE_KIB}",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_writer(folder: Path, *, create: bool = True) -> sqlite3.Connection:
    """Open the database for writing, made or brought up to date first.

    Raises ``UserError`` when the file belongs to a newer version, and ``sqlite3.Error``.
    """
    path = prepare_file(folder, create=create)
    connection = connect(path)
    try:
        _begin_file(connection)
        migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn SQLite's errors while a folder's database is opened into what to do: ``UserError``."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise UserError(
                f"{folder / FILE_NAME} is not a SecureChat database or is damaged: "
                "move it away and put a copy of yours in its place."
            ) from error
        raise _unusable(folder, str(error)) from error


def _begin_file(connection: sqlite3.Connection) -> None:
    """Have a new file be one that can shrink, and use WAL; both happen once in a file's life.

    Waits for other processes that are opening the same new file: SQLite does not apply its busy
    timeout to the switch to WAL.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    connection.execute("PRAGMA busy_timeout = 0")
    while True:
        try:
            # Later it would have no effect; see pruning.py.
            if connection.execute("PRAGMA page_count").fetchone() == (0,):
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000):d}")
            return


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Run the schema steps that this database has not run yet, all or none.

    Raises ``UserError`` for a database that has run more steps than this version knows.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        (done,) = connection.execute("PRAGMA user_version").fetchone()
        if done > len(SCHEMA_STEPS):
            raise UserError(
                f"{path} was made by a newer SecureChat: "
                "update SecureChat, or name another folder with --data."
            )
        for step in SCHEMA_STEPS[done:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(SCHEMA_STEPS):d}")
        connection.execute("COMMIT")
    except BaseException:
        undo(connection)
        raise


def transact(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run ``work`` as one transaction, durable on return; on any failure nothing is left open.

    Raises what ``work`` raises, ``StoreRefused`` when it was rolled back for certain, and
    ``StoreUnavailable`` when the disk failed in the middle of the commit: then the log may or
    may not hold it when it is read the next time.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        result = work(connection)
    except sqlite3.Error as error:
        undo(connection)
        if _code(error):
            raise _refused(error) from error
        raise
    except BaseException:
        undo(connection)
        raise
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        undo(connection)
        # Out of room means that the frame which marks the commit was never written.
        if _code(error) == sqlite3.SQLITE_FULL:
            raise _refused(error) from error
        raise unavailable(error) from error
    return result


def undo(connection: sqlite3.Connection) -> None:
    """Roll back, if SQLite has not done it by itself, so that the next transaction can begin."""
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise unavailable(error) from error


def read(connection: sqlite3.Connection, query: Callable[[sqlite3.Connection], T]) -> T:
    """Run a query; raises ``StoreUnavailable`` when the database cannot be read."""
    try:
        return query(connection)
    except sqlite3.Error as error:
        if _code(error):
            raise unavailable(error) from error
        raise


def unavailable(error: sqlite3.Error) -> StoreUnavailable:
    """Name the failure; SQLite's texts speak of files and tables, never of contents."""
    return StoreUnavailable(f"the database failed: {error}")


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether an error says that a file is no database, or a damaged one."""
    return _code(error) in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


def _refused(error: sqlite3.Error) -> StoreRefused:
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return StoreRefused("the disk is full; nothing was stored")
        case sqlite3.SQLITE_BUSY:
            return StoreRefused("another process kept the database busy; nothing was stored")
        case _:
            return StoreRefused(f"the database refused the write ({error}); nothing was stored")


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code; 0 where Python's module was misused, which is a bug."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
