"""Bots: accounts that said of themselves that a program speaks (MODE +B, IRCv3 ``bot-mode``).

It is kept in a record, so that a bot is one from the beginning of its next login on. All of them
are in memory, where a login finds them at once.
"""

from __future__ import annotations

from typing import Any

from securechat.server.rooms.room import User
from securechat.store.contract import Change, Store

BOT_RECORD = "bot"


class Bots:
    """Which accounts are bots, by their ids: one that was removed and made again is another."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids: set[str] = set()

    async def load(self) -> None:
        """Read what is kept. Raises ``StoreError``."""
        for record in await self._store.scan(BOT_RECORD):
            value: Any = record.value
            self._ids.add(value["account_id"])

    def has(self, account_id: str) -> bool:
        """Tell whether an account said that it is a bot."""
        return account_id in self._ids

    async def note(self, user: User, bot: bool) -> None:
        """Keep whether an account is a bot. Raises ``StoreError``; then nothing has changed."""
        value = {"account_id": user.account_id} if bot else None
        await self._store.put([Change(BOT_RECORD, user.key, value)])
        if bot:
            self._ids.add(user.account_id)
        else:
            self._ids.discard(user.account_id)
