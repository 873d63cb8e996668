"""Dialogs: with whom an account has exchanged direct messages.

The journal finds a conversation by its key, which needs both names; who somebody's partners are is
kept in a record for each side, written with the first message of a pair.
"""

from __future__ import annotations

from dataclasses import dataclass

from securechat.server.context import Server
from securechat.server.rooms.room import User
from securechat.store.contract import Change

DIALOG_RECORD = "dialog"


@dataclass(frozen=True, slots=True)
class Partner:
    """Somebody to write to, here or not: an account's name, key, id and first day."""

    name: str
    key: str
    account_id: str
    since_ms: int
    user: User | None = None


def dialog_key(account_key: str, partner_key: str) -> str:
    """Return the key of the record of one side; no account's name can hold a space."""
    return f"{account_key} {partner_key}"


async def find_partner(server: Server, name: str) -> Partner | None:
    """Return who has this name, whether here or not. Raises ``StoreError``."""
    user = server.directory.user(name)
    if user is not None:
        return Partner(user.name, user.key, user.account_id, user.account_since_ms, user)
    account = await server.gate.account(name)
    if account is None:
        return None
    # Who came while that was looked up is here now.
    user = server.directory.users.get(account.key)
    return Partner(account.name, account.key, account.id, account.created_ms, user)


async def dialog_changes(server: Server, user: User, partner: Partner) -> list[Change]:
    """Return the records that a message to a partner is to be stored with: mostly none.

    Raises ``StoreError``.
    """
    known = f"{partner.key} {partner.account_id}"
    if known in user.dialogs:
        return []
    sides = {
        dialog_key(user.key, partner.key): {"name": partner.name, "account_id": partner.account_id},
        dialog_key(partner.key, user.key): {"name": user.name, "account_id": user.account_id},
    }
    changes = []
    for key, value in sides.items():
        record = await server.store.get(DIALOG_RECORD, key)
        if record is None or record.value != value:
            changes.append(Change(DIALOG_RECORD, key, value))
    if not changes:
        user.dialogs.add(known)
    return changes


async def partners_of(server: Server, user: User) -> list[str]:
    """Return the keys of those with whom a user has exchanged messages. Raises ``StoreError``."""
    start = dialog_key(user.key, "")
    records = await server.store.scan(DIALOG_RECORD, start)
    return [record.key.removeprefix(start) for record in records]
