"""RENAME, as the IRCv3 ``channel-rename`` draft defines it.

The journal and the records know a room by its id, which stays: so members, modes, topic and the
whole history are found under the new name, and one record is all that changes.

To clients that do not know RENAME it is a burst of lines, so it has a cooldown ("Security
Considerations"): not where only the case changes, and not for administrators, who may have to undo
what somebody did.
"""

from __future__ import annotations

from securechat.protocol.framing import truncate
from securechat.protocol.message import Message
from securechat.protocol.names import fold, is_channel_name
from securechat.protocol.replies import Reply, fail
from securechat.server.commands.auditing import acted
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.rooms import governed_room, require_role
from securechat.server.context import Server
from securechat.server.rooms.directory import former_names
from securechat.server.rooms.room import CHANNEL_RECORD
from securechat.server.sessions.session import Session
from securechat.server.welcome import REASON_BYTES_MAX
from securechat.store.contract import Change


async def rename(server: Server, session: Session, message: Message) -> None:
    old, new = message.params[:2]
    while True:
        room = governed_room(server, session, old)
        require_role(session, room, "o")
        other = server.directory.room(new)
        claims = {room.id: True, (other.id if other else server.directory.new_id(new)): True}
        if not await server.journal.turns.wait(*claims, alone=True):
            break
    if not is_channel_name(new):
        raise Refused(_refusal("CANNOT_RENAME", old, new, "This cannot be a channel's name"))
    if room is server.lobby:
        raise Refused(_refusal("CANNOT_RENAME", old, new, "Everybody is in this channel"))
    if other is not None and (other is not room or new == room.name):
        raise Refused(
            _refusal("CHANNEL_NAME_IN_USE", old, new, "The channel name is already taken")
        )
    only_case = fold(new) == room.key
    cooldown_ms = server.settings.rename_cooldown_seconds * 1000
    recently = 0 <= server.now_ms() - room.renamed_ms < cooldown_ms
    if recently and not (only_case or session.user.admin):
        text = "This channel has been renamed recently: wait a little"
        raise Refused(_refusal("CANNOT_RENAME", old, new, text))
    given = message.params[2] if len(message.params) > 2 else ""
    changed = {"name": new, "former": list(former_names(room, new))}
    entry = acted(server, session, "rename channel", channel=room.name, detail=new, reason=given)

    def changes(time_ms: int) -> list[Change]:
        renamed = {} if only_case else {"renamed_ms": time_ms}
        return [Change(CHANNEL_RECORD, room.id, room.to_value() | changed | renamed), entry]

    server.journal.post(
        session,
        "RENAME",
        conversation=room.id,
        target=room.name,
        text=f"{new} :{truncate(given, REASON_BYTES_MAX)}",
        changes=changes,
        claims=claims,
    )


def _refusal(code: str, old: str, new: str, text: str) -> Reply:
    return fail("RENAME", code, old, new, text=text)


COMMANDS = (
    Command(
        "RENAME",
        rename,
        params_min=2,
        usage="<channel> <new name> [<reason>]",
        help="Give a channel another name; members, modes, topic and history stay.",
    ),
)
