"""The outbox's promises, one by one; they stand at the head of ``outbox.py``."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from support.outboxes import FakeLink, rig
from trio.testing import wait_all_tasks_blocked

from securechat.server.sessions.outbox import Flusher, Outbox


async def test_one_send_for_all_that_a_tick_gathered() -> None:
    async with rig() as it:
        for number in range(100):
            it.outbox.put(b"%d\r\n" % number)
        assert it.link.sends == []  # put never sends by itself
        await wait_all_tasks_blocked()
        assert it.link.sends == [b"".join(b"%d\r\n" % number for number in range(100))]
        assert it.outbox.size == 0
        it.outbox.put(b"next\r\n")
        await wait_all_tasks_blocked()
        assert it.link.sends[1:] == [b"next\r\n"]
        assert it.events == []


async def test_one_flusher_sends_once_for_each_of_many() -> None:
    links = [FakeLink() for _ in range(600)]  # more than it sends without giving others a turn
    flusher = Flusher()
    turns = 0

    def unexpected(*_drain: object) -> None:
        raise AssertionError

    outboxes = [
        Outbox(link, flusher, limit=0, park=unexpected, on_overflow=unexpected, on_lost=unexpected)
        for link in links
    ]

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        await wait_all_tasks_blocked()
        nursery.start_soon(count_turns)
        for outbox in outboxes:
            outbox.put(b"a\r\n")
            outbox.put(b"b\r\n")
        while not links[-1].sends:  # noqa: ASYNC110 - turns are what is counted
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert all(link.sends == [b"a\r\nb\r\n"] for link in links)
    assert turns >= 2


async def test_a_full_socket_parks_and_goes_on_in_order() -> None:
    async with rig(room=4) as it:
        it.outbox.put(b"0123456789")
        await wait_all_tasks_blocked()
        assert it.events == ["park"]
        assert it.outbox.size == 10
        it.outbox.put(b"abc")
        it.outbox.put(b"def")
        await wait_all_tasks_blocked()
        assert it.link.sends == [b"0123456789"]  # parked: nobody else sends
        assert it.outbox.size == 16
        it.link.make_room(3)
        await wait_all_tasks_blocked()
        assert it.link.arrived == b"0123456"
        it.link.make_room()
        await wait_all_tasks_blocked()
        assert it.link.arrived == b"0123456789abcdef"
        assert it.link.sends == [b"0123456789", b"abcdef"]
        assert it.outbox.size == 0
        assert it.events == ["park"]


async def test_the_draining_task_parks_again_without_another_task() -> None:
    async with rig(room=1) as it:
        it.outbox.put(b"one")
        await wait_all_tasks_blocked()
        it.outbox.put(b"two")
        it.link.make_room(4)  # the rest of the first, and part of the second
        await wait_all_tasks_blocked()
        assert it.events == ["park"]
        assert it.outbox.size == 3
        it.link.make_room()
        await wait_all_tasks_blocked()
        assert it.link.arrived == b"onetwo"
        # After it has ended, a full socket parks anew.
        it.link.make_room(1)
        it.outbox.put(b"three")
        await wait_all_tasks_blocked()
        assert it.events == ["park", "park"]


async def test_past_its_limit_it_overflows_once_and_takes_nothing_more() -> None:
    async with rig(limit=10, room=0) as it:
        it.outbox.put(b"x" * 10)
        await wait_all_tasks_blocked()
        assert it.events == ["park"]  # exactly the limit still waits
        it.outbox.put(b"y")
        assert it.events == ["park", "overflow"]
        it.outbox.put(b"z" * 100)
        it.outbox.put(b"z" * 100)
        await wait_all_tasks_blocked()
        assert it.events == ["park", "overflow"]
        assert it.link.sends == [b"x" * 10]


async def test_an_overflow_before_the_tick_sends_nothing() -> None:
    async with rig(limit=3) as it:
        it.outbox.put(b"ab")
        it.outbox.put(b"cd")
        await wait_all_tasks_blocked()
        assert it.events == ["overflow"]
        assert it.link.sends == []


async def test_limit_zero_is_no_limit() -> None:
    async with rig(room=0) as it:
        it.outbox.put(b"x" * 10_000_000)
        assert it.outbox.has_room(10_000_000)
        await wait_all_tasks_blocked()
        assert it.events == ["park"]


async def test_a_lost_link_is_told_once_and_later_puts_are_dropped() -> None:
    async with rig() as it:
        it.link.lost = True
        it.outbox.put(b"a")
        await wait_all_tasks_blocked()
        assert it.events == ["lost"]
        it.outbox.put(b"b")
        await wait_all_tasks_blocked()
        assert it.events == ["lost"]
        await it.outbox.finish(b"last")  # nothing is tried


async def test_a_link_that_is_lost_while_parked_is_told_once() -> None:
    async with rig(room=0) as it:
        it.outbox.put(b"a")
        await wait_all_tasks_blocked()
        it.link.break_off()
        await wait_all_tasks_blocked()
        it.outbox.put(b"b")
        await wait_all_tasks_blocked()
        assert it.events == ["park", "lost"]


async def test_finish_sends_all_that_waits_and_the_last_words_in_one_piece() -> None:
    async with rig() as it:
        it.outbox.put(b"a ")
        it.outbox.put(b"b ")
        await it.outbox.finish(b"last")
        it.outbox.put(b"too late")
        await wait_all_tasks_blocked()
        assert it.link.sends == [b"a b last"]
        assert it.events == []


async def test_finish_on_a_lost_link_is_quiet() -> None:
    async with rig() as it:
        it.outbox.put(b"a")
        it.link.lost = True
        await it.outbox.finish(b"last")
        await wait_all_tasks_blocked()
        assert it.events == []


async def test_closed_takes_nothing_and_sends_nothing() -> None:
    async with rig() as it:
        it.outbox.put(b"a")
        it.outbox.close()
        it.outbox.put(b"b")
        await wait_all_tasks_blocked()
        assert it.link.sends == []


ACTIONS = st.one_of(
    st.tuples(st.just("put"), st.integers(1, 30)),
    st.tuples(st.just("room"), st.integers(1, 40)),
    st.tuples(st.just("tick"), st.just(0)),
    st.tuples(st.just("hold"), st.integers(1, 3)),
)


@given(st.lists(ACTIONS, max_size=30), st.integers(0, 50))
def test_whatever_the_socket_takes_nothing_is_lost_doubled_or_reordered(
    actions: list[tuple[str, int]], room: int
) -> None:
    async def main() -> bytes:
        async with rig(room=room) as it:
            for number, (action, size) in enumerate(actions):
                if action == "put":
                    piece = b"%d:" % number + b"x" * size
                    it.outbox.put(piece)
                    wanted.append(piece)
                elif action == "room":
                    it.link.make_room(size)
                elif action == "tick":
                    await wait_all_tasks_blocked()
                else:
                    with it.outbox.held() as front:
                        it.outbox.put(b"%d:held" % number)
                        await wait_all_tasks_blocked()
                        for piece_number in range(size):
                            with front():
                                it.outbox.put(b"%d:front%d" % (number, piece_number))
                            wanted.append(b"%d:front%d" % (number, piece_number))
                    wanted.append(b"%d:held" % number)
            it.link.make_room()
            await wait_all_tasks_blocked()
            assert it.outbox.size == 0
            assert it.events in ([], ["park"]) or set(it.events) == {"park"}
            return it.link.arrived

    wanted: list[bytes] = []
    assert trio.run(main) == b"".join(wanted)


@pytest.mark.parametrize("waiting", [0, 1, 5])
async def test_flush_now_sends_without_a_tick(waiting: int) -> None:
    """For the end of a shutdown, when no further tick may come."""
    link, flusher = FakeLink(), Flusher()

    def unexpected(*_drain: object) -> None:
        raise AssertionError

    outbox = Outbox(
        link, flusher, limit=0, park=unexpected, on_overflow=unexpected, on_lost=unexpected
    )
    for _ in range(waiting):
        outbox.put(b"x")
    flusher.flush_now()
    assert link.arrived == b"x" * waiting


async def test_room_waits_until_half_of_the_limit_is_sent() -> None:
    """Whoever asks for much gets the next piece when the last is on its way."""
    async with rig(room=4, limit=20) as it:
        it.outbox.put(b"0123456789ab")
        await wait_all_tasks_blocked()
        assert not it.outbox.has_room(0)
        with trio.move_on_after(0) as waiting:
            await it.outbox.room()
        assert waiting.cancelled_caught
        it.link.make_room(12)
        await it.outbox.room()
        assert (it.outbox.has_room(10), it.outbox.has_room(11)) == (True, False)
