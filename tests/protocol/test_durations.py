"""Durations: what moderators write, and that a mistake is never taken for a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol.durations import (
    SECONDS_MAX,
    format_duration,
    format_time,
    parse_duration,
    split_duration,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("7d", 604800),
        ("2w", 1209600),
        ("1d12h", 129600),
        ("1W1D1H1M1S", 694861),
        (str(SECONDS_MAX), SECONDS_MAX),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "0h", "-1", "h", "2x", "2 h", "1h1h", "1m1h", "1.5h", "٣h", "²", "11y"),
        *("9" * 40, str(SECONDS_MAX + 1), "999999999w"),
    ],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="a duration is a number and s, m, h, d or w"):
        parse_duration(text)


@given(st.text(max_size=12))
def test_nothing_else_is_raised(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 < seconds <= SECONDS_MAX


@given(st.integers(1, SECONDS_MAX))
def test_words_say_the_whole_duration(seconds: int) -> None:
    short = "".join(f"{count}{unit[0]}" for count, unit in _pairs(format_duration(seconds)))
    assert parse_duration(short) == seconds


def _pairs(words: str) -> list[tuple[str, str]]:
    parts = words.split()
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_words() -> None:
    assert format_duration(0) == "0 seconds"
    assert format_duration(1) == "1 second"
    assert format_duration(129600) == "1 day 12 hours"
    assert format_time(1_795_379_160_123) == "2026-11-22 20:26:00 UTC"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (0, "")),
        ([""], (0, "")),
        (["2h"], (7200, "")),
        (["2h", "spam"], (7200, "spam")),
        (["2h", "spam and more"], (7200, "spam and more")),
        (["spam"], (0, "spam")),
        (["3 times the same"], (0, "3 times the same")),
        (["far", "too", "much"], (0, "far too much")),
    ],
)
def test_a_duration_and_a_reason(words: list[str], expected: tuple[int, str]) -> None:
    assert split_duration(words) == expected


@pytest.mark.parametrize("words", [["2x"], ["2x", "spam"], ["10 m", "spam"]])
def test_a_mistyped_duration_is_no_reason(words: list[str]) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        split_duration(words)
