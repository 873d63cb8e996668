"""DROP: removing a channel for good.

The command is SecureChat's own, as no specification has one. It wants the name twice, so that
nobody does it by a slip. To every client it is a PART of its own user, which all of them know, and
after which none comes back by itself, as many do after a KICK.
"""

from __future__ import annotations

from securechat.protocol import replies
from securechat.protocol.framing import truncate
from securechat.protocol.message import Message
from securechat.protocol.names import fold
from securechat.protocol.replies import fail
from securechat.server.commands.auditing import acted, tell
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.rooms import alone_in, known_room
from securechat.server.context import Server
from securechat.server.rooms.room import (
    CHANNEL_RECORD,
    DROPPED_RECORD,
    FOUNDER,
    INVITATION_RECORD,
    MEMBER_RECORD,
    member_key,
)
from securechat.server.sessions.session import Session
from securechat.server.welcome import REASON_BYTES_MAX
from securechat.store.contract import Change


async def drop(server: Server, session: Session, message: Message) -> None:
    room = await alone_in(server, session, message.params[0], known_room)
    if room.rank(session.user) < FOUNDER:
        text = "Only the channel's founder and administrators may remove it"
        raise Refused(replies.ERR_CHANOPRIVSNEEDED(room.name, text=text))
    if room is server.lobby:
        raise Refused(fail("DROP", "CANNOT_DROP", room.name, text="Everybody is in this channel"))
    if len(message.params) < 2 or fold(message.params[1]) != room.key:
        text = (
            "Nothing is removed yet. The channel and its history would be gone for everybody and "
            f"for good. If you want that: DROP {room.name} {room.name}"
        )
        raise Refused(fail("DROP", "CONFIRMATION_NEEDED", room.name, text=text))
    given = message.params[2] if len(message.params) > 2 else ""
    members = [(MEMBER_RECORD, key) for key in room.members]
    invited = [(INVITATION_RECORD, key) for key in room.invited]
    server.journal.post(
        session,
        "DROP",
        conversation=room.id,
        target=room.name,
        text=truncate(given, REASON_BYTES_MAX),
        changes=[
            Change(CHANNEL_RECORD, room.id, None),
            *(Change(kind, member_key(room.id, key), None) for kind, key in members + invited),
            Change(DROPPED_RECORD, room.id, {"name": room.name}),
            acted(server, session, "remove channel", channel=room.name, reason=given),
        ],
        claims={room.id: True},
    )
    await session.settled()
    if room.id not in server.directory.by_id:
        tell(session, f"{room.name} is removed")


COMMANDS = (
    Command(
        "DROP",
        drop,
        params_min=1,
        usage="<channel> <the same channel> [<reason>]",
        help="For the founder of a channel, and administrators: remove it for good, with its "
        "members, settings and history. The name stands there twice so that nobody does it by "
        "mistake.",
    ),
)
