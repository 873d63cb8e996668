"""Search: a task that keeps the index following the journal, and the searches.

Theory of operation. ``keep`` is the only one that writes to the index's file. It waits until there
is an event that the index does not have, reads what is new in one snapshot of the journal, puts it
in by one transaction, and only then takes it out of the journal's queue; what a crash leaves in
the queue is known to be done by the state that the index keeps in the same transaction. The
journal's writer is held only for that last step.

How far it is behind. Nobody waits for what nobody searches: what comes in a quarter of a second is
put in together, and on a busy machine others go first, so the index is behind by that quarter and
one step. It can take three times as much as a server can append; from 20,000 events behind on it
is in as much of a hurry as everybody else. A search waits until everything that was said before it
is in, and has that be done at once: milliseconds, unless the index is being built. Then it fails,
for it would miss the newest. So it does while the index cannot be read or written. Chat goes on in
any case.

What is damaged, or belongs to another journal, is removed and built again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import structlog
import trio

from securechat.errors import StoreError, StoreUnavailable
from securechat.store import queries
from securechat.store.contract import Stored
from securechat.store.feed import Recent
from securechat.store.runner import Runner, at_low_priority
from securechat.store.search import index as search_index
from securechat.store.search import source as search_source
from securechat.store.search.query import POSITION_MAX, Query, Wanted
from securechat.store.search.source import SEARCHED_KINDS, State
from securechat.store.search.text import match_of

T = TypeVar("T")

#: So many searches run at the same time; more wait.
SEARCHES_AT_ONCE = 2
#: How long one search may take.
SEARCH_SECONDS = 2.0
#: How long a search waits for the index to have what was said before it.
CATCH_UP_SECONDS = 2.0

# How many events or changes are put in at once.
_BATCH = 2000
# While there is no hurry, what comes in this time is put in together: one by one it costs three
# times as much, at the expense of those who chat.
_GATHER_SECONDS = 0.25
# Nor is there a hurry to get what is put in: others go first, up to so many events behind.
_LAG_EVENTS = 20_000
# What was removed from the journal without an event is noticed after this time.
_LOOK_SECONDS = 10.0
_RETRY_SECONDS = 5.0
# Forgetting rewrites the whole index, in steps of so many pages, and so is not done all the time:
# this long after the last time, and no more than a twentieth of the time.
_FORGET_PAGES = 64
_FORGET_PAUSE_SECONDS = 5.0
_FORGET_SHARE = 20

# The file is as it should be, but cannot be used now.
_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)

_TOO_LONG = f"the search took longer than {SEARCH_SECONDS:g} seconds"

log = structlog.get_logger(__name__)


class WithConnection(Protocol):
    """Runs a query or a transaction on the journal's database, and returns what it returned."""

    async def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T: ...


