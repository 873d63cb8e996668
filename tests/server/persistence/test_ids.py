"""Message ids and times: strictly rising, whatever the clock does."""

from __future__ import annotations

import functools
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.server.persistence.ids import Ids, time_of

LOW_BITS = 80
# 64 characters in the order of their codes: what sorts as text sorts as numbers.
DIGITS = string.digits + string.ascii_uppercase + "_" + string.ascii_lowercase + "~"


def parts(msgid: str) -> tuple[int, int]:
    """Return the milliseconds and the rest that an id holds."""
    number = functools.reduce(lambda high, digit: high * 64 + DIGITS.index(digit), msgid, 0) >> 4
    return number >> LOW_BITS, number & ((1 << LOW_BITS) - 1)


@given(
    readings=st.lists(st.integers(0, 2**47), min_size=1, max_size=50),
    last_ms=st.integers(0, 2**47),
)
def test_ids_rise_and_times_never_fall_under_any_clock(readings: list[int], last_ms: int) -> None:
    """Promise 4 of the store's contract: the journal's writer sees to both."""
    clock = iter(readings)
    ids = Ids(lambda: next(clock), last_ms=last_ms)
    made = [ids.next() for _ in readings]
    names = [msgid for msgid, _ in made]
    times = [time_ms for _, time_ms in made]
    assert names == sorted(set(names))
    assert times == sorted(times)
    assert times[0] >= last_ms
    assert all(parts(msgid)[0] == time_ms for msgid, time_ms in made)


@given(st.integers(1, 2**40), st.integers(0, 2**40))
def test_a_restart_goes_on_above_the_newest_id_whatever_it_was(last_ms: int, now_ms: int) -> None:
    highest = parts(Ids(lambda: last_ms, random_bits=lambda bits: (1 << bits) - 1).next()[0])
    msgid, time_ms = Ids(lambda: now_ms, last_ms=last_ms, random_bits=lambda _: 0).next()
    assert parts(msgid) > highest
    assert time_ms >= last_ms


def test_ids_within_a_millisecond_count_up_from_a_random_start() -> None:
    ids = Ids(lambda: 7, random_bits=lambda _: 1000)
    assert [parts(ids.next()[0]) for _ in range(3)] == [(7, 1000), (7, 1001), (7, 1002)]


def test_a_millisecond_whose_ids_are_used_up_borrows_the_next_one() -> None:
    ids = Ids(lambda: 7, random_bits=lambda bits: (1 << LOW_BITS) - 2)
    assert [parts(ids.next()[0])[0] for _ in range(4)] == [7, 7, 8, 8]


@given(st.integers(1, (1 << 48) - 1))
def test_an_id_tells_its_time(now_ms: int) -> None:
    assert time_of(Ids(lambda: now_ms).next()[0]) == now_ms


def test_what_is_no_id_tells_no_time() -> None:
    with pytest.raises(ValueError, match="base64"):
        time_of("!?")


def test_an_id_is_short_and_safe_in_a_tag() -> None:
    """The msgid may not hold what a tag's value must escape (IRCv3 message-ids)."""
    msgid, _ = Ids(lambda: 1_800_000_000_000).next()
    assert len(msgid) == 22
    assert set(msgid) <= set(DIGITS)
    assert sorted(DIGITS) == list(DIGITS)


def test_the_random_part_is_asked_for_with_room_to_count() -> None:
    asked: list[int] = []

    def bits(count: int) -> int:
        asked.append(count)
        return 0

    Ids(lambda: 7, random_bits=bits).next()
    assert asked == [LOW_BITS - 1]
