"""The store on SQLite: one file, one writing connection, several reading ones.

Theory of operation. SQLite's write-ahead log lets any number of connections read while one
writes, so reads never wait for the writer. All writing of this process goes through one
connection behind a first-come, first-served lock; other processes (``securechat-users``) use the
same file, and SQLite's own lock makes them take turns. Every write is one transaction that is
synced to disk before ``append`` or ``put`` returns.

Each call hands a plain function to the runner (a worker thread, or inline in tests) and borrows a
connection for its time. Between a commit and ``Recent.publish`` there is no checkpoint, and
cancelling waits for the thread, so whatever is durable is published too, in commit order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from securechat.errors import StoreUnavailable
from securechat.store import counting, database, pruning, queries
from securechat.store.contract import Change, Entry, Record, Stored
from securechat.store.feed import PAGE_EVENTS_MAX, Feed, Recent
from securechat.store.rounds import Rounds
from securechat.store.runner import Runner, in_threads
from securechat.store.search.indexer import SEARCHES_AT_ONCE, SearchIndex

T = TypeVar("T")

READERS = 3


@asynccontextmanager
async def open_store(
    folder: Path, *, runner: Runner | None = None, create: bool = True
) -> AsyncIterator[SQLiteStore]:
    """Open the store in a folder, and close it at the end.

    Folder and database are made when missing, unless ``create`` is false. ``runner`` runs what
    blocks: worker threads unless a test passes ``inline``.

    Raises ``UserError`` with what to do when the folder cannot be written, or the file in it is no
    database or one of a newer version.
    """
    if runner is None:
        # As many as there are connections: the search index has one, and one for each search.
        runner = in_threads(READERS + 3 + SEARCHES_AT_ONCE)
    connections, tail = await runner(partial(_open_connections, folder, create))
    store = SQLiteStore(folder, connections, tail, runner)
    try:
        yield store
    finally:
        await store.aclose()


def _open_connections(folder: Path, create: bool) -> tuple[list[sqlite3.Connection], int]:
    """Open the writer, which makes the database, then the others; return the journal's end too."""
    with database.explained(folder), ExitStack() as undo:
        connections = [undo.enter_context(closing(database.open_writer(folder, create=create)))]
        for _ in range(READERS + 1):
            connection = database.connect(folder / database.FILE_NAME)
            connections.append(undo.enter_context(closing(connection)))
        tail = queries.last_position(connections[0])
        undo.pop_all()
    return connections, tail


