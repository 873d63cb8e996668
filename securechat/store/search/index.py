"""The search index's own file, ``search.db``: how it is made and brought forward.

Every function here blocks; ``indexer.py`` runs them in threads. Nothing is in this file that is
not in the journal too: whatever is wrong with it, it is thrown away and built again.

- ``messages`` is a contentless FTS5 table: it has the words and where they are, not the texts. Its
  rowid is the event's position. ``place`` and ``author`` have one word each, so that "in this
  channel", "by this person" and the words of a text are answered by one walk through the index.
- ``indexed`` has a row for each message in ``messages``: to take one out, FTS5 must be told
  exactly what went in.
- ``names`` numbers the conversations and accounts, for these words.
- ``state`` is one row, a ``source.State``.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from securechat.store.database import CACHE_KIB, undo
from securechat.store.search.source import Changed, News, Said, State
from securechat.store.search.text import TOKENIZER, plain

FILE_NAME = "search.db"

#: Counts up when the tables change, or what ``plain`` makes of a text.
FORMAT = 1
#: How long to wait for another process that looks at the file.
BUSY_SECONDS = 1.0
#: The write-ahead log is cut back to this after a burst.
WAL_BYTES_KEPT = 4 * 1024 * 1024

_FRESH = "CREATE TEMP TABLE IF NOT EXISTS fresh (position, place, author, text)"
# This takes a list as ``News.said`` is one; the others go on from there.
_TAKE_APART = """
    INSERT INTO fresh SELECT
    json_extract(value, '$[0]'), json_extract(value, '$[1]'),
    json_extract(value, '$[2]'), json_extract(value, '$[3]')
    FROM json_each(?)
"""
_PUT_IN = (
    "INSERT OR IGNORE INTO names (name) SELECT place FROM fresh UNION SELECT author FROM fresh",
    """
    UPDATE fresh SET place = (SELECT number FROM names WHERE name = place),
    author = (SELECT number FROM names WHERE name = author)
    """,
    """
    INSERT INTO messages (rowid, text, place, author)
    SELECT position, text, printf('%x', place), printf('%x', author) FROM fresh
    """,
    "INSERT INTO indexed SELECT position, place, author FROM fresh",
    "DELETE FROM fresh",
)

_SCHEMA = (
    f"""
    CREATE VIRTUAL TABLE messages USING fts5 (
        text, place, author, content = '', columnsize = 0, tokenize = '{TOKENIZER}'
    )
    """,
    "CREATE TABLE indexed (position INTEGER PRIMARY KEY, place INTEGER, author INTEGER)",
    "CREATE TABLE names (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE state (position INTEGER, msgid TEXT, sequence INTEGER, erased INTEGER)",
    "INSERT INTO state VALUES (0, '', 0, 0)",
    f"PRAGMA user_version = {FORMAT:d}",
)


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection to the file, which must be there. Raises ``sqlite3.Error``."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for pragma in (
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


def open_index(path: Path) -> tuple[sqlite3.Connection, State]:
    """Open the index to bring it forward; the file is made (0600) if there is none.

    Raises ``OSError`` and ``sqlite3.Error``; ``sqlite3.DatabaseError`` for another format too.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = connect(path)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            make(connection)
        elif version != FORMAT:
            raise sqlite3.DatabaseError(f"its format is {version}, not {FORMAT}")
        state = read_state(connection)
    except BaseException:
        connection.close()
        raise
    return connection, state


