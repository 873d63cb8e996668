"""Accounts: who may log in, kept as records of kind ``account`` under the folded name.

Two things make a change safe while a server runs. Every change is a compare-and-set on the record
as it was read, so that nothing done in between is lost. And an account's ``credential`` differs
from then on whenever its live sessions must end: a new password, disabled, removed, or removed
and made again. A rehash with new parameters leaves it alone.

Each account has a random ``id`` of its own. Removing one leaves its messages in the history under
its name, and takes along what is noted for it alone; whatever belongs to an account (memberships,
roles, read markers, direct messages) is to be kept or checked by the id, so that somebody who gets
the same name later inherits nothing.

Whoever changes accounts has a name (``by``): each change is then in the audit log, in one step.

The last login is a record of its own (``login``): it changes often, and nobody who watches
accounts for changes wants to hear of it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import cast

from securechat.errors import Conflict, UserError
from securechat.protocol.names import check_account_name, fold
from securechat.store.audit import AuditEntry, audited
from securechat.store.contract import Change, Store
from securechat.store.credentials.account import (
    ADMIN,
    KIND,
    MEMBER,
    MODERATOR,
    ROLES,
    Account,
    NewAccount,
    Suspension,
    account_of,
    value_of,
)
from securechat.store.credentials.tokens import KIND as TOKEN_KIND
from securechat.store.credentials.tokens import USE_KIND as TOKEN_USE_KIND

__all__ = (
    "ADMIN",
    "KIND",
    "MEMBER",
    "MODERATOR",
    "ROLES",
    "Account",
    "Accounts",
    "NewAccount",
    "Suspension",
    "account_of",
    "check_name",
)

LOGIN_KIND = "login"

# What goes with an account: records under its key, and records under its key and something else.
_OWN_KINDS = ("bot", "metadata")
_TOKEN_KINDS = (TOKEN_KIND, TOKEN_USE_KIND)
_LISTED_KINDS = ("device", "dialog", "marker", *_TOKEN_KINDS)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _new_id() -> str:
    return secrets.token_hex(8)


def exists_already(name: str) -> str:
    """Return the sentence for a name that somebody has."""
    return (
        f"An account named {name} exists already: choose another name, or look at it with "
        f"'securechat-users show {name}'."
    )


class Accounts:
    """The accounts in a store. Every method may raise ``StoreError``.

    ``by`` names who makes the changes in the audit log, which has none of them without it.
    ``now_ms`` and ``new_id`` are for tests that want to know the time and the ids.
    """

    def __init__(
        self,
        store: Store,
        *,
        by: str = "",
        now_ms: Callable[[], int] = _now_ms,
        new_id: Callable[[], str] = _new_id,
    ) -> None:
        self._store = store
        self._by = by
        self._now_ms = now_ms
        self._new_id = new_id

    async def get(self, name: str) -> Account | None:
        """Return an account by its name in any spelling, ``None`` when there is none."""
        record = await self._store.get(KIND, fold(name))
        return account_of(record) if record is not None else None

    async def named(self, name: str) -> Account:
        """Return an account by its name; raises ``UserError`` when there is none."""
        account = await self.get(name)
        if account is None:
            check_name(name)  # a misspelled name is better explained by the rule
            raise UserError(
                f"There is no account named {name}: 'securechat-users list' shows those there are."
            )
        return account

    async def list(self) -> Sequence[Account]:
        """Return every account, by name."""
        found = [account_of(record) for record in await self._store.scan(KIND)]
        return [account for account in found if account is not None]

    async def add(self, new: NewAccount) -> Account:
        """Make an account; raises ``UserError`` for a name that is taken or cannot be one."""
        (account,) = await self.add_all([new])
        return account

    async def add_all(self, new: Iterable[NewAccount]) -> Sequence[Account]:
        """Make several accounts, all or none; raises ``UserError`` as ``add`` does."""
        now_ms = self._now_ms()
        accounts = [self._made(one, now_ms) for one in new]
        changes = [Change(KIND, account.key, value_of(account), expected=0) for account in accounts]
        for account in accounts:
            changes += self._audited("add account", account, account.role)
        try:
            records = await self._store.put(changes)
        except Conflict as conflict:
            name = next(one.name for one in accounts if one.key == conflict.key)
            raise UserError(exists_already(name)) from conflict
        return [
            replace(account, version=record.version)
            for account, record in zip(accounts, records, strict=False)
        ]

    def _made(self, new: NewAccount, now_ms: int) -> Account:
        check_name(new.name)
        return Account(
            name=new.name,
            key=fold(new.name),
            id=self._new_id(),
            password_hash=new.password_hash,
            generation=1,
            role=new.role,
            disabled=new.disabled,
            created_ms=now_ms,
            password_changed_ms=now_ms,
            version=0,
            suspension=new.suspension,
        )

    async def set_password(
        self, name: str, password_hash: str, *, keep_tokens: bool = False
    ) -> Account:
        """Give an account a new password; its sessions are to end. Raises ``UserError``.

        Whoever got hold of the old one may have made tokens by it, so these go, unless they are
        to be kept.
        """
        now_ms = self._now_ms()
        return await self._change(
            name,
            "set password",
            lambda account: replace(
                account,
                password_hash=password_hash,
                password_changed_ms=now_ms,
                generation=account.generation + 1,
            ),
            removing=() if keep_tokens else _TOKEN_KINDS,
        )

    async def disable(self, name: str) -> Account:
        """Let nobody in by this account, and have its sessions end. Raises ``UserError``."""

        def disabled(account: Account) -> Account:
            if account.disabled:
                return account
            return replace(account, disabled=True, generation=account.generation + 1)

        return await self._change(name, "disable account", disabled)

    async def enable(self, name: str) -> Account:
        """Undo ``disable``. Raises ``UserError``."""
        return await self._change(
            name, "enable account", lambda account: replace(account, disabled=False)
        )

    async def set_role(self, name: str, role: str) -> Account:
        """Give an account one of ``ROLES``; its sessions go on. Raises ``UserError``."""
        return await self._change(
            name, "set role", lambda account: replace(account, role=role), detail=role
        )

    async def suspend(self, name: str, *, seconds: int = 0, by: str, reason: str = "") -> Account:
        """Shut an account out for a time (0: until it is lifted), and have its sessions end.

        Whoever is suspended already is from now on suspended by this. Raises ``UserError``.
        """
        now_ms = self._now_ms()
        until_ms = now_ms + seconds * 1000 if seconds else 0
        suspension = Suspension(now_ms, until_ms, by, reason)

        def suspended(account: Account) -> Account:
            return replace(account, suspension=suspension, generation=account.generation + 1)

        return await self._change(name, "suspend", suspended, reason=reason, until_ms=until_ms)

    async def unsuspend(self, name: str) -> Account:
        """Undo ``suspend``. Raises ``UserError``."""
        return await self._change(
            name, "unsuspend", lambda account: replace(account, suspension=None)
        )

    async def rehash(self, verified: Account, password_hash: str) -> None:
        """Keep the same password in a new hash, unless it was changed since it was verified."""
        while True:
            account = await self.get(verified.name)
            if account is None or account.password_hash != verified.password_hash:
                return  # removed, changed, or rehashed by another login
            value = value_of(replace(account, password_hash=password_hash))
            try:
                await self._store.put([Change(KIND, account.key, value, expected=account.version)])
            except Conflict:
                continue
            return

    async def remove(self, name: str) -> Account:
        """Remove an account and what was noted about it, and return what it was.

        Its messages stay. Raises ``UserError``.
        """
        while True:
            account = await self.named(name)
            try:
                await self._store.put(
                    [
                        Change(KIND, account.key, None, expected=account.version),
                        Change(LOGIN_KIND, account.key, None),
                        *await self._belongings(account.key),
                        *self._audited("remove account", account),
                    ]
                )
            except Conflict:
                continue  # somebody else was quicker: look at it again
            return account

    async def _belongings(self, key: str) -> Sequence[Change]:
        """Return what removes the records that are an account's alone."""
        own = [await self._store.get(kind, key) for kind in _OWN_KINDS]
        changes = [Change(record.kind, key, None) for record in own if record is not None]
        return [*changes, *await self._listed(key, _LISTED_KINDS)]

    async def _listed(self, key: str, kinds: Iterable[str]) -> Sequence[Change]:
        """Return what removes an account's records of these kinds."""
        return [
            Change(kind, record.key, None)
            for kind in kinds
            for record in await self._store.scan(kind, f"{key} ")
        ]

    async def _change(
        self,
        name: str,
        act: str,
        change: Callable[[Account], Account],
        *,
        detail: str = "",
        reason: str = "",
        until_ms: int = 0,
        removing: Sequence[str] = (),
    ) -> Account:
        while True:
            account = await self.named(name)
            changed = change(account)
            if changed == account:
                return account
            try:
                record, *_ = await self._store.put(
                    [
                        Change(KIND, account.key, value_of(changed), expected=account.version),
                        *await self._listed(account.key, removing),
                        *self._audited(act, account, detail, reason, until_ms),
                    ]
                )
            except Conflict:
                continue  # somebody else was quicker: change what is there now
            return replace(changed, version=record.version)

    def _audited(
        self, act: str, account: Account, detail: str = "", reason: str = "", until_ms: int = 0
    ) -> Sequence[Change]:
        if not self._by:
            return []
        entry = AuditEntry(
            self._now_ms(),
            self._by,
            act,
            account.name,
            detail=detail,
            reason=reason,
            until_ms=until_ms,
        )
        return [audited(entry)]

    # --- last logins --------------------------------------------------------------------------

    def login(self, account: Account) -> Change:
        """Return the change that remembers that an account logged in now."""
        value = {"id": account.id, "time_ms": self._now_ms()}
        return Change(LOGIN_KIND, account.key, value)

    async def note_login(self, account: Account) -> None:
        """Remember that an account logged in now."""
        await self._store.put([self.login(account)])

    async def last_logins(self) -> dict[str, int]:
        """Return when each account logged in last, by account id; not all ever did."""
        records = await self._store.scan(LOGIN_KIND)
        return {
            cast("str", record.value["id"]): cast("int", record.value["time_ms"])
            for record in records
            if record.value is not None
        }


def check_name(name: str) -> None:
    """Raise ``UserError`` with the rule unless this can name an account."""
    try:
        check_account_name(name)
    except ValueError as error:
        raise UserError(str(error)) from error
