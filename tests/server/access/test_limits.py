"""Rates and counts: buckets, connections per address, wrong passwords per source."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from securechat.server.access.limits import (
    ATTEMPTS_WINDOW_SECONDS,
    NEW_CONNECTIONS_WINDOW_SECONDS,
    AddressLimits,
    Bucket,
    LoginLimits,
    TurnedAway,
)

# --- Bucket ---------------------------------------------------------------------------------------


def test_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket = Bucket(rate=5.0, burst=20, now=0.0)
    assert [bucket.take(0.0) for _ in range(20)] == [0.0] * 20
    assert bucket.take(0.0) == pytest.approx(0.2)
    assert bucket.take(0.2) == pytest.approx(0.2)


def test_bucket_refills_no_further_than_its_burst() -> None:
    bucket = Bucket(rate=5.0, burst=3, now=0.0)
    assert [bucket.take(1000.0) for _ in range(3)] == [0.0] * 3
    assert bucket.take(1000.0) > 0


def test_bucket_of_rate_zero_has_no_limit() -> None:
    bucket = Bucket(rate=0.0, burst=0, now=0.0)
    assert {bucket.take(0.0) for _ in range(1000)} == {0.0}


def test_bucket_without_a_burst_lets_one_through_and_then_holds_its_rate() -> None:
    bucket = Bucket(rate=1.0, burst=0, now=0.0)
    assert bucket.take(0.0) == 0.0
    assert bucket.take(0.0) == pytest.approx(1.0)


@given(
    rate=st.floats(0.1, 100),
    burst=st.integers(1, 50),
    pauses=st.lists(st.floats(0, 10), max_size=60),
)
def test_whoever_waits_as_told_never_exceeds_burst_and_rate(
    rate: float, burst: int, pauses: list[float]
) -> None:
    """Whatever the pauses, in any stretch of time at most ``burst + rate * time`` are let through.

    And nobody waits in vain: where the budget is not spent there is no wait at all.
    """
    bucket = Bucket(rate, burst, 0.0)
    now = 0.0
    passed: list[float] = []
    for pause in pauses:
        now += pause
        now += bucket.take(now)
        passed.append(now)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            span = passed[last] - passed[first]
            assert last - first + 1 <= burst + rate * span + 1 + 1e-6
    if all(pause * rate >= 1 for pause in pauses):
        assert passed == pytest.approx([sum(pauses[: n + 1]) for n in range(len(pauses))])


# --- AddressLimits --------------------------------------------------------------------------------


def address_limits(
    *,
    at_once: int = 0,
    new: int = 0,
    waiting: int = 0,
    drop_from: int = 0,
    drop_all: int = 0,
    chance: Callable[[], float] = lambda: 0.0,
) -> AddressLimits:
    return AddressLimits(
        at_once=at_once,
        new=new,
        waiting=waiting,
        drop_from=drop_from,
        drop_all=drop_all,
        chance=chance,
    )


def turned_away_if(expected: bool) -> AbstractContextManager[object]:
    return pytest.raises(TurnedAway, match="not logged in") if expected else nullcontext()


def test_so_many_at_once_from_one_address_and_no_more() -> None:
    limits = address_limits(at_once=2)
    with limits.admit("192.0.2.1", 0.0) as logged_in:
        logged_in()
        with limits.admit("192.0.2.1", 0.0):
            with pytest.raises(TurnedAway, match="too many connections from this address"):
                limits.admit("192.0.2.1", 0.0).__enter__()
            with limits.admit("192.0.2.2", 0.0):
                pass
        with limits.admit("192.0.2.1", 0.0):
            pass


def test_addresses_of_one_ipv6_network_count_as_one() -> None:
    limits = address_limits(at_once=1)
    with limits.admit("2001:db8::1", 0.0):
        with pytest.raises(TurnedAway):
            limits.admit("2001:db8::2", 0.0).__enter__()
        with limits.admit("2001:db8:0:1::1", 0.0):
            pass


def test_who_has_logged_in_waits_no_more() -> None:
    limits = address_limits(waiting=1)
    with limits.admit("192.0.2.1", 0.0) as logged_in:
        assert limits.waiting == 1
        with pytest.raises(TurnedAway, match="not logged in"):
            limits.admit("192.0.2.1", 0.0).__enter__()
        logged_in()
        logged_in()  # twice is once
        assert limits.waiting == 0
        with limits.admit("192.0.2.1", 0.0):
            assert limits.waiting == 1
    assert limits.waiting == 0


def test_so_many_new_ones_in_ten_minutes() -> None:
    limits = address_limits(new=2)
    for now in (0.0, 1.0):
        with limits.admit("192.0.2.1", now):
            pass
    with pytest.raises(TurnedAway, match="too many new connections"):
        limits.admit("192.0.2.1", 2.0).__enter__()
    with limits.admit("192.0.2.1", NEW_CONNECTIONS_WINDOW_SECONDS):
        pass  # the first is ten minutes old
    with pytest.raises(TurnedAway):
        limits.admit("192.0.2.1", NEW_CONNECTIONS_WINDOW_SECONDS + 0.5).__enter__()


def test_old_connections_are_forgotten() -> None:
    limits = address_limits(new=1)
    with limits.admit("192.0.2.1", 0.0):
        pass
    limits.forget_old(NEW_CONNECTIONS_WINDOW_SECONDS - 1)
    with pytest.raises(TurnedAway):
        limits.admit("192.0.2.1", NEW_CONNECTIONS_WINDOW_SECONDS - 1).__enter__()
    limits.forget_old(NEW_CONNECTIONS_WINDOW_SECONDS)
    with limits.admit("192.0.2.1", 1.0):  # a clock of the test's own: nothing is remembered
        pass


@pytest.mark.parametrize(
    ("waiting", "chance", "turned_away"),
    [
        (9, 0.0, False),  # below the first bound nobody is dropped
        (10, 0.29, True),  # from it on three in ten
        (10, 0.31, False),
        (55, 0.64, True),  # halfway between the bounds 65 in a hundred
        (55, 0.66, False),
        (99, 0.98, True),
        (100, 1.0, True),  # from the second on everybody
    ],
)
def test_random_early_drop(waiting: int, chance: float, turned_away: bool) -> None:
    """As OpenSSH's ``MaxStartups 10:30:100`` (sshd_config)."""
    dice = 1.0
    limits = address_limits(drop_from=10, drop_all=100, chance=lambda: dice)
    with ExitStack() as held:
        for number in range(waiting):
            held.enter_context(limits.admit(f"198.51.100.{number}", 0.0))
        dice = chance
        with turned_away_if(turned_away), limits.admit("192.0.2.1", 0.0):
            pass


