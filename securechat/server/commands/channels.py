"""JOIN, PART, TOPIC, NAMES, and what MODE tells.

Modern IRC Client Protocol, "Channel Operations". Joins, parts and topics are events of the
journal; each carries the records that it changes, and both are stored in one step.
"""

from __future__ import annotations

from securechat.protocol import replies
from securechat.protocol.framing import LINE_BYTES_MAX, truncate
from securechat.protocol.message import Message
from securechat.protocol.names import fold, is_channel, is_channel_name
from securechat.server.commands.base import Command, Refused
from securechat.server.context import Server
from securechat.server.room import CHANNEL_RECORD, MEMBER_RECORD, Member, Room, member_key
from securechat.server.session import Session
from securechat.server.views import names_lines, topic_lines
from securechat.store.contract import Change

PART_BYTES_MAX = 300


async def join(server: Server, session: Session, message: Message) -> None:
    for name in message.params[0].split(","):
        if not name:
            continue
        try:
            _join(server, session, name)
        except Refused as refused:
            session.reply(*refused.replies)
        await session.settled()


def _join(server: Server, session: Session, name: str) -> None:
    if not is_channel_name(name):
        raise Refused(replies.ERR_NOSUCHCHANNEL(name))
    user, key = session.user, fold(name)
    if key in user.rooms:
        return
    limit = server.settings.channels_per_account_max
    if limit and len(user.rooms) >= limit:
        raise Refused(replies.ERR_TOOMANYCHANNELS(name))
    room = server.directory.rooms.get(key)
    now = server.now_ms()
    changes = []
    role = ""
    if room is None:
        role = "o"
        made = Room(name, key, now)
        changes.append(Change(CHANNEL_RECORD, key, made.to_value()))
    member = Member(user.name, user.account_id, now, role)
    changes.append(Change(MEMBER_RECORD, member_key(key, user.key), member.to_value()))
    server.journal.post(
        session,
        "JOIN",
        conversation=key,
        target=room.name if room is not None else name,
        text=role,
        changes=changes,
    )


async def part(server: Server, session: Session, message: Message) -> None:
    reason = truncate(message.params[1], PART_BYTES_MAX) if len(message.params) > 1 else ""
    for name in message.params[0].split(","):
        if not name:
            continue
        try:
            room = _own_room(server, session, name)
            if room is server.lobby:
                text = "Everybody is in this channel"
                raise Refused(replies.ERR_CANNOTSENDTOCHAN(room.name, text=text))
            server.journal.post(
                session,
                "PART",
                conversation=room.key,
                target=room.name,
                text=reason,
                changes=[Change(MEMBER_RECORD, member_key(room.key, session.user.key), None)],
            )
        except Refused as refused:
            session.reply(*refused.replies)
        await session.settled()


async def topic(server: Server, session: Session, message: Message) -> None:
    room = _own_room(server, session, message.params[0])
    if len(message.params) < 2:
        lines = topic_lines(session, room)
        if lines:
            session.send(*lines)
        else:
            session.reply(replies.RPL_NOTOPIC(room.name))
        return
    fits = LINE_BYTES_MAX - 2 - len(f":{session.user.source} TOPIC {room.name} :".encode())
    text = truncate(message.params[1], min(server.settings.topic_bytes_max or fits, fits))
    changed = Room(room.name, room.key, room.created_ms, text, session.user.name, server.now_ms())
    server.journal.post(
        session,
        "TOPIC",
        conversation=room.key,
        target=room.name,
        text=text,
        changes=[Change(CHANNEL_RECORD, room.key, changed.to_value())],
    )


async def names(server: Server, session: Session, message: Message) -> None:
    if not message.params or not message.params[0]:
        session.reply(replies.RPL_ENDOFNAMES("*"))
        return
    for name in message.params[0].split(","):
        room = server.directory.room(name)
        if room is not None:
            session.send(*names_lines(session, room))
        else:
            session.reply(replies.RPL_ENDOFNAMES(name))


async def mode(server: Server, session: Session, message: Message) -> None:
    """Tell the modes: nobody outside may send to a channel, and nothing can be set yet."""
    target = message.params[0]
    if not is_channel(target):
        if fold(target) != session.user.key:
            raise Refused(replies.ERR_NOSUCHNICK(target))
        session.reply(replies.RPL_UMODEIS("+"))
        return
    room = server.directory.room(target)
    if room is None:
        raise Refused(replies.ERR_NOSUCHCHANNEL(target))
    session.reply(
        replies.RPL_CHANNELMODEIS(room.name, "+n"),
        replies.RPL_CREATIONTIME(room.name, str(room.created_ms // 1000)),
    )


def _own_room(server: Server, session: Session, name: str) -> Room:
    room = server.directory.room(name)
    if room is None:
        raise Refused(replies.ERR_NOSUCHCHANNEL(name))
    if not server.is_member(session, room):
        raise Refused(replies.ERR_NOTONCHANNEL(room.name))
    return room


COMMANDS = (
    Command("JOIN", join, params_min=1),
    Command("PART", part, params_min=1),
    Command("TOPIC", topic, params_min=1),
    Command("NAMES", names),
    Command("MODE", mode, params_min=1),
)
