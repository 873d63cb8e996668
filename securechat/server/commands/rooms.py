"""What the commands about channels share: finding a room, and what somebody may do there.

A private room (``Server.visible``) is answered about from outside as one that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable

from securechat.protocol import replies
from securechat.server.commands.base import Refused
from securechat.server.context import Server
from securechat.server.rooms.room import FOUNDER, RANKS, Room
from securechat.server.sessions.session import Session

Find = Callable[[Server, Session, str], Room]


def known_room(server: Server, session: Session, name: str) -> Room:
    """Return a room that the session may know of; else 403."""
    room = server.directory.room(name)
    if room is None or not server.visible(session, room):
        raise Refused(replies.ERR_NOSUCHCHANNEL(name))
    return room


def own_room(server: Server, session: Session, name: str) -> Room:
    """Return a room that the session is in; else 403 or 442."""
    room = known_room(server, session, name)
    if not server.is_member(session, room):
        raise Refused(replies.ERR_NOTONCHANNEL(room.name))
    return room


def governed_room(server: Server, session: Session, name: str) -> Room:
    """Return a room that the session is in, or any for who moderates; else 403 or 442."""
    room = known_room(server, session, name)
    return room if session.user.moderates else own_room(server, session, name)


async def alone_in(server: Server, session: Session, name: str, find: Find) -> Room:
    """Return a room as it is when nobody else is changing it; see ``persistence/turns.py``."""
    while True:
        room = find(server, session, name)
        if not await server.journal.turns.wait(room.id, alone=True):
            return room


def require_role(session: Session, room: Room, role: str, text: str | None = None) -> None:
    """Refuse with 482 who has no such role or a higher one."""
    if room.rank(session.user) < RANKS[role]:
        raise Refused(replies.ERR_CHANOPRIVSNEEDED(room.name, text=text))


def may_act_on(session: Session, room: Room, key: str) -> bool:
    """Tell whether a session may take away from a member: from equals, but half-operators not.

    Nobody but an administrator may do it to the founder, and everybody may to oneself. Moderators
    of the server may to everybody but founders.
    """
    if session.user.key == key:
        return True
    own, other = room.rank(session.user), room.rank_of(key)
    return own > other or own == other == RANKS["o"] or (session.user.moderates and other < FOUNDER)
