"""The audit log: what moderators, administrators and the operator's programs did.

An entry is a record of kind ``audit``, stored in one step with what it tells of. Its key starts
with the time, so that keys sort as things happened. Nothing changes an entry, and only its age
removes it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from securechat.store.contract import Change, Record, Store

KIND = "audit"

_RANDOM_BYTES = 4


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act: who did what to whom, where, and why.

    ``by`` is an account's name, or the program and the person of the machine that used it
    (``securechat-users:root``). ``act`` is a word such as ``suspend``. ``target`` and ``channel``
    are as spelled, empty where there is none. ``detail`` is what else is to be known: a mode, a
    role, a number of seconds. ``until_ms`` is when it ends by itself, 0 for never.
    """

    time_ms: int
    by: str
    act: str
    target: str = ""
    channel: str = ""
    detail: str = ""
    reason: str = ""
    until_ms: int = 0


class _Order:
    """Numbers the keys that this process makes, so that those of one millisecond keep order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._time_ms = 0
        self._count = 0

    def key(self, time_ms: int) -> str:
        with self._lock:
            self._count = self._count + 1 if time_ms == self._time_ms else 0
            self._time_ms = time_ms
            count = self._count
        return f"{_moment(time_ms)} {count:06} {secrets.token_hex(_RANDOM_BYTES)}"


def _moment(time_ms: int) -> str:
    """Return what the keys of a time begin with, which is below them and above all before."""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03}Z"


_order = _Order()


def audited(entry: AuditEntry) -> Change:
    """Return the change that stores an entry, to be made together with what it tells of."""
    return Change(KIND, _order.key(entry.time_ms), asdict(entry), expected=0)


def entry_of(record: Record) -> AuditEntry:
    """Return the entry that a present record of kind ``audit`` holds."""
    value: Mapping[str, Any] = record.value or {}
    return AuditEntry(**value)


async def audit_page(
    store: Store, *, since_ms: int = 0, before: str | None = None, limit: int
) -> tuple[list[AuditEntry], str]:
    """Return the latest ``limit`` entries from a time on, the oldest first, and where they begin.

    ``before`` is where the page after this one begins, or the beginning of a time in UTC as
    ``2026-11-22T20:26``. The place is ``""`` where there is nothing before it.

    Raises ``StoreUnavailable``.
    """
    records = await store.scan(
        KIND, after=_moment(max(since_ms, 0)), before=before, limit=limit + 1, newest=True
    )
    page = records[-limit:]
    return [entry_of(record) for record in page], page[0].key if len(records) > limit else ""


async def prune_audit(store: Store, *, before_ms: int, limit: int) -> int:
    """Remove up to ``limit`` of the oldest entries from before a time; return how many.

    Raises ``StoreRefused`` or ``StoreUnavailable``.
    """
    return await store.prune(KIND, before=_moment(max(before_ms, 0)), limit=limit)
