"""Slow mode: how often one person may write into one channel."""

from __future__ import annotations


class Pace:
    """The pace of one channel. ``seconds`` is the least time between a member's messages; 0: off.

    Times are Trio's. What is remembered of who wrote when is at most ``seconds`` old.
    """

    __slots__ = ("_wrote", "seconds")

    def __init__(self, seconds: int = 0) -> None:
        self.seconds = seconds
        self._wrote: dict[str, float] = {}

    def change(self, seconds: int) -> None:
        """Set another pace; everybody may write at once."""
        self.seconds = seconds
        self._wrote.clear()

    def take(self, key: str, now: float) -> float:
        """Let an account write: return 0, or for how many seconds it still has to wait."""
        if not self.seconds:
            return 0.0
        over = now - self.seconds
        while self._wrote:
            # The oldest is always first, for who writes again is put at the end.
            first = next(iter(self._wrote))
            if self._wrote[first] > over:
                break
            del self._wrote[first]
        if key in self._wrote:
            return self._wrote[key] - over
        self._wrote[key] = now
        return 0.0
