"""Rounds of look-ups: what is asked for at once shares one reading, and nothing is old or lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from securechat.errors import StoreUnavailable
from securechat.store.rounds import ROUND_MAX, Rounds


class Shelf:
    """Looks things up when it is let, and remembers what it was asked at once."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.asked: list[list[str]] = []
        self.let = trio.Event()
        self.broken: StoreUnavailable | None = None

    async def read(self, wanted: Sequence[str]) -> Sequence[int]:
        self.asked.append(list(wanted))
        await self.let.wait()
        if self.broken is not None:
            raise self.broken
        return [self.values.get(key, 0) for key in wanted]


async def test_what_is_asked_meanwhile_is_the_next_round() -> None:
    shelf = Shelf()
    shelf.values = {"a": 1, "b": 2, "c": 3}
    rounds = Rounds(shelf.read)
    found: dict[str, Sequence[int]] = {}

    async def ask(*wanted: str) -> None:
        found["".join(wanted)] = await rounds.get(wanted)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, "a")
        await wait_all_tasks_blocked()
        for wanted in ("b", "ab", "c", "nx"):
            nursery.start_soon(ask, *wanted)
        await wait_all_tasks_blocked()
        assert shelf.asked == [["a"]]
        shelf.let.set()
    first, second = shelf.asked
    assert first == ["a"]
    assert sorted(second) == sorted("babcnx")
    assert found == {"a": [1], "b": [2], "ab": [1, 2], "c": [3], "nx": [0, 0]}


async def test_nothing_wanted_is_nothing_read() -> None:
    shelf = Shelf()
    assert await Rounds(shelf.read).get([]) == []
    assert shelf.asked == []


async def test_what_was_stored_before_the_question_is_seen() -> None:
    """A round that began before that answers nobody who asks after it."""
    shelf = Shelf()
    rounds = Rounds(shelf.read)
    seen: list[int] = []

    async def ask() -> None:
        seen.extend(await rounds.get(["a"]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        shelf.values["a"] = 7
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        assert len(shelf.asked) == 1
        shelf.let.set()
    assert len(shelf.asked) == 2
    assert seen[-1] == 7


async def test_a_failure_is_raised_to_each_by_its_own_reading() -> None:
    shelf = Shelf()
    shelf.broken = StoreUnavailable("the disk is gone")
    rounds = Rounds(shelf.read)
    failures: list[StoreUnavailable] = []

    async def ask(key: str) -> None:
        with pytest.raises(StoreUnavailable) as caught:
            await rounds.get([key])
        failures.append(caught.value)

    async with trio.open_nursery() as nursery:
        for key in "abc":
            nursery.start_soon(ask, key)
        await wait_all_tasks_blocked()
        shelf.let.set()
    assert len(failures) == len(shelf.asked) == 3
    shelf.broken = None
    assert await rounds.get(["a"]) == [0]


@pytest.mark.parametrize("who", ["reads", "waits for its turn", "waits for the reader"])
async def test_who_is_cancelled_takes_nobody_along(who: str) -> None:
    shelf = Shelf()
    rounds = Rounds(shelf.read)
    found: list[str] = []
    scopes: dict[str, trio.CancelScope] = {}

    async def ask(key: str) -> None:
        with trio.CancelScope() as scopes[key]:
            await rounds.get([key])
            found.append(key)

    async with trio.open_nursery() as nursery:
        for key in ("reads", "waits for its turn", "waits for the reader", "stays"):
            nursery.start_soon(ask, key)
            await wait_all_tasks_blocked()
        scopes[who].cancel()
        await wait_all_tasks_blocked()
        shelf.let.set()
    assert sorted([*found, who]) == sorted(scopes)


async def test_a_round_has_an_end() -> None:
    shelf = Shelf()
    rounds = Rounds(shelf.read)

    async def ask(key: str) -> None:
        await rounds.get([key] * ROUND_MAX)

    async with trio.open_nursery() as nursery:
        for key in "abc":
            nursery.start_soon(ask, key)
        await wait_all_tasks_blocked()
        shelf.let.set()
    assert [len(wanted) for wanted in shelf.asked] == [ROUND_MAX] * 3