class SearchIndex:
    """The index beside one store's journal."""

    def __init__(
        self,
        folder: Path,
        runner: Runner,
        recent: Recent,
        *,
        read: WithConnection,
        write: WithConnection,
    ) -> None:
        self._path = folder / search_index.FILE_NAME
        self._run = runner
        self._recent = recent
        self._read = read
        self._write = write
        self._state = State()
        self._following = False
        self._failure = ""
        self._damaged = False
        self._doubtful = False  # a search could not use it: it is to be opened again
        self._closed = False
        self._moved = trio.lowlevel.ParkingLot()
        self._pause = trio.CancelScope()
        self._search_turn = trio.Semaphore(SEARCHES_AT_ONCE)
        self._forget_at = 0.0
        self._awaited = 0  # how many searches wait for it to follow

    @property
    def position(self) -> int:
        """Up to where in the journal the index has followed; 0 while it is not kept."""
        return self._state.position if self._following else 0

    def close(self) -> None:
        """End ``keep`` and the searches that wait."""
        self._closed = True
        self._failure = "the store is closed"
        self._pause.cancel()
        self._moved.unpark_all()

    # --- following ----------------------------------------------------------------------------

    async def keep(self) -> None:
        """Have the index follow the journal until cancelled, or until the store is closed."""
        while not self._closed:
            try:
                await self._follow()
            except (sqlite3.Error, OSError, StoreError) as error:
                self._failed(error)
                if not self._closed:
                    await trio.sleep(_RETRY_SECONDS)

    def _failed(self, error: Exception) -> None:
        """Have searches fail from now on, and the index be built again if it is damaged."""
        if self._closed:
            return
        self._damaged = self._damaged or _is_damage(error)
        self._failure = f"the search index failed: {error}"
        log.warning("search index not usable", reason=str(error), damaged=self._damaged)
        self._moved.unpark_all()

    async def _follow(self) -> None:
        index = await self._open()
        try:
            while not (self._closed or self._doubtful):
                if await self._step(index):
                    await self._gather()
                elif self._state.erased and trio.current_time() >= self._forget_at:
                    await self._forget(index)
                else:
                    await self._wait_for_more()
        finally:
            self._following = False
            with trio.CancelScope(shield=True):
                await self._run(index.close)

    async def _open(self) -> sqlite3.Connection:
        """Open the index, made anew if there is none that can follow this journal."""
        self._doubtful = False
        if not self._damaged:
            try:
                return await self._open_as_it_is()
            except sqlite3.Error as error:
                if not _is_damage(error):
                    raise
                log.warning("search index is built again", reason=str(error))
        await self._run(partial(search_index.remove, self._path))
        self._damaged = False
        return await self._open_as_it_is()

    async def _open_as_it_is(self) -> sqlite3.Connection:
        index, state = await self._run(partial(search_index.open_index, self._path))
        try:
            if not await self._read(partial(search_source.can_follow, state=state)):
                raise sqlite3.DatabaseError("it does not belong to this journal")
            if await self._read(partial(search_source.holds_followed, sequence=state.sequence)):
                await self._write(partial(search_source.followed, sequence=state.sequence))
        except BaseException:
            with trio.CancelScope(shield=True):
                await self._run(index.close)
            raise
        self._at(state)
        return index

    def _at(self, state: State) -> None:
        """Take note of how far the index has followed, and wake who waits for that."""
        self._state = state
        self._following = True
        self._failure = ""
        self._moved.unpark_all()

    async def _step(self, index: sqlite3.Connection) -> bool:
        """Put in what is new, then take it out of the queue; return whether there was something."""
        news = await self._read(partial(search_source.news, state=self._state, limit=_BATCH))
        if news is None:
            return False
        apply = partial(search_index.apply, index, news)
        if not self._awaited and self._recent.tail - self._state.position < _LAG_EVENTS:
            apply = partial(at_low_priority, apply)
        self._at(await self._run(apply))
        if news.changed:
            last = news.changed[-1].sequence
            await self._write(partial(search_source.followed, sequence=last))
        return True

    async def _gather(self) -> None:
        """Let more come before the next transaction, unless that is full or somebody waits."""
        behind = self._recent.tail - self._state.position
        with trio.CancelScope() as self._pause:
            await trio.sleep(_GATHER_SECONDS if behind < _BATCH else 0)

    async def _wait_for_more(self) -> None:
        """Wait for a new event, or until it is time to look or to forget."""
        until = trio.current_time() + _LOOK_SECONDS
        if self._state.erased:
            until = min(until, self._forget_at)
        with trio.move_on_at(until) as self._pause:
            await self._recent.wait_past(self._state.position)

    async def _forget(self, index: sqlite3.Connection) -> None:
        """Rewrite the index without what was taken out; what is new is put in meanwhile."""
        began, erased = trio.current_time(), self._state.erased
        steps = [
            partial(search_index.merge_step, index, _FORGET_PAGES, first=True),
            partial(search_index.merge_step, index, _FORGET_PAGES),
            partial(search_index.shrink_step, index, _FORGET_PAGES),
        ]
        for step in steps:
            more = True
            while more:
                started = trio.current_time()
                more = await self._run(partial(at_low_priority, step)) and step is not steps[0]
                if self._recent.tail > self._state.position:
                    await self._step(index)
                # Half of the time is for others.
                await trio.sleep(trio.current_time() - started)
        self._at(await self._run(partial(search_index.forgotten, index, erased)))
        seconds = (trio.current_time() - began) * _FORGET_SHARE
        self._forget_at = trio.current_time() + max(seconds, _FORGET_PAUSE_SECONDS)

    # --- searching ----------------------------------------------------------------------------

    async def search(
        self,
        floors: Mapping[str, int],
        *,
        text: str,
        author: str,
        after: int,
        before: int | None,
        limit: int,
        newest: bool,
    ) -> list[Stored]:
        """Search; see ``contract.Store.search``. Raises ``StoreUnavailable``."""
        match = match_of(text)
        if not floors or limit <= 0 or (text and not match):
            await trio.lowlevel.checkpoint()
            return []
        before = POSITION_MAX if before is None else before
        wanted = Wanted(floors, match, author, after, before, newest)
        async with self._search_turn:
            await self._caught_up()
            try:
                return await self._find(wanted, limit)
            except sqlite3.OperationalError as error:
                if _code(error) == sqlite3.SQLITE_INTERRUPT:
                    raise StoreUnavailable(_TOO_LONG) from error
                raise self._unsearchable(error) from error
            except sqlite3.DatabaseError as error:
                raise self._unsearchable(error) from error

    def _unsearchable(self, error: sqlite3.Error) -> StoreUnavailable:
        self._failed(error)
        self._doubtful = True
        self._pause.cancel()
        return StoreUnavailable(self._failure)

    async def _caught_up(self) -> None:
        """Wait until the index has what is in the journal now. Raises ``StoreUnavailable``."""
        tail = self._recent.tail
        self._awaited += 1
        try:
            with trio.move_on_after(CATCH_UP_SECONDS):
                while not self._following or self._state.position < tail:
                    if self._failure:
                        raise StoreUnavailable(self._failure)
                    self._pause.cancel()
                    await self._moved.park()
                return
        finally:
            self._awaited -= 1
        raise StoreUnavailable("the search index is being built: try again in a while")

    async def _find(self, wanted: Wanted, limit: int) -> list[Stored]:
        query = await self._run(partial(Query, self._path, wanted, SEARCH_SECONDS))
        found: list[Stored] = []
        try:
            while len(found) < limit:
                positions = await self._run(partial(query.next, limit - len(found)))
                if not positions:
                    break
                # What was removed in the meantime is not there, or has no text.
                found += [
                    stored
                    for stored in await self._read(partial(queries.at, positions=positions))
                    if stored.event.text and stored.event.kind in SEARCHED_KINDS
                ]
        finally:
            with trio.CancelScope(shield=True):
                await self._run(query.close)
        found.sort(key=lambda stored: stored.position)
        return found[-limit:] if wanted.newest else found[:limit]


def _code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def _is_damage(error: Exception) -> bool:
    """Tell whether the file is to be built again, rather than tried again."""
    return isinstance(error, sqlite3.Error) and _code(error) not in _PASSING
