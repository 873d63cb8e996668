"""What every store must do: the promises of ``securechat.store.contract``, as tests.

A test module puts an engine under it by importing these classes and giving them a fixture
``store_factory``: each call opens the same data once more, as an async context manager. Two stores
open at once stand for two processes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trio

from securechat.errors import Conflict
from securechat.store.contract import Change, Entry, Event, Record, Store, Stored

StoreFactory = Callable[[], AbstractAsyncContextManager[Store]]

NASTY_TEXTS = (
    "",
    " ",
    "quote ' double \" back\\slash; DROP TABLE events --",
    "line\nbreak\r\ttab",
    "nul\0inside",
    "Zoë \N{SNOWMAN} \N{WINKING FACE} e\N{COMBINING ACUTE ACCENT} \u202eleft",
    "%_*?[a-z]",
    "{}",
    "null",
    "\U0010ffff",
    "x" * 100_000,
)


def event(number: int, *, conversation: str = "#lobby", **fields: Any) -> Event:
    """Return an event whose msgid and time grow with its number."""
    values: dict[str, Any] = {
        "msgid": f"m{number:08}",
        "time_ms": 1_700_000_000_000 + number,
        "kind": "PRIVMSG",
        "account": "alice",
        "source": "alice!a@host",
        "conversation": conversation,
        "target": conversation,
        "text": f"text {number}",
    }
    return Event(**(values | fields))


def entry(number: int, *changes: Change, **fields: Any) -> Entry:
    return Entry(event(number, **fields), changes)


def entries(numbers: Sequence[int], **fields: Any) -> list[Entry]:
    return [entry(number, **fields) for number in numbers]


def numbers(stored: Sequence[Stored]) -> list[int]:
    """Return the numbers that events were made from."""
    return [int(one.event.msgid[1:]) for one in stored]


async def take(store: Store, after: int, count: int) -> list[Stored]:
    """Follow the journal from a position until ``count`` events have been shown."""
    shown: list[Stored] = []
    with trio.fail_after(20):
        feed = store.feed(after)
        while len(shown) < count:
            batch = await anext(feed)
            assert batch, "a feed never shows an empty batch"
            shown.extend(batch)
    return shown


class TestJournal:
    """Promises 1 to 4."""

    async def test_append_gives_increasing_positions(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            first = await store.append(entries(range(3)))
            second = await store.append(entries(range(3, 5)))
        assert first == sorted(set(first))
        assert second == sorted(set(second))
        assert first[0] >= 1
        assert second[0] > first[-1]

    async def test_append_of_nothing(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            assert await store.append([]) == []
            assert await store.last() is None

    @pytest.mark.parametrize("text", NASTY_TEXTS, ids=range(len(NASTY_TEXTS)))
    async def test_every_field_is_kept_as_it_was(
        self, store_factory: StoreFactory, text: str
    ) -> None:
        kept = Event(
            msgid="m1" + text,
            time_ms=1,
            kind="K" + text,
            account="a" + text,
            source="s" + text,
            conversation="c" + text,
            target="t" + text,
            text=text,
            tags={"+tag": text, "k" + text: "v"},
        )
        async with store_factory() as store:
            (position,) = await store.append([Entry(kept)])
        async with store_factory() as store:
            assert await store.last() == Stored(position, kept)
            assert await store.locate(kept.msgid) == Stored(position, kept)
            assert await store.history(kept.conversation, limit=1) == [Stored(position, kept)]
            assert await take(store, 0, 1) == [Stored(position, kept)]

    async def test_a_msgid_appended_again_keeps_its_first_position(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store:
            first = await store.append(entries(range(3)))
            assert await store.append(entries(range(3))) == first
            assert numbers(await take(store, 0, 3)) == [0, 1, 2]
            assert await store.last() == Stored(first[-1], event(2))

    async def test_a_batch_that_was_stored_in_part(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            first = await store.append(entries(range(3)))
        async with store_factory() as store:
            second = await store.append(entries([1, 2, 3, 4]))
            assert second[:2] == first[1:]
            assert second[2] > first[-1]
            assert numbers(await take(store, 0, 5)) == [0, 1, 2, 3, 4]

    async def test_a_msgid_twice_in_one_batch(self, store_factory: StoreFactory) -> None:
        twice = entry(1, Change("room", "r", {"n": 1}))
        async with store_factory() as store:
            one, other = await store.append([twice, twice])
            assert one == other
            assert numbers(await take(store, 0, 1)) == [1]
            record = await store.get("room", "r")
            assert record is not None
            assert record.version == 1

    async def test_changes_are_stored_with_their_event(self, store_factory: StoreFactory) -> None:
        change = Change("room", "#lobby", {"topic": "hello"}, expected=0)
        async with store_factory() as store:
            await store.append([entry(1, change)])
            assert await store.get("room", "#lobby") == Record(
                "room", "#lobby", 1, {"topic": "hello"}
            )
            # Stored before: the change is not applied again, and its expectation not looked at.
            await store.append([entry(1, change), entry(2)])
            record = await store.get("room", "#lobby")
            assert record is not None
            assert record.version == 1

    async def test_a_conflict_stores_nothing_of_the_batch(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store:
            await store.append([entry(1, Change("room", "a", {"n": 1}))])
            with pytest.raises(Conflict) as caught:
                await store.append(
                    [
                        entry(2, Change("room", "b", {"n": 1})),
                        entry(3, Change("room", "a", {"n": 2}, expected=7)),
                    ]
                )
            assert (caught.value.kind, caught.value.key) == ("room", "a")
            assert await store.locate("m00000002") is None
            assert await store.get("room", "b") is None
            # The store works on, and the feed never shows what was rolled back.
            await store.append([entry(4)])
            assert numbers(await take(store, 0, 2)) == [1, 4]

    async def test_last(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            assert await store.last() is None
            positions = await store.append(entries(range(5)))
            assert await store.last() == Stored(positions[-1], event(4))

    async def test_locate(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            positions = await store.append(entries(range(5)))
            assert await store.locate("m00000003") == Stored(positions[3], event(3))
            assert await store.locate("m00000009") is None

    async def test_cancelled_appends_are_stored_whole_or_not_at_all(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store:

            async def append(batch: list[Entry], scope: trio.CancelScope) -> None:
                with scope:
                    await store.append(batch)

            scopes = [trio.CancelScope() for _ in range(10)]
            async with trio.open_nursery() as nursery:
                for index, scope in enumerate(scopes):
                    batch = entries(range(index * 3, index * 3 + 3))
                    nursery.start_soon(append, batch, scope)
                await trio.lowlevel.checkpoint()
                for scope in scopes[::2]:
                    scope.cancel()
            await store.append(entries([99]))
            stored = await store.history("#lobby", limit=100)
            assert await take(store, 0, len(stored)) == stored
            for index in range(10):
                kept = [number for number in numbers(stored) if number // 3 == index]
                assert len(kept) in ({0, 3} if index % 2 == 0 else {3})


class TestHistory:
    """``history`` and ``position_at``: promise 4."""

    async def test_ranges(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            p = await store.append(entries(range(10)))

            async def found(limit: int = 100, **arguments: Any) -> list[int]:
                return numbers(await store.history("#lobby", limit=limit, **arguments))

            assert await found() == list(range(10))
            assert await found(3) == [0, 1, 2]
            assert await found(3, newest=True) == [7, 8, 9]
            assert await found(after=p[4]) == [5, 6, 7, 8, 9]
            assert await found(before=p[4]) == [0, 1, 2, 3]
            assert await found(2, before=p[4], newest=True) == [2, 3]
            assert await found(2, after=p[4]) == [5, 6]
            assert await found(after=p[2], before=p[6]) == [3, 4, 5]
            assert await found(2, after=p[2], before=p[6], newest=True) == [4, 5]
            assert await found(after=p[3], before=p[4]) == []
            assert await found(after=p[9]) == []
            assert await found(before=p[0]) == []
            assert await found(0) == []
            assert await found(-1) == []

    async def test_conversations_are_apart(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            for number in range(12):
                await store.append(
                    [entry(number, conversation=("#a", "#ab", "alice bob")[number % 3])]
                )
            assert numbers(await store.history("#a", limit=9)) == [0, 3, 6, 9]
            assert numbers(await store.history("#ab", limit=9)) == [1, 4, 7, 10]
            assert numbers(await store.history("alice bob", limit=9)) == [2, 5, 8, 11]
            assert await store.history("#A", limit=9) == []

    async def test_kinds(self, store_factory: StoreFactory) -> None:
        kinds = ("PRIVMSG", "JOIN", "NOTICE")
        async with store_factory() as store:
            await store.append([entry(number, kind=kinds[number % 3]) for number in range(12)])

            async def found(*wanted: str, **arguments: Any) -> list[int]:
                arguments = {"limit": 100} | arguments
                return numbers(await store.history("#lobby", kinds=wanted, **arguments))

            assert await found("JOIN") == [1, 4, 7, 10]
            assert await found("NOTICE", "PRIVMSG", limit=3, newest=True) == [8, 9, 11]
            assert await found("TOPIC") == []
            assert len(await found()) == 12

    async def test_paging_through_equal_times_skips_and_repeats_nothing(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store:
            await store.append([entry(number, time_ms=5 + number // 20) for number in range(60)])
            forwards: list[int] = []
            after = 0
            while page := await store.history("#lobby", after=after, limit=7):
                forwards.extend(numbers(page))
                after = page[-1].position
            backwards: list[int] = []
            before: int | None = None
            while page := await store.history("#lobby", before=before, limit=7, newest=True):
                backwards = numbers(page) + backwards
                before = page[0].position
            assert forwards == backwards == list(range(60))

    async def test_position_at(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            assert await store.position_at(0) == 1
            times = [10, 10, 10, 20, 30, 30, 45]
            p = await store.append([entry(n, time_ms=time) for n, time in enumerate(times)])
            for time in range(50):
                older = sum(one < time for one in times)
                expected = p[older] if older < len(p) else p[-1] + 1
                assert await store.position_at(time) == expected

    async def test_position_at_finds_its_place_in_many(self, store_factory: StoreFactory) -> None:
        choose = random.Random(2)
        times = sorted(choose.randrange(500) for _ in range(700))
        async with store_factory() as store:
            p = await store.append([entry(n, time_ms=time) for n, time in enumerate(times)])
            for time in choose.sample(range(500), 60):
                older = sum(one < time for one in times)
                expected = p[older] if older < len(p) else p[-1] + 1
                assert await store.position_at(time) == expected
