"""Turns: who changes a room waits for what was posted before."""

from __future__ import annotations

from collections.abc import Mapping

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.server.persistence.turns import Turns


async def passes(turns: Turns, *rooms: str, alone: bool) -> bool:
    """Tell whether a change could be made at once."""
    with trio.move_on_after(1) as scope:
        await turns.wait(*rooms, alone=alone)
    return not scope.cancelled_caught


async def test_what_is_held_is_passed_on_to_what_is_posted(autojump_clock: MockClock) -> None:
    turns = Turns()
    async with turns.held("message m1"):
        assert not await passes(turns, "message m1", alone=True)
        turns.begin("m2", {"message m1": True})
    assert not await passes(turns, "message m1", alone=True)
    assert await passes(turns, "message m3", alone=True)
    turns.end("m2")
    assert await passes(turns, "message m1", alone=True)


async def test_a_message_is_held_by_one_after_the_other(autojump_clock: MockClock) -> None:
    turns = Turns()
    holders: list[int] = []

    async def hold(number: int) -> None:
        async with turns.held("message m1"):
            holders.append(number)
            await trio.sleep(1)
            assert holders[-1] == number

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(hold, number)
    assert sorted(holders) == list(range(5))
    assert trio.current_time() == 5
    assert await passes(turns, "message m1", alone=True)


async def test_who_goes_with_whom(autojump_clock: MockClock) -> None:
    """Joins and parts go together; anything else goes alone, in its own room."""
    turns = Turns()
    cases: list[tuple[Mapping[str, bool], tuple[bool, bool]]] = [
        ({}, (True, True)),
        ({"#a": False}, (True, False)),
        ({"#a": True}, (False, False)),
        ({"#a": False, "#b": True}, (True, False)),
    ]
    for claims, wanted in cases:
        turns.begin("m1", claims)
        assert (
            await passes(turns, "#a", alone=False),
            await passes(turns, "#a", alone=True),
        ) == wanted
        assert await passes(turns, "#b", alone=True) is ("#b" not in claims)
        assert await passes(turns, "#c", "#b", alone=True) is ("#b" not in claims)
        turns.end("m1")
        turns.end("m1")
        assert await passes(turns, "#a", "#b", alone=True)


async def test_waiting_ends_with_each_change(autojump_clock: MockClock) -> None:
    """After a wait the caller looks again: somebody else may have been quicker."""
    turns = Turns()
    turns.begin("m1", {"#a": True})
    turns.begin("m2", {"#a": False})
    waits: list[bool] = []

    async def change() -> None:
        while await turns.wait("#a", alone=True):
            waits.append(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(change)
        for msgid in ("m1", "m2"):
            await wait_all_tasks_blocked()
            turns.end(msgid)
    assert waits == [True, True]
