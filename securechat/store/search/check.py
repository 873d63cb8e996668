"""Checking that the search index agrees with the journal: word by word, by building it again.

For an operator's check and for tests. It blocks for half a minute for a million messages, and
reads both files as they were at one moment each; a server may go on meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path

from securechat.store import database
from securechat.store.search import index as search_index
from securechat.store.search.index import Numbers, put_in
from securechat.store.search.source import SEARCHED_KINDS, Said, State, can_follow

_Instance = tuple[str, int, str, int]


def disagreements(folder: Path) -> list[str]:
    """Return, in sentences, what is wrong with a folder's search index; mostly nothing.

    An index that is missing or behind is not wrong: the server brings it forward. The journal is
    taken to be sound.
    """
    path = folder / search_index.FILE_NAME
    if not path.exists():
        return []
    with closing(database.connect(folder / database.FILE_NAME)) as journal:
        try:
            with closing(search_index.connect(path)) as index:
                return _compared(journal, index)
        except sqlite3.DatabaseError as error:
            return [f"The search index cannot be read: {error}."]


def _compared(journal: sqlite3.Connection, index: sqlite3.Connection) -> list[str]:
    # The index first: the journal has all that it has followed.
    index.execute("BEGIN")
    state = search_index.read_state(index)
    journal.execute("BEGIN")
    (sound,) = index.execute("PRAGMA integrity_check(1)").fetchone()
    if sound != "ok":
        return [f"The search index is damaged: {sound}."]
    if not can_follow(journal, state):
        return ["The search index does not belong to this journal."]
    return _compare(journal, index, state)


def _compare(journal: sqlite3.Connection, index: sqlite3.Connection, state: State) -> list[str]:
    # Whatever has to be followed still is different.
    behind = {
        position
        for (position,) in journal.execute(
            "SELECT position FROM reindex WHERE sequence > ?", (state.sequence,)
        )
    }
    with closing(sqlite3.connect("", isolation_level=None)) as fresh:
        search_index.make(fresh)
        numbers = Numbers(fresh)
        with search_index.transaction(fresh):
            # The same numbers stand for the same names.
            fresh.executemany(
                "INSERT INTO names VALUES (?, ?)", index.execute("SELECT number, name FROM names")
            )
            for said in _messages(journal, state.position):
                if said.position not in behind:
                    put_in(fresh, numbers, said)
        found = (instance for instance in instances(index) if instance[1] not in behind)
        return _first_difference(found, instances(fresh))


def _first_difference(found: Iterator[_Instance], wanted: Iterator[_Instance]) -> list[str]:
    for there, right in zip_longest(found, wanted):
        if there != right:
            first = min(instance for instance in (there, right) if instance is not None)
            which = "has a word too many" if first == there else "lacks a word"
            return [f"The search index {which} in the message at position {first[1]}."]
    return []


def _messages(journal: sqlite3.Connection, upto: int) -> Iterator[Said]:
    rows = journal.execute(
        "SELECT position, conversation, account, text FROM events "
        "WHERE position <= ? AND text <> '' AND kind IN (SELECT value FROM json_each(?)) "
        "ORDER BY position",
        (upto, json.dumps(SEARCHED_KINDS)),
    )
    return (Said(*row) for row in rows)


def instances(index: sqlite3.Connection) -> Iterator[_Instance]:
    """Yield every word in an index with where it is: position, column and place, in order."""
    index.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.instances USING "
        "fts5vocab(main, messages, instance)"
    )
    return iter(index.execute("SELECT term, doc, col, offset FROM temp.instances"))
