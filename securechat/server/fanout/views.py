"""Views: what a session is told about a room, as lines without CR LF.

The numerics are those of the Modern IRC Client Protocol for JOIN, TOPIC and NAMES.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from securechat.protocol import replies
from securechat.protocol.capabilities import (
    MULTI_PREFIX,
    NO_IMPLICIT_NAMES,
    READ_MARKER,
    USERHOST_IN_NAMES,
)
from securechat.protocol.framing import LINE_BYTES_MAX
from securechat.protocol.names import ACCOUNT_LENGTH_MAX
from securechat.server.persistence.markers import marker_line

if TYPE_CHECKING:
    from securechat.server.rooms.room import Room, User
    from securechat.server.sessions.session import Session


def entry_lines(session: Session, room: Room) -> list[str]:
    """Return what follows a session's own JOIN: the topic, and the names unless not wanted.

    Without the names it is told its own role, which they would have shown. Who knows of read
    markers gets that of the room before the end of the names.
    """
    unwanted = session.enabled & NO_IMPLICIT_NAMES
    names = role_line(session, room, session.user) if unwanted else names_lines(session, room)
    marker = []
    if session.enabled & READ_MARKER:
        # Before RPL_ENDOFNAMES (read-marker, "Command flows").
        marker = [marker_line(session, room.name, session.user.markers.get(room.id))]
    return [*topic_lines(session, room), *marker, *names]


def role_line(session: Session, room: Room, user: User) -> list[str]:
    """Return the MODE that shows which roles a user who entered has; nothing where it has none."""
    member = room.members.get(user.key)
    if member is None or not member.role:
        return []
    names = " ".join([user.name] * len(member.role))
    return [f":{session.server_name} MODE {room.name} +{member.role} {names}"]


def topic_lines(session: Session, room: Room) -> list[str]:
    """Return RPL_TOPIC and RPL_TOPICWHOTIME; nothing where no topic is set."""
    if not room.topic:
        return []
    nick, server = session.user.name, session.server_name
    return [
        replies.RPL_TOPIC(room.name, text=room.topic).line(server, nick),
        replies.RPL_TOPICWHOTIME(
            room.name, room.topic_by or server, str(room.topic_ms // 1000)
        ).line(server, nick),
    ]


def names_lines(session: Session, room: Room) -> list[str]:
    """Return RPL_NAMREPLY lines for who is present, and RPL_ENDOFNAMES."""
    nick, server = session.user.name, session.server_name
    symbol = "@" if "s" in room.modes.flags else "="
    head = f":{server} {replies.RPL_NAMREPLY.code} {nick} {symbol} {room.name} :"
    # As if the nick were a long one: so the lines are the same for everybody.
    width = LINE_BYTES_MAX - 2 - len(head.encode()) - (ACCOUNT_LENGTH_MAX - len(nick.encode()))
    lines = room.roll.lines(
        room.present.values(),
        room.entry_of,
        several=bool(session.enabled & MULTI_PREFIX),
        whole=bool(session.enabled & USERHOST_IN_NAMES),
        width=width,
    )
    return [
        *(head + line for line in lines),
        replies.RPL_ENDOFNAMES(room.name).line(server, nick),
    ]
