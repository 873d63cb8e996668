"""JOIN, PART, TOPIC and NAMES.

Modern IRC Client Protocol, "Channel Operations". Joins, parts and topics are events of the
journal; each carries the records that it changes, and both are stored in one step.
"""

from __future__ import annotations

from itertools import zip_longest

from securechat.protocol import replies
from securechat.protocol.banmasks import fits, is_mute
from securechat.protocol.capabilities import CHANNEL_RENAME
from securechat.protocol.framing import LINE_BYTES_MAX, truncate
from securechat.protocol.message import Message
from securechat.protocol.modes import NEW_CHANNEL
from securechat.protocol.names import fold, is_channel, is_channel_name
from securechat.protocol.replies import Reply, fail
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.rooms import alone_in, governed_room, own_room, require_role
from securechat.server.context import Server
from securechat.server.fanout.views import names_lines, topic_lines
from securechat.server.history.replay import replay_room
from securechat.server.rooms.room import (
    CHANNEL_RECORD,
    INVITATION_RECORD,
    MEMBER_RECORD,
    Member,
    Room,
    User,
    member_key,
)
from securechat.server.sessions.session import Session
from securechat.server.welcome import REASON_BYTES_MAX
from securechat.store.contract import Change


async def join(server: Server, session: Session, message: Message) -> None:
    if message.params[0] == "0":
        for room in list(session.user.rooms.values()):
            if room is not server.lobby:
                await _part(server, session, room.name, "")
        return
    names = message.params[0].split(",")
    if not any(names):
        raise Refused(replies.ERR_NEEDMOREPARAMS("JOIN"))
    keys = message.params[1].split(",") if len(message.params) > 1 else []
    for name, key in list(zip_longest(names, keys, fillvalue=""))[: len(names)]:
        if not name:
            continue
        was_outside = fold(name) not in session.user.rooms
        if was_outside:
            await session.turn(session.budgets.joins)
        try:
            await _join(server, session, name, key)
        except Refused as refused:
            session.reply(*refused.replies)
            continue
        await session.settled()
        joined = server.directory.room(name)
        if joined is not None and was_outside:
            server.metadata.entered(session.user, joined, session)
            await replay_room(server, session, joined)


async def _join(server: Server, session: Session, name: str, key: str) -> None:
    if not is_channel_name(name):
        bad = replies.ERR_BADCHANMASK if is_channel(name) else replies.ERR_NOSUCHCHANNEL
        raise Refused(bad(name))
    user = session.user
    while True:
        room = server.directory.room(name) or _former(server, session, name)
        if room is not None and room.key in user.rooms:
            return
        limit = server.settings.channels_per_account_max
        if limit and len(user.rooms) >= limit:
            raise Refused(replies.ERR_TOOMANYCHANNELS(name))
        room_id = room.id if room is not None else server.directory.new_id(name)
        alone = room is None or room.modes.limit > 0
        if not await server.journal.turns.wait(room_id, alone=alone):
            break
    if room is not None and fold(name) != room.key:
        session.reply(replies.ERR_LINKCHANNEL(name, room.name))
    refusal = _why_not(room, user, key, server.now_ms()) if room is not None else None
    if refusal is not None:
        raise Refused(refusal)
    role = "o" if room is None or room.founder == user.account_id else ""
    place = member_key(room_id, user.key)

    def changes(time_ms: int) -> list[Change]:
        member = Member(user.name, user.account_id, time_ms, role)
        made = [Change(MEMBER_RECORD, place, member.to_value())]
        if room is None:
            new = Room(name, fold(name), time_ms, id=room_id, founder=user.account_id)
            new.modes = NEW_CHANNEL
            made.append(Change(CHANNEL_RECORD, room_id, new.to_value()))
        elif user.key in room.invited:
            made.append(Change(INVITATION_RECORD, place, None))
        return made

    server.journal.post(
        session,
        "JOIN",
        conversation=room_id,
        target=room.name if room is not None else name,
        text=role,
        changes=changes,
        claims={room_id: alone},
    )


def _former(server: Server, session: Session, name: str) -> Room | None:
    """Return the room that had this name before; channel-rename, "Channel redirection".

    Raises ``Refused`` where the client knows of renaming and joins the new one itself.
    """
    room = server.directory.former.get(fold(name))
    if room is None or not server.visible(session, room):
        return None
    if session.enabled & CHANNEL_RENAME:
        text = "The channel has been renamed"
        raise Refused(fail("JOIN", "CHANNEL_RENAMED", name, room.name, text=text))
    return room


