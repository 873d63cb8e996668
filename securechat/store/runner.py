"""How blocking work is run: in a worker thread, or inline where a test wants one order.

Trio's autojump clock does not wait for threads, so a test with a mock clock passes ``inline``.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

import trio

T = TypeVar("T")

NICENESS = 10


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


def at_low_priority(work: Callable[[], T]) -> T:
    """Run on a thread of its own that gives way to the others, and wait for it.

    A thread cannot raise its priority again, and Trio reuses its worker threads, also for the
    store's commits. Only Linux has a priority for each thread; elsewhere ``work`` just runs.
    """
    if sys.platform != "linux":
        return work()
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001, ASYNC103 - handed to the thread that waits
            outcome.set_exception(error)

    thread = threading.Thread(target=run, name="low-priority", daemon=True)
    thread.start()
    thread.join()
    return outcome.result()
