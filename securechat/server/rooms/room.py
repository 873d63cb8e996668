"""Rooms and users: who there is, who is in what, and where bytes for a room go.

A *room* is what the wire calls a channel. Its members are accounts and stay members, with their
roles, while they are away; its present users are those with a session. What is sent to a room
goes to the outboxes of the present users' sessions, which the room keeps sorted by *shape*: the
set of capabilities that changes a line's bytes, so that each line is made once per shape and not
once per recipient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from securechat.protocol.modes import PREFIXES, USER_MODES, ChannelModes
from securechat.protocol.names import fold
from securechat.server.access.pace import Pace
from securechat.server.rooms.keep_limits import Keeping
from securechat.server.rooms.roll import Roll
from securechat.store.credentials.accounts import ADMIN as ADMIN_ROLE
from securechat.store.credentials.accounts import MODERATOR as MODERATOR_ROLE

if TYPE_CHECKING:
    from securechat.server.sessions.session import Session

CHANNEL_RECORD = "channel"
MEMBER_RECORD = "member"
INVITATION_RECORD = "invitation"
# By id, what was a channel once: no other one may get that id, for the history goes by it.
DROPPED_RECORD = "dropped"

RANKS = {"": 0, "v": 1, "h": 2, "o": 3}
"""How high a role is. The founder is above all roles, and an administrator of the server, there
and everywhere, above the founder."""
FOUNDER, ADMIN = 4, 5


@dataclass(slots=True)
class Member:
    """An account's place in a room: since when, and as what.

    ``role`` has the letters of all the roles that were given: ``o``, ``h``, ``v``. ``joined_at`` is
    the position of its JOIN in the journal once that was looked up, and -1 before.
    """

    name: str
    account_id: str
    since_ms: int
    role: str = ""
    joined_at: int = field(default=-1, compare=False)

    def to_value(self) -> dict[str, object]:
        """Return what its record keeps."""
        return {
            "name": self.name,
            "account_id": self.account_id,
            "since_ms": self.since_ms,
            "role": self.role,
        }

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Member:
        """Return the member that a record describes."""
        return cls(value["name"], value["account_id"], value["since_ms"], value["role"])


@dataclass(frozen=True, slots=True)
class Invitation:
    """That an account was invited to a room, by whom, and whether that opens what is closed.

    One from an operator or half-operator lets in where key, limit, +i or a ban before it would not.
    """

    name: str
    account_id: str
    by: str
    time_ms: int
    opens: bool

    def to_value(self) -> dict[str, object]:
        """Return what its record keeps."""
        return asdict(self)

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Invitation:
        """Return the invitation that a record describes."""
        return cls(**value)


@dataclass(slots=True, eq=False)
class User:
    """An account with at least one session: what everybody sees of it.

    ``dialogs`` are the partners that its records are known to name (``history/dialogs.py``),
    ``markers`` up to when it has read what (``persistence/markers.py``).
    """

    name: str
    key: str
    account_id: str
    account_since_ms: int
    username: str
    realname: str
    host: str
    account_role: str
    signed_on_ms: int
    away: str = ""
    idle_since: float = 0.0
    bot: bool = False
    invisible: bool = False
    wallops: bool = False
    sessions: dict[Session, None] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)
    dialogs: set[str] = field(default_factory=set)
    markers: dict[str, int] = field(default_factory=dict)

    @property
    def admin(self) -> bool:
        """Whether this is an administrator of the server."""
        return self.account_role == ADMIN_ROLE

    @property
    def moderates(self) -> bool:
        """Whether this is a moderator of the server, or an administrator."""
        return self.account_role in {ADMIN_ROLE, MODERATOR_ROLE}

    @property
    def modes(self) -> str:
        """The letters of the user modes that are set, with ``o`` for an administrator."""
        letters = [letter for letter, name in USER_MODES.items() if getattr(self, name)]
        return "".join(sorted([*letters, *"o" * self.admin]))

    @property
    def source(self) -> str:
        """The prefix of what this user sends: ``nick!user@host``."""
        return f"{self.name}!{self.username}@{self.host}"

    def refresh_away(self) -> bool:
        """Follow the sessions: away when all of them are; return whether that changed.

        The latest text counts, and what a person wrote before ``*``, which only says that nobody
        is there (pre-away).
        """
        before = self.away
        by_age = sorted(self.sessions, key=lambda session: session.away_since)
        texts = [session.away for session in by_age]
        written = [text for text in texts if text != "*"]
        self.away = (written or texts or [""])[-1] if all(texts) else ""
        return self.away != before


@dataclass(slots=True, eq=False)
class Room:
    """One channel. ``members``, ``present`` and ``invited`` are by account key.

    ``id`` never changes: the journal and the records know the room by it. It is the folded name
    that the room was made with, and a number after it where that was taken. ``key`` is the folded
    name of today. ``former`` are the folded names that it had before. ``founder`` is the id of
    the account that made it. ``renamed_ms`` is when it got its name, 0 where that is its first one.
    ``pace`` is how often a member may write (slow mode). ``history`` is from where its history is
    read: ``all``, ``joined``, or nothing for what the server says. ``keeping`` is how long its
    messages are kept, as far as the server keeps them. ``announced`` are those present whose
    coming was told to everybody.
    """

    name: str
    key: str
    created_ms: int
    topic: str = ""
    topic_by: str = ""
    topic_ms: int = 0
    id: str = ""
    founder: str = ""
    modes: ChannelModes = field(default_factory=ChannelModes)
    former: tuple[str, ...] = ()
    renamed_ms: int = 0
    pace: Pace = field(default_factory=Pace)
    history: str = ""
    keeping: Keeping = field(default_factory=Keeping)
    members: dict[str, Member] = field(default_factory=dict)
    present: dict[str, User] = field(default_factory=dict)
    invited: dict[str, Invitation] = field(default_factory=dict)
    by_shape: dict[int, dict[Session, None]] = field(default_factory=dict)
    announced: set[str] = field(default_factory=set)
    roll: Roll = field(default_factory=Roll)

    def __post_init__(self) -> None:
        self.id = self.id or self.key

    def to_value(self) -> dict[str, object]:
        """Return what its record keeps."""
        return {
            "name": self.name,
            "created_ms": self.created_ms,
            "topic": self.topic,
            "topic_by": self.topic_by,
            "topic_ms": self.topic_ms,
            "founder": self.founder,
            "modes": self.modes.to_value(),
            "former": list(self.former),
            "renamed_ms": self.renamed_ms,
            "slow_seconds": self.pace.seconds,
            "history": self.history,
            "keep_seconds": self.keeping.seconds,
            "keep_messages": self.keeping.messages,
        }

    @classmethod
    def from_value(cls, room_id: str, value: Mapping[str, Any]) -> Room:
        """Return the room that a record describes, without its members.

        Records of the first version have no founder, modes, former names, pace, history and
        retention.
        """
        modes = value.get("modes")
        return cls(
            value["name"],
            fold(value["name"]),
            value["created_ms"],
            value["topic"],
            value["topic_by"],
            value["topic_ms"],
            room_id,
            value.get("founder", ""),
            ChannelModes.from_value(modes) if modes is not None else ChannelModes(),
            tuple(value.get("former", ())),
            value.get("renamed_ms", 0),
            Pace(value.get("slow_seconds", 0)),
            value.get("history", ""),
            Keeping(value.get("keep_seconds", 0), value.get("keep_messages", 0)),
        )

    def enter(self, user: User, *, announced: bool = True) -> None:
        """Let a user be present, with all sessions; twice is once.

        ``announced``: everybody present is told. Who is present is a member; in the room that
        everybody is in, without a record of it.
        """
        if self.key not in user.rooms:
            member = self.members.get(user.key)
            if member is None or member.account_id != user.account_id:
                self.members[user.key] = Member(user.name, user.account_id, user.signed_on_ms)
            self.present[user.key] = user
            self.roll.add(user, self.entry_of)
            user.rooms[self.key] = self
            if announced:
                self.announced.add(user.key)
            for session in user.sessions:
                self.attach(session)

    def leave(self, user: User) -> None:
        """Undo ``enter``."""
        if user.rooms.pop(self.key, None) is not None:
            del self.present[user.key]
            self.roll.forget()
            self.announced.discard(user.key)
            for session in user.sessions:
                self.detach(session)

    def attach(self, session: Session) -> None:
        """Have a session get what is said here, in its shape."""
        self.by_shape.setdefault(session.shape, {})[session] = None

    def detach(self, session: Session) -> None:
        """Undo ``attach``; before the session's shape changes."""
        sessions = self.by_shape.get(session.shape)
        if sessions is not None:
            sessions.pop(session, None)
            if not sessions:
                del self.by_shape[session.shape]

    def sessions(self) -> Iterator[Session]:
        """Yield the sessions of everybody present."""
        for sessions in self.by_shape.values():
            yield from sessions

    def rank_of(self, key: str) -> int:
        """Return how high a member is by role, or as the founder; 0 for anybody else."""
        member = self.members.get(key)
        if member is None:
            return 0
        if self.founder and member.account_id == self.founder:
            return FOUNDER
        return max((RANKS[letter] for letter in member.role), default=0)

    def rank(self, user: User) -> int:
        """Return how high a user is here.

        Administrators of the server are above everybody, its moderators at least half-operators.
        """
        if user.admin:
            return ADMIN
        own = self.rank_of(user.key)
        return max(own, RANKS["h"]) if user.moderates else own

    def register(self, key: str, member: Member) -> None:
        """Take note of a member who joined, present or not."""
        self.members[key] = member
        self.invited.pop(key, None)
        self.roll.forget()

    def change_role(self, key: str, letter: str, adding: bool) -> None:
        """Give a member a role or take one; nothing where there is no such member."""
        member = self.members.get(key)
        if member is not None:
            member.role = role_after(member.role, letter, adding)
            self.roll.forget()

    def entry_of(self, user: User, several: bool, whole: bool) -> str:
        """Return what stands for a user in the list of names, as ``Roll.lines`` has it."""
        name = user.source if whole else user.name
        return f"{self.prefix_of(user.key, several=several)}{name}"

    def prefix_of(self, key: str, *, several: bool = False) -> str:
        """Return what stands before a member's name in lists: the highest role's sign, or all."""
        member = self.members.get(key)
        if member is None or not member.role:
            return ""
        signs = "".join(PREFIXES[letter] for letter in PREFIXES if letter in member.role)
        return signs if several else signs[:1]


def role_after(role: str, letter: str, adding: bool) -> str:
    """Return a member's roles, the highest first, with one more or one less."""
    return "".join(item for item in PREFIXES if (adding if item == letter else item in role))


def member_key(room_id: str, account_key: str) -> str:
    """Return the key of a member's record; no account's name can hold a space."""
    return f"{room_id} {account_key}"
