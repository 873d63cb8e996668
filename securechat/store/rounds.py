"""Rounds: many small look-ups that come at once share one turn of a worker thread.

A look-up in SQLite costs some microseconds, handing it to a thread and back ten times that. While
one round is being read, the next gathers; so a look-up that comes alone waits for nothing, and a
storm of logins pays for a thread's turn now and then. Whatever is read was read after it was asked
for, which those who look a second time rely on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import trio

K = TypeVar("K")
V = TypeVar("V")

ROUND_MAX = 64
"""So many things one round looks up, if it is not a single asker who wants more.

All who asked go on in the same tick of the scheduler: few enough for the others not to wait long.
"""


class _Round(Generic[K, V]):
    """What is looked up together; ``found`` stays ``None`` where that was not done."""

    __slots__ = ("done", "found", "wanted")

    def __init__(self) -> None:
        self.wanted: list[K] = []
        self.found: Sequence[V] | None = None
        self.done = trio.Event()


class Rounds(Generic[K, V]):
    """Look-ups in rounds. ``read`` gets what is wanted and returns as many answers, in order."""

    def __init__(self, read: Callable[[Sequence[K]], Awaitable[Sequence[V]]]) -> None:
        self._read = read
        self._turn = trio.Lock()
        self._gathering: _Round[K, V] = _Round()

    async def get(self, wanted: Sequence[K]) -> Sequence[V]:
        """Return the answers for what is wanted. Raises what ``read`` raises.

        The first one of a round reads for all. Where that fails or is cancelled, the others ask
        again, so each failure is raised to one asker alone and its cause is its own.
        """
        if not wanted:
            await trio.lowlevel.checkpoint()
            return []
        while True:
            current = self._gathering
            if len(current.wanted) >= ROUND_MAX:
                current = self._gathering = _Round()
            start = len(current.wanted)
            current.wanted += wanted
            if start:
                # No deadline: whoever reads has one, and sets this whatever happens.
                await current.done.wait()
            else:
                await self._read_round(current)
            if current.found is not None:
                return current.found[start : start + len(wanted)]

    async def _read_round(self, current: _Round[K, V]) -> None:
        try:
            async with self._turn:
                self._close(current)
                current.found = await self._read(current.wanted)
        finally:
            self._close(current)
            current.done.set()

    def _close(self, current: _Round[K, V]) -> None:
        """Let no more come into a round."""
        if self._gathering is current:
            self._gathering = _Round()
