"""The outbox's promises, one by one; they stand at the head of ``outbox.py``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.errors import ConnectionLost
from securechat.server.sessions.outbox import BUSY_OUTBOXES, LATER_SECONDS, Flusher, Outbox


@dataclass
class FakeLink:
    """Counts sends. ``room`` is how many bytes the socket still takes; ``None`` is any number."""

    room: int | None = None
    lost: bool = False
    sends: list[bytes] = field(default_factory=list)
    kept: bytes = b""
    arrived: bytes = b""
    drained: trio.Event = field(default_factory=trio.Event)
    description: str = "fake"
    peer_certificate: bytes | None = None

    async def handshake(self) -> None:
        raise NotImplementedError

    async def receive(self) -> bytes:
        raise NotImplementedError

    def send_now(self, data: bytes) -> bool:
        if self.lost:
            raise ConnectionLost("the fake link is lost")
        self.sends.append(data)
        self.kept += data
        taken = self.kept if self.room is None else self.kept[: self.room]
        self.arrived += taken
        self.kept = self.kept[len(taken) :]
        if self.room is not None:
            self.room -= len(taken)
        return not self.kept

    def make_room(self, room: int | None = None) -> None:
        """Let the socket take that much more, and wake who waits for it."""
        self.room = room
        self.drained.set()
        self.drained = trio.Event()

    def break_off(self) -> None:
        self.lost = True
        self.drained.set()

    async def drain(self) -> None:
        await trio.lowlevel.checkpoint()
        while self.kept:
            await self.drained.wait()
            if self.lost:
                raise ConnectionLost("the fake link is lost")
            taken = self.kept if self.room is None else self.kept[: self.room]
            self.arrived += taken
            self.kept = self.kept[len(taken) :]
            if self.room is not None:
                self.room -= len(taken)

    async def send_all(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if not self.send_now(data):
            await self.drain()

    def close(self) -> None:
        raise NotImplementedError


@dataclass
class Rig:
    """An outbox on a fake link, with a flusher that runs."""

    link: FakeLink
    flusher: Flusher
    outbox: Outbox
    nursery: trio.Nursery
    events: list[str]


@asynccontextmanager
async def rig(limit: int = 0, room: int | None = None) -> AsyncIterator[Rig]:
    link, flusher = FakeLink(room), Flusher()
    events: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)

        def park(drain: Callable[[], Awaitable[None]]) -> None:
            events.append("park")
            nursery.start_soon(drain)

        outbox = Outbox(
            link,
            flusher,
            limit=limit,
            park=park,
            on_overflow=lambda: events.append("overflow"),
            on_lost=lambda: events.append("lost"),
        )
        yield Rig(link, flusher, outbox, nursery, events)
        nursery.cancel_scope.cancel()


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


async def test_an_overflow_of_what_goes_to_the_front_is_told_once() -> None:
    async with rig(limit=10) as it:
        with it.outbox.held() as front:
            it.outbox.put(b"late")
            with front():
                it.outbox.put(b"x" * 20)
            it.outbox.put(b"later")
            it.outbox.put(b"x" * 20)
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


async def test_what_is_held_comes_after_the_front_and_the_front_keeps_its_order() -> None:
    async with rig() as it:
        it.outbox.put(b"before ")
        with it.outbox.held() as front:
            assert it.link.sends == [b"before "]  # what was there is sent before anything is held
            it.outbox.put(b"held-1 ")
            with front():
                it.outbox.put(b"front-1 ")
            it.outbox.put(b"held-2 ")
            await wait_all_tasks_blocked()
            with front():
                it.outbox.put(b"front-2 ")
                it.outbox.put(b"front-3 ")
            await wait_all_tasks_blocked()
            assert it.link.arrived == b"before "
        it.outbox.put(b"after ")
        await wait_all_tasks_blocked()
        assert it.link.arrived == b"before front-1 front-2 front-3 held-1 held-2 after "
        assert len(it.link.sends) == 2


async def test_holding_while_parked_keeps_the_order_too() -> None:
    async with rig(room=2) as it:
        it.outbox.put(b"first ")
        await wait_all_tasks_blocked()
        it.outbox.put(b"second ")
        with it.outbox.held() as front:
            it.outbox.put(b"held ")
            with front():
                it.outbox.put(b"front ")
        it.link.make_room()
        await wait_all_tasks_blocked()
        assert it.link.arrived == b"first second front held "
        assert it.outbox.size == 0


async def test_draining_while_held_back_goes_on_after_the_hold() -> None:
    async with rig(room=2) as it:
        it.outbox.put(b"first ")
        await wait_all_tasks_blocked()
        with it.outbox.held() as front:
            it.outbox.put(b"held ")
            it.link.make_room()
            await wait_all_tasks_blocked()
            assert it.link.arrived == b"first "
            with front():
                it.outbox.put(b"front ")
        await wait_all_tasks_blocked()
        assert it.link.arrived == b"first front held "
        assert it.outbox.size == 0


async def test_a_hold_with_nothing_in_it_sends_nothing() -> None:
    async with rig() as it:
        with it.outbox.held():
            pass
        await wait_all_tasks_blocked()
        assert it.link.sends == []


async def test_finish_sends_all_that_waits_and_the_last_words_in_one_piece() -> None:
    async with rig() as it:
        it.outbox.put(b"a ")
        it.outbox.put(b"b ")
        await it.outbox.finish(b"last")
        it.outbox.put(b"too late")
        await wait_all_tasks_blocked()
        assert it.link.sends == [b"a b last"]
        assert it.events == []


async def test_finish_sends_what_was_held_back() -> None:
    async with rig() as it:
        with it.outbox.held() as front:
            it.outbox.put(b"held ")
            with front():
                it.outbox.put(b"front ")
            await it.outbox.finish(b"last")
        await wait_all_tasks_blocked()
        assert it.link.arrived.endswith(b"last")
        assert b"held " in it.link.arrived


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


@pytest.mark.parametrize("room", [None, 1])
async def test_what_is_held_is_given_back_for_another_place(room: int | None) -> None:
    """Also where the socket was full before: that stays in front, and is sent on."""
    async with rig(room=room) as it:
        assert it.outbox.release() == []
        it.outbox.put(b"12")
        await wait_all_tasks_blocked()
        it.outbox.put(b"3")
        assert it.outbox.hold() == 0
        it.outbox.put(b"5")
        assert it.outbox.hold() == 1
        await it.outbox.room()
        it.link.make_room()
        await wait_all_tasks_blocked()
        assert it.outbox.release() == [b"5"]
        it.outbox.put(b"4")
        it.outbox.put(b"5")
        await wait_all_tasks_blocked()
        assert it.link.arrived == b"12345"
        assert it.outbox.size == 0


async def test_held_puts_count_and_are_dropped_at_the_end() -> None:
    async with rig(limit=4) as it:
        it.outbox.hold()
        it.outbox.put(b"12345")
        assert it.events == ["overflow"]
        assert it.outbox.release() == []
        it.outbox.put(b"6")
        await wait_all_tasks_blocked()
        assert it.link.arrived == b""


def never(*_drain: object) -> None:
    pytest.fail("this must not be called")


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


async def test_what_is_before_the_rest_goes_out_as_the_socket_takes_it() -> None:
    """More than the limit goes to the front, piece by piece, while the rest is held back."""
    async with rig(room=8, limit=40) as it, trio.open_nursery() as nursery:
        with it.outbox.held() as front:
            it.outbox.put(b"late")
            for letter in (b"a", b"b"):
                with front():
                    it.outbox.put(letter * 30)
                nursery.start_soon(it.outbox.front_room)
                await wait_all_tasks_blocked()
                assert len(nursery.child_tasks) == 1  # it waits: the socket is full
                it.link.make_room()
                await wait_all_tasks_blocked()
                assert not nursery.child_tasks
                assert it.outbox.size == len(b"late")
                it.link.room = 8
        it.link.make_room()
        await wait_all_tasks_blocked()
        assert b"".join(it.link.sends) == b"a" * 30 + b"b" * 30 + b"late"
        assert "overflow" not in it.events


async def test_a_link_that_is_lost_at_the_front_keeps_nobody_waiting() -> None:
    async with rig(limit=10) as it:
        with it.outbox.held() as front:
            it.outbox.put(b"late")
            it.link.lost = True
            with front():
                it.outbox.put(b"front")
            await it.outbox.front_room()
            it.outbox.put(b"later")
        await wait_all_tasks_blocked()
        assert it.events == ["lost"]
        assert await it.outbox.finish(b"last") is False


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
