"""Hashing and checking passwords: cost, limits, and what cannot be told from outside."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import argon2
import pytest
import trio

from securechat.errors import ConfigError, StoreUnavailable
from securechat.store.credentials.password_rules import UnusablePassword
from securechat.store.credentials.passwords import (
    FAST,
    PROFILES,
    STANDARD,
    Hasher,
    Profile,
    Verdict,
    check_hash,
    profile_named,
)
from securechat.store.runner import inline

T = TypeVar("T")

#: As cheap as argon2 allows: what is tested here is not its cost.
CHEAP = Profile("cheap", time_cost=1, memory_kib=8, parallelism=1)
PASSWORD = "my cat sits on the mat"


def test_the_profiles() -> None:
    """RFC 9106 section 4, second recommended option; OWASP's minimum (docs/safety.md, defaults)."""
    assert (STANDARD.time_cost, STANDARD.memory_kib, STANDARD.parallelism) == (3, 65536, 4)
    assert (FAST.time_cost, FAST.memory_kib, FAST.parallelism) == (2, 19456, 1)
    assert PROFILES == {"standard": STANDARD, "fast": FAST}
    assert profile_named("fast") is FAST
    with pytest.raises(
        ConfigError, match="'weak' is not a way to hash passwords: use standard or fast"
    ):
        profile_named("weak")


async def test_the_parameters_are_really_used() -> None:
    hashed = await Hasher(FAST).hash(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    check_hash(hashed)
    assert await Hasher(FAST).verify(hashed, PASSWORD) == Verdict(ok=True)
    assert Hasher().profile is STANDARD


async def test_right_and_wrong() -> None:
    hasher = Hasher(CHEAP, inline)
    hashed = await hasher.hash(PASSWORD)
    assert hashed != await hasher.hash(PASSWORD)
    assert await hasher.verify(hashed, PASSWORD) == Verdict(ok=True)
    for wrong in ("", PASSWORD + " ", PASSWORD.upper(), "x" * 300, "nul\0", "\ud800"):
        assert await hasher.verify(hashed, wrong) == Verdict(ok=False)
    assert await hasher.verify(None, PASSWORD) == Verdict(ok=False)
    assert await hasher.verify(None, "") == Verdict(ok=False)


async def test_one_spelling_when_set_and_when_checked() -> None:
    """RFC 8265 section 4.2: normalised to NFC, other spaces made ASCII spaces."""
    hasher = Hasher(CHEAP, inline)
    hashed = await hasher.hash("Zoe\N{COMBINING DIAERESIS} sits\N{NO-BREAK SPACE}there")
    assert (await hasher.verify(hashed, "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS} sits there")).ok


async def test_other_parameters_ask_for_a_new_hash() -> None:
    old, new = Hasher(CHEAP, inline), Hasher(Profile("new", 2, 8, 1), inline)
    hashed = await old.hash(PASSWORD)
    assert await new.verify(hashed, PASSWORD) == Verdict(ok=True, needs_rehash=True)
    assert await new.verify(hashed, "wrong") == Verdict(ok=False)


async def test_what_cannot_be_a_password_is_not_hashed() -> None:
    with pytest.raises(UnusablePassword):
        await Hasher(CHEAP, inline).hash("two\nlines")


async def test_every_answer_costs_one_hash_of_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/safety.md, attack 8: unknown and known users cannot be told apart by the time taken."""
    hasher = Hasher(CHEAP, inline)
    hashed = await hasher.hash(PASSWORD)
    costs: list[argon2.Parameters] = []
    verify = argon2.PasswordHasher.verify

    def spy(self: argon2.PasswordHasher, stored: str, password: str) -> bool:
        costs.append(argon2.extract_parameters(stored))
        return verify(self, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", spy)
    for stored in (hashed, None):
        for password in (PASSWORD, "wrong", "", "nul\0", "x" * 300):
            await hasher.verify(stored, password)
    assert len(costs) == 10
    assert set(map(str, costs)) == {str(argon2.extract_parameters(hashed))}


async def test_what_is_no_hash_is_not_a_wrong_password() -> None:
    with pytest.raises(StoreUnavailable, match="could not be checked"):
        await Hasher(CHEAP, inline).verify("not a hash", PASSWORD)


async def test_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(self: object, password: str) -> str:
        raise argon2.exceptions.HashingError("Memory allocation error")

    monkeypatch.setattr(argon2.PasswordHasher, "hash", no_memory)
    with pytest.raises(StoreUnavailable, match="Memory allocation error"):
        await Hasher(CHEAP, inline).hash(PASSWORD)


async def test_only_so_many_hash_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/safety.md, defaults: a limiter of its own, min(2, cores); fault 7."""
    lock = threading.Lock()
    running = most = 0
    together = threading.Barrier(2)

    def slow(self: object, password: str) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(10)  # two must be able to run at once
        with lock:
            running -= 1
        return "hash"

    monkeypatch.setattr(argon2.PasswordHasher, "hash", slow)
    hasher = Hasher(CHEAP, hashes_at_once=2)
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(hasher.hash, PASSWORD)
    assert most == 2


async def test_a_hash_runs_at_low_priority_on_a_thread_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[int, int]] = []

    def look(self: object, password: str) -> str:
        seen.append((threading.get_ident(), os.getpriority(os.PRIO_PROCESS, 0)))
        return "hash"

    monkeypatch.setattr(argon2.PasswordHasher, "hash", look)
    before = os.getpriority(os.PRIO_PROCESS, 0)
    await Hasher(CHEAP, inline).hash(PASSWORD)
    ((thread, priority),) = seen
    if sys.platform == "linux":
        assert thread != threading.get_ident()
        assert priority == max(before, 10)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


async def test_elsewhere_a_hash_just_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("securechat.store.runner.sys.platform", "darwin")
    hasher = Hasher(CHEAP, inline)
    assert (await hasher.verify(await hasher.hash(PASSWORD), PASSWORD)).ok


@pytest.mark.skipif(
    getattr(ctypes.CDLL(None), "mallinfo2", None) is None, reason="only glibc keeps freed blocks"
)
async def test_the_memory_of_a_storm_of_hashes_is_given_back() -> None:
    """docs/safety.md, fault 7: memory is bounded in a storm of logins, and free again after it."""
    hasher = Hasher(FAST, hashes_at_once=2)
    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(hasher.verify, None, PASSWORD)
    before = resident_kib()
    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(hasher.verify, None, PASSWORD)
    assert resident_kib() - before < FAST.memory_kib


def resident_kib() -> int:
    """Return this process's memory as Linux counts it now."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_a_c_library_without_that_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert Hasher(CHEAP, inline).profile is CHEAP


async def test_hashing_goes_through_the_runner() -> None:
    calls = 0

    async def counting(work: Callable[[], T], /) -> T:
        nonlocal calls
        calls += 1
        return await inline(work)

    hasher = Hasher(CHEAP, counting)
    await hasher.verify(await hasher.hash(PASSWORD), PASSWORD)
    await hasher.verify(None, "")
    assert calls == 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not an argon2id hash"),
        ("$2b$12$abcdefghijklmnopqrstuv", "not an argon2id hash"),
        ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ", "not an argon2id hash"),
        ("$argon2i$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA", "only argon2id"),
        ("$argon2id$v=19$m=8,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA", "too weak"),
        ("$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA", "too weak"),
        ("$argon2id$v=19$m=9999999,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA", "too much"),
        ("$argon2id$v=19$m=65536,t=99,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA", "too much"),
        ("$argon2id$v=19$m=65536,t=3,p=99$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA", "too much"),
    ],
)
def test_hashes_that_are_not_taken(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_hash(text)
