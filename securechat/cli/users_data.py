"""What the commands of ``securechat-users`` share: the data folder, and how times are shown."""

from __future__ import annotations

import os
import pwd
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from securechat.cli.common import run
from securechat.store.contract import Store
from securechat.store.credentials.accounts import Accounts
from securechat.store.credentials.passwords import Hasher, Profile
from securechat.store.sqlite import open_store

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DataFolder:
    """What the options before the command say."""

    data: Path
    profile: Profile

    def with_store(self, work: Callable[[Store], Awaitable[T]], *, create: bool = False) -> T:
        """Open the store, do the work, close it; only ``create`` makes a missing folder."""

        async def main() -> T:
            async with open_store(self.data, create=create) as store:
                return await work(store)

        return run(main)

    def with_accounts(self, work: Callable[[Accounts], Awaitable[T]], *, create: bool = False) -> T:
        """Do the work on the accounts, under the name of whoever runs this program."""
        return self.with_store(lambda store: work(Accounts(store, by=operator())), create=create)

    def hashed(self, password: str) -> str:
        """Return a password's hash."""
        return run(lambda: Hasher(self.profile).hash(password))


def operator() -> str:
    """Return who runs this program, as the audit log names it: ``securechat-users:root``."""
    user_id = os.getuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:
        name = str(user_id)  # as in a container, whose user has no name
    return f"securechat-users:{name}"


def utc(time_ms: int) -> str:
    """Return a moment as programs read it: ``2026-11-22T20:26:00Z``."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def short(time: object) -> str:
    """Return the day of what ``utc`` returned, ``never`` for ``None``."""
    return str(time)[:10] if time is not None else "never"


def long(time: object) -> str:
    """Return what ``utc`` returned as people read it, ``never`` for ``None``."""
    return str(time).replace("T", " ").replace("Z", " UTC") if time is not None else "never"
