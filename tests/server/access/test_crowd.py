"""Crowds: one in each tick, in the order in which they came, whatever becomes of the others."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from securechat.server.access.crowd import Crowd


async def test_one_in_each_tick_and_first_come_first_served() -> None:
    crowd = Crowd()
    tick = 0
    through: list[tuple[int, int]] = []

    async def count() -> None:
        nonlocal tick
        while True:
            tick += 1
            await trio.lowlevel.checkpoint()

    async def come(number: int) -> None:
        await crowd.turn()
        through.append((number, tick))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        async with trio.open_nursery() as coming:
            for number in range(20):
                coming.start_soon(come, number)
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert [number for number, _ in through] == list(range(20))
    ticks = [when for _, when in through]
    assert len(set(ticks)) == 20


async def test_who_gives_up_holds_nobody_up() -> None:
    crowd = Crowd()
    through: list[int] = []

    async def come(number: int, scope: trio.CancelScope) -> None:
        with scope:
            await crowd.turn()
            through.append(number)

    scopes = [trio.CancelScope() for _ in range(5)]
    scopes[0].cancel()
    scopes[3].cancel()
    async with trio.open_nursery() as nursery:
        for number, scope in enumerate(scopes):
            nursery.start_soon(come, number, scope)
        await wait_all_tasks_blocked()
    assert sorted(through) == [1, 2, 4]
