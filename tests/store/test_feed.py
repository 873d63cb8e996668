"""The memory of recent events, where its limits lie."""

from __future__ import annotations

import pytest
import trio
from support.store_conformance import event
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from securechat.errors import StoreUnavailable
from securechat.store.contract import Stored
from securechat.store.feed import Feed, Recent


def batch(*positions: int) -> list[Stored]:
    return [Stored(position, event(position)) for position in positions]


def positions(stored: object) -> list[int]:
    assert isinstance(stored, list | tuple)
    return [one.position for one in stored]


class Pages:
    """A database that holds these positions, and notes what is read from it."""

    def __init__(self, *held: int) -> None:
        self.held = list(held)
        self.reads: list[int] = []

    async def __call__(self, after: int) -> list[Stored]:
        await trio.lowlevel.checkpoint()
        self.reads.append(after)
        return batch(*[position for position in self.held if position > after][:3])


async def test_a_feed_that_keeps_up_gets_the_very_batch_without_reading() -> None:
    recent, pages = Recent(10), Pages()
    feed = Feed(recent, pages, 10)
    for committed in (batch(11, 12), batch(13)):
        recent.publish(committed)
        assert await anext(feed) is committed
    assert pages.reads == []


async def test_a_feed_a_little_behind_gets_everything_at_once_from_memory() -> None:
    recent, pages = Recent(10), Pages()
    feed = Feed(recent, pages, 11)
    recent.publish(batch(11, 12))
    recent.publish(batch(13))
    assert positions(await anext(feed)) == [12, 13]
    recent.publish(batch(14, 15, 16))
    assert positions(await anext(Feed(recent, pages, 14))) == [15, 16]
    assert pages.reads == []


async def test_memory_is_bounded() -> None:
    recent, pages = Recent(0, events_max=4), Pages(1, 2, 3, 4, 5, 6, 7, 8)
    for first in (1, 3, 5):
        recent.publish(batch(first, first + 1))
    assert recent.start == 2
    feed = Feed(recent, pages, 0)
    assert positions(await anext(feed)) == [1, 2, 3]
    assert positions(await anext(feed)) == [4, 5, 6]
    assert pages.reads == [0]
    # A batch that is larger than all of it is not kept at all.
    recent.publish(batch(*range(7, 13)))
    pages.held = list(range(1, 13))
    assert recent.start == recent.tail == 12
    assert positions(await anext(feed)) == [7, 8, 9]
    assert pages.reads == [0, 6]


async def test_what_another_process_appended_in_between_is_read() -> None:
    recent, pages = Recent(0), Pages(1, 2, 3)
    feed = Feed(recent, pages, 0)
    recent.publish(batch(1))
    recent.publish(batch(3))
    assert positions(await anext(feed)) == [1, 2, 3]
    assert positions(await anext(Feed(recent, pages, 2))) == [3]
    assert pages.reads == [0]


async def test_advance_and_publish_in_either_order() -> None:
    recent, pages = Recent(0), Pages(1, 2, 3, 4)
    recent.advance(3)  # the watcher saw our own commit before we were told of it
    recent.publish(batch(2, 3))
    recent.advance(2)
    assert recent.tail == 3
    feed = Feed(recent, pages, 0)
    assert positions(await anext(feed)) == [1, 2, 3]
    recent.publish(batch(4))
    assert positions(await anext(feed)) == [4]
    recent.publish([])
    assert recent.tail == 4


async def test_a_page_ahead_of_what_was_published_is_not_shown_twice() -> None:
    recent, pages = Recent(2), Pages(1, 2, 3)
    feed = Feed(recent, pages, 0)
    assert positions(await anext(feed)) == [1, 2, 3]
    recent.publish(batch(3))
    recent.publish(batch(4))
    assert positions(await anext(feed)) == [4]


async def test_closing_wakes_everybody() -> None:
    recent = Recent(0)
    ended: list[int] = []

    async def follow(after: int) -> None:
        with pytest.raises(StoreUnavailable):
            await anext(Feed(recent, Pages(), after))
        ended.append(after)

    async with trio.open_nursery() as nursery:
        for after in (0, 5):
            nursery.start_soon(follow, after)
        await wait_all_tasks_blocked()
        recent.close()
    assert sorted(ended) == [0, 5]


async def test_a_busy_feed_lets_others_run() -> None:
    recent = Recent(0)
    recent.publish(batch(1))
    with assert_checkpoints():
        await anext(Feed(recent, Pages(), 0))