def make(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database."""
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only now has it an effect
    connection.execute("PRAGMA journal_mode = WAL")
    with transaction(connection):
        for statement in _SCHEMA:
            connection.execute(statement)


def remove(path: Path) -> None:
    """Remove the file and what SQLite has beside it. Raises ``OSError``."""
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def read_state(connection: sqlite3.Connection) -> State:
    """Return how far the index has followed."""
    row = connection.execute("SELECT position, msgid, sequence, erased FROM state").fetchone()
    if row is None:
        raise sqlite3.DatabaseError("it does not say how far it has followed")
    return State(*row)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Have what is done be one transaction, rolled back if it fails."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        undo(connection)
        raise


# --- following --------------------------------------------------------------------------------


def apply(index: sqlite3.Connection, news: News) -> State:
    """Bring the index forward, in one transaction; return the state that it then has."""
    # What the journal forgets once it is done here must be on the disk by then; the rest can be
    # learned again.
    index.execute(f"PRAGMA synchronous = {'FULL' if news.changed else 'NORMAL'}")
    index.execute(_FRESH)
    with transaction(index):
        before = read_state(index)
        after = replace(news.state, erased=before.erased)
        numbers = Numbers(index)
        for change in news.changed:
            taken_out = _take_out(index, change)
            if taken_out:
                after = replace(after, erased=change.sequence)
            # What is not indexed yet will be, with its text of then.
            known = taken_out or change.position <= before.position
            if known and change.new_text and change.conversation:
                said = Said(change.position, change.conversation, change.account, change.new_text)
                put_in(index, numbers, said)
        index.execute(_TAKE_APART, (news.said,))
        for statement in _PUT_IN:
            index.execute(statement)
        _write_state(index, after)
    return after


def _take_out(index: sqlite3.Connection, change: Changed) -> bool:
    """Take a message out; return whether it was in."""
    row = index.execute(
        "SELECT place, author FROM indexed WHERE position = ?", (change.position,)
    ).fetchone()
    if row is None:
        return False
    index.execute(
        "INSERT INTO messages (messages, rowid, text, place, author) VALUES ('delete', ?, ?, ?, ?)",
        (change.position, plain(change.old_text), *map(word, row)),
    )
    index.execute("DELETE FROM indexed WHERE position = ?", (change.position,))
    return True


def put_in(index: sqlite3.Connection, numbers: Numbers, said: Said) -> None:
    """Put a message in that is not in."""
    place, author = numbers[said.conversation], numbers[said.account]
    index.execute(
        "INSERT INTO messages (rowid, text, place, author) VALUES (?, ?, ?, ?)",
        (said.position, plain(said.text), word(place), word(author)),
    )
    index.execute("INSERT INTO indexed VALUES (?, ?, ?)", (said.position, place, author))


def _write_state(index: sqlite3.Connection, state: State) -> None:
    index.execute(
        "UPDATE state SET position = ?, msgid = ?, sequence = ?, erased = ?",
        (state.position, state.msgid, state.sequence, state.erased),
    )


def word(number: int) -> str:
    """Return the word that stands for a conversation or an account in ``messages``."""
    return f"{number:x}"


class Numbers(dict[str, int]):
    """The numbers of names, given on first use; for one transaction."""

    def __init__(self, index: sqlite3.Connection) -> None:
        super().__init__()
        self._index = index

    def __missing__(self, name: str) -> int:
        self._index.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))
        row = self._index.execute("SELECT number FROM names WHERE name = ?", (name,)).fetchone()
        self[name] = int(row[0])
        return self[name]


# --- forgetting -------------------------------------------------------------------------------


def merge_step(index: sqlite3.Connection, pages: int, *, first: bool = False) -> bool:
    """Do a part of rewriting the index without the words that were taken out.

    FTS5 notes what was taken out beside what it has, and drops both when it merges the parts that
    hold them. The ``first`` step has every part merged into one, the next ones go on with that,
    about ``pages`` pages at a time. What is freed is overwritten (``secure_delete``). Returns
    whether there is more to do.
    """
    before = index.total_changes
    index.execute(
        "INSERT INTO messages (messages, rank) VALUES ('merge', ?)", (-pages if first else pages,)
    )
    return index.total_changes - before >= 2


def shrink_step(index: sqlite3.Connection, pages: int) -> bool:
    """Give up to ``pages`` free pages of the file back; return whether there are more."""
    index.execute(f"PRAGMA incremental_vacuum({pages:d})").fetchall()
    (free,) = index.execute("PRAGMA freelist_count").fetchone()
    return bool(free)


def forgotten(index: sqlite3.Connection, erased: int) -> State:
    """Empty the log, which has pages as they were, and note it if all is forgotten.

    It is not if somebody is reading an older state of the file, or more was taken out meanwhile.
    """
    busy, _, _ = index.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    state = read_state(index)
    if not busy and state.erased == erased:
        state = replace(state, erased=0)
        with transaction(index):
            _write_state(index, state)
    return state
