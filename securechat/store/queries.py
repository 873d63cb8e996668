"""The store's questions and changes in SQL: functions of a connection, without any waiting.

What changes something runs inside ``database.transact``. Positions and marks are counted here,
which is safe because a write transaction keeps every other writer out from its beginning.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterable, Sequence

from securechat.errors import Conflict
from securechat.store.contract import Amendment, Change, Entry, Event, Record, Stored

_COLUMNS = (
    "position, msgid, time_ms, kind, account, source, conversation, target, text, tags, parent"
)
_EVENT_ROWS = f"SELECT {_COLUMNS} FROM events"  # noqa: S608 - constants only
_INSERT_EVENT = (
    f"INSERT INTO events ({_COLUMNS}) "  # noqa: S608 - constants only
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_RECORD_ROWS = "SELECT kind, key, version, value FROM records"

_EventRow = tuple[int, str, int, str, str, str, str, str, str, str | None, str | None]
_RecordRow = tuple[str, str, int, str | None]


# --- the journal ------------------------------------------------------------------------------


def append(
    connection: sqlite3.Connection, entries: Sequence[Entry]
) -> tuple[list[int], list[Stored]]:
    """Store the entries that are new; return every entry's position, and the new events.

    Raises ``Conflict`` when a change of a new entry expected another version.
    """
    first = last_position(connection) + 1
    new = [Stored(position, entry.event) for position, entry in enumerate(entries, first)]
    connection.execute("SAVEPOINT all_new")
    try:
        connection.executemany(_INSERT_EVENT, map(_event_row, new))
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            raise
        # A retry after an unknown outcome: seldom, so nobody else pays for looking.
        connection.execute("ROLLBACK TO all_new")
        return _append_unknown(connection, entries)
    if any(entry.amends or entry.changes for entry in entries):
        _follow_up(connection, zip(new, entries, strict=True))
    return [stored.position for stored in new], new


def _append_unknown(
    connection: sqlite3.Connection, entries: Sequence[Entry]
) -> tuple[list[int], list[Stored]]:
    """Append where some of the entries may be stored already, or stand there twice."""
    positions = _known_positions(connection, [entry.event.msgid for entry in entries])
    last = last_position(connection)
    new: list[tuple[Stored, Entry]] = []
    for entry in entries:
        if entry.event.msgid not in positions:
            last += 1
            positions[entry.event.msgid] = last
            new.append((Stored(last, entry.event), entry))
    connection.executemany(_INSERT_EVENT, (_event_row(stored) for stored, _ in new))
    _follow_up(connection, new)
    return [positions[entry.event.msgid] for entry in entries], [stored for stored, _ in new]


def _follow_up(connection: sqlite3.Connection, new: Iterable[tuple[Stored, Entry]]) -> None:
    """Do what new events do to earlier ones and to records."""
    changes: list[Change] = []
    for stored, entry in new:
        for amendment in entry.amends:
            _amend(connection, stored.position, amendment)
        changes.extend(entry.changes)
    if changes:
        apply(connection, changes)


def _amend(connection: sqlite3.Connection, by: int, amendment: Amendment) -> None:
    """Replace a message's text for the event at position ``by``, and tell the search index."""
    connection.execute(
        "UPDATE events SET text = '' WHERE parent = ? AND kind = 'EDIT' AND position < ?",
        (amendment.msgid, by),
    )
    row = connection.execute(
        "SELECT position, text FROM events WHERE msgid = ?", (amendment.msgid,)
    ).fetchone()
    if row is None:
        return
    position, old = row
    connection.execute(
        "UPDATE events SET text = ?, tags = CASE WHEN ? = '' THEN NULL ELSE tags END "
        "WHERE position = ?",
        (amendment.text, amendment.text, position),
    )
    connection.execute(
        "INSERT INTO reindex (position, old_text, new_text) VALUES (?, ?, ?)",
        (position, old, amendment.text),
    )


def _known_positions(connection: sqlite3.Connection, msgids: Sequence[str]) -> dict[str, int]:
    """Return the positions of those msgids that are stored already."""
    rows = connection.execute(
        "SELECT msgid, position FROM events WHERE msgid IN (SELECT value FROM json_each(?))",
        (json.dumps(msgids),),
    )
    return dict(rows.fetchall())


