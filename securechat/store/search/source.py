"""What the search index learns from the journal: questions to the journal's database.

The journal is the one source. New messages are found by their position; for texts that changed
there is a queue, the table ``reindex``, written in the transaction that changes them.

New messages travel from one file to the other as one JSON text, which SQLite makes and takes
apart: Python's global lock is let go of and taken once for all of them, not for each, and a busy
server's scheduler hardly notices.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from securechat.store import queries
from securechat.store.search.text import AS_IT_IS, plain

SEARCHED_KINDS = ("PRIVMSG", "NOTICE")

#: ``plain(text)`` in SQL. Mostly it has nothing to do, and is not called: in JSON, control
#: characters are escaped.
PLAIN_TEXT = rf"""
    CASE
    WHEN instr(json_quote(text), '\') THEN plain(text)
    WHEN length(text) = length(CAST(text AS BLOB)) THEN text
    WHEN text GLOB '*[^{AS_IT_IS}]*' THEN plain(text)
    ELSE text END
"""
_NEW = f"""
    WITH new AS MATERIALIZED (
        SELECT position, kind, conversation, account, text FROM events
        WHERE position > ? ORDER BY position LIMIT ?
    )
    SELECT count(*), max(position),
    json_group_array(json_array(position, conversation, account, {PLAIN_TEXT}))
    FILTER (WHERE text <> '' AND kind IN {SEARCHED_KINDS!r})
    FROM new
"""  # noqa: S608 - constants only
_NOTHING = "[]"


@dataclass(frozen=True, slots=True)
class State:
    """How far an index has followed; its file keeps this with what it has.

    Every event up to ``position`` is in, ``msgid`` is the one there (empty where there is none),
    and the queue is done up to ``sequence``. ``erased`` is the last change that took words out
    which may still be somewhere in the file; 0 where there is none.
    """

    position: int = 0
    msgid: str = ""
    sequence: int = 0
    erased: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """A message with a text."""

    position: int
    conversation: str
    account: str
    text: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A row of the queue. Conversation and account are empty where the message is gone."""

    sequence: int
    position: int
    old_text: str
    new_text: str
    conversation: str
    account: str


@dataclass(frozen=True, slots=True)
class News:
    """What an index is to learn next, and the state that it then has.

    ``said`` are the new messages: JSON, a list of lists of position, conversation, account and
    text, that as ``plain`` gives it.
    """

    state: State
    changed: Sequence[Changed]
    said: str


def news(journal: sqlite3.Connection, state: State, limit: int) -> News | None:
    """Return what follows a state: up to ``limit`` changes, then as many new events.

    Both are of one moment. A new event comes with its text of that moment, so every change before
    that moment must be known first: as long as there may be more of them, there are no new events.
    """
    journal.execute("BEGIN")
    try:
        changed = _changed(journal, state.sequence, limit)
        if len(changed) == limit:
            return News(replace(state, sequence=changed[-1].sequence), changed, _NOTHING)
        journal.create_function("plain", 1, plain, deterministic=True)
        count, last, said = journal.execute(_NEW, (state.position, limit)).fetchone()
        after = replace(state, sequence=_last_sequence(journal))
        if count:
            after = replace(after, position=last, msgid=_msgid_at(journal, last))
        if count < limit:
            # The newest events of all may be gone again.
            tail = queries.last_position(journal)
            if tail > after.position:
                after = replace(after, position=tail, msgid="")
        if after == state:
            return None
        return News(after, changed, said)
    finally:
        journal.execute("COMMIT")


def _changed(journal: sqlite3.Connection, sequence: int, limit: int) -> list[Changed]:
    rows = journal.execute(
        "SELECT sequence, reindex.position, old_text, new_text, conversation, account, kind "
        "FROM reindex LEFT JOIN events ON events.position = reindex.position "
        "WHERE sequence > ? ORDER BY sequence LIMIT ?",
        (sequence, limit),
    )
    return [
        Changed(*row[:4], *(row[4:6] if row[6] in SEARCHED_KINDS else ("", ""))) for row in rows
    ]


def _msgid_at(journal: sqlite3.Connection, position: int) -> str:
    row = journal.execute("SELECT msgid FROM events WHERE position = ?", (position,)).fetchone()
    return str(row[0])


def _last_sequence(journal: sqlite3.Connection) -> int:
    """Return the highest number that the queue ever gave out."""
    row = journal.execute("SELECT seq FROM sqlite_sequence WHERE name = 'reindex'").fetchone()
    return row[0] if row is not None else 0


def can_follow(journal: sqlite3.Connection, state: State) -> bool:
    """Tell whether an index with this state came from this journal and can go on from there.

    It cannot where one of the two files was replaced by another or by an older copy: then changes
    of texts that the index has not followed may be gone from the queue.
    """
    if not state.position:
        return True
    (waiting,) = journal.execute(
        "SELECT count(*) FROM reindex WHERE sequence > ?", (state.sequence,)
    ).fetchone()
    row = journal.execute(
        "SELECT msgid FROM events WHERE position = ?", (state.position,)
    ).fetchone()
    return (
        waiting == _last_sequence(journal) - state.sequence
        and state.position <= queries.last_position(journal)
        and (row is None or row[0] == state.msgid)
    )


def holds_followed(journal: sqlite3.Connection, sequence: int) -> bool:
    """Tell whether the queue still holds what was followed: somebody was cut off before the end."""
    row = journal.execute("SELECT 1 FROM reindex WHERE sequence <= ?", (sequence,)).fetchone()
    return row is not None


def followed(journal: sqlite3.Connection, sequence: int) -> None:
    """Take out of the queue what the index has followed, and keeps even if the power fails."""
    journal.execute("DELETE FROM reindex WHERE sequence <= ?", (sequence,))
