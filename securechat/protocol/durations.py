"""Durations as moderators write them: ``90``, ``15m``, ``2h``, ``7d``, ``1d12h``.

Pure. A bare number counts seconds. Whatever starts like a duration and is none is an error and not
a reason: a ban meant for an hour must not become one for ever because of a typing mistake.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

# Ten years: anything longer is meant for ever.
SECONDS_MAX = 10 * 365 * 86400
WANTED = "a duration is a number and s, m, h, d or w, such as 90s, 15m, 2h or 7d; at most 10 years"

_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_NAMES = {604800: "week", 86400: "day", 3600: "hour", 60: "minute", 1: "second"}
_PARTS = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in _UNITS), re.ASCII)


def parse_duration(text: str) -> int:
    """Return a duration in seconds, at least 1; raises ``ValueError`` with what is wanted."""
    if re.fullmatch("[0-9]{1,9}", text, re.ASCII):
        seconds = int(text)
    else:
        match = _PARTS.fullmatch(text.lower())
        numbers = match.groups() if match is not None else ()
        seconds = sum(
            int(number) * size
            for number, size in zip(numbers, _UNITS.values(), strict=bool(numbers))
            if number
        )
    if not 0 < seconds <= SECONDS_MAX:
        raise ValueError(WANTED)
    return seconds


def split_duration(words: Sequence[str]) -> tuple[int, str]:
    """Return what ``[<duration>] [:<reason>]`` holds: seconds (0: none given) and the reason.

    A first word that starts with a digit has to be a duration; a sentence may start with one.
    Raises ``ValueError``.
    """
    first, *rest = words or ("",)
    if first[:1].isdecimal() and not (" " in first and not rest):
        return parse_duration(first), " ".join(rest).strip()
    return 0, " ".join(words).strip()


def format_duration(seconds: int) -> str:
    """Return a duration in words: ``1 day 12 hours``."""
    words: list[str] = []
    for size, name in _NAMES.items():
        count, seconds = divmod(seconds, size)
        if count:
            words.append(f"{count} {name}{'s' if count > 1 else ''}")
    return " ".join(words) or "0 seconds"


def format_time(time_ms: int) -> str:
    """Return a moment as people read it: ``2026-11-22 20:26:00 UTC``."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
