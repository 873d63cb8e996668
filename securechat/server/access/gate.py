"""The gate: whether credentials are right, told in a way that tells nothing else.

An unknown account costs the same hash as a known one, every refusal takes the same least time,
and a source that guesses waits longer and longer while the owner, elsewhere, does not. Hashing
happens in worker threads behind a limiter of its own, so a storm of logins costs neither memory
nor the others' latency.

What has the form of a device token is never hashed as a password. A right one is found by one
look-up and waits for nothing: there is no guessing it, so there is nothing to slow down. A wrong
one counts and takes as long as a wrong password.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import trio

from securechat.errors import StoreError, UserError
from securechat.protocol.names import fold
from securechat.protocol.sasl import Credentials
from securechat.protocol.tokens import is_token
from securechat.server.access.crowd import Crowd
from securechat.server.access.limits import LoginLimits
from securechat.store.credentials.accounts import Account, Accounts
from securechat.store.credentials.passwords import Hasher
from securechat.store.credentials.tokens import Token, Tokens

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pass:
    """Whose credentials were right, and by which token, where it was one."""

    account: Account
    token: Token | None = None


class Gate:
    """Checks credentials. ``floor_seconds`` is the least time that a refusal takes."""

    def __init__(
        self,
        accounts: Accounts,
        tokens: Tokens,
        hasher: Hasher,
        limits: LoginLimits,
        *,
        floor_seconds: float,
    ) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._hasher = hasher
        self._floor_seconds = floor_seconds
        self._changes = 0
        self._arriving = Crowd()
        self.limits = limits

    async def check(self, credentials: Credentials, address: str) -> Pass | None:
        """Return whose credentials these are, or ``None``.

        Raises ``StoreError``. Waits as long as the limits say; the caller has the deadline.
        """
        key = fold(credentials.account)
        if is_token(credentials.password):
            return await self._check_token(key, credentials.password, address)
        async with self.limits.attempt(key, address) as failed:
            started = trio.current_time()
            account = await self._accounts.get(key)
            stored = account.password_hash if account is not None else None
            verdict = await self._hasher.verify(stored, credentials.password)
            if account is not None and verdict.ok and not account.disabled:
                if verdict.needs_rehash:
                    await self._rehash(account, credentials.password)
                return Pass(account)
            failed()
            await trio.sleep_until(started + self._floor_seconds)
            return None

    async def _check_token(self, key: str, secret: str, address: str) -> Pass | None:
        started = trio.current_time()
        found = await self._tokens.find(key, secret)
        if found is not None and not found[0].disabled:
            return Pass(*found)
        async with self.limits.attempt(key, address) as failed:
            failed()
            await trio.sleep_until(started + self._floor_seconds)
        return None

    async def still(self, known: Pass) -> Account | None:
        """Return the account as it is now, or ``None`` where the login holds no longer.

        Between the password's check and the end of registration a minute may pass. From the
        return on, until the next checkpoint, no change has been missed. Raises ``StoreError``.
        """
        while True:
            changes = self._changes
            if known.token is not None:
                now = await self._tokens.owner(known.token)
            else:
                now = await self._accounts.get(known.account.key)
            # An arrival is some work, and whole crowds are looked up at once.
            await self._arriving.turn()
            if changes == self._changes:
                break
        if now is None or now.disabled or now.credential != known.account.credential:
            return None
        return now

    def changed(self) -> None:
        """Have logins that are just being looked up looked up again."""
        self._changes += 1

    async def account(self, name: str) -> Account | None:
        """Return the account of this name, whether its owner is here or not."""
        return await self._accounts.get(name)

    async def _rehash(self, account: Account, password: str) -> None:
        """Hash again with today's parameters; a login is not refused where that fails."""
        try:
            await self._accounts.rehash(account, await self._hasher.hash(password))
        except (StoreError, UserError) as error:
            # The disk is full, or the account was removed just now: next time, then.
            log.warning("password not hashed again", account=account.key, reason=str(error))
