"""Slow mode's memory: who wrote when, and for how long that is remembered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from securechat.server.access.pace import Pace


def test_one_message_in_that_time() -> None:
    pace = Pace(10)
    assert pace.take("bob", 100.0) == 0
    assert pace.take("bob", 104.0) == 6
    assert pace.take("carol", 104.0) == 0
    assert pace.take("bob", 109.5) == 0.5
    assert pace.take("bob", 110.0) == 0
    assert pace.take("bob", 110.0) == 10


def test_off_and_changed() -> None:
    pace = Pace()
    assert [pace.take("bob", 1.0) for _ in range(3)] == [0, 0, 0]
    pace.change(5)
    assert (pace.take("bob", 1.0), pace.take("bob", 2.0)) == (0, 4)
    pace.change(60)
    assert pace.take("bob", 2.0) == 0


# Eighths of a second: sums of these are exact, so the model below rounds as the pace does.
moments = st.integers(0, 160).map(lambda eighths: eighths / 8)


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.sampled_from("abcd"), moments), max_size=60),
)
def test_nobody_writes_twice_within_it_and_nobody_waits_longer(
    seconds: int, steps: list[tuple[str, float]]
) -> None:
    pace, now = Pace(seconds), 0.0
    wrote: dict[str, float] = {}
    for key, later in steps:
        now += later
        wait = pace.take(key, now)
        due = wrote.get(key, -float(seconds)) + seconds
        assert (wait > 0) == (now < due)
        if wait:
            assert abs(now + wait - due) < 1e-6
        else:
            wrote[key] = now
        assert len(pace._wrote) <= sum(1 for at in wrote.values() if at > now - seconds) + 1
