"""The server about itself: MOTD, LUSERS, VERSION, TIME, INFO, ADMIN, LINKS, STATS, and what is off.

Modern IRC Client Protocol, "Server Queries and Commands"; USERS and SUMMON by RFC 2812,
sections 4.5 and 4.6. The server is alone: asked about another one it answers 402.
"""

from __future__ import annotations

from datetime import UTC, datetime

import securechat
from securechat.protocol import replies
from securechat.protocol.message import Message
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.people import require_this_server
from securechat.server.context import Server
from securechat.server.sessions.session import Session
from securechat.server.welcome import isupport, lusers, motd

_SOFTWARE = f"securechat-{securechat.__version__}"
_ABOUT = "private group chat"


def _require_target(server: Server, message: Message, place: int = 0) -> None:
    """Refuse a query whose optional parameter names a server that is not there."""
    if len(message.params) > place and message.params[place]:
        require_this_server(server, message.params[place])


async def motd_(server: Server, session: Session, message: Message) -> None:
    _require_target(server, message)
    session.reply(*motd(server))


async def lusers_(server: Server, session: Session, message: Message) -> None:
    _require_target(server, message, 1)
    session.reply(*lusers(server, session))


async def version(server: Server, session: Session, message: Message) -> None:
    _require_target(server, message)
    session.reply(replies.RPL_VERSION(_SOFTWARE, server.settings.server_name, text=_ABOUT))
    session.send(*isupport(server, session))


async def time(server: Server, session: Session, message: Message) -> None:
    _require_target(server, message)
    now = datetime.fromtimestamp(server.now_ms() / 1000, UTC)
    session.reply(
        replies.RPL_TIME(server.settings.server_name, text=f"{now:%A %B %d %Y -- %H:%M:%S} UTC")
    )


async def info(server: Server, session: Session, message: Message) -> None:
    _require_target(server, message)
    started = datetime.fromtimestamp(server.started_ms / 1000, UTC)
    lines = (
        f"{_SOFTWARE}: {_ABOUT}, by the SecureChat contributors",
        "Licensed under the Apache License, Version 2.0",
        "Every connection is encrypted, and everybody has an account",
        "What you see is on disk: CHATHISTORY brings it again",
        f"This server was started {started:%Y-%m-%d %H:%M:%S} UTC",
    )
    session.reply(*(replies.RPL_INFO(text=line) for line in lines), replies.RPL_ENDOFINFO())


async def admin(server: Server, session: Session, message: Message) -> None:
    _require_target(server, message)
    settings = server.settings
    session.reply(
        replies.RPL_ADMINME(settings.server_name),
        replies.RPL_ADMINLOC1(text=settings.admin_location or "No location is given"),
        replies.RPL_ADMINLOC2(text=settings.admin_info or f"{settings.network}, {_ABOUT}"),
        replies.RPL_ADMINEMAIL(text=settings.admin_email or "No mail address is given"),
    )


async def links(server: Server, session: Session, message: Message) -> None:
    name = server.settings.server_name
    session.reply(
        replies.RPL_LINKS(name, name, text=f"0 {server.settings.network}"),
        replies.RPL_ENDOFLINKS("*"),
    )


async def stats(server: Server, session: Session, message: Message) -> None:
    """Tell for how long the server has been up; every other query has an empty answer."""
    _require_target(server, message, 1)
    letter = message.params[0][:1]
    if not letter:
        raise Refused(replies.ERR_NEEDMOREPARAMS("STATS"))
    if letter == "u":
        minutes, seconds = divmod((server.now_ms() - server.started_ms) // 1000, 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        up = f"Server Up {days} days {hours}:{minutes:02}:{seconds:02}"
        session.reply(replies.RPL_STATSUPTIME(text=up))
    session.reply(replies.RPL_ENDOFSTATS(letter))


async def users(server: Server, session: Session, message: Message) -> None:
    raise Refused(replies.ERR_USERSDISABLED())


async def summon(server: Server, session: Session, message: Message) -> None:
    raise Refused(replies.ERR_SUMMONDISABLED())


_TARGET = "[<server>]"

COMMANDS = (
    Command("MOTD", motd_, usage=_TARGET, help="Show the message of the day."),
    Command("LUSERS", lusers_, help="Tell how many people and channels there are."),
    Command("VERSION", version, usage=_TARGET, help="Tell the software and what it supports."),
    Command("TIME", time, usage=_TARGET, help="Tell the server's time, in UTC."),
    Command("INFO", info, usage=_TARGET, help="Tell about the software and since when it runs."),
    Command("ADMIN", admin, usage=_TARGET, help="Tell who runs this server and how to ask them."),
    Command("LINKS", links, help="List the servers of this network: this one alone."),
    Command(
        "STATS",
        stats,
        params_min=1,
        usage="<letter> [<server>]",
        help="With the letter u, tell for how long the server has been up.",
    ),
    Command("USERS", users, help="Is disabled: use WHO."),
    Command("SUMMON", summon, help="Is disabled: nobody can be summoned from a terminal."),
)
