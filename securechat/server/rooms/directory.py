"""The directory: every room there is, and every user who is here.

The rooms are loaded from the store at the start. The directory is changed by delivery (what was
committed) and by sessions coming and going, never by a command's handler.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from securechat.protocol.names import fold
from securechat.server.rooms.room import (
    CHANNEL_RECORD,
    DROPPED_RECORD,
    INVITATION_RECORD,
    MEMBER_RECORD,
    Invitation,
    Member,
    Room,
    User,
)
from securechat.store.contract import Store

# How many of its former names a room is still found by.
FORMER_MAX = 5


class Directory:
    """Rooms and users by their folded names.

    In a room with more people than ``announce_members_max`` (0: never) coming is told only to the
    user's own sessions, and so is the going of who came like that.

    ``by_id`` has the rooms by what never changes of them, ``former`` by the names they had.
    ``dropped`` has the ids of those that were removed.
    """

    def __init__(self, *, announce_members_max: int = 0) -> None:
        self.announce_members_max = announce_members_max
        self.rooms: dict[str, Room] = {}
        self.by_id: dict[str, Room] = {}
        self.former: dict[str, Room] = {}
        self.dropped: set[str] = set()
        self.users: dict[str, User] = {}

    async def load(self, store: Store) -> None:
        """Read the rooms, their members and who is invited."""
        for record in await store.scan(CHANNEL_RECORD):
            if record.value is not None:
                self.add(Room.from_value(record.key, record.value))
        self.dropped.update(record.key for record in await store.scan(DROPPED_RECORD))
        for record in await store.scan(MEMBER_RECORD):
            room_id, _, account_key = record.key.rpartition(" ")
            room = self.by_id.get(room_id)
            if room is not None and record.value is not None:
                room.members[account_key] = Member.from_value(record.value)
        for record in await store.scan(INVITATION_RECORD):
            room_id, _, account_key = record.key.rpartition(" ")
            room = self.by_id.get(room_id)
            if room is not None and record.value is not None:
                room.invited[account_key] = Invitation.from_value(record.value)

    def add(self, room: Room) -> None:
        """Take in a room."""
        self.rooms[room.key] = room
        self.by_id[room.id] = room
        for key in room.former:
            self.former[key] = room

    def rename(self, room: Room, name: str) -> None:
        """Give a room another name; who is in it finds it by that one."""
        if fold(name) == room.key:
            room.name = name
            return
        self._forget_names(room)
        room.former = former_names(room, name)
        room.name, room.key = name, fold(name)
        self.add(room)
        for user in room.present.values():
            user.rooms = {item.key: item for item in user.rooms.values()}

    def drop(self, room: Room) -> None:
        """Take a room out for good, and let everybody leave it."""
        for user in list(room.present.values()):
            room.leave(user)
        self._forget_names(room)
        del self.by_id[room.id]
        self.dropped.add(room.id)

    def _forget_names(self, room: Room) -> None:
        del self.rooms[room.key]
        for key in room.former:
            if self.former.get(key) is room:
                del self.former[key]

    def new_id(self, name: str) -> str:
        """Return the id that a room made with this name gets; no room has it or ever had it."""
        key = wanted = fold(name)
        number = 1
        while wanted in self.by_id or wanted in self.dropped:
            number += 1
            wanted = f"{key} {number}"
        return wanted

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

    def is_quiet(self, room: Room, *, coming: int = 0) -> bool:
        """Tell whether coming and going is not told: there are too many people to tell it to.

        ``coming`` is how many are about to enter.
        """
        return 0 < self.announce_members_max < len(room.present) + coming

    def is_leaving_told(self, room: Room, user: User) -> bool:
        """Tell whether everybody present is told that a user goes.

        Also in a large room where they were told of its coming: else it would stay in the lists of
        those clients for ever. These are no more than were there when the room became large.
        """
        return user.key in room.announced or not self.is_quiet(room)

    def witnesses_of(self, user: User) -> list[User]:
        """Return who is told that a user goes: the others in rooms where that is told."""
        return _others(user, (r for r in user.rooms.values() if self.is_leaving_told(r, user)))

    def peers_of(self, user: User) -> list[User]:
        """Return everybody who shares a room with a user, without the user."""
        return _others(user, user.rooms.values())


def _others(user: User, rooms: Iterable[Room]) -> list[User]:
    """Return everybody in any of these rooms, each once, without the user."""
    # By the accounts' keys: their hashes are kept, those of users would be asked for in Python.
    others: dict[str, User] = {}
    for room in rooms:
        others.update(room.present)
    others.pop(user.key, None)
    return list(others.values())


def former_names(room: Room, name: str) -> tuple[str, ...]:
    """Return the former names that a room has once it gets another one."""
    if fold(name) == room.key:
        return room.former
    kept = [key for key in room.former if key not in {room.key, fold(name)}]
    return (*kept, room.key)[-FORMER_MAX:]
