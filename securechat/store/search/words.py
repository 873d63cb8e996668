"""Looking for words in the texts themselves, for what the index is slow at: common beginnings.

To find the words that begin with some letters, FTS5 first gathers all messages that have one of
them. That is soon done where they are few. Where they are many, the message that is wanted comes
soon anyway, and so the messages' own texts are looked through instead, by a small index in memory
that is made of them for the moment: what is a word and what is not stays FTS5's business.

Every function here blocks, on a connection that ``attach`` has shown the journal to.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from securechat.store.database import FILE_NAME
from securechat.store.search.source import PLAIN_TEXT
from securechat.store.search.text import TOKENIZER, plain

#: A beginning that more of the messages have than this is common.
COMMON_SHARE = 0.05
#: How many messages are looked at to tell, and at how many places of the journal.
_SAMPLE = 400
_SAMPLE_PLACES = 8

_TAKE_APART = f"""
    INSERT INTO texts (rowid, text)
    SELECT position, {PLAIN_TEXT} FROM journal.events
    WHERE position IN (SELECT value FROM json_each(?))
"""  # noqa: S608 - constants only


def attach(index: sqlite3.Connection, folder: Path) -> None:
    """Show the journal beside an index to a connection, for reading. Raises ``sqlite3.Error``."""
    address = f"{(folder / FILE_NAME).absolute().as_uri()}?mode=ro"
    index.execute("ATTACH ? AS journal", (address,))
    index.create_function("plain", 1, plain, deterministic=True)
    index.execute(
        "CREATE VIRTUAL TABLE temp.texts USING fts5 "
        f"(text, content = '', columnsize = 0, tokenize = '{TOKENIZER}')"
    )


def having(index: sqlite3.Connection, positions: Sequence[int], match: str) -> set[int]:
    """Return which of the messages at these positions have the words now."""
    (found,) = _having(index, positions, [match])
    return found


def common(index: sqlite3.Connection, terms: Sequence[str]) -> list[str]:
    """Return which terms many messages have, judged by some from all over the journal."""
    sample = _sample(index)
    found = _having(index, sample, terms)
    return [
        term
        for term, those in zip(terms, found, strict=True)
        if len(those) > len(sample) * COMMON_SHARE
    ]


def _sample(index: sqlite3.Connection) -> list[int]:
    (last,) = index.execute("SELECT coalesce(max(position), 0) FROM indexed").fetchone()
    found: set[int] = set()
    for place in range(_SAMPLE_PLACES):
        rows = index.execute(
            "SELECT position FROM indexed WHERE position > ? ORDER BY position LIMIT ?",
            (last * place // _SAMPLE_PLACES, _SAMPLE // _SAMPLE_PLACES),
        )
        found.update(position for (position,) in rows)
    return sorted(found)


def _having(
    index: sqlite3.Connection, positions: Sequence[int], matches: Sequence[str]
) -> list[set[int]]:
    index.execute("BEGIN")
    try:
        index.execute(_TAKE_APART, (json.dumps(positions),))
        return [
            {
                row
                for (row,) in index.execute("SELECT rowid FROM texts WHERE texts MATCH ?", (match,))
            }
            for match in matches
        ]
    finally:
        # What the memory held of them goes.
        index.execute("ROLLBACK")
