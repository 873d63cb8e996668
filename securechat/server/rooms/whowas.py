"""Who was here: the last users who left, for WHOWAS. Bounded, and forgotten with the process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from securechat.protocol.names import fold
from securechat.server.rooms.room import User

ENTRIES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Departed:
    """What everybody saw of a user who left, and when that was (milliseconds since 1970)."""

    name: str
    key: str
    username: str
    host: str
    realname: str
    left_ms: int


class Whowas:
    """Remembers the last users who left, at most ``entries_max`` of them."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._entries: deque[Departed] = deque(maxlen=entries_max)

    def remember(self, user: User, now_ms: int) -> None:
        """Note that a user left; the oldest entry gives way where there are too many."""
        self._entries.appendleft(
            Departed(user.name, user.key, user.username, user.host, user.realname, now_ms)
        )

    def entries(self, name: str) -> Iterator[Departed]:
        """Yield the entries of a name, the latest first."""
        key = fold(name)
        return (entry for entry in self._entries if entry.key == key)
