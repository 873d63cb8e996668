"""Backup and restore: whole copies of the database, made while a server runs or not.

A copy is made by SQLite's online backup inside one read transaction, so it is the state of one
moment, and is one file without a log beside it. It is written under another name, checked, and
then put in its place in one step: under the name that was asked for there is never half a copy.

Every function here blocks.
"""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from securechat.errors import UserError
from securechat.store import database
from securechat.store.database import FILE_NAME, connect, explained, is_damage, prepare_file
from securechat.store.lock import sole_server
from securechat.store.schema import SCHEMA_STEPS
from securechat.store.search import index as search_index

Progress = Callable[[int, int], None]
"""Is told how many pages are done, and of how many."""

#: How many pages are copied between two calls of ``Progress``.
PAGES_AT_ONCE = 1024

_LOG_ENDS = ("-wal", "-shm")


def no_progress(done: int, total: int) -> None:
    """Tell nobody."""


def back_up(
    folder: Path, target: Path, *, force: bool = False, progress: Progress = no_progress
) -> None:
    """Copy a folder's database to a new file (0600); with ``force`` in place of another one.

    Raises ``UserError`` with what to do, and leaves nothing behind then.
    """
    if target.is_dir():
        raise UserError(f"{target} is a folder: name a file in it.")
    if not target.parent.is_dir():
        raise UserError(f"There is no folder {target.parent}: make it, or name another file.")
    if target.exists() and not force:
        raise _exists(target)
    path = prepare_file(folder, create=False)
    if force and target.exists() and target.samefile(path):
        raise UserError(f"{target} is the database itself: name another file.")
    with explained(folder), closing(connect(path)) as source, _new_file(target) as part:
        _copy(source, part, progress, what=path)
        _put(part, target, force=force)


def restore(
    folder: Path,
    source: Path,
    *,
    progress: Progress = no_progress,
    now: Callable[[], float] = time.time,
) -> Path | None:
    """Put a copy in the place of a folder's database; return where that is kept now, if any.

    The copy is checked first; only then anything changes. The search index is removed, and built
    again by the server. Raises ``UserError`` with what to do; also while a server runs.
    """
    if not source.is_file():
        raise UserError(f"There is no file {source}: name a file that backup made.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / FILE_NAME
    if target.exists() and target.samefile(source):
        raise UserError(f"{source} is the database itself: name a file that backup made.")
    with sole_server(folder), _new_file(target) as part:
        with _explained(source), closing(_read_only(source)) as reading:
            _copy(reading, part, progress, what=source)
        aside = _move_aside(target, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now())))
        _put(part, target, force=False)
        search_index.remove(folder / search_index.FILE_NAME)
    return aside


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        timeout=database.BUSY_SECONDS,
        uri=True,
        isolation_level=None,
    )


def _copy(source: sqlite3.Connection, part: Path, progress: Progress, *, what: Path) -> None:
    """Write a checked copy, synced to disk. Raises ``UserError`` or ``sqlite3.Error``."""
    # From here to the end the source stays as it is now, whoever writes to it.
    source.execute("BEGIN")
    source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    with closing(sqlite3.connect(part, isolation_level=None)) as copy:
        # Nobody else sees the file yet: it is synced once, at the end.
        copy.execute("PRAGMA synchronous = OFF")
        try:
            source.backup(
                copy,
                pages=PAGES_AT_ONCE,
                progress=lambda _, left, total: progress(total - left, total),
            )
            # The copy says that it has a write-ahead log, as the source has.
            copy.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            if is_damage(error):
                raise
            raise UserError(f"The copy could not be written ({error}).") from error
        _check(copy, what)
    with part.open("rb") as written:
        os.fsync(written.fileno())


def _check(copy: sqlite3.Connection, what: Path) -> None:
    """Raise ``UserError`` for a copy of what is no sound database of ours."""
    (sound,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if sound != "ok":
        raise UserError(f"{what} is damaged ({sound}): use another copy of it.")
    (done,) = copy.execute("PRAGMA user_version").fetchone()
    tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_schema")}
    if not {"events", "records"} <= tables or done < 1:
        raise UserError(f"{what} is not a SecureChat database.")
    if done > len(SCHEMA_STEPS):
        raise UserError(f"{what} was made by a newer SecureChat: update SecureChat first.")


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Make an empty file (0600) beside a target, and remove it unless it was put there."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        yield part
    finally:
        for end in ("", "-journal", *_LOG_ENDS):
            part.with_name(part.name + end).unlink(missing_ok=True)


def _put(part: Path, target: Path, *, force: bool) -> None:
    """Give a file its name in one step; without ``force`` never in the place of another one."""
    if force:
        part.replace(target)
    else:
        try:
            os.link(part, target)
        except FileExistsError:
            raise _exists(target) from None
        except OSError as error:
            # Some file systems have one name for each file.
            if error.errno not in {errno.EPERM, errno.ENOTSUP}:
                raise
            part.rename(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exists(target: Path) -> UserError:
    return UserError(f"{target} exists already: name another file, or replace it with --force.")


def _move_aside(target: Path, stamp: str) -> Path | None:
    """Rename the database, with its log if it has one; return its new path if there was one."""
    if target.exists():
        _fold_log_in(target)
    old = target.with_name(f"{target.stem}-before-restore-{stamp}{target.suffix}")
    number = 1
    while old.exists():
        number += 1
        old = old.with_name(f"{target.stem}-before-restore-{stamp}-{number}{target.suffix}")
    there = target.exists()
    # The database first: a log without one is nothing, one of another database would spoil it.
    for end in ("", *_LOG_ENDS):
        try:
            target.with_name(target.name + end).rename(old.with_name(old.name + end))
        except FileNotFoundError:
            continue
    _sync_folder(target.parent)
    return old if there else None


def _fold_log_in(path: Path) -> None:
    """Have a database be one file, if it is sound enough for that.

    Raises ``UserError`` when another program uses it.
    """
    with closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as old:
        try:
            old.execute("PRAGMA locking_mode = EXCLUSIVE")
            old.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            raise UserError(
                f"Another program uses {path} ({error}): let it end, then try again."
            ) from error
        except sqlite3.DatabaseError:
            # It is damaged, which may be why another one is put in its place.
            return


@contextmanager
def _explained(source: Path) -> Iterator[None]:
    """Turn SQLite's errors while a copy is read into what to do: ``UserError``."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise UserError(f"{source} is not a SecureChat database or is damaged.") from error
        raise UserError(f"{source} cannot be read ({error}).") from error
