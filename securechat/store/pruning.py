"""Removing old events in small steps, and giving the disk back what they took.

Functions of a connection, like those of ``queries.py``. Theory of operation. What is deleted is
overwritten (``secure_delete``) and its pages become free ones of the file; the file is one of
``auto_vacuum = INCREMENTAL``, whose free pages can be given back a few at a time. Both go through
the write-ahead log as any change does, so what the database file was before stays on the disk
until the log has been copied into the file (a checkpoint) and emptied.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from securechat.store.database import FILE_NAME, explained, unavailable

#: How many pages one step gives back: some milliseconds.
PAGES_AT_ONCE = 64

_INCREMENTAL = 2


def forget(
    connection: sqlite3.Connection, conversation: str | None, before: int, limit: int
) -> int:
    """Delete the oldest events, with those about them; see ``contract.Store.forget``."""
    where = "position < ?"
    values: list[int | str] = [before]
    if conversation is not None:
        where += " AND conversation = ?"
        values.append(conversation)
    oldest = connection.execute(
        f"SELECT position, msgid FROM events WHERE {where} "  # noqa: S608 - constants only
        "ORDER BY position LIMIT ?",
        (*values, max(limit, 0)),
    ).fetchall()
    about = connection.execute(
        "SELECT position FROM events WHERE parent IN (SELECT value FROM json_each(?)) LIMIT ?",
        (json.dumps([msgid for _, msgid in oldest]), max(limit, 0)),
    ).fetchall()
    # A message stays until all that is about it is gone.
    positions = {position for position, *_ in (about if len(about) >= limit else oldest + about)}
    if positions:
        _delete(connection, sorted(positions))
    return len(positions)


def _delete(connection: sqlite3.Connection, positions: Sequence[int]) -> None:
    """Delete events, and have the search index forget those that it may have."""
    chosen = (json.dumps(positions),)
    connection.execute(
        "INSERT INTO reindex (position, old_text, new_text) "
        "SELECT position, text, '' FROM events WHERE position IN (SELECT value FROM json_each(?)) "
        "AND kind IN ('PRIVMSG', 'NOTICE') AND text <> '' ORDER BY position",
        chosen,
    )
    connection.execute(
        "DELETE FROM events WHERE position IN (SELECT value FROM json_each(?))", chosen
    )


def nth_newest(
    connection: sqlite3.Connection, conversation: str, number: int, kinds: Sequence[str]
) -> int:
    """Return the position of one of the newest events; see ``contract.Store.nth_newest``."""
    wanted = f" AND kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
    row = connection.execute(
        f"SELECT position FROM events WHERE conversation = ?{wanted} "  # noqa: S608 - question marks only
        "ORDER BY position DESC LIMIT 1 OFFSET ?",
        (conversation, *kinds, number - 1),
    ).fetchone()
    return row[0] if row is not None else 0


def conversations(connection: sqlite3.Connection, after: str, limit: int) -> list[str]:
    """Return the conversations that there are, by key.

    Each is found by one seek in the index on conversations, however many events it has.
    """
    found: list[str] = []
    while len(found) < limit:
        (key,) = connection.execute(
            "SELECT min(conversation) FROM events WHERE conversation > ?", (after,)
        ).fetchone()
        if key is None:
            break
        found.append(key)
        after = key
    return found


def shrink(connection: sqlite3.Connection) -> bool:
    """Give some free pages back; return whether there are more. The file ends at a checkpoint."""
    if not can_shrink(connection):
        return False
    free = free_pages(connection)
    for _ in range(min(free, PAGES_AT_ONCE)):
        # SQLite frees a page each time that it is stepped, which Python does once.
        connection.execute("PRAGMA incremental_vacuum(1)")
    return free > PAGES_AT_ONCE


def free_pages(connection: sqlite3.Connection) -> int:
    """Return how many pages of the file hold nothing."""
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    return int(free)


def can_shrink(connection: sqlite3.Connection) -> bool:
    """Tell whether the file was made, or made anew, so that it can give pages back."""
    return bool(connection.execute("PRAGMA auto_vacuum").fetchone() == (_INCREMENTAL,))


def make_shrinkable(folder: Path) -> bool:
    """Write a file of an older version anew so that it can shrink; return whether it was one.

    That is done once, takes the time of a copy and needs the room for one. What was deleted from
    the file before is gone with it.

    Raises ``StoreUnavailable`` when it cannot be done now, as where others use the file (they
    would go on as if it were the old one), and ``UserError`` where it is no database.
    """
    path = folder / FILE_NAME
    with explained(folder), closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as file:
        try:
            file.execute("PRAGMA locking_mode = EXCLUSIVE")
            if file.execute("PRAGMA page_count").fetchone() == (0,) or can_shrink(file):
                return False
            file.execute("PRAGMA auto_vacuum = INCREMENTAL")
            file.execute("VACUUM")
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            raise unavailable(error) from error
    return True


def copy_log(connection: sqlite3.Connection) -> None:
    """Copy the log into the file as far as its readers allow, while others write and read."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def empty_log(connection: sqlite3.Connection) -> bool:
    """Copy the rest and cut the log to nothing; return whether nobody was in the way.

    Others cannot write meanwhile, so ``copy_log`` comes first, and nobody is waited for.
    """
    (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience:d}")
    return not busy
