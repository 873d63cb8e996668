"""What an outbox holds back, and what goes out in front of it; see the head of ``outbox.py``."""

from __future__ import annotations

import pytest
import trio
from support.outboxes import rig
from trio.testing import wait_all_tasks_blocked


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
