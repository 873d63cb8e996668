"""The roll of a room: who is present, as RPL_NAMREPLY lists them, in lines that are kept.

Everybody who comes is told everybody's name, which is what a crowd that comes at once costs most.
So the lines are kept from one answer to the next, and whoever enters is written at their end. When
somebody leaves or gets another role they are written anew, by the next who is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from securechat.protocol.replies import in_lines

U = TypeVar("U")


class Roll:
    """Lines of names, of each kind (with all signs, with user and host) and width that is asked."""

    def __init__(self) -> None:
        self._kept: dict[tuple[bool, bool, int], list[str]] = {}

    def lines(
        self,
        users: Iterable[U],
        entry: Callable[[U, bool, bool], str],
        *,
        several: bool,
        whole: bool,
        width: int,
    ) -> list[str]:
        """Return the entries of all users in as few lines as fit, each of ``width`` bytes at most.

        ``entry(user, several, whole)`` is what stands for a user: with the signs of all roles or of
        the highest, and as ``nick!user@host`` or the nick alone. Only for reading.
        """
        kept = self._kept.get((several, whole, width))
        if kept is None:
            kept = in_lines((entry(user, several, whole) for user in users), width)
            self._kept[several, whole, width] = kept
        return kept

    def add(self, user: U, entry: Callable[[U, bool, bool], str]) -> None:
        """Write down who has entered."""
        for (several, whole, width), lines in self._kept.items():
            word = entry(user, several, whole)
            if lines and len(lines[-1].encode()) + 1 + len(word.encode()) <= width:
                lines[-1] += f" {word}"
            else:
                lines.append(word)

    def forget(self) -> None:
        """Have the lines written anew: somebody left, or stands there in another role."""
        self._kept.clear()
