"""Crowds: work that is small for one and much for many, done one piece at a time.

Trio runs every task that is ready before it looks at the sockets again. When hundreds come, or go,
at the same moment, those who chat would wait until the last of them is through.
"""

from __future__ import annotations

import trio


class Crowd:
    """A queue, first come, first served, that lets one through in each of the scheduler's ticks."""

    def __init__(self) -> None:
        self._door = trio.Lock()

    async def turn(self) -> None:
        """Wait for one's turn; the work is to follow without a checkpoint. Never fails.

        Has no deadline of its own: each one before takes a tick, and nothing here waits for a peer.
        """
        async with self._door:
            await trio.lowlevel.checkpoint()
