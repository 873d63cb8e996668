"""KICK and INVITE. Modern IRC Client Protocol, "Channel Operations"; IRCv3 ``invite-notify``."""

from __future__ import annotations

from securechat.errors import StoreError
from securechat.protocol import replies
from securechat.protocol.framing import truncate
from securechat.protocol.message import Message
from securechat.protocol.names import fold
from securechat.server.commands.auditing import acted, not_stored
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.rooms import (
    alone_in,
    governed_room,
    may_act_on,
    require_role,
)
from securechat.server.context import Server
from securechat.server.rooms.room import (
    INVITATION_RECORD,
    MEMBER_RECORD,
    RANKS,
    Invitation,
    member_key,
)
from securechat.server.sessions.session import Session
from securechat.server.welcome import REASON_BYTES_MAX
from securechat.store.contract import Change


async def kick(server: Server, session: Session, message: Message) -> None:
    """``KICK <channel> <nick>{,<nick>}``; or as many channels as nicks (RFC 2812, 3.2.8)."""
    rooms, nicks = ([item for item in param.split(",") if item] for param in message.params[:2])
    if not rooms or not nicks or len(rooms) not in {1, len(nicks)}:
        raise Refused(replies.ERR_NEEDMOREPARAMS("KICK"))
    given = message.params[2] if len(message.params) > 2 else ""
    reason = truncate(given, REASON_BYTES_MAX) or session.user.name
    for name, nick in zip(rooms * len(nicks) if len(rooms) == 1 else rooms, nicks, strict=True):
        try:
            await _kick(server, session, name, nick, reason)
        except Refused as refused:
            session.reply(*refused.replies)


async def _kick(server: Server, session: Session, name: str, nick: str, reason: str) -> None:
    room = await alone_in(server, session, name, governed_room)
    require_role(session, room, "h")
    key = fold(nick)
    member = room.members.get(key)
    if member is None:
        raise Refused(replies.ERR_USERNOTINCHANNEL(nick, room.name))
    if room is server.lobby:
        text = "Everybody is in this channel: mute who disturbs it"
        raise Refused(replies.ERR_CHANOPRIVSNEEDED(room.name, text=text))
    if not may_act_on(session, room, key):
        text = f"You may not kick {member.name}"
        raise Refused(replies.ERR_CHANOPRIVSNEEDED(room.name, text=text))
    server.journal.post(
        session,
        "KICK",
        conversation=room.id,
        target=room.name,
        text=f"{member.name} :{reason}",
        changes=[
            Change(MEMBER_RECORD, member_key(room.id, key), None),
            acted(server, session, "kick", target=member.name, channel=room.name, reason=reason),
        ],
        claims={room.id: True},
    )
    await session.settled()


async def invite(server: Server, session: Session, message: Message) -> None:
    if not message.params:
        _list(server, session)
        return
    if len(message.params) < 2 or not all(message.params[:2]):
        raise Refused(replies.ERR_NEEDMOREPARAMS("INVITE"))
    nick, name = message.params[:2]
    governed_room(server, session, name)
    try:
        account = await server.gate.account(nick)
    except StoreError as error:
        raise not_stored("INVITE", error) from error
    room = await alone_in(server, session, name, governed_room)
    if account is None:
        raise Refused(replies.ERR_NOSUCHNICK(nick))
    if account.key in room.members:
        raise Refused(replies.ERR_USERONCHANNEL(account.name, room.name))
    if "i" in room.modes.flags:
        require_role(session, room, "h")
    opens = room.rank(session.user) >= RANKS["h"]

    def changes(time_ms: int) -> list[Change]:
        invitation = Invitation(account.name, account.id, session.user.name, time_ms, opens)
        key = member_key(room.id, account.key)
        return [Change(INVITATION_RECORD, key, invitation.to_value())]

    server.journal.post(
        session,
        "INVITE",
        conversation=room.id,
        target=room.name,
        text=f"{account.name} {account.id} {opens:d}",
        changes=changes,
        claims={room.id: True},
    )
    await session.settled()
    user = server.directory.user(nick)
    if user is not None and user.away:
        session.reply(replies.RPL_AWAY(user.name, text=user.away))


def _list(server: Server, session: Session) -> None:
    """Tell where one is invited to (Modern IRC Client Protocol, "Invite list")."""
    user = session.user
    session.reply(
        *(
            replies.RPL_INVITELIST(room.name)
            for room in server.directory.rooms.values()
            if user.key in room.invited and room.invited[user.key].account_id == user.account_id
        ),
        replies.RPL_ENDOFINVITELIST(),
    )


COMMANDS = (
    Command(
        "KICK",
        kick,
        params_min=2,
        usage="<channel> <nick>{,<nick>} [<reason>]",
        help="Remove members from a channel; operators and half-operators may.",
    ),
    Command(
        "INVITE",
        invite,
        usage="[<nick> <channel>]",
        help="Invite somebody to a channel, or list where you are invited to.",
    ),
)
