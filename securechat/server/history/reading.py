"""Reading: which conversations somebody may read, from where on, and how that is read in pieces.

Every door to what was said (history, replay, search) asks here. A channel is read by its members
alone, all of it or from their last join on, as the channel's setting says; a direct conversation by
the two accounts, since the younger one of them was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from securechat.protocol.capabilities import CHANNEL_RENAME, EVENT_PLAYBACK
from securechat.protocol.names import conversation_with, is_channel
from securechat.server.context import Server
from securechat.server.history.dialogs import find_partner, partners_of
from securechat.server.rooms.room import Room, User
from securechat.server.sessions.session import Session
from securechat.store.contract import Store, Stored

MESSAGE_KINDS = ("PRIVMSG", "NOTICE")
"""What a client gets that did not ask for the events between the messages."""

_EVENT_KINDS = (
    *("JOIN", "PART", "KICK", "TOPIC", "MODE", "BAN"),
    *("SLOWMODE", "HISTORY", "RETENTION"),
)

# So many events are read at a time.
PIECE_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class Conversation:
    """What may be read: its key, its name for the answer, behind which position reading begins."""

    key: str
    name: str
    floor: int = 0


def played_kinds(session: Session) -> tuple[str, ...]:
    """Return the kinds of events that a session is shown of the past (``event-playback``)."""
    if not session.enabled & EVENT_PLAYBACK:
        return MESSAGE_KINDS
    renames = ("RENAME",) if session.enabled & CHANNEL_RENAME else ()
    return MESSAGE_KINDS + _EVENT_KINDS + renames


def history_setting(server: Server, room: Room) -> str:
    """Return from where a channel's members read: ``all`` or ``joined``."""
    return room.history or server.settings.history_from


async def readable(server: Server, user: User, target: str) -> Conversation | None:
    """Return what a user may read under a name; what may not be read is not there.

    Raises ``StoreError``.
    """
    if is_channel(target):
        room = server.directory.room(target)
        return None if room is None else await readable_room(server, user, room)
    partner = await find_partner(server, target)
    if partner is None:
        return None
    # Whoever had one of the names before left nothing to its present owner.
    since_ms = max(user.account_since_ms, partner.since_ms)
    floor = await server.store.position_at(since_ms) - 1
    return Conversation(conversation_with(user.key, partner.key), partner.name, floor)


async def readable_room(server: Server, user: User, room: Room) -> Conversation | None:
    """Return a channel as one of its members may read it. Raises ``StoreError``."""
    if room.key not in user.rooms:
        return None
    if history_setting(server, room) == "all":
        return Conversation(room.id, room.name)
    if room is server.lobby:
        # Everybody is in it from the first day on.
        floor = await server.store.position_at(user.account_since_ms) - 1
    else:
        floor = await joined_at(server, user, room)
    return Conversation(room.id, room.name, floor)


async def joined_at(server: Server, user: User, room: Room) -> int:
    """Return the position of a member's last JOIN. Raises ``StoreError``."""
    member = room.members[user.key]
    if member.joined_at < 0:
        start = await server.store.position_at(member.since_ms) - 1
        member.joined_at = await _find_join(server.store, room.id, user.key, start)
    return member.joined_at


async def _find_join(store: Store, room_id: str, account_key: str, start: int) -> int:
    """Return the last JOIN of the first millisecond after ``start`` that has one; else ``start``.

    A membership knows its time only. The JOIN comes not before that, and who leaves and comes back
    within one millisecond counts from the second time on.
    """
    found: Stored | None = None
    after = start
    while joins := await store.history(room_id, after=after, limit=20, kinds=("JOIN",)):
        for stored in joins:
            if found is not None and stored.event.time_ms > found.event.time_ms:
                return found.position
            if stored.event.account == account_key:
                found = stored
        after = joins[-1].position
    return start if found is None else found.position


async def readable_all(server: Server, user: User) -> list[Conversation]:
    """Return every conversation that a user may read: channels, then people.

    Raises ``StoreError``.
    """
    rooms = [await readable_room(server, user, room) for room in list(user.rooms.values())]
    people = [await readable(server, user, key) for key in await partners_of(server, user)]
    return [item for item in (*rooms, *people) if item is not None]


@dataclass(slots=True)
class Pages:
    """A stretch of a conversation, read in ascending order and at most ``PIECE_EVENTS`` at a time.

    It is the first ``limit`` events with ``after < position < before``, or with ``newest`` the last
    ones. ``already`` is what was read before by other means, and comes first.
    """

    store: Store
    key: str
    after: int
    before: int
    limit: int
    kinds: Sequence[str]
    newest: bool = False
    already: list[Stored] = field(default_factory=list)
    _begun: bool = False

    async def next(self) -> list[Stored]:
        """Return the next events, and none at the end. Raises ``StoreError``."""
        if not self._begun:
            self._begun = True
            if self.newest and self.limit > PIECE_EVENTS:
                await self._find_start()
        if self.already:
            events, self.already = self.already, []
        else:
            events = await self._read(min(self.limit, PIECE_EVENTS))
        self.limit -= len(events)
        if self.newest:
            self.limit = 0
        elif events:
            self.after = events[-1].position
        return events

    async def _read(self, limit: int) -> list[Stored]:
        if limit <= 0:
            return []
        return await self.store.history(
            self.key,
            after=self.after,
            before=self.before,
            limit=limit,
            newest=self.newest,
            kinds=self.kinds,
        )

    async def _find_start(self) -> None:
        """Walk back to where a long stretch begins; from there it is read forwards.

        Reading it twice keeps no more than one piece in memory.
        """
        before, left, events = self.before, self.limit, list[Stored]()
        while left > 0:
            events = await self._read(min(left, PIECE_EVENTS))
            if not events:
                break
            left -= len(events)
            self.before = events[0].position
            if len(events) < PIECE_EVENTS:
                break
        self.after = max(self.after, self.before - 1)
        self.before, self.newest = before, False
