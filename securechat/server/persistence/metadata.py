"""Metadata: what people tell of themselves and of channels, and who is told when it changes.

IRCv3 ``metadata`` (``draft/metadata-2``). The values belong to accounts and channels, by what never
changes of them, and are kept as records: what a value was before is gone. They are decoration: a
``display-name`` stands nowhere in place of the account's name. All of them are in memory.

Subscriptions belong to a session and end with it. It is told about its own account, the channels
that it is in and who is there, and whom it monitors.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from securechat.config import Settings
from securechat.protocol.capabilities import BATCH, METADATA
from securechat.protocol.metadata import metadata_line
from securechat.protocol.names import is_channel
from securechat.protocol.replies import RPL_METADATASYNCLATER
from securechat.server.access.limits import Bucket
from securechat.store.contract import Change, Store

if TYPE_CHECKING:
    from securechat.server.rooms.directory import Directory
    from securechat.server.rooms.room import Room, User
    from securechat.server.sessions.session import Session

METADATA_RECORD = "metadata"

SYNC_PEOPLE_MAX = 200
SYNC_LINES_MAX = 500
"""In a channel with more of either a session is told to ask, and when."""
SYNC_LATER_SECONDS = 4


@dataclass(frozen=True, slots=True)
class Target:
    """An account or a channel, with the name to show.

    ``key`` is what its record is found by, the channel's id or the account's folded name; ``id`` is
    the channel's or the account's.
    """

    key: str
    id: str
    name: str


def of_user(user: User) -> Target:
    """Return what the metadata of somebody who is here belongs to."""
    return Target(user.key, user.account_id, user.name)


def of_room(room: Room) -> Target:
    """Return what the metadata of a channel belongs to."""
    return Target(room.id, room.id, room.name)


class Metadata:
    """The values of all accounts and channels, and the subscriptions of all sessions."""

    def __init__(self, directory: Directory, settings: Settings) -> None:
        self._directory = directory
        self._server_name = settings.server_name
        self._rate = settings.metadata_changes_per_second if settings.messages_per_second else 0.0
        self._burst = settings.metadata_change_burst
        self._paces: dict[str, Bucket] = {}
        self._values: dict[str, Mapping[str, str]] = {}
        self._keys: dict[Session, dict[str, None]] = {}
        self._subscribers: dict[str, dict[Session, None]] = {}

    async def load(self, store: Store) -> None:
        """Read what is kept. Raises ``StoreError``."""
        for record in await store.scan(METADATA_RECORD):
            value: Any = record.value
            self._values[value["id"]] = value["values"]

    def of(self, target_id: str) -> Mapping[str, str]:
        """Return the values of an account or a channel, by their keys."""
        return self._values.get(target_id, {})

    def change(self, target: Target, values: Mapping[str, str]) -> Change:
        """Return the change of the record by which a target has these values."""
        value = {"id": target.id, "values": dict(values)} if values else None
        return Change(METADATA_RECORD, target.key, value)

    def changed(self, target: Target, values: Mapping[str, str]) -> None:
        """Take note that a target has these values now."""
        if values:
            self._values[target.id] = dict(sorted(values.items()))
        else:
            self._values.pop(target.id, None)

    def wait(self, session: Session) -> int:
        """Return how many seconds a session has to wait until it may change something again.

        0 where it may now, which is counted.
        """
        now = trio.current_time()
        account = session.user.account_id
        pace = self._paces.get(account)
        if pace is None:
            pace = self._paces[account] = Bucket(self._rate, self._burst, now)
        wait = pace.take(now)
        if wait:
            # It is refused, so it does not count.
            pace.take(now, -1.0)
        return math.ceil(wait)

    # --- subscriptions ------------------------------------------------------------------------

    def keys_of(self, session: Session) -> Sequence[str]:
        """Return the keys that a session has subscribed to."""
        return list(self._keys.get(session, ()))

    def subscribe(self, session: Session, key: str) -> None:
        """Have a session told about a key; twice is once."""
        self._keys.setdefault(session, {})[key] = None
        self._subscribers.setdefault(key, {})[session] = None

    def unsubscribe(self, session: Session, key: str) -> None:
        """Undo ``subscribe``."""
        keys = self._keys.get(session)
        if keys is None or key not in keys:
            return
        del keys[key]
        if not keys:
            del self._keys[session]
        subscribers = self._subscribers[key]
        del subscribers[session]
        if not subscribers:
            del self._subscribers[key]

    def forget(self, session: Session) -> None:
        """Drop what a session has subscribed to."""
        for key in self.keys_of(session):
            self.unsubscribe(session, key)

    # --- telling ------------------------------------------------------------------------------

    def tell(self, target: Target, key: str, value: str | None, by: Session) -> None:
        """Tell those who want to know that a session has changed a value."""
        line = metadata_line(by.user.source, target.name, key, value)
        for session in self._subscribers.get(key, ()):
            if session is not by and session.enabled & METADATA and self._concerns(session, target):
                session.push(line)

    def _concerns(self, session: Session, target: Target) -> bool:
        if is_channel(target.key):
            room = self._directory.by_id.get(target.id)
            return room is not None and room.key in session.user.rooms
        if session.user.account_id == target.id or target.key in session.monitored:
            return True
        user = self._directory.users.get(target.key)
        if user is None or user.account_id != target.id:
            return False
        return not user.rooms.keys().isdisjoint(session.user.rooms)

    def introduce(self, user: User, rooms: Iterable[Room]) -> None:
        """Tell about a user who came, or entered rooms, to those who are shown that."""
        values = self.of(user.account_id)
        if not values:
            return
        keys = {room.key for room in rooms if not self._directory.is_quiet(room)}
        for key, value in values.items():
            line = metadata_line(self._server_name, user.name, key, value)
            for session in self._subscribers.get(key, ()):
                if (
                    session.user is not user
                    and session.enabled & METADATA
                    and (user.key in session.monitored or not keys.isdisjoint(session.user.rooms))
                ):
                    session.push(line)

    def lines(self, target: Target, keys: Iterable[str]) -> list[str]:
        """Return the lines that tell the values of these keys."""
        values = self.of(target.id)
        return [
            metadata_line(self._server_name, target.name, key, values[key])
            for key in keys
            if key in values
        ]

    def room_lines(self, room: Room, keys: Sequence[str]) -> list[str]:
        """Return the lines of a room and of everybody who is there."""
        lines = self.lines(of_room(room), keys)
        for user in room.present.values():
            lines += self.lines(of_user(user), keys)
        return lines

    def own_lines(self, session: Session) -> list[str]:
        """Return what a session is told of its own account while it logs in ("Notifications")."""
        if not session.enabled & METADATA:
            return []
        target = of_user(session.user)
        return in_batch(
            session, "metadata", self.lines(target, self.of(target.id)), session.user.name
        )

    def entered(self, user: User, room: Room, by: Session) -> None:
        """Show a user who has entered a room what is there, and the others what came."""
        if room.key not in user.rooms:
            return
        for session in user.sessions:
            lines = self._entry_lines(session, room)
            if session is by:
                session.send(*lines)
            else:
                session.push(*lines)
        self.introduce(user, [room])

    def _entry_lines(self, session: Session, room: Room) -> list[str]:
        """Return a room's values; where they are many, when to ask for them.

        "Postponed synchronization".
        """
        keys = self.keys_of(session)
        if not keys or not session.enabled & METADATA:
            return []
        if len(room.present) > SYNC_PEOPLE_MAX:
            return [later_line(session, room.name)]
        lines = self.room_lines(room, keys)
        if len(lines) > SYNC_LINES_MAX:
            return [later_line(session, room.name)]
        return in_batch(session, "metadata", lines, room.name) if lines else []

    def subscribed_lines(self, session: Session, keys: Sequence[str]) -> list[str]:
        """Return the values of keys that a session has just subscribed to, where they are few."""
        user = session.user
        lines: list[str] = []
        people = {user: None}
        for room in user.rooms.values():
            if len(room.present) > SYNC_PEOPLE_MAX:
                lines.append(later_line(session, room.name))
                continue
            lines += self.lines(of_room(room), keys)
            people.update(dict.fromkeys(room.present.values()))
        people.update(dict.fromkeys(self._here(session.monitored)))
        for person in people:
            lines += self.lines(of_user(person), keys)
        return lines

    def monitored_lines(self, session: Session, names: Iterable[str]) -> list[str]:
        """Return the values of people whom a session monitors from now on."""
        keys = self.keys_of(session) if session.enabled & METADATA else ()
        return [line for user in self._here(names) for line in self.lines(of_user(user), keys)]

    def _here(self, names: Iterable[str]) -> list[User]:
        found = map(self._directory.user, names)
        return [user for user in found if user is not None]


def later_line(session: Session, name: str) -> str:
    """Return RPL_METADATASYNCLATER: what is there can be asked for in some seconds."""
    reply = RPL_METADATASYNCLATER(name, str(SYNC_LATER_SECONDS))
    return reply.line(session.server_name, session.user.name)


def in_batch(session: Session, kind: str, lines: Iterable[str], *params: str) -> list[str]:
    """Return lines without tags as a batch, for clients that know these."""
    if not session.enabled & BATCH:
        return list(lines)
    batch = secrets.token_hex(4)
    start = " ".join((f":{session.server_name} BATCH +{batch} {kind}", *params))
    return [
        start,
        *(f"@batch={batch} {line}" for line in lines),
        f":{session.server_name} BATCH -{batch}",
    ]
