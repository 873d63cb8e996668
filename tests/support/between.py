"""A store that fails or waits when a test wants it to, in front of a real one."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from support.house import House, Person, open_house
from trio.testing import wait_all_tasks_blocked

from securechat.errors import StoreError
from securechat.store.contract import Change, Entry, Record, Store, Stored


class Between:
    """A ``Store`` that passes everything on, but for what was planned here.

    ``before`` holds failures for the next appends, which then store nothing; ``after`` failures for
    appends that do store. ``broken`` names methods that fail, with their error. A method named in
    ``closed`` waits for its event first. ``appends`` counts the attempts.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.before: deque[StoreError] = deque()
        self.after: deque[StoreError] = deque()
        self.broken: dict[str, StoreError] = {}
        self.closed: dict[str, trio.Event] = {}
        self.appends = 0

    @asynccontextmanager
    async def storing(self, person: Person, *lines: str) -> AsyncIterator[None]:
        """Have somebody send lines, and be storing them for the length of the block.

        What comes meanwhile is stored afterwards, as one group.
        """
        stored = self.closed["append"] = trio.Event()
        await person.send(*lines)
        await wait_all_tasks_blocked()
        try:
            yield
        finally:
            stored.set()

    async def _pass(self, method: str) -> None:
        if method in self.closed:
            await self.closed[method].wait()
        if method in self.broken:
            raise self.broken[method]

    async def append(self, entries: Sequence[Entry]) -> list[int]:
        self.appends += 1
        await self._pass("append")
        if self.before:
            await trio.lowlevel.checkpoint()
            raise self.before.popleft()
        positions = await self.store.append(entries)
        if self.after:
            raise self.after.popleft()
        return positions

    def feed(self, after: int) -> AsyncIterator[Sequence[Stored]]:
        return self.store.feed(after)

    async def last(self) -> Stored | None:
        return await self.store.last()

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
        await self._pass("history")
        return await self.store.history(
            conversation, after=after, before=before, limit=limit, newest=newest, kinds=kinds
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
        await self._pass("count")
        return await self.store.count(
            conversation, after=after, before=before, limit=limit, but_by=but_by, naming=naming
        )

    async def locate(self, msgid: str) -> Stored | None:
        await self._pass("locate")
        return await self.store.locate(msgid)

    async def about(self, msgids: Sequence[str], *, limit: int) -> list[Stored]:
        await self._pass("about")
        return await self.store.about(msgids, limit=limit)

    async def position_at(self, time_ms: int) -> int:
        await self._pass("position_at")
        return await self.store.position_at(time_ms)

    async def conversations(self, after: str = "", *, limit: int) -> list[str]:
        await self._pass("conversations")
        return await self.store.conversations(after, limit=limit)

    async def nth_newest(self, conversation: str, number: int, *, kinds: Sequence[str] = ()) -> int:
        await self._pass("nth_newest")
        return await self.store.nth_newest(conversation, number, kinds=kinds)

    async def forget(self, *, before: int, limit: int, conversation: str | None = None) -> int:
        await self._pass("forget")
        return await self.store.forget(before=before, limit=limit, conversation=conversation)

    async def shrink(self) -> bool:
        await self._pass("shrink")
        return await self.store.shrink()

    async def clear_log(self) -> bool:
        await self._pass("clear_log")
        return await self.store.clear_log()

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
        await self._pass("search")
        return await self.store.search(
            floors,
            text=text,
            author=author,
            after=after,
            before=before,
            limit=limit,
            newest=newest,
        )

    async def keep_index(self) -> None:
        await self.store.keep_index()

    async def get(self, kind: str, key: str) -> Record | None:
        await self._pass("get")
        return await self.store.get(kind, key)

    async def get_all(self, wanted: Sequence[tuple[str, str]]) -> Sequence[Record | None]:
        await self._pass("get")
        return await self.store.get_all(wanted)

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
        await self._pass("scan")
        return await self.store.scan(
            kind, prefix, after=after, before=before, limit=limit, newest=newest
        )

    async def prune(self, kind: str, *, before: str, limit: int) -> int:
        await self._pass("prune")
        return await self.store.prune(kind, before=before, limit=limit)

    async def put(self, changes: Sequence[Change]) -> list[Record]:
        await self._pass("put")
        return await self.store.put(changes)

    async def changed(self, after: int) -> tuple[list[Record], int]:
        await self._pass("changed")
        return await self.store.changed(after)

    async def aclose(self) -> None:
        await self.store.aclose()


@asynccontextmanager
async def shaky_house(
    folder: Path, names: Sequence[str] = ("alice", "bob", "carol"), **options: Any
) -> AsyncIterator[tuple[House, Between]]:
    """Open a house, as ``open_house`` does, with this between the server and its store."""
    stores: list[Between] = []

    def between(store: Store) -> Between:
        stores.append(Between(store))
        return stores[0]

    async with open_house(folder, names, between=between, **options) as house:
        yield house, stores[0]
