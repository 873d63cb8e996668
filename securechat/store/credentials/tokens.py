"""Device tokens: what a device logs in with in place of its account's password.

A token is shown once. Kept is its SHA-256, which for 256 random bits is as good as a slow hash: a
record of kind ``token`` under the account's key and that hash, so that a login finds it by one
look-up, and what the look-up's time could tell is about a hash that nobody can aim at.

Whoever makes one compares and sets the account's record, too. So no token is made beside a change
of the password that is to revoke them all, and the limit on their number holds.

The last use is a record of its own (``token use``), as an account's last login is.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from securechat.errors import Conflict, UserError
from securechat.protocol.tokens import (
    ID_LENGTH,
    PREFIX,
    RANDOM_BYTES,
    check_token_name,
    device_of,
)
from securechat.store.audit import AuditEntry, audited
from securechat.store.contract import Change, Record, Store
from securechat.store.credentials.account import KIND as ACCOUNT_KIND
from securechat.store.credentials.account import Account, account_of, value_of

KIND = "token"
USE_KIND = "token use"


@dataclass(frozen=True, slots=True)
class Token:
    """One token as it is kept; times are milliseconds since 1970, ``used_ms`` is 0 before a use.

    ``id`` is what it is listed and revoked by, ``name`` what people call it, ``device`` which of
    the account's devices logs in by it. ``key`` is the record's, and has the hash in it.
    """

    id: str
    name: str
    device: str
    account_key: str
    account_id: str
    created_ms: int
    key: str = field(repr=False)
    version: int = field(repr=False)
    used_ms: int = 0


class TooManyTokens(UserError):
    """One more than an account may have."""


class BadTokenName(UserError):
    """What no token can be called; the text says what one can."""


class AccountChanged(UserError):
    """The account is not any more what it was at the login."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _new_secret() -> str:
    random = base64.urlsafe_b64encode(secrets.token_bytes(RANDOM_BYTES))
    return PREFIX + random.rstrip(b"=").decode()


class Tokens:
    """The tokens in a store. Every method may raise ``StoreError``. ``now_ms`` is the time."""

    def __init__(self, store: Store, *, now_ms: Callable[[], int] = _now_ms) -> None:
        self._store = store
        self._now_ms = now_ms

    async def find(self, account_key: str, secret: str) -> tuple[Account, Token] | None:
        """Return an account and that one of its tokens that this is; ``None`` without either."""
        return await self._account_with(account_key, _key(account_key, secret))

    async def owner(self, token: Token) -> Account | None:
        """Return a token's account as it is now; ``None`` where either is there no more."""
        found = await self._account_with(token.account_key, token.key)
        return found[0] if found is not None and found[1] == token else None

    async def _account_with(self, account_key: str, key: str) -> tuple[Account, Token] | None:
        records = await self._store.get_all([(ACCOUNT_KIND, account_key), (KIND, key)])
        account = account_of(records[0]) if records[0] is not None else None
        token = token_of(records[1]) if records[1] is not None else None
        if account is None or token is None or token.account_id != account.id:
            return None
        return account, token

    async def of(self, account_key: str, account_id: str) -> list[Token]:
        """Return an account's tokens, the oldest first, with their last use."""
        uses = {
            record.key: cast("int", record.value["time_ms"])
            for record in await self._store.scan(USE_KIND, f"{account_key} ")
            if record.value is not None
        }
        found = map(token_of, await self._store.scan(KIND, f"{account_key} "))
        tokens = [
            replace(token, used_ms=uses.get(_use_key(token), 0))
            for token in found
            if token is not None and token.account_id == account_id
        ]
        return sorted(tokens, key=lambda token: (token.created_ms, token.id))

    async def add(
        self, account: str, name: str, *, by: str, credential: str = "", limit: int = 0
    ) -> tuple[Token, str]:
        """Make a token for an account (its key) and return it, and what to log in with.

        ``limit`` is how many the account may have (0: any number). Where a ``credential`` is
        given, the account must still have it. Raises ``AccountChanged``, ``BadTokenName`` or
        ``TooManyTokens``.
        """
        try:
            name = check_token_name(name)
        except ValueError as error:
            raise BadTokenName(str(error)) from error
        while True:
            record = await self._store.get(ACCOUNT_KIND, account)
            current = account_of(record) if record is not None else None
            if current is None or (credential and credential != current.credential):
                raise AccountChanged("The account was changed: log in again.")
            others = await self.of(current.key, current.id)
            if limit and len(others) >= limit:
                raise TooManyTokens(
                    f"The account has {limit} tokens, which is the most: revoke one first."
                )
            token, secret = self._made(current, name, others)
            try:
                await self._store.put(
                    [
                        Change(
                            ACCOUNT_KIND,
                            current.key,
                            value_of(current),
                            expected=current.version,
                        ),
                        Change(KIND, token.key, _value_of(token), expected=0),
                        self._audited(by, "add token", current.name, token),
                    ]
                )
            except Conflict:
                continue  # the account was changed just now: look at it again
            return replace(token, version=1), secret

    def _made(self, account: Account, name: str, others: Sequence[Token]) -> tuple[Token, str]:
        ids = {token.id for token in others}
        token_id = secrets.token_hex(ID_LENGTH // 2)
        while token_id in ids:
            token_id = secrets.token_hex(ID_LENGTH // 2)
        secret = _new_secret()
        token = Token(
            id=token_id,
            name=name,
            device=device_of(name, token_id, {token.device for token in others}),
            account_key=account.key,
            account_id=account.id,
            created_ms=self._now_ms(),
            key=_key(account.key, secret),
            version=0,
        )
        return token, secret

    async def revoke(
        self, account_key: str, account_id: str, token_id: str = "", *, by: str, account: str
    ) -> list[Token]:
        """Remove an account's token with this id, or all of them, and return what went.

        ``by`` and ``account``, the account's name, are for the audit log.
        """
        while True:
            gone = [
                token
                for token in await self.of(account_key, account_id)
                if token_id in ("", token.id)
            ]
            changes = [Change(KIND, token.key, None, expected=token.version) for token in gone]
            changes += [Change(USE_KIND, _use_key(token), None) for token in gone]
            changes += [self._audited(by, "revoke token", account, token) for token in gone]
            try:
                if changes:
                    await self._store.put(changes)
            except Conflict:
                continue  # somebody else was quicker: look what is there now
            return gone

    def used(self, token: Token) -> Change:
        """Return the change that remembers that a token is in use now."""
        return Change(USE_KIND, _use_key(token), {"time_ms": self._now_ms()})

    def _audited(self, by: str, act: str, account: str, token: Token) -> Change:
        detail = f"{token.id} {token.name}"
        return audited(AuditEntry(self._now_ms(), by, act, account, detail=detail))


def token_of(record: Record) -> Token | None:
    """Return the token that a record of kind ``token`` holds, ``None`` for a removed one."""
    if record.value is None:
        return None
    value = cast("Mapping[str, Any]", record.value)
    return Token(
        id=value["id"],
        name=value["name"],
        device=value["device"],
        account_key=record.key.split(" ", 1)[0],
        account_id=value["account_id"],
        created_ms=value["created_ms"],
        key=record.key,
        version=record.version,
    )


def _value_of(token: Token) -> Mapping[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "device": token.device,
        "account_id": token.account_id,
        "created_ms": token.created_ms,
    }


def _key(account_key: str, secret: str) -> str:
    return f"{account_key} {hashlib.sha256(secret.encode()).hexdigest()}"


def _use_key(token: Token) -> str:
    return f"{token.account_key} {token.id}"
