"""Who may speak in a room, and whom a message to it is for.

Modern IRC Client Protocol, "Channel Modes" (``b``, ``e``, ``m``, ``n``) and, for targets such as
``@#channel``, the ISUPPORT parameter ``STATUSMSG``. What goes to some roles alone is kept apart
from the room's history, which everybody in it can read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import trio

from securechat.protocol import replies
from securechat.protocol.banmasks import fits
from securechat.protocol.durations import format_duration
from securechat.protocol.modes import PREFIXES
from securechat.protocol.names import is_channel
from securechat.server.commands.base import Refused
from securechat.server.commands.rooms import known_room
from securechat.server.context import Server
from securechat.server.rooms.room import RANKS, Room, User
from securechat.server.sessions.session import Session

STATUSMSG = "".join(PREFIXES.values())
_RANK_OF_SIGN = {sign: RANKS[letter] for letter, sign in PREFIXES.items()}


@dataclass(frozen=True, slots=True)
class Audience:
    """A room, or those in it with at least the role of the sign: ``@``, ``%`` or ``+``."""

    room: Room
    sign: str = ""

    @property
    def name(self) -> str:
        """The target as it is shown."""
        return self.sign + self.room.name

    @property
    def conversation(self) -> str:
        """The journal's key: a room's history does not hold what was for some of it."""
        return self.sign + self.room.id

    def sessions(self, sender: User) -> Iterator[Session]:
        """Yield the sessions that are to get a message, the sender's own among them."""
        if not self.sign:
            yield from self.room.sessions()
            return
        for user in self.room.present.values():
            if self.reaches(user, sender.key):
                yield from user.sessions

    def reaches(self, user: User, sender: str) -> bool:
        """Tell whether a member gets what the account ``sender`` says to this audience."""
        if not self.sign or user.key == sender:
            return True
        return self.room.rank_of(user.key) >= _RANK_OF_SIGN[self.sign]


def is_for_a_room(target: str) -> bool:
    """Tell whether a target means a channel, or roles in one."""
    return is_channel(target.lstrip(STATUSMSG))


def audience(server: Server, session: Session, target: str) -> Audience:
    """Return whom a message is for; raises ``Refused`` where the session may not speak there."""
    sign, name = sign_and_name(target)
    room = known_room(server, session, name)
    reason = why_not(server, session, room)
    if reason:
        raise Refused(replies.ERR_CANNOTSENDTOCHAN(room.name, text=reason))
    return Audience(room, sign)


def sign_and_name(target: str) -> tuple[str, str]:
    """Return the sign of the lowest role that a target means, or nothing, and the channel."""
    name = target.lstrip(STATUSMSG)
    signs = target[: len(target) - len(name)]
    return min(signs, key=_RANK_OF_SIGN.__getitem__, default=""), name


def why_not(server: Server, session: Session, room: Room) -> str:
    """Return why a session may not speak in a room; who has a role there always may."""
    user, modes = session.user, room.modes
    if room.rank(user) > 0:
        return ""
    if "n" in modes.flags and not server.is_member(session, room):
        return "Cannot send to channel (+n): join it first"
    if "m" in modes.flags:
        return "Cannot send to channel (+m): only who has a voice may speak"
    now_ms = server.now_ms()
    if _listed(room, "b", user, now_ms) and not _listed(room, "e", user, now_ms):
        return "Cannot send to channel (+b): you are banned or muted"
    return ""


def keep_pace(session: Session, room: Room) -> None:
    """Refuse who writes again too soon in slow mode; who has a role there may always."""
    if room.rank(session.user) > 0:
        return
    wait = math.ceil(room.pace.take(session.user.key, trio.current_time()))
    if wait:
        text = f"Slow mode: write again in {format_duration(wait)}"
        raise Refused(replies.fail("PRIVMSG", "SLOW_MODE", room.name, str(wait), text=text))


def _listed(room: Room, letter: str, user: User, now_ms: int) -> bool:
    return any(
        item.holds(now_ms) and fits(item.mask, user.source, user.key)
        for item in room.modes.listed(letter)
    )
