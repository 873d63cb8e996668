"""The welcome: what a session is told when it is admitted.

Modern IRC Client Protocol, "Connection Registration": 001 to 005, LUSERS, MOTD. What follows, the
rooms and their latest messages, is ``arrivals.py``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

import securechat
from securechat.config import SERVER_NAME_LENGTH_MAX, Settings
from securechat.protocol import replies
from securechat.protocol.banmasks import EXTBANS
from securechat.protocol.framing import LINE_BYTES_MAX
from securechat.protocol.isupport import isupport_lines
from securechat.protocol.modes import (
    BY_LETTER,
    CHANGES_MAX,
    KEY_BYTES_MAX,
    LIST_MAX,
    PREFIXES,
    USER_MODES,
    Kind,
    chanmodes,
    letters,
)
from securechat.protocol.names import ACCOUNT_LENGTH_MAX, CHANNEL_BYTES_MAX
from securechat.protocol.replies import Reply, in_lines
from securechat.server.context import Server
from securechat.server.sessions.session import Session
from securechat.store.credentials.accounts import ADMIN

USERNAME_LENGTH_MAX = 18
REALNAME_BYTES_MAX = 100
TARGETS_MAX = 4
REASON_BYTES_MAX = 255
"""How much of the reason of a KICK, a PART or a RENAME is kept (KICKLEN)."""


def welcome(server: Server, session: Session) -> list[str]:
    """Return 001 to 005, LUSERS, own metadata, the MOTD and which user modes are set.

    As lines without CR LF.
    """
    settings, user = server.settings, session.user
    version = f"securechat-{securechat.__version__}"
    started = datetime.fromtimestamp(server.started_ms / 1000, UTC).isoformat(" ", "seconds")
    greeting = [
        replies.RPL_WELCOME(text=f"Welcome to {settings.network}, {user.name}"),
        replies.RPL_YOURHOST(text=f"Your host is {settings.server_name}, running {version}"),
        replies.RPL_CREATED(text=f"This server was started {started}"),
        replies.RPL_MYINFO(*_myinfo(settings.server_name, version)),
    ]
    after = motd(server)
    if user.modes:
        after = [*after, replies.RPL_UMODEIS(f"+{user.modes}")]
    return [
        *(reply.line(settings.server_name, user.name) for reply in greeting),
        *isupport(server, session),
        *(reply.line(settings.server_name, user.name) for reply in lusers(server, session)),
        # Before the end of the MOTD (metadata, "Notifications").
        *server.metadata.own_lines(session),
        *(reply.line(settings.server_name, user.name) for reply in after),
    ]


def _myinfo(name: str, version: str) -> tuple[str, ...]:
    """Return what 004 tells: the letters of modes of users, of channels, and with a parameter."""
    users = "".join(sorted((*USER_MODES, "o")))
    channels = "".join(sorted(BY_LETTER))
    with_param = "".join(sorted(letters(Kind.LIST, Kind.KEY, Kind.LIMIT, Kind.ROLE)))
    return name, version, users, channels, with_param


def isupport(server: Server, session: Session) -> list[str]:
    """Return RPL_ISUPPORT as lines for a session."""
    name, user = server.settings.server_name, session.user
    return isupport_lines(isupport_tokens(server), name, user.name, session.enabled)


def isupport_tokens(server: Server) -> list[str]:
    """Return the tokens of RPL_ISUPPORT; a limit that is off is not announced."""
    return list(_tokens_of(server.settings))


@lru_cache(maxsize=8)
def _tokens_of(settings: Settings) -> tuple[str, ...]:
    # Settings never change, and every connection needs this, once before its login and once after.
    tokens = {
        "ACCOUNTEXTBAN": "account,a",
        "AWAYLEN": settings.away_bytes_max,
        "BOT": "B",
        "CASEMAPPING": "ascii",
        "CHANLIMIT": f"#:{settings.channels_per_account_max or ''}",
        "CHANMODES": chanmodes(),
        "CHANNELLEN": CHANNEL_BYTES_MAX,
        "CHANTYPES": "#",
        "CHATHISTORY": settings.history_page_max,
        "ELIST": "CMNTU",
        "EXCEPTS": "e",
        "EXTBAN": f",{''.join(sorted(set(EXTBANS.values())))}",
        "HOSTLEN": SERVER_NAME_LENGTH_MAX,
        "INVEX": "I",
        "KEYLEN": KEY_BYTES_MAX,
        "KICKLEN": REASON_BYTES_MAX,
        "LINELEN": LINE_BYTES_MAX,
        "MAXLIST": ",".join(f"{letter}:{LIST_MAX}" for letter in letters(Kind.LIST)),
        "MODES": CHANGES_MAX,
        "MONITOR": settings.monitor_targets_max or "",
        "MSGREFTYPES": "msgid,timestamp",
        "NAMELEN": REALNAME_BYTES_MAX,
        "NETWORK": settings.network,
        "NICKLEN": ACCOUNT_LENGTH_MAX,
        "PREFIX": f"({''.join(PREFIXES)}){''.join(PREFIXES.values())}",
        "SAFELIST": "",
        "STATUSMSG": "".join(PREFIXES.values()),
        "TARGMAX": f"JOIN:,KICK:,LIST:,NAMES:,NOTICE:{TARGETS_MAX},PART:,PRIVMSG:{TARGETS_MAX},"
        f"TAGMSG:{TARGETS_MAX},WHOIS:1",
        "TOPICLEN": settings.topic_bytes_max,
        "USERLEN": USERNAME_LENGTH_MAX,
        "UTF8ONLY": "",
        "WHOX": "",
        "draft/ACCOUNTREQUIRED": "",
    }
    # 0 means "no maximum" to CHATHISTORY; the other lengths are left out then.
    return tuple(
        f"{name}={value}" if value != "" else name
        for name, value in tokens.items()
        if value != 0 or name == "CHATHISTORY"
    )


def lusers(server: Server, session: Session) -> list[Reply]:
    """Return how many people, administrators and channels there are, as far as one may know."""
    users = server.directory.users.values()
    total, most = len(users), server.users_most
    invisible = len([user for user in users if user.invisible])
    rooms = sum(server.visible(session, room) for room in server.directory.rooms.values())
    return [
        replies.RPL_LUSERCLIENT(
            text=f"There are {total} users and {invisible} invisible on 1 servers"
        ),
        replies.RPL_LUSEROP(str(len([user for user in users if user.account_role == ADMIN]))),
        replies.RPL_LUSERUNKNOWN(str(server.addresses.waiting)),
        replies.RPL_LUSERCHANNELS(str(rooms)),
        replies.RPL_LUSERME(text=f"I have {total} clients and 0 servers"),
        replies.RPL_LOCALUSERS(
            str(total), str(most), text=f"Current local users {total}, max {most}"
        ),
        replies.RPL_GLOBALUSERS(
            str(total), str(most), text=f"Current global users {total}, max {most}"
        ),
    ]


def motd(server: Server) -> list[Reply]:
    """Return the message of the day, in lines that fit, or that there is none."""
    settings = server.settings
    if not settings.motd:
        return [replies.ERR_NOMOTD(text="There is no message of the day")]
    room = LINE_BYTES_MAX - len(settings.server_name) - ACCOUNT_LENGTH_MAX - 20
    lines = [
        piece
        for line in settings.motd.splitlines()
        for piece in in_lines(line.split(" "), room) or [""]
    ]
    return [
        replies.RPL_MOTDSTART(text=f"- {settings.server_name} Message of the day - "),
        *(replies.RPL_MOTD(text=f"- {line}") for line in lines),
        replies.RPL_ENDOFMOTD(),
    ]
