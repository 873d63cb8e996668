"""The directory: every room there is, and every user who is here.

The rooms are loaded from the store at the start. The directory is changed by delivery (what was
committed) and by sessions coming and going, never by a command's handler.
"""

from __future__ import annotations

from collections.abc import Iterator

from securechat.protocol.names import fold
from securechat.server.room import CHANNEL_RECORD, MEMBER_RECORD, Member, Room, User
from securechat.store.contract import Store


class Directory:
    """Rooms and users by their folded names."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self.users: dict[str, User] = {}

    async def load(self, store: Store) -> None:
        """Read the rooms and their members."""
        for record in await store.scan(CHANNEL_RECORD):
            if record.value is not None:
                self.rooms[record.key] = Room.from_value(record.key, record.value)
        for record in await store.scan(MEMBER_RECORD):
            room_key, _, account_key = record.key.rpartition(" ")
            room = self.rooms.get(room_key)
            if room is not None and record.value is not None:
                room.members[account_key] = Member.from_value(record.value)

    def room(self, name: str) -> Room | None:
        """Return the room of this name."""
        return self.rooms.get(fold(name))

    def user(self, name: str) -> User | None:
        """Return the user of this name who is here."""
        return self.users.get(fold(name))

    def rooms_of(self, account_key: str, account_id: str) -> Iterator[Room]:
        """Yield the rooms that an account is a member of.

        An account that was removed and made again is another one, by its id.
        """
        for room in self.rooms.values():
            member = room.members.get(account_key)
            if member is not None and member.account_id == account_id:
                yield room

    def peers_of(self, user: User) -> list[User]:
        """Return everybody who shares a room with a user, without the user."""
        peers = {peer: None for room in user.rooms.values() for peer in room.present.values()}
        peers.pop(user, None)
        return list(peers)
