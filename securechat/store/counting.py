"""Counting messages in SQL, for what is unread: a function of a connection, without any waiting."""

from __future__ import annotations

import sqlite3

from securechat.protocol.mentions import mentions
from securechat.protocol.names import fold

# Only the texts that may name somebody leave the database. SQLite's lower() is ASCII's, as fold is.
_COUNTED = """
    SELECT CASE WHEN ? <> '' AND instr(lower(text), ?) > 0 THEN text END
    FROM (
        SELECT account, text FROM events
        WHERE conversation = ? AND position > ? AND position < ?
            AND kind IN ('PRIVMSG', 'NOTICE')
        ORDER BY position DESC LIMIT ?
    )
    WHERE account <> ? AND text <> ''
"""


def count(
    connection: sqlite3.Connection,
    conversation: str,
    *,
    after: int,
    before: int | None,
    limit: int,
    but_by: str,
    naming: str,
) -> tuple[int, int]:
    """Return how many messages there are, and how many name somebody; see ``contract.Store``."""
    word = fold(naming)
    end = (1 << 63) - 1 if before is None else before
    rows = connection.execute(
        _COUNTED, (word, word, conversation, after, end, max(limit, 0), but_by)
    ).fetchall()
    return len(rows), sum(1 for (text,) in rows if text is not None and mentions(text, word))
