"""WHOIS, WHOWAS, USERHOST and ISON: who somebody is or was.

Modern IRC Client Protocol, "User-Based Queries" and "Optional Messages"; ISON by RFC 2812,
section 4.9. Administrators and the user alone are shown where a user connects from.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

from securechat.protocol import replies
from securechat.protocol.capabilities import METADATA, MULTI_PREFIX
from securechat.protocol.framing import LINE_BYTES_MAX
from securechat.protocol.masks import matches
from securechat.protocol.message import Message
from securechat.protocol.names import fold
from securechat.protocol.replies import Numeric, Reply, in_lines
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.who import as_parameter, idle_seconds
from securechat.server.context import Server
from securechat.server.rooms.room import User
from securechat.server.sessions.session import Session

USERHOST_NAMES_MAX = 5
WHOIS_KEYS = ("display-name", "pronouns", "status", "homepage")
"""The metadata that WHOIS shows."""


async def whois(server: Server, session: Session, message: Message) -> None:
    """``WHOIS [<target>] <nick>``; of several nicks the first counts, as TARGMAX announces.

    Clients ask a person's own server by giving the nick twice: then the person is what is missing.
    """
    asked = message.params[1] if len(message.params) > 1 else "".join(message.params)
    name = next((name for name in asked.split(",") if name), "")
    if not name:
        raise Refused(replies.ERR_NONICKNAMEGIVEN())
    user = server.directory.user(name)
    target = message.params[0] if len(message.params) > 1 else name
    if fold(target) != fold(name) and not _is_of_this_server(server, target):
        raise Refused(replies.ERR_NOSUCHSERVER(target), replies.RPL_ENDOFWHOIS(asked))
    if user is None:
        raise Refused(replies.ERR_NOSUCHNICK(name), replies.RPL_ENDOFWHOIS(asked))
    session.reply(*_whois(server, session, user), replies.RPL_ENDOFWHOIS(asked))


def _whois(server: Server, session: Session, user: User) -> list[Reply]:
    nick, settings = user.name, server.settings
    several = bool(session.enabled & MULTI_PREFIX)
    rooms = [
        f"{room.prefix_of(user.key, several=several)}{room.name}"
        for room in user.rooms.values()
        if server.visible(session, room)
    ]
    answers = [
        replies.RPL_WHOISUSER(nick, user.username, user.host, "*", text=user.realname),
        *_listed(session, replies.RPL_WHOISCHANNELS, rooms, nick),
        replies.RPL_WHOISSERVER(nick, settings.server_name, text=settings.network),
    ]
    if user.admin:
        answers.append(replies.RPL_WHOISOPERATOR(nick))
    if user.bot:
        answers.append(replies.RPL_WHOISBOT(nick))
    answers.append(replies.RPL_WHOISACCOUNT(nick, user.name))
    if user is session.user or session.user.admin:
        addresses = dict.fromkeys(as_parameter(own.address) for own in user.sessions)
        answers += [replies.RPL_WHOISACTUALLY(nick, address) for address in addresses]
    answers.append(replies.RPL_WHOISSECURE(nick))
    if session.enabled & METADATA:
        values = server.metadata.of(user.account_id)
        answers += [
            replies.RPL_WHOISKEYVALUE(nick, key, "*", text=values[key])
            for key in WHOIS_KEYS
            if key in values
        ]
    if user.away:
        answers.append(replies.RPL_AWAY(nick, text=user.away))
    idle = str(idle_seconds(session, user))
    answers.append(replies.RPL_WHOISIDLE(nick, idle, str(user.signed_on_ms // 1000)))
    return answers


async def whowas(server: Server, session: Session, message: Message) -> None:
    if not message.params or not message.params[0]:
        raise Refused(replies.ERR_NONICKNAMEGIVEN())
    name, *more = message.params
    if len(more) > 1:
        require_this_server(server, more[1])
    wanted = more[0] if more else ""
    count = int(wanted) if wanted.isascii() and wanted.isdecimal() else 0
    # A count that is none, or not positive, asks for all.
    entries = list(islice(server.whowas.entries(name), count or None))
    if not entries:
        raise Refused(replies.ERR_WASNOSUCHNICK(name), replies.RPL_ENDOFWHOWAS(name))
    for entry in entries:
        left = datetime.fromtimestamp(entry.left_ms / 1000, UTC)
        session.reply(
            replies.RPL_WHOWASUSER(
                entry.name, entry.username, entry.host, "*", text=entry.realname
            ),
            replies.RPL_WHOISSERVER(
                entry.name, server.settings.server_name, text=f"{left:%a %b %d %Y %H:%M:%S} UTC"
            ),
        )
    session.reply(replies.RPL_ENDOFWHOWAS(name))


async def userhost(server: Server, session: Session, message: Message) -> None:
    names = [name for param in message.params for name in param.split()][:USERHOST_NAMES_MAX]
    users = (server.directory.user(name) for name in names)
    found = [
        f"{user.name}{'*' if user.admin else ''}={'-' if user.away else '+'}"
        f"{user.username}@{user.host}"
        for user in users
        if user is not None
    ]
    session.reply(*(_listed(session, replies.RPL_USERHOST, found) or [_none(replies.RPL_USERHOST)]))


async def ison(server: Server, session: Session, message: Message) -> None:
    names = dict.fromkeys(name for param in message.params for name in param.split())
    users = (server.directory.user(name) for name in names)
    found = list(dict.fromkeys(user.name for user in users if user is not None))
    session.reply(*(_listed(session, replies.RPL_ISON, found) or [_none(replies.RPL_ISON)]))


def _listed(session: Session, numeric: Numeric, words: list[str], *params: str) -> list[Reply]:
    """Return words in as few replies as they fit into."""
    head = numeric(*params, text="").line(session.server_name, session.user.name)
    room = LINE_BYTES_MAX - 2 - len(head.encode())
    return [numeric(*params, text=line) for line in in_lines(words, room)]


def _none(numeric: Numeric) -> Reply:
    return numeric(text="")


def require_this_server(server: Server, target: str) -> None:
    """Refuse (402) what is asked of a server that is not there."""
    if not _is_of_this_server(server, target):
        raise Refused(replies.ERR_NOSUCHSERVER(target))


def _is_of_this_server(server: Server, target: str) -> bool:
    """Tell whether this is the server's name, a mask of it, or the nickname of somebody on it."""
    return matches(target, server.settings.server_name) or server.directory.user(target) is not None


COMMANDS = (
    Command(
        "WHOIS",
        whois,
        query=True,
        usage="[<server>] <nick>",
        help="Tell about a person: name, channels, account, how long idle, and away or here.",
    ),
    Command(
        "WHOWAS",
        whowas,
        query=True,
        usage="<nick> [<count>]",
        help="Tell about a person who left since the server started, the latest time first.",
    ),
    Command(
        "USERHOST",
        userhost,
        params_min=1,
        query=True,
        usage="<nick>{ <nick>}",
        help=f"Tell the user and host of up to {USERHOST_NAMES_MAX} people, and who is away.",
    ),
    Command(
        "ISON",
        ison,
        params_min=1,
        query=True,
        usage="<nick>{ <nick>}",
        help="Tell which of these people are here.",
    ),
)
