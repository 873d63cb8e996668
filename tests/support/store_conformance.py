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
from trio.testing import wait_all_tasks_blocked

from securechat.errors import Conflict, StoreUnavailable
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


class TestFeed:
    """Promise 3: one order for everybody."""

    async def test_it_starts_after_any_position(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            positions = await store.append(entries(range(10)))
            for index, position in enumerate(positions[:-1]):
                shown = await take(store, position, 9 - index)
                assert numbers(shown) == list(range(index + 1, 10))
                assert [one.position for one in shown] == positions[index + 1 :]

    async def test_it_waits_at_the_end(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, trio.open_nursery() as nursery:
            shown: list[Stored] = []

            async def follow() -> None:
                async for batch in store.feed(0):
                    shown.extend(batch)

            nursery.start_soon(follow)
            await store.append(entries([1]))
            await wait_all_tasks_blocked()
            assert numbers(shown) == [1]
            await store.append(entries([2, 3]))
            await wait_all_tasks_blocked()
            assert numbers(shown) == [1, 2, 3]
            nursery.cancel_scope.cancel()

    async def test_it_pages_when_far_behind(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.append(entries(range(3000)))
        async with store_factory() as store:
            first = await anext(store.feed(0))
            assert 0 < len(first) < 3000
            assert numbers(await take(store, 0, 3000)) == list(range(3000))

    async def test_a_feed_that_is_not_pulled_misses_nothing(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store:
            feed = store.feed(0)
            await store.append(entries([0]))
            shown = numbers(await anext(feed))
            for number in range(1, 6000, 200):
                await store.append(entries(range(number, number + 200)))
            while len(shown) < 6001:
                shown.extend(numbers(await anext(feed)))
            assert shown == list(range(6001))

    async def test_every_feed_shows_one_order_under_concurrent_appends(
        self, store_factory: StoreFactory
    ) -> None:
        choose = random.Random(1)
        writers, batches = 8, 12
        sizes = [[choose.randrange(1, 9) for _ in range(batches)] for _ in range(writers)]
        total = sum(map(sum, sizes))
        acknowledged: dict[str, int] = {}
        views: list[list[Stored]] = []
        async with store_factory() as store:

            async def write(writer: int) -> None:
                number = writer * 1000
                for size in sizes[writer]:
                    batch = entries(range(number, number + size))
                    positions = await store.append(batch)
                    for one, position in zip(batch, positions, strict=True):
                        acknowledged[one.event.msgid] = position
                    number += size

            async def follow(start_after: int) -> None:
                while len(acknowledged) < start_after:  # noqa: ASYNC110 - at any point of it
                    await trio.lowlevel.checkpoint()
                views.append(await take(store, 0, total))

            with trio.fail_after(30):
                async with trio.open_nursery() as nursery:
                    for writer in range(writers):
                        nursery.start_soon(write, writer)
                    for start_after in (0, 1, total // 2, total):
                        nursery.start_soon(follow, start_after)
            first, *others = views
            assert all(view == first for view in others)
            assert [one.position for one in first] == sorted(acknowledged.values())
            assert {one.event.msgid: one.position for one in first} == acknowledged
            assert await store.history("#lobby", limit=total) == first
        async with store_factory() as store:
            assert await take(store, 0, total) == first

    async def test_what_it_shows_is_stored(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, store_factory() as other:

            async def write() -> None:
                for number in range(50):
                    await store.append(entries([number]))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(write)
                seen = 0
                feed = store.feed(0)
                while seen < 50:
                    for stored in await anext(feed):
                        assert await other.locate(stored.event.msgid) == stored
                        seen += 1

    async def test_cancelling_a_step_loses_nothing(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            feed = store.feed(0)
            shown: list[int] = []
            for number in range(20):
                with trio.CancelScope() as scope:
                    if number % 2:
                        scope.cancel()
                    else:
                        await store.append(entries([number, number + 1000]))
                    batch = await anext(feed)
                    shown.extend(numbers(batch))
            with trio.move_on_after(0):
                await anext(feed)
            await store.append(entries([5000]))
            shown.extend(numbers(await anext(feed)))
            assert shown == [n for m in range(0, 20, 2) for n in (m, m + 1000)] + [5000]

    async def test_events_of_another_process_show_up(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, store_factory() as other:
            feed = store.feed(0)
            await store.append(entries([1]))
            await other.append(entries([2]))
            await store.append(entries([3]))
            shown = numbers(await anext(feed))
            while len(shown) < 3:
                shown.extend(numbers(await anext(feed)))
            await other.append(entries([4]))
            await store.changed(0)  # what a server asks anyway, several times a second
            shown.extend(numbers(await anext(feed)))
            assert shown == [1, 2, 3, 4]

    async def test_closing_the_store_ends_a_waiting_feed(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, trio.open_nursery() as nursery:

            async def follow() -> None:
                with pytest.raises(StoreUnavailable):
                    await anext(store.feed(0))

            nursery.start_soon(follow)
            await wait_all_tasks_blocked()
            with trio.fail_after(5):
                await store.aclose()


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


class TestRecords:
    """``get``, ``scan``, ``put`` and ``changed``: promise 5."""

    async def test_put_and_get(self, store_factory: StoreFactory) -> None:
        value = {"text": "Zoë \N{SNOWMAN}", "number": 3, "list": [1, None, True], "deep": {"a": {}}}
        async with store_factory() as store:
            assert await store.get("account", "alice") is None
            (record,) = await store.put([Change("account", "alice", value)])
            assert record == Record("account", "alice", 1, value)
        async with store_factory() as store:
            assert await store.get("account", "alice") == record
            assert await store.get("account", "Alice") is None
            assert await store.get("other", "alice") is None

    async def test_get_all_answers_in_the_order_asked_for(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store:
            one, two = await store.put([Change("k", "a", {"n": 1}), Change("other", "a", {"n": 2})])
            wanted = [("other", "a"), ("k", "none"), ("k", "a"), ("k", "a")]
            assert list(await store.get_all(wanted)) == [two, None, one, one]
            assert list(await store.get_all([])) == []

    async def test_put_of_nothing(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            assert await store.put([]) == []

    async def test_the_expected_version(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.put([Change("k", "a", {"n": 1}, expected=0)])
            (record,) = await store.put([Change("k", "a", {"n": 2}, expected=1)])
            assert record == Record("k", "a", 2, {"n": 2})
            for wrong in (0, 1, 3):
                with pytest.raises(Conflict) as caught:
                    await store.put([Change("k", "a", {"n": 9}, expected=wrong)])
                assert (caught.value.kind, caught.value.key) == ("k", "a")
            with pytest.raises(Conflict):
                await store.put([Change("k", "new", {"n": 9}, expected=1)])
            (record,) = await store.put([Change("k", "a", {"n": 3}, expected=None)])
            assert record == Record("k", "a", 3, {"n": 3})

    async def test_versions_count_on_over_a_removal(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.put([Change("k", "a", {"n": 1})])
            with pytest.raises(Conflict):
                await store.put([Change("k", "a", None, expected=7)])
            (removed,) = await store.put([Change("k", "a", None, expected=1)])
            assert removed == Record("k", "a", 2, None)
            assert await store.get("k", "a") is None
            # Removed: what is expected of it is 0, not the version that it had.
            with pytest.raises(Conflict):
                await store.put([Change("k", "a", {"n": 3}, expected=2)])
            (again,) = await store.put([Change("k", "a", {"n": 3}, expected=0)])
            assert again == Record("k", "a", 3, {"n": 3})

    async def test_several_changes_are_applied_together_or_not_at_all(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store:
            await store.put([Change("k", "b", {"n": 1})])
            with pytest.raises(Conflict):
                await store.put(
                    [Change("k", "a", {"n": 1}), Change("k", "b", {"n": 2}, expected=0)]
                )
            assert await store.get("k", "a") is None
            records = await store.put(
                [Change("k", "a", {"n": 1}), Change("k", "b", None, expected=1)]
            )
            assert records == [Record("k", "a", 1, {"n": 1}), Record("k", "b", 2, None)]

    async def test_a_record_changed_twice_in_one_step(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            records = await store.put(
                [Change("k", "a", {"n": 1}, expected=0), Change("k", "a", {"n": 2}, expected=1)]
            )
            assert records == [Record("k", "a", 2, {"n": 2})] * 2

    async def test_concurrent_compare_and_set_loses_no_change(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store, store_factory() as other:
            await store.put([Change("k", "count", {"n": 0})])

            async def add_ten(through: Store) -> None:
                added = 0
                while added < 10:
                    record = await through.get("k", "count")
                    assert record is not None
                    assert record.value is not None
                    value = {"n": int(str(record.value["n"])) + 1}
                    try:
                        await through.put([Change("k", "count", value, expected=record.version)])
                    except Conflict:
                        continue
                    added += 1

            async with trio.open_nursery() as nursery:
                for through in (store, store, other, other):
                    nursery.start_soon(add_ten, through)
            assert await store.get("k", "count") == Record("k", "count", 41, {"n": 40})

    async def test_scan(self, store_factory: StoreFactory) -> None:
        keys = ["#b x", "#a y", "#a x", "#ab x", "#a", "#a \U0010ffff", "#a \U0010ffffz", "%", "é"]
        async with store_factory() as store:
            assert await store.scan("member") == []
            await store.put([Change("member", key, {"key": key}) for key in keys])
            await store.put([Change("other", "#a x", {}), Change("member", "#a z", {})])
            await store.put([Change("member", "#a z", None)])
            everything = await store.scan("member")
            assert [record.key for record in everything] == sorted(keys)
            assert all(record.value == {"key": record.key} for record in everything)
            for prefix in ("#a ", "#a", "#", "#a \U0010ffff", "%", "_", "é", "zz", "#A"):
                found = [record.key for record in await store.scan("member", prefix)]
                assert found == sorted(key for key in keys if key.startswith(prefix)), prefix

    async def test_scan_in_pages(self, store_factory: StoreFactory) -> None:
        keys = [f"{number:03}" for number in range(20)] + ["1", "1\ud7ff", "1\ud7ffx", "1\ue000"]
        async with store_factory() as store:
            await store.put([Change("k", key, {}) for key in keys])
            await store.put([Change("k", "005", None), Change("l", "006", {})])
            present = sorted(set(keys) - {"005"})

            async def found(*prefix: str, **arguments: Any) -> list[str]:
                return [record.key for record in await store.scan("k", *prefix, **arguments)]

            assert await found() == present
            assert await found("1\ud7ff") == ["1\ud7ff", "1\ud7ffx"]
            assert await found(limit=3) == ["000", "001", "002"]
            assert await found(limit=2, newest=True) == present[-2:]
            assert await found("0", limit=2, newest=True) == ["018", "019"]
            assert await found("0", after="003", limit=2) == ["004", "006"]
            assert await found(before="006", newest=True, limit=2) == ["003", "004"]
            assert await found(after="003", before="007") == ["004", "006"]
            assert await found(after="", before="001x") == ["000", "001"]
            assert await found("01", after="2") == []
            assert await found(limit=0) == []
            assert await found(limit=-1) == []
            forwards: list[str] = []
            while page := await found(after=forwards[-1] if forwards else None, limit=4):
                forwards += page
            backwards: list[str] = []
            latest: dict[str, Any] = {"limit": 4, "newest": True}
            while page := await found(before=backwards[0] if backwards else None, **latest):
                backwards = page + backwards
            assert forwards == backwards == present

    async def test_prune(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.put([Change("k", f"{number}", {"n": number}) for number in range(9)])
            await store.put([Change("k", "1", None), Change("other", "0", {})])
            _, mark = await store.changed(0)
            assert await store.prune("k", before="5", limit=2) == 2
            assert [record.key for record in await store.scan("k")] == list("2345678")
            assert await store.prune("k", before="5", limit=0) == 0
            assert await store.prune("k", before="5", limit=100) == 3
            assert await store.prune("k", before="5", limit=100) == 0
            assert [record.key for record in await store.scan("k")] == list("5678")
            assert await store.get("other", "0") is not None
            # Nobody is told, and as what was pruned never was, its versions start again.
            assert await store.changed(mark) == ([], mark)
            (again,) = await store.put([Change("k", "0", {"n": 0}, expected=0)])
            assert again == Record("k", "0", 1, {"n": 0})
            assert (await store.changed(mark))[0] == [again]

    async def test_prune_never_lets_a_mark_be_used_twice(self, store_factory: StoreFactory) -> None:
        """Who asked for what changed since the last mark hears of what comes after pruning."""
        async with store_factory() as store:
            await store.put([Change("k", "1", {}), Change("k", "2", {})])
            _, mark = await store.changed(0)
            assert await store.prune("k", before="9", limit=100) == 1
            assert [record.key for record in await store.scan("k")] == ["2"]
        async with store_factory() as store:
            records = await store.put([Change("k", "3", {})])
            assert (await store.changed(mark))[0] == records
            assert await store.prune("k", before="9", limit=100) == 1

    async def test_changed(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            assert await store.changed(0) == ([], 0)
            (a,) = await store.put([Change("k", "a", {"n": 1})])
            (b,) = await store.put([Change("k", "b", {"n": 1})])
            records, mark = await store.changed(0)
            assert records == [a, b]
            assert await store.changed(mark) == ([], mark)
            await store.put([Change("k", "a", {"n": 2})])
            await store.append([entry(1, Change("room", "r", {"n": 1}))])
            (gone,) = await store.put([Change("k", "b", None)])
            records, after = await store.changed(mark)
            assert after > mark
            # Each record once, as it is now, removed ones too.
            assert records == [
                Record("k", "a", 2, {"n": 2}),
                Record("room", "r", 1, {"n": 1}),
                gone,
            ]
            # Older marks keep working.
            assert (await store.changed(0))[1] == after
            assert len((await store.changed(0))[0]) == 3
        async with store_factory() as store:
            assert await store.changed(after) == ([], after)
            assert await store.changed(mark) == (records, after)

    async def test_changes_of_another_process_show_up(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, store_factory() as other:
            mark = 0
            for number in range(5):
                through = other if number % 2 else store
                records = await through.put([Change("k", f"key {number}", {"n": number})])
                assert await store.changed(mark) == (records, mark + 1 if mark else 1)
                _, mark = await store.changed(mark)
                assert await store.changed(mark) == ([], mark)

    async def test_a_change_made_while_asking_is_not_lost(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store, store_factory() as other:
            seen: set[str] = set()

            async def write(through: Store, name: str) -> None:
                for number in range(20):
                    await through.put([Change("k", f"{name} {number}", {})])

            async def watch() -> None:
                mark = 0
                while len(seen) < 40:
                    records, mark = await store.changed(mark)
                    keys = [record.key for record in records]
                    assert seen.isdisjoint(keys)
                    seen.update(keys)

            with trio.fail_after(20):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(watch)
                    nursery.start_soon(write, store, "own")
                    nursery.start_soon(write, other, "other")


class TestClosing:
    """Whatever was acknowledged is kept, whatever was not asked in time is refused."""

    async def test_a_closed_store_says_so(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.append(entries([1]))
            await store.aclose()
            await store.aclose()
            for attempt in (
                lambda: store.append(entries([2])),
                lambda: anext(store.feed(0)),
                store.last,
                lambda: store.history("#lobby", limit=1),
                lambda: store.locate("m1"),
                lambda: store.position_at(0),
                lambda: store.get("k", "a"),
                lambda: store.scan("k"),
                lambda: store.prune("k", before="b", limit=1),
                lambda: store.put([Change("k", "a", {})]),
                lambda: store.changed(0),
            ):
                with pytest.raises(StoreUnavailable):
                    await attempt()
        async with store_factory() as store:
            assert numbers(await take(store, 0, 1)) == [1]

    async def test_closing_waits_for_what_is_under_way(self, store_factory: StoreFactory) -> None:
        acknowledged: list[int] = []
        async with store_factory() as store:

            async def append(number: int) -> None:
                try:
                    await store.append(entries([number]))
                except StoreUnavailable:
                    return
                acknowledged.append(number)

            with trio.fail_after(10):
                async with trio.open_nursery() as nursery:
                    for number in range(20):
                        nursery.start_soon(append, number)
                    await trio.lowlevel.checkpoint()
                    await store.aclose()
        async with store_factory() as store:
            kept = numbers(await store.history("#lobby", limit=100))
        assert kept == sorted(acknowledged)
