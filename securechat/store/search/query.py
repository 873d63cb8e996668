"""Asking the search index: positions of messages, from one end of a range on.

Rows are taken from the index until enough of them may be read: where reading begins differs from
conversation to conversation, and the index knows nothing of that.

The index can be asked for some places alone, and then passes over all others; but that takes a
look-up for each. So with many places the first rows are taken from all places there are. Only
where few of these could be read is it asked for the places: for a word that is common elsewhere.

Beginnings of words that are common are not asked for: see ``words.py``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from securechat.store.search import words as search_words
from securechat.store.search.index import connect, word
from securechat.store.search.text import terms_of

POSITION_MAX = 2**63 - 1

#: How many of SQLite's steps pass between two looks at the clock.
_STEPS_PER_LOOK = 200
_ROWS_MAX = 5000
#: So many places are always asked for.
_FEW_PLACES = 4
#: The first rows from everywhere, and which part of them makes it worth to go on so.
_ROWS_EVERYWHERE = 100
#: So many rows at least are taken where their texts are then looked through.
_ROWS_OF_TEXTS = 200
_SHARE_EVERYWHERE = 0.1

# CROSS JOIN: the words' index on the outside, whatever the planner expects of it.
_FITTING = """
    SELECT messages.rowid AS position, indexed.place
    FROM messages CROSS JOIN indexed ON indexed.position = messages.rowid
    WHERE messages MATCH ? AND messages.rowid > ? AND messages.rowid < ?
"""
_ALL = "SELECT position, place FROM indexed WHERE position > ? AND position < ?"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for.

    ``floors`` are the conversations, and the position past which each may be read. ``match`` is an
    FTS5 expression for the text, empty for any; ``author`` an account's key, empty for anybody.
    Hits have ``after < position < before``.
    """

    floors: Mapping[str, int]
    match: str
    author: str
    after: int
    before: int
    newest: bool


class Query:
    """A search under way: ``next`` gives its hits piece by piece, each call in a thread."""

    def __init__(self, path: Path, wanted: Wanted, seconds: float) -> None:
        """Open the index; ``close`` must follow. Past ``seconds`` SQLite is interrupted.

        This and ``next`` raise ``sqlite3.Error``.
        """
        self._newest = wanted.newest
        self._after, self._before = wanted.after, wanted.before
        self._index = connect(path)
        deadline = time.monotonic() + seconds
        self._index.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_PER_LOOK)
        try:
            numbers = self._numbers([*wanted.floors, wanted.author])
        except BaseException:
            self._index.close()
            raise
        self._floors = {
            numbers[name]: floor for name, floor in wanted.floors.items() if name in numbers
        }
        conditions = [f"text : ({wanted.match})"] if wanted.match else []
        self._in_texts = ""
        whole, beginnings = terms_of(wanted.match)
        if beginnings:
            conditions = self._asked(path.parent, whole, beginnings)
        if wanted.author in numbers:
            conditions.append(f'author : "{word(numbers[wanted.author])}"')
        self._conditions = conditions
        self._everywhere = len(self._floors) > _FEW_PLACES
        # Who never said anything has no number.
        self._ended = bool(wanted.author) and wanted.author not in numbers

    def _asked(self, folder: Path, whole: list[str], beginnings: list[str]) -> list[str]:
        """Return what the index is asked for; note what is to be looked for in the texts."""
        search_words.attach(self._index, folder)
        common = search_words.common(self._index, beginnings)
        self._in_texts = " AND ".join(common)
        asked = " AND ".join(whole + [term for term in beginnings if term not in common])
        return [f"text : ({asked})"] if asked else []

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    def next(self, count: int) -> list[int]:
        """Return further hits, at least ``count`` unless these are the last ones."""
        found: list[int] = []
        rows_max = max(
            count,
            _ROWS_EVERYWHERE if self._everywhere else 0,
            _ROWS_OF_TEXTS if self._in_texts else 0,
        )
        while not self._ended and len(found) < count:
            floors, after, before = self._window()
            rows = self._rows(floors, after, before, rows_max)
            hits = [position for position, place in rows if self._may_read(position, place)]
            found += self._with_texts(hits)
            complete = len(rows) < rows_max
            if complete and before < self._before:
                self._after = before - 1
            elif complete:
                self._ended = True
            elif self._newest:
                self._before = rows[-1][0]
            else:
                self._after = rows[-1][0]
            if len(hits) < len(rows) * _SHARE_EVERYWHERE:
                self._everywhere = False
            rows_max = min(rows_max * 4, _ROWS_MAX)
        return found

    def _with_texts(self, positions: list[int]) -> list[int]:
        """Return which of these have in their texts what the index was not asked for."""
        if not (self._in_texts and positions):
            return positions
        having = search_words.having(self._index, positions, self._in_texts)
        return [position for position in positions if position in having]

    def _may_read(self, position: int, place: int) -> bool:
        floor = self._floors.get(place)
        return floor is not None and position > floor

    def _window(self) -> tuple[dict[int, int], int, int]:
        """Return the floors of the places to look at next, and after and before which position.

        On the way to the past, places drop out one by one: nothing more may be read there. On the
        way to the present they come in, and are not looked at while they would be the most.
        """
        floors = {place: low for place, low in self._floors.items() if low < self._before - 1}
        after = max(self._after, min(floors.values(), default=self._before))
        if self._newest:
            return floors, after, self._before
        by_floor = sorted(floors.items(), key=lambda item: item[1])
        count = max(2 * sum(low <= after for _, low in by_floor), _FEW_PLACES)
        if count >= len(by_floor):
            return floors, after, self._before
        return dict(by_floor[:count]), after, by_floor[count][1] + 1

    def _rows(
        self, floors: Mapping[int, int], after: int, before: int, count: int
    ) -> list[tuple[int, int]]:
        """Return the next rows, position and place, whether or not they may be read."""
        if after >= before - 1:
            return []
        conditions = self._conditions
        if not self._everywhere:
            places = " OR ".join(f'"{word(place)}"' for place in floors)
            conditions = [*conditions, f"place : ({places})"]
        sql = _FITTING if conditions else _ALL
        match = [" AND ".join(conditions)] if conditions else []
        order = "DESC" if self._newest else "ASC"
        return self._index.execute(
            f"{sql} ORDER BY position {order} LIMIT ?",
            (*match, after, before, count),
        ).fetchall()

    def _numbers(self, names: list[str]) -> dict[str, int]:
        rows = self._index.execute(
            "SELECT name, number FROM names WHERE name IN (SELECT value FROM json_each(?))",
            (json.dumps(names),),
        )
        return dict(rows.fetchall())
