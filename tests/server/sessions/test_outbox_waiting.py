"""What an outbox and its flusher let wait for more to send; see the head of ``outbox.py``."""

from __future__ import annotations

import pytest
import trio
from support.outboxes import FakeLink, never, rig
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.server.sessions.outbox import BUSY_OUTBOXES, LATER_SECONDS, Flusher, Outbox


async def test_wide_flushes_gather_what_is_said_meanwhile(autojump_clock: MockClock) -> None:
    """The first goes at once; the next waits, and carries several messages in one send."""
    flusher = Flusher(gather_seconds=0.01)
    links = [FakeLink() for _ in range(BUSY_OUTBOXES)]
    outboxes = [
        Outbox(link, flusher, limit=0, park=never, on_overflow=never, on_lost=never)
        for link in links
    ]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        start = trio.current_time()
        for text in (b"1", b"2", b"3"):
            for outbox in outboxes:
                outbox.put(text)
            await wait_all_tasks_blocked(0)
        assert all(link.sends == [b"1"] for link in links)
        await trio.sleep(0.02)
        assert all(link.sends == [b"1", b"23"] for link in links)
        assert trio.current_time() - start < 0.03
        outboxes[0].put(b"alone")
        await wait_all_tasks_blocked()
        assert links[0].sends[-1] == b"alone"
        nursery.cancel_scope.cancel()


async def test_what_is_put_for_later_goes_by_itself_in_a_moment(autojump_clock: MockClock) -> None:
    async with rig() as it:
        start = trio.current_time()
        for word in (b"one ", b"two "):
            it.outbox.put_later(word)
        await wait_all_tasks_blocked()
        assert it.link.sends == []
        await trio.sleep(LATER_SECONDS)
        await wait_all_tasks_blocked()
        assert it.link.sends == [b"one two "]
        assert trio.current_time() - start == pytest.approx(LATER_SECONDS)
        it.outbox.put_later(b"three ")
        await trio.sleep(LATER_SECONDS)
        await wait_all_tasks_blocked()
        assert it.link.sends == [b"one two ", b"three "]
        assert it.outbox.size == 0


async def test_what_is_put_for_later_goes_before_what_is_put_then(
    autojump_clock: MockClock,
) -> None:
    async with rig() as it:
        it.outbox.put_later(b"one ")
        it.outbox.put(b"two ")
        it.outbox.put_later(b"three ")
        await wait_all_tasks_blocked()
        assert it.link.sends == [b"one two three "]
        it.outbox.put_later(b"four ")
        it.outbox.hold()
        it.outbox.put_later(b"five ")
        await wait_all_tasks_blocked()
        assert it.link.arrived == b"one two three four "
        assert it.outbox.release() == [b"five "]
        await trio.sleep(LATER_SECONDS)
        await wait_all_tasks_blocked()
        assert len(it.link.sends) == 2


async def test_what_is_put_for_later_counts_against_the_limit_and_waits_for_room(
    autojump_clock: MockClock,
) -> None:
    async with rig(limit=10, room=0) as it:
        it.outbox.put(b"1234")
        await wait_all_tasks_blocked()
        it.outbox.put_later(b"5678")
        await trio.sleep(LATER_SECONDS)
        assert it.link.arrived == b""
        it.link.make_room()
        await wait_all_tasks_blocked()
        assert it.link.arrived == b"12345678"
        it.link.room = 0
        it.outbox.put_later(b"12345678901")
        assert it.events == ["park", "overflow"]
        await trio.sleep(LATER_SECONDS)
        assert it.link.arrived == b"12345678"


async def test_flush_now_sends_what_waits_for_later(autojump_clock: MockClock) -> None:
    async with rig() as it:
        it.outbox.put_later(b"last words")
        it.flusher.flush_now()
        assert it.link.sends == [b"last words"]
