"""RETENTION: how long a channel's messages are kept.

The command is SecureChat's own. It deletes, so that the channel's operators decide and everybody
in it is told; what goes when is ``server/history/retention.py``.
"""

from __future__ import annotations

from securechat.protocol.message import Message
from securechat.protocol.replies import fail
from securechat.server.commands.auditing import acted, tell
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.rooms import alone_in, governed_room, require_role
from securechat.server.context import Server
from securechat.server.rooms.keep_limits import WANTED, Keeping, parse_keeping, server_keeping
from securechat.server.rooms.room import CHANNEL_RECORD
from securechat.server.sessions.session import Session
from securechat.store.contract import Change


async def retention(server: Server, session: Session, message: Message) -> None:
    name, *words = message.params
    room = governed_room(server, session, name)
    most = server_keeping(server.settings)
    if not words:
        whose = "as this channel says" if room.keeping != Keeping() else "as the server says"
        tell(session, f"{room.name}: {room.keeping.within(most).sentence} ({whose})")
        return
    require_role(session, room, "o")
    wanted = " ".join(words)
    try:
        keeping = parse_keeping(wanted.split())
    except ValueError:
        text = WANTED[:1].upper() + WANTED[1:]
        raise Refused(fail("RETENTION", "INVALID_VALUE", room.name, *words, text=text)) from None
    if keeping != Keeping() and keeping.within(most) != _filled(keeping, most):
        text = f"The server keeps no more than that: {most.sentence}"
        raise Refused(fail("RETENTION", "TOO_MUCH", room.name, *words, text=text))
    room = await alone_in(server, session, name, governed_room)
    require_role(session, room, "o")
    if keeping == room.keeping:
        return
    changed = {"keep_seconds": keeping.seconds, "keep_messages": keeping.messages}
    server.journal.post(
        session,
        "RETENTION",
        conversation=room.id,
        target=room.name,
        text=f"{keeping.seconds} {keeping.messages} {keeping.within(most).sentence}",
        changes=[
            Change(CHANNEL_RECORD, room.id, room.to_value() | changed),
            acted(server, session, "retention", channel=room.name, detail=wanted),
        ],
        claims={room.id: True},
    )


def _filled(keeping: Keeping, most: Keeping) -> Keeping:
    """Return what a channel asks for, with the server's limits where it asks for none."""
    return Keeping(keeping.seconds or most.seconds, keeping.messages or most.messages)


COMMANDS = (
    Command(
        "RETENTION",
        retention,
        params_min=1,
        usage="<channel> [[<duration>] [<number>]|default]",
        help="Tell how long a channel's messages are kept, or set it: a time such as 90d, a number "
        "of messages, or both; default is what the server keeps, which is the most. What is older "
        "is deleted for good, and everybody in the channel is told. Operators of the channel may.",
    ),
)
