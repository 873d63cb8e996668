"""An account: what is known of it, and how a record keeps that.

``accounts.py`` is where accounts are found and changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NotRequired, TypedDict, cast

from securechat.protocol.durations import format_time
from securechat.store.contract import Record

KIND = "account"

ADMIN, MODERATOR, MEMBER = ROLES = ("admin", "moderator", "member")
"""What an account may do on the whole server, the most first."""


class _Suspension(TypedDict):
    since_ms: int
    until_ms: int
    by: str
    reason: str


class _Value(TypedDict):
    """What a record keeps. Those of the first version have ``admin`` in place of ``role``."""

    id: str
    name: str
    password_hash: str
    generation: int
    admin: NotRequired[bool]
    role: NotRequired[str]
    disabled: bool
    suspension: NotRequired[_Suspension]
    created_ms: int
    password_changed_ms: int


@dataclass(frozen=True, slots=True)
class Suspension:
    """That an account is shut out: since when, until when (0: until it is lifted), and why."""

    since_ms: int
    until_ms: int
    by: str
    reason: str

    @property
    def words(self) -> str:
        """Until when and why, as it is told: ``until 2026-11-22 20:26:00 UTC: spam``."""
        until = f"until {format_time(self.until_ms)}" if self.until_ms else "until further notice"
        return f"{until}: {self.reason}" if self.reason else until


@dataclass(frozen=True, slots=True)
class Account:
    """One account as it is stored; times are milliseconds since 1970, UTC.

    ``name`` is spelled as it was given, ``key`` is its folded form. ``version`` is the record's.
    """

    name: str
    key: str
    id: str
    password_hash: str
    generation: int
    role: str
    disabled: bool
    created_ms: int
    password_changed_ms: int
    version: int
    suspension: Suspension | None = None

    @property
    def admin(self) -> bool:
        """Whether this is an operator of the server."""
        return self.role == ADMIN

    def suspended(self, now_ms: int) -> Suspension | None:
        """Return the suspension that holds at a time; one that is over is none."""
        current = self.suspension
        return current if current and not 0 < current.until_ms <= now_ms else None

    @property
    def credential(self) -> str:
        """What a session remembers from its login; once it differs, the session must end."""
        return f"{self.id}.{self.generation}"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account is made of; ``password_hash`` is one that ``Hasher.hash`` gave."""

    name: str
    password_hash: str
    role: str = MEMBER
    disabled: bool = False
    suspension: Suspension | None = None


def account_of(record: Record) -> Account | None:
    """Return the account that a record of kind ``account`` holds, ``None`` for a removed one."""
    if record.value is None:
        return None
    value = cast("_Value", record.value)
    role = value.get("role") or (ADMIN if value.get("admin") else MEMBER)
    suspension = value.get("suspension")
    return Account(
        name=value["name"],
        key=record.key,
        id=value["id"],
        password_hash=value["password_hash"],
        generation=value["generation"],
        role=role,
        disabled=value["disabled"],
        created_ms=value["created_ms"],
        password_changed_ms=value["password_changed_ms"],
        version=record.version,
        suspension=Suspension(**suspension) if suspension is not None else None,
    )


def value_of(account: Account) -> Mapping[str, object]:
    """Return what a record keeps of an account."""
    value: _Value = {
        "id": account.id,
        "name": account.name,
        "password_hash": account.password_hash,
        "generation": account.generation,
        "role": account.role,
        "disabled": account.disabled,
        "created_ms": account.created_ms,
        "password_changed_ms": account.password_changed_ms,
    }
    if account.suspension is not None:
        value["suspension"] = cast("_Suspension", asdict(account.suspension))
    return dict(value)
