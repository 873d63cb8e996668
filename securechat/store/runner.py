"""How blocking work is run: in a worker thread, or inline where a test wants one order.

Trio's autojump clock does not wait for threads, so a test with a mock clock passes ``inline``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import trio

T = TypeVar("T")


class Runner(Protocol):
    """Runs a blocking function somewhere and returns what it returned."""

    async def __call__(self, work: Callable[[], T], /) -> T: ...


def in_threads(limit: int) -> Runner:
    """Return a runner on worker threads, at most ``limit`` at once.

    Cancelling waits for the thread: what it did is known, which the store's promises need.
    """
    limiter = trio.CapacityLimiter(limit)

    async def run(work: Callable[[], T], /) -> T:
        return await trio.to_thread.run_sync(work, limiter=limiter)

    return run


async def inline(work: Callable[[], T], /) -> T:
    """Run it here and now, after one checkpoint."""
    await trio.lowlevel.checkpoint()
    return work()
