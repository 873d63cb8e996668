"""WHO and WHOX: who is in a channel, or who fits a mask.

Modern IRC Client Protocol, "WHO message"; IRCv3 ``whox`` and ``multi-prefix``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from securechat.protocol import replies
from securechat.protocol.capabilities import MULTI_PREFIX
from securechat.protocol.masks import is_mask, matches
from securechat.protocol.message import Message
from securechat.protocol.names import is_channel
from securechat.protocol.replies import Reply
from securechat.server.commands.base import Command, reply_at_length
from securechat.server.context import Server
from securechat.server.rooms.room import Room, User
from securechat.server.sessions.session import Session

# The fields of WHOX in the order of the reply.
_FIELDS = "tcuihsnfdlaor"
_NO_ADDRESS = "255.255.255.255"
_TOKEN = re.compile(r"[0-9]{1,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Query:
    """The second parameter of WHO: ``[o][%<fields>[,<token>]]``."""

    operators: bool = False
    fields: str | None = None
    mark: str = "0"

    @classmethod
    def read(cls, text: str) -> _Query:
        flags, percent, extended = text.partition("%")
        fields, _, token = extended.partition(",")
        return cls(
            "o" in flags.lower(),
            fields if percent else None,
            token if _TOKEN.fullmatch(token) else "0",
        )


async def who(server: Server, session: Session, message: Message) -> None:
    mask = message.params[0] if message.params and message.params[0] else "*"
    query = _Query.read(message.params[1] if len(message.params) > 1 else "")
    answers = [
        _answer(session, query, room, user)
        for room, user in _matching(server, session, mask)
        if user.admin or not query.operators
    ]
    await reply_at_length(session, [*answers, replies.RPL_ENDOFWHO(mask)])


def _matching(server: Server, session: Session, mask: str) -> Iterator[tuple[Room | None, User]]:
    if is_channel(mask):
        room = server.directory.room(mask)
        if room is not None and server.visible(session, room):
            yield from ((room, user) for user in room.present.values())
    elif not is_mask(mask) and mask != "0":
        user = server.directory.user(mask)
        if user is not None:
            yield None, user
    else:
        wanted = "*" if mask == "0" else mask
        for user in server.directory.users.values():
            if any(matches(wanted, text) for text in _texts(server, user)):
                yield None, user


def _texts(server: Server, user: User) -> tuple[str, ...]:
    """Return what a mask may match of a user."""
    name = server.settings.server_name
    return (user.name, user.source, user.username, user.host, name, user.realname)


def _answer(session: Session, query: _Query, room: Room | None, user: User) -> Reply:
    flags = _flags(session, room, user)
    channel = room.name if room is not None else "*"
    server = session.server_name
    if query.fields is None:
        text = f"0 {user.realname}"
        return replies.RPL_WHOREPLY(
            channel, user.username, user.host, server, user.name, flags, text=text
        )
    values = {
        "t": query.mark,
        "c": channel,
        "u": user.username,
        "i": _address(session, user),
        "h": user.host,
        "s": server,
        "n": user.name,
        "f": flags,
        "d": "0",
        "l": str(idle_seconds(session, user)),
        "a": user.name,
        "o": "n/a",
    }
    wanted = [values[field] for field in _FIELDS if field in query.fields and field != "r"]
    return replies.RPL_WHOSPCRPL(*wanted, text=user.realname if "r" in query.fields else None)


def _flags(session: Session, room: Room | None, user: User) -> str:
    flags = ("G" if user.away else "H") + ("*" if user.admin else "")
    if room is not None:
        flags += room.prefix_of(user.key, several=bool(session.enabled & MULTI_PREFIX))
    return flags + ("B" if user.bot else "")


def _address(session: Session, user: User) -> str:
    """Return where a user connects from, for the user and for administrators."""
    if user is not session.user and not session.user.admin:
        return _NO_ADDRESS
    return next((as_parameter(own.address) for own in user.sessions), _NO_ADDRESS)


def as_parameter(address: str) -> str:
    """Return an address as a parameter that is not the last: it may not start with a colon."""
    return f"0{address}" if address.startswith(":") else address


def idle_seconds(session: Session, user: User) -> int:
    """Return for how long a user has said nothing, as of a session's latest command."""
    return max(0, int(session.heard_at - user.idle_since))


COMMANDS = (
    Command(
        "WHO",
        who,
        query=True,
        usage="[<mask> [o][%<fields>[,<token>]]]",
        help="List who is in a channel, or who fits a nickname or mask; o: administrators only. "
        "With %<fields> the answer has the fields of WHOX.",
    ),
)
