"""The gate: who is right gets in, and who is not learns nothing from how it is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from support.between import Between
from support.house import CHEAP
from trio.testing import MockClock

from securechat.errors import StoreRefused
from securechat.protocol.sasl import Credentials
from securechat.server.access.gate import Gate
from securechat.server.access.limits import LoginLimits
from securechat.store.credentials.accounts import Accounts, NewAccount
from securechat.store.credentials.passwords import Hasher, Profile, Verdict
from securechat.store.credentials.tokens import Tokens
from securechat.store.runner import inline
from securechat.store.sqlite import open_store

PASSWORD = "the right one, and long"


class SlowHasher(Hasher):
    """Takes its time for every answer, and counts them."""

    seconds = 0.1
    checks = 0

    async def verify(self, stored: str | None, password: str) -> Verdict:
        self.checks += 1
        await trio.sleep(self.seconds)
        return await super().verify(stored, password)


@asynccontextmanager
async def gate_on(
    folder: Path, *, per_minute: int = 0, hasher: Hasher | None = None
) -> AsyncIterator[tuple[Gate, Accounts, Between]]:
    async with open_store(folder, runner=inline) as store:
        between = Between(store)
        accounts = Accounts(between)
        hashed = await Hasher(CHEAP, inline).hash(PASSWORD)
        if await accounts.get("Alice") is None:
            await accounts.add(NewAccount("Alice", hashed))
        hasher = hasher or SlowHasher(CHEAP, inline)
        tokens = Tokens(between)
        gate = Gate(accounts, tokens, hasher, LoginLimits(per_minute), floor_seconds=0.5)
        yield gate, accounts, between


async def token_of(accounts: Accounts, between: Between, name: str = "phone") -> str:
    """Return a new token of alice's."""
    _, secret = await Tokens(between).add("alice", name, by="alice")
    return secret


async def timed(gate: Gate, name: str, password: str, address: str = "192.0.2.1") -> Any:
    """Return who was let in, and how long that took."""
    start = trio.current_time()
    known = await gate.check(Credentials(name, password), address)
    return known.account.name if known else None, trio.current_time() - start


