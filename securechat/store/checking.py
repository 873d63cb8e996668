"""Checking all that is kept, in one read transaction, while a server runs or not.

Every function here blocks.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from securechat.errors import UserError
from securechat.store.contract import Record
from securechat.store.database import FILE_NAME, connect, explained, is_damage, prepare_file
from securechat.store.schema import SCHEMA_STEPS
from securechat.store.search.check import disagreements

Parser = Callable[[Record], object]
"""Reads a present record; raises ``KeyError``, ``TypeError`` or ``ValueError`` for a wrong one."""

#: How many faults of one sort are told.
FAULTS_MAX = 20

Stage = Callable[[str], None]


def faults(folder: Path, parsers: Mapping[str, Parser], *, stage: Stage) -> Iterator[str]:
    """Yield what is wrong with a folder's data, a sentence for each; nothing where all is well.

    ``parsers`` has one for each kind of record that is looked into. ``stage`` is told what is being
    checked. Raises ``UserError`` where there is no database, or one of a newer version.
    """
    path = prepare_file(folder, create=False)
    with explained(folder), closing(connect(path)) as database:
        database.execute("BEGIN")
        stage("the database")
        damages = _damages(database)
        yield from (f"The database is damaged: {damage}." for damage in damages)
        if damages:
            return  # whatever else is found may come from that
        yield from _schema(database, path)
        stage("the messages")
        yield from _limited(_events(database))
        stage("the records")
        yield from _limited(_records(database, parsers))
    stage("the search index")
    yield from disagreements(folder)


def _damages(database: sqlite3.Connection) -> list[str]:
    try:
        lines = database.execute(f"PRAGMA integrity_check({FAULTS_MAX:d})").fetchall()
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return [str(error)]
    return [line for (line,) in lines if line != "ok"]


def _limited(found: Iterator[str]) -> Iterator[str]:
    for number, fault in enumerate(found):
        if number == FAULTS_MAX:
            yield "There is more of that sort."
            return
        yield fault


def _schema(database: sqlite3.Connection, path: Path) -> Iterator[str]:
    """Compare the tables and indexes with what the steps make."""
    (done,) = database.execute("PRAGMA user_version").fetchone()
    if done > len(SCHEMA_STEPS):
        raise UserError(f"{path} was made by a newer SecureChat: check it with that.")
    with closing(sqlite3.connect(":memory:")) as fresh:
        for step in SCHEMA_STEPS[:done]:
            for statement in step:
                fresh.execute(statement)
        wanted, found = _objects(fresh), _objects(database)
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            yield f"{name} is missing in the database."
        elif name not in wanted:
            yield f"{name} in the database is not SecureChat's."
        elif wanted[name] != found[name]:
            yield f"{name} in the database is not as SecureChat made it."


def _objects(database: sqlite3.Connection) -> dict[str, str | None]:
    return dict(
        database.execute(
            "SELECT type || ' ' || name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
        ).fetchall()
    )


def _events(database: sqlite3.Connection) -> Iterator[str]:
    """Check promise 4 of the contract, and that what is read of an event can be read."""
    last_msgid, last_ms, position = "", 0, 0
    for position, msgid, time_ms, tags in database.execute(
        "SELECT position, msgid, time_ms, tags FROM events ORDER BY position"
    ):
        if msgid <= last_msgid:
            yield f"The msgid at position {position} is not above the one before it."
        if time_ms < last_ms:
            yield f"The time at position {position} is before that of the one before it."
        if tags is not None and not _is_tags(tags):
            yield f"The tags at position {position} cannot be read."
        last_msgid, last_ms = msgid, time_ms
    (given,) = database.execute(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'"
    ).fetchone()
    if given < position:
        yield f"Position {position} is used, but {given} is noted as the last one given out."


def _is_tags(text: str) -> bool:
    tags = _parsed(text)
    return tags is not None and all(isinstance(value, str) for value in tags.values())


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _records(database: sqlite3.Connection, parsers: Mapping[str, Parser]) -> Iterator[str]:
    rows = database.execute(
        "SELECT kind, key, version, value FROM records WHERE value IS NOT NULL ORDER BY kind, key"
    )
    for kind, key, version, text in rows:
        value = _parsed(text)
        if value is None:
            yield f"The record {kind} {key} cannot be read."
        elif kind in parsers:
            try:
                parsers[kind](Record(kind, key, version, value))
            except (KeyError, TypeError, ValueError) as error:
                yield f"The record {kind} {key} is not as it should be: {error!r}."


def counts(folder: Path) -> tuple[int, int]:
    """Return how many events and how many present records there are."""
    with explained(folder), closing(connect(folder / FILE_NAME)) as database:
        (events,) = database.execute("SELECT count(*) FROM events").fetchone()
        (records,) = database.execute(
            "SELECT count(*) FROM records WHERE value IS NOT NULL"
        ).fetchone()
    return events, records
