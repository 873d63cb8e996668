"""Message ids and times: strictly rising ids, never falling times, whatever the clock does.

An id is 128 bits in base64 with an alphabet whose characters sort as their values do: 48 bits of
milliseconds since 1970, then 80 bits that start at random in each millisecond and count up in it.
"""

from __future__ import annotations

import binascii
import secrets
from collections.abc import Callable

_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_SORTING = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
_TO_SORTING = bytes.maketrans(_STANDARD, _SORTING)
_FROM_SORTING = bytes.maketrans(_SORTING, _STANDARD)

_LOW_BITS = 80
# The random start leaves the top bit free, so that counting up never runs over.
_RANDOM_BITS = _LOW_BITS - 1


def time_of(msgid: str) -> int:
    """Return the time in an id of ours, in milliseconds since 1970.

    Raises ``ValueError`` for what is none.
    """
    # 48 bits are eight characters.
    number = binascii.a2b_base64(msgid[:8].encode().translate(_FROM_SORTING), strict_mode=True)
    return int.from_bytes(number)


class Ids:
    """Gives each event its msgid and time.

    ``now_ms`` returns the wall clock in milliseconds. ``last_ms`` is the time of the newest event
    in the journal: a clock that went back meanwhile does not make time go back.
    """

    def __init__(
        self,
        now_ms: Callable[[], int],
        *,
        last_ms: int = 0,
        random_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self._now_ms = now_ms
        self._random_bits = random_bits
        # A start may share its first millisecond with the newest event before it.
        self._ms = last_ms
        self._low = (1 << _LOW_BITS) - 1 if last_ms else -1

    @property
    def latest_ms(self) -> int:
        """The time of the newest id."""
        return self._ms

    def next(self) -> tuple[str, int]:
        """Return a new id and its time in milliseconds."""
        now = max(self._now_ms(), self._ms)
        if now > self._ms or self._low < 0:
            self._ms, self._low = now, self._random_bits(_RANDOM_BITS)
        elif self._low + 1 >> _LOW_BITS:
            self._ms, self._low = self._ms + 1, self._random_bits(_RANDOM_BITS)
        else:
            self._low += 1
        number = (self._ms << _LOW_BITS) | self._low
        text = binascii.b2a_base64(number.to_bytes(16), newline=False).translate(_TO_SORTING)
        return text.rstrip(b"=").decode(), self._ms
