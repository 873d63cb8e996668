"""What every store must do for those who follow its journal.

Goes on from ``store_conformance.py`` and is used in the same way.
"""

from __future__ import annotations

import random

import pytest
import trio
from support.store_conformance import StoreFactory, entries, numbers, take
from trio.testing import wait_all_tasks_blocked

from securechat.errors import StoreUnavailable
from securechat.store.contract import Stored


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
