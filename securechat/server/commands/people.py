"""WHO and WHOIS: who somebody is. Modern IRC Client Protocol, "User-Based Queries"."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

from securechat.protocol import replies
from securechat.protocol.framing import LINE_BYTES_MAX
from securechat.protocol.message import Message
from securechat.protocol.names import fold, is_channel
from securechat.protocol.replies import Reply, in_lines
from securechat.server.commands.base import Command, Refused
from securechat.server.context import Server
from securechat.server.room import Room, User
from securechat.server.session import Session


async def who(server: Server, session: Session, message: Message) -> None:
    mask = message.params[0] if message.params and message.params[0] else "*"
    session.reply(
        *(_who_reply(session, room, user) for room, user in _matches(server, mask)),
        replies.RPL_ENDOFWHO(mask),
    )


def _matches(server: Server, mask: str) -> Iterator[tuple[Room | None, User]]:
    if is_channel(mask):
        room = server.directory.room(mask)
        if room is not None:
            yield from ((room, user) for user in room.present.values())
        return
    folded = "*" if mask == "0" else fold(mask)
    for key, user in server.directory.users.items():
        if fnmatch.fnmatchcase(key, folded):
            yield None, user


def _who_reply(session: Session, room: Room | None, user: User) -> Reply:
    flags = ("G" if user.away else "H") + ("*" if user.admin else "")
    if room is not None:
        flags += room.prefix_of(user.key)
    return replies.RPL_WHOREPLY(
        room.name if room is not None else "*",
        user.username,
        user.host,
        session.server_name,
        user.name,
        flags,
        text=f"0 {user.realname}",
    )


async def whois(server: Server, session: Session, message: Message) -> None:
    """``WHOIS [<server>] <nick>``; only the last parameter counts on a server that is alone."""
    if not message.params or not message.params[-1]:
        raise Refused(replies.ERR_NONICKNAMEGIVEN())
    name = message.params[-1]
    user = server.directory.user(name)
    if user is None:
        raise Refused(replies.ERR_NOSUCHNICK(name), replies.RPL_ENDOFWHOIS(name))
    nick, settings = user.name, server.settings
    answers = [replies.RPL_WHOISUSER(nick, user.username, user.host, "*", text=user.realname)]
    rooms = [
        f"{room.prefix_of(user.key)}{room.name}"
        for room in user.rooms.values()
        if room.key in session.user.rooms
    ]
    room_for_names = LINE_BYTES_MAX - len(settings.server_name) - len(session.user.name) - 60
    answers += [
        replies.RPL_WHOISCHANNELS(nick, text=line) for line in in_lines(rooms, room_for_names)
    ]
    answers.append(replies.RPL_WHOISSERVER(nick, settings.server_name, text=settings.network))
    if user.admin:
        answers.append(replies.RPL_WHOISOPERATOR(nick))
    answers.append(replies.RPL_WHOISACCOUNT(nick, user.name))
    answers.append(replies.RPL_WHOISSECURE(nick))
    if user.away:
        answers.append(replies.RPL_AWAY(nick, text=user.away))
    idle = max(0, int(session.heard_at - user.idle_since))
    answers.append(replies.RPL_WHOISIDLE(nick, str(idle), str(user.signed_on_ms // 1000)))
    session.reply(*answers, replies.RPL_ENDOFWHOIS(nick))


COMMANDS = (Command("WHO", who), Command("WHOIS", whois))