def last_position(connection: sqlite3.Connection) -> int:
    """Return the highest position that was ever given out, 0 before the first."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return row[0] if row is not None else 0


def last(connection: sqlite3.Connection) -> Stored | None:
    """Return the newest event."""
    return _one_event(connection.execute(f"{_EVENT_ROWS} ORDER BY position DESC LIMIT 1"))


def locate(connection: sqlite3.Connection, msgid: str) -> Stored | None:
    """Return the event with this msgid."""
    return _one_event(connection.execute(f"{_EVENT_ROWS} WHERE msgid = ?", (msgid,)))


def about(connection: sqlite3.Connection, msgids: Sequence[str], limit: int) -> list[Stored]:
    """Return the events about these messages, oldest first."""
    rows = connection.execute(
        f"{_EVENT_ROWS} WHERE parent IN (SELECT value FROM json_each(?)) "  # noqa: S608 - constants only
        "ORDER BY position LIMIT ?",
        (json.dumps(msgids), max(limit, 0)),
    )
    return list(map(_stored, rows))


def at(connection: sqlite3.Connection, positions: Sequence[int]) -> list[Stored]:
    """Return the events at these positions that are there, oldest first."""
    rows = connection.execute(
        f"{_EVENT_ROWS} WHERE position IN (SELECT value FROM json_each(?)) ORDER BY position",  # noqa: S608 - constants only
        (json.dumps(positions),),
    )
    return list(map(_stored, rows))


def page(connection: sqlite3.Connection, after: int, limit: int) -> list[Stored]:
    """Return the ``limit`` events that follow a position."""
    rows = connection.execute(
        f"{_EVENT_ROWS} WHERE position > ? ORDER BY position LIMIT ?", (after, limit)
    )
    return list(map(_stored, rows))


def history(
    connection: sqlite3.Connection,
    conversation: str,
    *,
    after: int,
    before: int | None,
    limit: int,
    newest: bool,
    kinds: Sequence[str],
) -> list[Stored]:
    """Return events of a conversation, oldest first; see ``contract.Store.history``."""
    where = "conversation = ? AND position > ?"
    values: list[str | int] = [conversation, after]
    if before is not None:
        where += " AND position < ?"
        values.append(before)
    if kinds:
        where += f" AND kind IN ({', '.join('?' * len(kinds))})"
        values.extend(kinds)
    order = "DESC" if newest else "ASC"
    values.append(max(limit, 0))  # SQLite takes a negative limit for none at all
    rows = connection.execute(
        f"{_EVENT_ROWS} WHERE {where} ORDER BY position {order} LIMIT ?", values
    )
    found = list(map(_stored, rows))
    if newest:
        found.reverse()
    return found


def position_at(connection: sqlite3.Connection, time_ms: int) -> int:
    """Return the first position at or after a time, by halving the range of positions.

    Times never decrease along positions, so twenty look-ups by primary key find one place in a
    million; an index on time would have to be written to in every commit instead.
    """
    low, high = 1, last_position(connection) + 1
    while low < high:
        middle = (low + high) // 2
        # Positions may have gaps: the next event that there is decides for the middle.
        position, found_ms = connection.execute(
            "SELECT position, time_ms FROM events WHERE position >= ? ORDER BY position LIMIT 1",
            (middle,),
        ).fetchone() or (high, time_ms)
        if found_ms >= time_ms:
            high = middle
        else:
            low = position + 1
    # The place may be a gap as well.
    row = connection.execute("SELECT min(position) FROM events WHERE position >= ?", (low,))
    (position,) = row.fetchone()
    return low if position is None else position


def _event_row(stored: Stored) -> _EventRow:
    event = stored.event
    return (
        stored.position,
        event.msgid,
        event.time_ms,
        event.kind,
        event.account,
        event.source,
        event.conversation,
        event.target,
        event.text,
        json.dumps(dict(event.tags), ensure_ascii=False) if event.tags else None,
        event.parent or None,
    )


def _stored(row: _EventRow) -> Stored:
    position, msgid, time_ms, kind, account, source, conversation, target, text, tags, parent = row
    return Stored(
        position,
        Event(
            msgid=msgid,
            time_ms=time_ms,
            kind=kind,
            account=account,
            source=source,
            conversation=conversation,
            target=target,
            text=text,
            tags=json.loads(tags) if tags is not None else {},
            parent=parent or "",
        ),
    )


def _one_event(rows: sqlite3.Cursor) -> Stored | None:
    row = rows.fetchone()
    return _stored(row) if row is not None else None


# --- the records ------------------------------------------------------------------------------


def apply(connection: sqlite3.Connection, changes: Iterable[Change]) -> list[Record]:
    """Apply changes in their order; return, for each, its record as it is after all of them.

    Raises ``Conflict`` at the first one that expected another version.
    """
    (mark,) = connection.execute("SELECT coalesce(max(mark), 0) FROM records").fetchone()
    order: list[tuple[str, str]] = []
    records: dict[tuple[str, str], Record] = {}
    for change in changes:
        version, present = connection.execute(
            "SELECT version, value IS NOT NULL FROM records WHERE kind = ? AND key = ?",
            (change.kind, change.key),
        ).fetchone() or (0, 0)
        if change.expected is not None and change.expected != (version if present else 0):
            raise Conflict(change.kind, change.key)
        mark += 1
        value = None
        if change.value is not None:
            value = json.dumps(dict(change.value), ensure_ascii=False, allow_nan=False)
        connection.execute(
            "INSERT INTO records (kind, key, version, value, mark) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (kind, key) DO UPDATE SET "
            "version = excluded.version, value = excluded.value, mark = excluded.mark",
            (change.kind, change.key, version + 1, value, mark),
        )
        order.append((change.kind, change.key))
        records[order[-1]] = _record((change.kind, change.key, version + 1, value))
    return [records[name] for name in order]


def get(connection: sqlite3.Connection, kind: str, key: str) -> Record | None:
    """Return a record that is present."""
    row = connection.execute(
        f"{_RECORD_ROWS} WHERE kind = ? AND key = ? AND value IS NOT NULL", (kind, key)
    ).fetchone()
    return _record(row) if row is not None else None


def get_all(
    connection: sqlite3.Connection, wanted: Sequence[tuple[str, str]]
) -> list[Record | None]:
    """Return for each kind and key the record that is present, or ``None``."""
    return [get(connection, kind, key) for kind, key in wanted]


def scan(
    connection: sqlite3.Connection,
    kind: str,
    prefix: str,
    *,
    after: str | None,
    before: str | None,
    limit: int | None,
    newest: bool,
) -> list[Record]:
    """Return present records of a kind, by key; see ``contract.Store.scan``."""
    # One bound on each side: of two, SQLite would seek by one and walk to the other.
    where, values = "kind = ? AND value IS NOT NULL", [kind]
    where += " AND key > ?" if after is not None and after >= prefix else " AND key >= ?"
    values.append(max(prefix, after or ""))
    ends = [end for end in (_end_of(prefix), before) if end is not None]
    if ends:
        where += " AND key < ?"
        values.append(min(ends))
    order = "DESC" if newest else "ASC"
    rows = connection.execute(
        f"{_RECORD_ROWS} WHERE {where} ORDER BY key {order} LIMIT ?",
        (*values, -1 if limit is None else max(limit, 0)),
    )
    found = list(map(_record, rows))
    if newest:
        found.reverse()
    return found


def _end_of(prefix: str) -> str | None:
    """Return the lowest key above all that start with ``prefix``; ``None`` where there is none.

    SQLite compares the bytes of UTF-8, which have the order of the code points.
    """
    prefix = prefix.rstrip(chr(sys.maxunicode))
    if not prefix:
        return None
    following = ord(prefix[-1]) + 1
    # Surrogates are no characters: what follows the last one before them is the first after.
    return prefix[:-1] + chr(0xE000 if following == 0xD800 else following)


def prune(connection: sqlite3.Connection, kind: str, before: str, limit: int) -> int:
    """Delete the lowest records of a kind; see ``contract.Store.prune``."""
    deleted = connection.execute(
        "DELETE FROM records WHERE kind = ? AND key IN (SELECT key FROM records WHERE kind = ? "
        "AND key < ? AND mark < (SELECT max(mark) FROM records) ORDER BY key LIMIT ?)",
        (kind, kind, before, max(limit, 0)),
    )
    return deleted.rowcount


def changed(connection: sqlite3.Connection, after: int) -> tuple[list[Record], int]:
    """Return the records changed since a mark, in the order of their last change, and the mark."""
    rows = connection.execute(
        "SELECT kind, key, version, value, mark FROM records WHERE mark > ? ORDER BY mark",
        (after,),
    ).fetchall()
    return [_record(row[:4]) for row in rows], rows[-1][4] if rows else after


def data_version(connection: sqlite3.Connection) -> int:
    """Return a number that differs once another connection, of any process, has committed."""
    (version,) = connection.execute("PRAGMA data_version").fetchone()
    return int(version)


def _record(row: _RecordRow) -> Record:
    kind, key, version, value = row
    return Record(kind, key, version, json.loads(value) if value is not None else None)