def _why_not(room: Room, user: User, key: str, now_ms: int) -> Reply | None:
    """Return what refuses a user; the first answer about a private room is 473.

    Administrators and the founder are always let in. Who was invited by an operator is, unless
    banned after that.
    """
    modes, name = room.modes, room.name
    if user.admin or room.founder == user.account_id:
        return None
    invitation = room.invited.get(user.key)
    opens = invitation is not None and invitation.opens and invitation.account_id == user.account_id
    invited_ms = invitation.time_ms if invitation is not None and opens else 0
    if not opens and "i" in modes.flags and not _matching(room, "I", user, now_ms):
        return replies.ERR_INVITEONLYCHAN(name)
    banned = _matching(room, "b", user, now_ms, since_ms=invited_ms)
    if banned and not _matching(room, "e", user, now_ms):
        return replies.ERR_BANNEDFROMCHAN(name)
    if not opens and modes.key and key != modes.key:
        return replies.ERR_BADCHANNELKEY(name)
    if not opens and modes.limit and len(room.members) >= modes.limit:
        return replies.ERR_CHANNELISFULL(name)
    return None


def _matching(room: Room, letter: str, user: User, now_ms: int, *, since_ms: int = 0) -> bool:
    return any(
        item.time_ms > since_ms
        and item.holds(now_ms)
        and not is_mute(item.mask)
        and fits(item.mask, user.source, user.key)
        for item in room.modes.listed(letter)
    )


async def part(server: Server, session: Session, message: Message) -> None:
    reason = truncate(message.params[1], REASON_BYTES_MAX) if len(message.params) > 1 else ""
    named = [name for name in message.params[0].split(",") if name]
    if not named:
        raise Refused(replies.ERR_NEEDMOREPARAMS("PART"))
    for name in named:
        try:
            await _part(server, session, name, reason)
        except Refused as refused:
            session.reply(*refused.replies)


async def _part(server: Server, session: Session, name: str, reason: str) -> None:
    while True:
        room = own_room(server, session, name)
        if not await server.journal.turns.wait(room.id, alone=False):
            break
    if room is server.lobby:
        raise Refused(replies.ERR_CANNOTSENDTOCHAN(room.name, text="Everybody is in this channel"))
    server.journal.post(
        session,
        "PART",
        conversation=room.id,
        target=room.name,
        text=reason,
        changes=[Change(MEMBER_RECORD, member_key(room.id, session.user.key), None)],
        claims={room.id: False},
    )
    await session.settled()


async def topic(server: Server, session: Session, message: Message) -> None:
    if len(message.params) < 2:
        room = governed_room(server, session, message.params[0])
        lines = topic_lines(session, room)
        if lines:
            session.send(*lines)
        else:
            session.reply(replies.RPL_NOTOPIC(room.name))
        return
    room = await alone_in(server, session, message.params[0], governed_room)
    if "t" in room.modes.flags:
        require_role(session, room, "h")
    fits_bytes = LINE_BYTES_MAX - 2 - len(f":{session.user.source} TOPIC {room.name} :".encode())
    text = truncate(
        message.params[1], min(server.settings.topic_bytes_max or fits_bytes, fits_bytes)
    )
    changed = {"topic": text, "topic_by": session.user.name}
    server.journal.post(
        session,
        "TOPIC",
        conversation=room.id,
        target=room.name,
        text=text,
        changes=lambda time_ms: [
            Change(CHANNEL_RECORD, room.id, room.to_value() | changed | {"topic_ms": time_ms})
        ],
        claims={room.id: True},
    )


async def names(server: Server, session: Session, message: Message) -> None:
    named = [name for name in "".join(message.params[:1]).split(",") if name]
    if not named:
        session.reply(replies.RPL_ENDOFNAMES("*"))
        return
    for name in named:
        room = server.directory.room(name)
        if room is not None and server.visible(session, room):
            session.send(*names_lines(session, room))
        else:
            session.reply(replies.RPL_ENDOFNAMES(name))


COMMANDS = (
    Command(
        "JOIN",
        join,
        params_min=1,
        usage="<channel>{,<channel>} [<key>{,<key>}]",
        help="Join channels, and make those that do not exist. JOIN 0 leaves all but the lobby.",
    ),
    Command(
        "PART",
        part,
        params_min=1,
        usage="<channel>{,<channel>} [<reason>]",
        help="Leave channels for good. To leave them only for now, quit.",
    ),
    Command(
        "TOPIC",
        topic,
        params_min=1,
        usage="<channel> [<topic>]",
        help="Show or set the topic of a channel; an empty one clears it.",
    ),
    Command(
        "NAMES",
        names,
        query=True,
        usage="<channel>{,<channel>}",
        help="Show who is in a channel, with the signs of their roles.",
    ),
)
