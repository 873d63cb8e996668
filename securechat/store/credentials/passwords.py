"""Hashing and checking passwords with argon2id (RFC 9106), away from Trio's own threads.

A hash costs tens of milliseconds and tens of megabytes on purpose. So at most ``hashes_at_once``
run at a time, which bounds the memory of a storm of logins, and each runs at a lower priority
where the system can do that for one thread, so that chat goes on meanwhile.

An unknown account is checked against a dummy hash with the same parameters: nobody can tell from
the time taken which accounts there are.
"""

from __future__ import annotations

import base64
import ctypes
import os
import secrets
from dataclasses import dataclass
from functools import partial

import argon2
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError

from securechat.errors import ConfigError, StoreUnavailable
from securechat.store.credentials.password_rules import UnusablePassword, prepare
from securechat.store.runner import Runner, at_low_priority, in_threads

# From <malloc.h> of glibc; and the size from which on a block is the system's again when freed.
_M_MMAP_THRESHOLD = -3
_MMAP_BYTES = 1024 * 1024
#: What an imported hash may ask for at most; every login would pay for more.
IMPORT_MEMORY_KIB_MAX = 1024 * 1024
IMPORT_TIME_COST_MAX = 20
IMPORT_PARALLELISM_MAX = 64


@dataclass(frozen=True, slots=True)
class Profile:
    """The cost of one hash: ``time_cost`` passes over ``memory_kib`` in ``parallelism`` lanes."""

    name: str
    time_cost: int
    memory_kib: int
    parallelism: int


#: RFC 9106 section 4, the second recommended option; and the least that OWASP advises.
STANDARD = Profile("standard", time_cost=3, memory_kib=64 * 1024, parallelism=4)
FAST = Profile("fast", time_cost=2, memory_kib=19 * 1024, parallelism=1)
PROFILES = {profile.name: profile for profile in (STANDARD, FAST)}


def profile_named(name: str) -> Profile:
    """Return the profile that a setting names; raises ``ConfigError`` for any other name."""
    try:
        return PROFILES[name]
    except KeyError:
        raise ConfigError(
            f"{name!r} is not a way to hash passwords: use {' or '.join(PROFILES)}"
        ) from None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the password was right, and if so, whether its hash should be made anew."""

    ok: bool
    needs_rehash: bool = False


class Hasher:
    """Hashes and checks passwords in one profile; any number of tasks may share it.

    ``runner`` replaces the worker threads in a test; ``hashes_at_once`` is for those threads and
    is at most two, or the number of processors, unless given.
    """

    def __init__(
        self,
        profile: Profile = STANDARD,
        runner: Runner | None = None,
        *,
        hashes_at_once: int | None = None,
    ) -> None:
        _give_memory_back()
        self.profile = profile
        self._run = runner or in_threads(hashes_at_once or min(2, os.cpu_count() or 1))
        self._argon2 = argon2.PasswordHasher(
            time_cost=profile.time_cost,
            memory_cost=profile.memory_kib,
            parallelism=profile.parallelism,
            type=argon2.Type.ID,
        )
        self._dummy = _unmatchable_hash(profile)

    async def hash(self, password: str) -> str:
        """Return the hash to keep, with its salt and parameters, as argon2's own text form.

        Raises ``UnusablePassword`` for what ``prepare`` refuses, ``StoreUnavailable`` when there
        is no memory for it.
        """
        prepared = prepare(password)
        try:
            return await self._run(partial(at_low_priority, lambda: self._argon2.hash(prepared)))
        except HashingError as error:
            raise StoreUnavailable(f"the password could not be hashed: {error}") from error

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Check a password against an account's hash, or ``None`` where there is no such account.

        Every answer costs a whole hash. Raises ``StoreUnavailable`` when it could not be found:
        there is no memory for it, or what is stored is no argon2 hash.
        """
        try:
            prepared = prepare(password)
        except UnusablePassword:
            # Nobody has it; but to find that out must take as long as for any other.
            stored, prepared = None, ""
        target = self._dummy if stored is None else stored
        try:
            await self._run(partial(at_low_priority, lambda: self._argon2.verify(target, prepared)))
        except VerifyMismatchError:
            return Verdict(ok=False)
        except (InvalidHashError, VerificationError) as error:
            raise StoreUnavailable(f"the password could not be checked: {error}") from error
        return Verdict(ok=True, needs_rehash=self._argon2.check_needs_rehash(target))


def check_hash(text: str) -> None:
    """Raise ``ValueError`` with a sentence unless this is an argon2id hash of sensible cost."""
    try:
        parameters = argon2.extract_parameters(text)
    except InvalidHashError:
        raise ValueError("this is not an argon2id hash") from None
    if parameters.type is not argon2.Type.ID:
        raise ValueError("only argon2id hashes are taken")
    least = FAST
    if parameters.memory_cost < least.memory_kib or parameters.time_cost < least.time_cost:
        raise ValueError(
            f"this hash is too weak: at least m={least.memory_kib},t={least.time_cost} is needed"
        )
    if (
        parameters.memory_cost > IMPORT_MEMORY_KIB_MAX
        or parameters.time_cost > IMPORT_TIME_COST_MAX
        or parameters.parallelism > IMPORT_PARALLELISM_MAX
    ):
        raise ValueError(
            f"this hash costs too much to check: at most m={IMPORT_MEMORY_KIB_MAX},"
            f"t={IMPORT_TIME_COST_MAX},p={IMPORT_PARALLELISM_MAX} is taken"
        )


def _unmatchable_hash(profile: Profile) -> str:
    """Return a well-formed hash of these parameters that no password is known to give."""
    salt, digest = [
        base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (16, 32)
    ]
    cost = f"m={profile.memory_kib},t={profile.time_cost},p={profile.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"


def _give_memory_back() -> None:
    """Have the C library return a hash's memory to the system when the hash is done.

    By itself glibc learns from the first such block to keep the next ones, in an arena for each
    thread: after a storm of logins hundreds of megabytes would stay. Other C libraries return
    large blocks anyway.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
