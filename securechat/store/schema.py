"""The database's schema, as the steps that lead to it.

``SCHEMA_STEPS`` is append-only: a released step is never edited, for databases exist that have
run it. A database's ``user_version`` is the number of steps that it has run.

- ``events`` is the journal. ``AUTOINCREMENT`` keeps the highest position ever given out, so that a
  position is never used twice, not even if the newest events should be removed one day. An index
  in SQLite ends with the row's position anyway: ``events_by_conversation`` is ordered by
  conversation, then position. Msgids grow with time, so their index is only ever appended to.
- ``parent`` is set for the few events that are about another one; most rows have none.
- ``reindex`` is what the search index, which follows the journal on its own, is yet to be told of
  texts that changed: it needs the old one to forget it. Rows go once the index has followed.
- ``records`` keeps a row for removed ones too (``value`` is NULL), because versions count on.
  ``mark`` numbers all changes in one sequence: the highest one is the newest change.
"""

from __future__ import annotations

from collections.abc import Sequence

SCHEMA_STEPS: Sequence[Sequence[str]] = (
    (
        """
        CREATE TABLE events (
            position INTEGER PRIMARY KEY AUTOINCREMENT,
            msgid TEXT NOT NULL UNIQUE,
            time_ms INTEGER NOT NULL,
            kind TEXT NOT NULL,
            account TEXT NOT NULL,
            source TEXT NOT NULL,
            conversation TEXT NOT NULL,
            target TEXT NOT NULL,
            text TEXT NOT NULL,
            tags TEXT
        )
        """,
        "CREATE INDEX events_by_conversation ON events (conversation)",
        """
        CREATE TABLE records (
            kind TEXT NOT NULL,
            key TEXT NOT NULL,
            version INTEGER NOT NULL,
            value TEXT,
            mark INTEGER NOT NULL,
            PRIMARY KEY (kind, key)
        ) WITHOUT ROWID
        """,
        "CREATE UNIQUE INDEX records_by_mark ON records (mark)",
    ),
    (
        "ALTER TABLE events ADD COLUMN parent TEXT",
        "CREATE INDEX events_by_parent ON events (parent) WHERE parent IS NOT NULL",
        """
        CREATE TABLE reindex (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            position INTEGER NOT NULL,
            old_text TEXT NOT NULL,
            new_text TEXT NOT NULL
        )
        """,
    ),
)
