"""The records' writer: groups, their order, and what becomes of what cannot be stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import trio
from support.between import Between
from trio.testing import MockClock

from securechat.errors import StoreError, StoreUnavailable
from securechat.server.persistence.record_writer import GROUP_MAX, RecordWriter
from securechat.server.sessions.session import Session
from securechat.store.contract import Change, Record
from securechat.store.runner import inline
from securechat.store.sqlite import open_store


class Waiting:
    """What the writer wants of a session."""

    def __init__(self) -> None:
        self.pending = 0

    def posted(self) -> None:
        self.pending += 1

    def answered(self) -> None:
        self.pending -= 1


class Counting(Between):
    """Notes how many records each transaction changed."""

    puts: list[int]

    async def put(self, changes: Sequence[Change]) -> list[Record]:
        self.puts.append(len(changes))
        return await super().put(changes)


@dataclass
class Add:
    """Adds one to a number; to an even one alone, if ``even``."""

    subject: str
    numbers: dict[str, int]
    log: list[str]
    even: bool = False
    waiting: Waiting = field(default_factory=Waiting)

    @property
    def session(self) -> Session:
        return cast("Session", self.waiting)

    def changes(self) -> Sequence[Change]:
        now = self.numbers.get(self.subject, 0)
        if self.even and now % 2:
            return ()
        self.next = now + 1
        return (Change("number", self.subject, {"value": self.next}),)

    def done(self) -> None:
        assert self.waiting.pending == 1
        self.log.append(self.subject)
        if hasattr(self, "next"):
            self.numbers[self.subject] = self.next

    def failed(self, error: StoreError) -> None:
        assert self.waiting.pending == 1
        self.log.append(f"{self.subject}: {error}")


@asynccontextmanager
async def writing(folder: Path) -> AsyncIterator[tuple[RecordWriter, Counting]]:
    async with open_store(folder, runner=inline) as store, trio.open_nursery() as nursery:
        between = Counting(store)
        between.puts = []
        writer = RecordWriter(between)
        nursery.start_soon(writer.run)
        yield writer, between
        nursery.cancel_scope.cancel()


async def test_what_comes_together_is_one_transaction(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with writing(folder) as (writer, store):
        numbers: dict[str, int] = {}
        log: list[str] = []
        acts = [Add(f"n{number % 50}", numbers, log) for number in range(100)]
        for act in acts:
            writer.post(act)
        await trio.sleep(1)
        assert store.puts == [50, 50]
        assert numbers == {f"n{number}": 2 for number in range(50)}
        assert [act.waiting.pending for act in acts] == [0] * 100
        record = await store.get("number", "n7")
        assert record is not None
        assert record.value == {"value": 2}


async def test_acts_on_one_thing_keep_their_order(folder: Path, autojump_clock: MockClock) -> None:
    async with writing(folder) as (writer, store):
        log: list[str] = []
        numbers: dict[str, int] = {}
        for subject in ("a", "b", "a", "c", "b", "a"):
            writer.post(Add(subject, numbers, log))
        await trio.sleep(1)
        assert log == ["a", "b", "c", "a", "b", "a"]
        assert numbers == {"a": 3, "b": 2, "c": 1}
        assert store.puts == [3, 2, 1]


async def test_a_group_has_an_end(folder: Path, autojump_clock: MockClock) -> None:
    async with writing(folder) as (writer, store):
        for number in range(GROUP_MAX + 1):
            writer.post(Add(f"n{number}", {}, []))
        await trio.sleep(1)
        assert store.puts == [GROUP_MAX, 1]


async def test_what_changes_nothing_writes_nothing(folder: Path, autojump_clock: MockClock) -> None:
    async with writing(folder) as (writer, store):
        log: list[str] = []
        writer.post(Add("a", {"a": 1}, log, even=True))
        await trio.sleep(1)
        assert log == ["a"]
        assert store.puts == []


async def test_what_cannot_be_stored_is_answered_and_the_next_is_tried(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    async with writing(folder) as (writer, store):
        log: list[str] = []
        store.broken["put"] = StoreUnavailable("disk is full")
        acts = [Add("a", {}, log), Add("b", {}, log)]
        for act in acts:
            writer.post(act)
        await trio.sleep(1)
        assert log == ["a: disk is full", "b: disk is full"]
        assert [act.waiting.pending for act in acts] == [0, 0]
        assert logs[0]["event"] == "records not stored"
        del store.broken["put"]
        writer.post(Add("a", {}, log))
        await trio.sleep(1)
        assert log[2:] == ["a"]