class SQLiteStore:
    """``contract.Store`` on SQLite; made by ``open_store``."""

    def __init__(
        self,
        folder: Path,
        connections: Sequence[sqlite3.Connection],
        tail: int,
        runner: Runner,
    ) -> None:
        self._run = runner
        self._connections = connections
        self._writer, self._watcher, *readers = connections
        self._write_turn = trio.Lock()
        self._watch_turn = trio.Lock()
        self._idle_readers = readers
        self._reader_free = trio.Semaphore(len(readers))
        self._records = Rounds(self._read_records)
        self._recent = Recent(tail)
        self.search_index = SearchIndex(
            folder, runner, self._recent, read=self._read, write=self._write
        )
        self._seen_version = -1
        self._seen_mark = 0
        self._closed = False

    # --- the journal --------------------------------------------------------------------------

    async def append(self, entries: Sequence[Entry]) -> list[int]:
        positions, new = await self._write(lambda db: queries.append(db, entries))
        self._recent.publish(new)
        return positions

    def feed(self, after: int) -> Feed:
        return Feed(self._recent, self._page, after)

    async def _page(self, after: int) -> list[Stored]:
        return await self._read(lambda db: queries.page(db, after, PAGE_EVENTS_MAX))

    async def last(self) -> Stored | None:
        return await self._read(queries.last)

    async def history(
        self,
        conversation: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int,
        newest: bool = False,
        kinds: Sequence[str] = (),
    ) -> list[Stored]:
        return await self._read(
            lambda db: queries.history(
                db,
                conversation,
                after=after,
                before=before,
                limit=limit,
                newest=newest,
                kinds=kinds,
            )
        )

    async def count(
        self,
        conversation: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int,
        but_by: str = "",
        naming: str = "",
    ) -> tuple[int, int]:
        return await self._read(
            lambda db: counting.count(
                db,
                conversation,
                after=after,
                before=before,
                limit=limit,
                but_by=but_by,
                naming=naming,
            )
        )

    async def locate(self, msgid: str) -> Stored | None:
        return await self._read(lambda db: queries.locate(db, msgid))

    async def about(self, msgids: Sequence[str], *, limit: int) -> list[Stored]:
        return await self._read(lambda db: queries.about(db, msgids, limit))

    async def position_at(self, time_ms: int) -> int:
        return await self._read(lambda db: queries.position_at(db, time_ms))

    # --- search -------------------------------------------------------------------------------

    async def search(
        self,
        floors: Mapping[str, int],
        *,
        text: str = "",
        author: str = "",
        after: int = 0,
        before: int | None = None,
        limit: int,
        newest: bool = False,
    ) -> list[Stored]:
        self._check_open()
        return await self.search_index.search(
            floors,
            text=text,
            author=author,
            after=after,
            before=before,
            limit=limit,
            newest=newest,
        )

    async def keep_index(self) -> None:
        await self.search_index.keep()

    # --- keeping no more than is wanted ---------------------------------------------------------

    async def conversations(self, after: str = "", *, limit: int) -> list[str]:
        return await self._read(lambda db: pruning.conversations(db, after, limit))

    async def nth_newest(self, conversation: str, number: int, *, kinds: Sequence[str] = ()) -> int:
        return await self._read(lambda db: pruning.nth_newest(db, conversation, number, kinds))

    async def forget(self, *, before: int, limit: int, conversation: str | None = None) -> int:
        count = await self._write(lambda db: pruning.forget(db, conversation, before, limit))
        # Or the commits of others would have to copy what this wrote.
        await self._read(pruning.copy_log)
        return count

    async def shrink(self) -> bool:
        more = await self._write(pruning.shrink)
        await self._read(pruning.copy_log)
        return more

    async def clear_log(self) -> bool:
        await self._read(pruning.copy_log)
        return await self._alone(pruning.empty_log)

    # --- the records --------------------------------------------------------------------------

    async def get(self, kind: str, key: str) -> Record | None:
        (record,) = await self._records.get([(kind, key)])
        return record

    async def get_all(self, wanted: Sequence[tuple[str, str]]) -> Sequence[Record | None]:
        return await self._records.get(wanted)

    async def _read_records(self, wanted: Sequence[tuple[str, str]]) -> Sequence[Record | None]:
        return await self._read(lambda db: queries.get_all(db, wanted))

    async def scan(
        self,
        kind: str,
        prefix: str = "",
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int | None = None,
        newest: bool = False,
    ) -> list[Record]:
        return await self._read(
            lambda db: queries.scan(
                db, kind, prefix, after=after, before=before, limit=limit, newest=newest
            )
        )

    async def put(self, changes: Sequence[Change]) -> list[Record]:
        return await self._write(lambda db: queries.apply(db, changes))

    async def prune(self, kind: str, *, before: str, limit: int) -> int:
        return await self._write(lambda db: queries.prune(db, kind, before, limit))

    async def changed(self, after: int) -> tuple[list[Record], int]:
        """Return what changed since a mark; made to be asked four times a second.

        SQLite counts the commits of others for each connection. The watcher never writes, so an
        unchanged count says that nothing changed at all, for the price of one look at shared
        memory. Events that another process appended are noticed here too, and wake the feeds.
        """
        async with self._watch_turn:
            self._check_open()
            version = await self._run(lambda: database.read(self._watcher, queries.data_version))
            if version == self._seen_version and after >= self._seen_mark:
                return [], after
            records, mark, tail = await self._run(
                lambda: database.read(self._watcher, partial(_look, after=after))
            )
            self._seen_version, self._seen_mark = version, mark
        self._recent.advance(tail)
        return records, mark

    async def aclose(self) -> None:
        """Close every connection, after the writes and reads under way; then feeds end."""
        if self._closed:
            return
        self._closed = True
        self._recent.close()
        self.search_index.close()
        # Whatever is under way has a deadline of its own: the busy timeout.
        with trio.CancelScope(shield=True):
            async with self._write_turn, self._watch_turn:
                for _ in range(READERS):
                    await self._reader_free.acquire()
                await self._run(self._close_connections)
        for _ in range(READERS):
            self._reader_free.release()

    def _close_connections(self) -> None:
        # The writer last: the last one to close folds the log into the database.
        for connection in reversed(self._connections):
            connection.close()

    # --- turns --------------------------------------------------------------------------------

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        async with self._write_turn:
            self._check_open()
            return await self._run(lambda: database.transact(self._writer, work))

    async def _alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do with the writing connection what cannot be part of a transaction."""
        async with self._write_turn:
            self._check_open()
            return await self._run(lambda: database.read(self._writer, work))

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        async with self._reader_free:
            self._check_open()
            connection = self._idle_readers.pop()
            try:
                return await self._run(lambda: database.read(connection, query))
            finally:
                self._idle_readers.append(connection)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")


def _look(connection: sqlite3.Connection, after: int) -> tuple[list[Record], int, int]:
    records, mark = queries.changed(connection, after)
    return records, mark, queries.last_position(connection)
