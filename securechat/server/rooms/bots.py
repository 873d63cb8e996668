"""Bots: accounts that said of themselves that a program speaks (MODE +B, IRCv3 ``bot-mode``).

It is kept in a record, so that a bot is one from the beginning of its next login on.
"""

from __future__ import annotations

from securechat.server.rooms.room import User
from securechat.store.contract import Change, Store

BOT_RECORD = "bot"


async def is_bot(store: Store, user: User) -> bool:
    """Tell whether an account said that it is a bot. Raises ``StoreError``."""
    record = await store.get(BOT_RECORD, user.key)
    return record is not None and record.value == _value(user)


async def note_bot(store: Store, user: User, bot: bool) -> None:
    """Keep whether an account is a bot. Raises ``StoreError``."""
    await store.put([Change(BOT_RECORD, user.key, _value(user) if bot else None)])


def _value(user: User) -> dict[str, object]:
    # An account that was removed and made again is another one.
    return {"account_id": user.account_id}
