"""Rooms and users: who there is, who is in what, and where bytes for a room go.

A *room* is what the wire calls a channel. Its members are accounts and stay members while they are
away; its present users are those with a session. What is sent to a room goes to the outboxes of
the present users' sessions, which the room keeps sorted by *shape*: the set of capabilities that
changes a line's bytes, so that each line is made once per shape and not once per recipient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from securechat.server.session import Session

# The roles in a room, the highest first: the mode's letter, and its sign before a name.
PREFIXES = {"o": "@", "h": "%", "v": "+"}

CHANNEL_RECORD = "channel"
MEMBER_RECORD = "member"


@dataclass(slots=True)
class Member:
    """An account's place in a room: since when, and as what (``o`` for an operator)."""

    name: str
    account_id: str
    since_ms: int
    role: str = ""

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


@dataclass(slots=True, eq=False)
class User:
    """An account with at least one session: what everybody sees of it."""

    name: str
    key: str
    account_id: str
    account_since_ms: int
    username: str
    realname: str
    host: str
    admin: bool
    signed_on_ms: int
    away: str = ""
    idle_since: float = 0.0
    bot: bool = False
    wallops: bool = False
    sessions: dict[Session, None] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The prefix of what this user sends: ``nick!user@host``."""
        return f"{self.name}!{self.username}@{self.host}"

    def refresh_away(self) -> bool:
        """Follow the sessions: away when all of them are; return whether that changed.

        What a person wrote counts before ``*``, which only says that nobody is there (pre-away).
        """
        before = self.away
        texts = [session.away for session in self.sessions]
        written = [text for text in texts if text != "*"]
        self.away = (written or texts or [""])[-1] if all(texts) else ""
        return self.away != before


@dataclass(slots=True, eq=False)
class Room:
    """One channel. ``members`` and ``present`` are by account key."""

    name: str
    key: str
    created_ms: int
    topic: str = ""
    topic_by: str = ""
    topic_ms: int = 0
    members: dict[str, Member] = field(default_factory=dict)
    present: dict[str, User] = field(default_factory=dict)
    by_shape: dict[int, dict[Session, None]] = field(default_factory=dict)

    def to_value(self) -> dict[str, object]:
        """Return what its record keeps."""
        return {
            "name": self.name,
            "created_ms": self.created_ms,
            "topic": self.topic,
            "topic_by": self.topic_by,
            "topic_ms": self.topic_ms,
        }

    @classmethod
    def from_value(cls, key: str, value: Mapping[str, Any]) -> Room:
        """Return the room that a record describes, without its members."""
        return cls(
            value["name"],
            key,
            value["created_ms"],
            value["topic"],
            value["topic_by"],
            value["topic_ms"],
        )

    def enter(self, user: User) -> None:
        """Let a user be present, with all sessions; twice is once."""
        if self.key not in user.rooms:
            self.present[user.key] = user
            user.rooms[self.key] = self
            for session in user.sessions:
                self.attach(session)

    def leave(self, user: User) -> None:
        """Undo ``enter``."""
        if user.rooms.pop(self.key, None) is not None:
            del self.present[user.key]
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

    def prefix_of(self, key: str, *, several: bool = False) -> str:
        """Return what stands before a member's name in lists: the highest role's sign, or all."""
        member = self.members.get(key)
        signs = (
            "".join(PREFIXES[letter] for letter in PREFIXES if letter in member.role)
            if member
            else ""
        )
        return signs if several else signs[:1]


def member_key(room_key: str, account_key: str) -> str:
    """Return the key of a member's record; neither name can hold a space."""
    return f"{room_key} {account_key}"