async def test_the_right_password_lets_in_without_delay(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with gate_on(folder) as (gate, _, _):
        assert await timed(gate, "aLICE", PASSWORD) == ("Alice", pytest.approx(0.1))


@pytest.mark.parametrize("name", ["alice", "nobody", "no body", "", "x" * 500])
async def test_every_refusal_takes_the_same_least_time_and_costs_one_hash(
    folder: Path, autojump_clock: MockClock, name: str
) -> None:
    """docs/safety.md, fault 8: unknown and known user cannot be told apart."""
    hasher = SlowHasher(CHEAP, inline)
    async with gate_on(folder, hasher=hasher) as (gate, _, _):
        assert await timed(gate, name, "a wrong one") == (None, pytest.approx(0.5))
        assert hasher.checks == 1


async def test_a_disabled_account_is_refused_like_a_wrong_password(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with gate_on(folder) as (gate, accounts, _):
        await accounts.disable("alice")
        assert await timed(gate, "alice", PASSWORD) == (None, pytest.approx(0.5))


async def test_a_refusal_that_took_longer_than_the_floor_waits_no_more(
    folder: Path, autojump_clock: MockClock
) -> None:
    hasher = SlowHasher(CHEAP, inline)
    hasher.seconds = 0.8
    async with gate_on(folder, hasher=hasher) as (gate, _, _):
        assert await timed(gate, "alice", "wrong") == (None, pytest.approx(0.8))


async def test_guessing_is_slowed_and_the_owner_elsewhere_is_not(
    folder: Path, autojump_clock: MockClock
) -> None:
    """docs/safety.md, fault 9; unknown names are limited alike, or that would tell them apart."""
    async with gate_on(folder, per_minute=3) as (gate, _, _):
        for name in ("alice", "nobody"):
            for _ in range(3):
                assert (await timed(gate, name, "guess"))[1] == pytest.approx(0.5)
            assert (await timed(gate, name, "guess"))[1] > 50
            assert (await timed(gate, name, "guess", "192.0.2.9"))[1] == pytest.approx(0.5)
        assert await timed(gate, "alice", PASSWORD, "192.0.2.7") == ("Alice", pytest.approx(0.1))


async def test_a_login_rehashes_what_was_hashed_with_old_parameters(
    folder: Path, autojump_clock: MockClock
) -> None:
    today = Profile("today", time_cost=2, memory_kib=8, parallelism=1)
    async with gate_on(folder, hasher=SlowHasher(today, inline)) as (gate, accounts, _):
        before = await accounts.named("alice")
        assert (await timed(gate, "alice", PASSWORD))[0] == "Alice"
        after = await accounts.named("alice")
        assert "t=2" in after.password_hash
        assert after.credential == before.credential  # no session ends for it
        assert (await timed(gate, "alice", PASSWORD))[0] == "Alice"
        assert (await accounts.named("alice")).version == after.version


async def test_a_full_disk_keeps_nobody_out_who_should_be_rehashed(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    today = Profile("today", time_cost=2, memory_kib=8, parallelism=1)
    async with gate_on(folder, hasher=SlowHasher(today, inline)) as (gate, accounts, between):
        between.broken["put"] = StoreRefused("the disk is full")
        assert (await timed(gate, "alice", PASSWORD))[0] == "Alice"
        assert "t=1" in (await accounts.named("alice")).password_hash
    (entry,) = [entry for entry in logs if entry["event"] == "password not hashed again"]
    assert entry["account"] == "alice"
    assert PASSWORD not in str(logs)


async def test_still_is_the_account_as_it_is_now(folder: Path, autojump_clock: MockClock) -> None:
    async with gate_on(folder) as (gate, accounts, _):
        known = await gate.check(Credentials("alice", PASSWORD), "192.0.2.1")
        assert known is not None
        assert await gate.still(known) == known.account
        await accounts.rehash(known.account, await gate._hasher.hash(PASSWORD))
        now = await gate.still(known)
        assert now is not None
        assert now.version > known.account.version
        await accounts.disable("alice")
        assert await gate.still(known) is None
        await accounts.enable("alice")
        assert await gate.still(known) is None  # enabled again, but the login was before
        await accounts.remove("alice")
        assert await gate.still(known) is None
        assert await gate.account("alice") is None


async def test_a_token_lets_in_at_once_and_costs_no_hash(
    folder: Path, autojump_clock: MockClock
) -> None:
    hasher = SlowHasher(CHEAP, inline)
    async with gate_on(folder, hasher=hasher) as (gate, accounts, between):
        secret = await token_of(accounts, between)
        known = await gate.check(Credentials("aLICE", secret), "192.0.2.1")
        assert known is not None
        assert known.token is not None
        assert (known.account.name, known.token.name) == ("Alice", "phone")
        assert await timed(gate, "alice", secret) == ("Alice", 0.0)
        assert hasher.checks == 0
        assert secret not in repr(known)


@pytest.mark.parametrize("name", ["alice", "nobody", "no body", "", "x" * 500])
async def test_a_wrong_token_takes_as_long_as_a_wrong_password(
    folder: Path, autojump_clock: MockClock, name: str
) -> None:
    """docs/safety.md, fault 8: and whether there is such an account cannot be told."""
    hasher = SlowHasher(CHEAP, inline)
    async with gate_on(folder, hasher=hasher) as (gate, _, _):
        assert await timed(gate, name, "sct_" + 43 * "A") == (None, pytest.approx(0.5))
        assert hasher.checks == 0


async def test_wrong_tokens_count_as_wrong_passwords_and_right_ones_wait_for_nothing(
    folder: Path, autojump_clock: MockClock
) -> None:
    """docs/safety.md, fault 9: a device with an old token does not shut out the one beside it."""
    async with gate_on(folder, per_minute=3) as (gate, accounts, between):
        secret = await token_of(accounts, between)
        for _ in range(3):
            assert (await timed(gate, "alice", "sct_" + 43 * "A"))[1] == pytest.approx(0.5)
        assert await timed(gate, "alice", secret) == ("Alice", 0.0)
        assert (await timed(gate, "alice", "a wrong password"))[1] > 50


async def test_a_token_is_of_one_account_and_ends_with_it(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with gate_on(folder) as (gate, accounts, between):
        secret = await token_of(accounts, between)
        alice = await accounts.named("alice")
        await accounts.add(NewAccount("bob", alice.password_hash))
        assert (await timed(gate, "bob", secret))[0] is None
        await accounts.disable("alice")
        assert await timed(gate, "alice", secret) == (None, pytest.approx(0.5))
        await accounts.enable("alice")
        assert (await timed(gate, "alice", secret))[0] == "Alice"
        await accounts.remove("alice")
        assert (await timed(gate, "alice", secret))[0] is None
        await accounts.add(NewAccount("alice", alice.password_hash))
        assert (await timed(gate, "alice", secret))[0] is None


async def test_a_token_that_was_revoked_while_registration_went_on_lets_nobody_in(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with gate_on(folder) as (gate, accounts, between):
        known = await gate.check(Credentials("alice", await token_of(accounts, between)), "x")
        assert known is not None
        assert await gate.still(known) == known.account
        await Tokens(between).revoke("alice", known.account.id, by="alice", account="alice")
        assert await gate.still(known) is None


async def test_what_only_begins_like_a_token_is_a_password(
    folder: Path, autojump_clock: MockClock
) -> None:
    hasher = SlowHasher(CHEAP, inline)
    async with gate_on(folder, hasher=hasher) as (gate, _, _):
        assert await timed(gate, "alice", "sct_short") == (None, pytest.approx(0.5))
        assert hasher.checks == 1


async def test_of_a_crowd_one_arrives_in_each_tick(folder: Path, autojump_clock: MockClock) -> None:
    """So that those who chat do not wait for all of them."""
    ticks = 0
    arrivals: list[int] = []

    async def count() -> None:
        nonlocal ticks
        while True:
            await trio.lowlevel.checkpoint()
            ticks += 1

    async with gate_on(folder) as (gate, _, _), trio.open_nursery() as counting:
        known = await gate.check(Credentials("alice", PASSWORD), "192.0.2.1")
        assert known is not None

        async def arrive() -> None:
            assert known is not None
            await gate.still(known)
            arrivals.append(ticks)

        counting.start_soon(count)
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(arrive)
        counting.cancel_scope.cancel()
    assert arrivals[-1] - arrivals[0] >= len(arrivals) - 2