@pytest.mark.parametrize(
    ("drop_from", "drop_all", "waiting", "chance", "turned_away"),
    [
        (2, 0, 50, 0.31, False),  # without the second bound it stays three in ten
        (2, 0, 50, 0.29, True),
        (0, 5, 4, 0.0, False),  # without the first, nobody is dropped before the second
        (0, 5, 5, 1.0, True),
        (3, 3, 3, 1.0, True),  # both bounds in one
        (0, 0, 50, 0.0, False),
    ],
)
def test_each_bound_of_the_early_drop_can_be_off(
    drop_from: int, drop_all: int, waiting: int, chance: float, turned_away: bool
) -> None:
    """Every limit is a setting, and 0 turns it off."""
    dice = 1.0
    limits = address_limits(drop_from=drop_from, drop_all=drop_all, chance=lambda: dice)
    with ExitStack() as held:
        for number in range(waiting):
            held.enter_context(limits.admit(f"198.51.100.{number}", 0.0))
        dice = chance
        with turned_away_if(turned_away), limits.admit("192.0.2.1", 0.0):
            pass


def test_a_crowd_behind_one_router_does_not_shut_itself_out() -> None:
    limits = address_limits(drop_from=2, drop_all=3)
    with ExitStack() as held:
        for _ in range(10):
            held.enter_context(limits.admit("192.0.2.1", 0.0))
        with pytest.raises(TurnedAway):
            limits.admit("192.0.2.2", 0.0).__enter__()


ADDRESSES = ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:1::1")


@given(
    st.lists(st.tuples(st.sampled_from(("open", "login", "close")), st.integers(0, 9)), max_size=80)
)
def test_counts_are_what_is_open_whatever_comes_and_goes(steps: list[tuple[str, int]]) -> None:
    """The limits hold at every moment, and when all have gone nothing is remembered of them."""
    limits = address_limits(at_once=3, waiting=2)
    open_: list[tuple[str, ExitStack, list[bool]]] = []
    for step, number in steps:
        if step == "open":
            address, stack = ADDRESSES[number % len(ADDRESSES)], ExitStack()
            mine = [waits[0] for other, _, waits in open_ if other == address]
            allowed = len(mine) < 3 and sum(mine) < 2
            if not allowed:
                with pytest.raises(TurnedAway):
                    stack.enter_context(limits.admit(address, 0.0))
                continue
            logged_in = stack.enter_context(limits.admit(address, 0.0))
            waits = [True]
            open_.append((address, stack, waits))
            stack.callback(logged_in)
        elif open_:
            place = number % len(open_)
            if step == "close":
                open_.pop(place)[1].close()
        assert limits.waiting == sum(waits[0] for _, _, waits in open_)
    for _, stack, _ in open_:
        stack.close()
    assert limits.waiting == 0
    assert not limits._open
    assert not limits._waiting


# --- LoginLimits ----------------------------------------------------------------------------------


async def fail_once(
    limits: LoginLimits, account: str = "alice", address: str = "192.0.2.1"
) -> None:
    async with limits.attempt(account, address) as failed:
        failed()


async def test_the_fourth_wrong_password_in_a_minute_waits(autojump_clock: MockClock) -> None:
    limits = LoginLimits(3)
    start = trio.current_time()
    for _ in range(3):
        await fail_once(limits)
    assert trio.current_time() == start
    await fail_once(limits)
    assert trio.current_time() == start + ATTEMPTS_WINDOW_SECONDS


async def test_another_address_and_another_account_do_not_wait(autojump_clock: MockClock) -> None:
    """The owner, from elsewhere, never notices who is guessing."""
    limits = LoginLimits(1)
    start = trio.current_time()
    await fail_once(limits)
    await fail_once(limits, address="192.0.2.2")
    await fail_once(limits, account="bob")
    assert trio.current_time() == start


async def test_right_passwords_are_never_limited(autojump_clock: MockClock) -> None:
    limits = LoginLimits(1)
    start = trio.current_time()
    for _ in range(20):
        async with limits.attempt("alice", "192.0.2.1"):
            pass
    assert trio.current_time() == start


async def test_a_burst_of_guesses_does_not_slip_through_side_by_side(
    autojump_clock: MockClock,
) -> None:
    limits = LoginLimits(3)
    start = trio.current_time()
    guessed: list[float] = []

    async def guess() -> None:
        async with limits.attempt("alice", "192.0.2.1") as failed:
            await trio.sleep(0.1)  # on the test's clock: so long a hash takes
            failed()
            guessed.append(trio.current_time() - start)

    async with trio.open_nursery() as nursery:
        for _ in range(9):
            nursery.start_soon(guess)
    assert len(guessed) == 9
    for moment in guessed:
        assert sum(moment - ATTEMPTS_WINDOW_SECONDS < other <= moment for other in guessed) <= 3


async def test_a_crowd_of_the_owners_devices_passes_one_behind_the_other(
    autojump_clock: MockClock,
) -> None:
    limits = LoginLimits(2)

    async def log_in() -> None:
        async with limits.attempt("alice", "192.0.2.1"):
            await trio.sleep(0.1)  # on the test's clock: so long a hash takes

    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(log_in)
    assert trio.current_time() - start == pytest.approx(0.5)


async def test_an_attempt_that_is_cancelled_gives_its_place_back(autojump_clock: MockClock) -> None:
    limits = LoginLimits(1)
    with trio.move_on_after(1):
        async with limits.attempt("alice", "192.0.2.1"):
            await trio.sleep_forever()
    start = trio.current_time()
    async with limits.attempt("alice", "192.0.2.1"):
        pass
    assert trio.current_time() == start
    assert not limits._sources


async def test_no_limit_at_all(autojump_clock: MockClock) -> None:
    limits = LoginLimits(0)
    start = trio.current_time()
    for _ in range(100):
        await fail_once(limits)
    assert trio.current_time() == start
    assert not limits._sources


async def test_failures_are_forgotten_after_a_minute(autojump_clock: MockClock) -> None:
    limits = LoginLimits(3)
    await fail_once(limits)
    limits.forget_old(trio.current_time())
    assert limits._sources
    await trio.sleep(ATTEMPTS_WINDOW_SECONDS)
    limits.forget_old(trio.current_time())
    assert not limits._sources
