"""What concerns a session itself: CAP, PING, PONG, NICK, AWAY, QUIT, and what comes too late."""

from __future__ import annotations

import trio

from securechat.protocol import replies
from securechat.protocol.capabilities import SETNAME
from securechat.protocol.framing import LINE_BYTES_MAX, truncate
from securechat.protocol.message import Message
from securechat.protocol.names import fold
from securechat.protocol.replies import fail
from securechat.server.arrivals import announce_away
from securechat.server.commands.base import Command, Refused
from securechat.server.context import Server
from securechat.server.fanout.showing import put, seen
from securechat.server.monitors import tell_watchers
from securechat.server.sessions.session import Session
from securechat.server.welcome import REALNAME_BYTES_MAX
from securechat.server.welcome import isupport as isupport_of

QUIT_BYTES_MAX = 300


async def cap(server: Server, session: Session, message: Message) -> None:
    lines = session.negotiation.handle(message, session.server_name, session.user.name)
    session.reshape()
    if lines:
        session.send(*lines)


async def ping(server: Server, session: Session, message: Message) -> None:
    if not message.params or not message.params[0]:
        raise Refused(replies.ERR_NOORIGIN())
    line = f":{session.server_name} PONG {session.server_name} :{message.params[0]}"
    session.send(truncate(line, LINE_BYTES_MAX - 2))


async def pong(server: Server, session: Session, message: Message) -> None:
    """Hearing anything at all has shown that the client is there; a token, what it received."""
    server.devices.answered(session, message.params)


async def nick(server: Server, session: Session, message: Message) -> None:
    """Let a client ask for the nick it has: a nickname is the account's name."""
    if not message.params or not message.params[0]:
        raise Refused(replies.ERR_NONICKNAMEGIVEN())
    wanted = message.params[0]
    if wanted == session.user.name:
        return
    if fold(wanted) != session.user.key and server.directory.user(wanted) is not None:
        raise Refused(replies.ERR_NICKNAMEINUSE(wanted))
    raise Refused(
        replies.ERR_ERRONEUSNICKNAME(wanted, text="Your nickname is your account's name here")
    )


async def away(server: Server, session: Session, message: Message) -> None:
    text = message.params[0] if message.params else ""
    limit = server.settings.away_bytes_max
    session.away = truncate(text, limit) if limit else text
    session.away_since = session.heard_at
    if not text:
        session.reply(replies.RPL_UNAWAY())
    elif session.away == text:
        session.reply(replies.RPL_NOWAWAY())
    else:
        shown = f"You have been marked as being away; {limit} bytes of your text are shown"
        session.reply(replies.RPL_NOWAWAY(text=shown))
    announce_away(server, session.user)


async def setname(server: Server, session: Session, message: Message) -> None:
    """IRCv3 ``setname``: who knows the capability is told, in silence for the others."""
    user, name = session.user, message.params[0]
    if not name or len(name.encode()) > REALNAME_BYTES_MAX:
        if session.enabled & SETNAME:
            text = f"A name has 1 to {REALNAME_BYTES_MAX} bytes"
            raise Refused(fail("SETNAME", "INVALID_REALNAME", text=text))
        return
    user.realname = name
    event = seen(server, user, "SETNAME", "", name)
    put(event, (own for own in user.sessions if own.enabled & SETNAME), session)
    tell_watchers(server, user, event, SETNAME)


async def isupport(server: Server, session: Session, message: Message) -> None:
    session.send(*isupport_of(server, session))


async def quit_(server: Server, session: Session, message: Message) -> None:
    """End the session; "Quit: " stands before the reason, and alone where there is none."""
    text = truncate(message.params[0], QUIT_BYTES_MAX) if message.params else ""
    session.has_quit = True
    session.end(f"Quit: {text}")
    await trio.lowlevel.checkpoint()  # ends here: what follows a QUIT is not done


async def too_late(server: Server, session: Session, message: Message) -> None:
    raise Refused(replies.ERR_ALREADYREGISTERED())


async def authenticate(server: Server, session: Session, message: Message) -> None:
    raise Refused(replies.ERR_SASLALREADY())


COMMANDS = (
    Command(
        "CAP",
        cap,
        usage="<subcommand> [:<capabilities>]",
        help="Negotiate capabilities: LS, LIST, REQ, END.",
    ),
    Command(
        "PING",
        ping,
        usage="<token>",
        help="Get the token back, once all that was sent before is done.",
    ),
    Command("PONG", pong, usage="<token>", help="Answer a PING: it shows that you are there."),
    Command(
        "NICK", nick, usage="<nick>", help="Ask for your nickname, which is your account's name."
    ),
    Command(
        "AWAY",
        away,
        usage="[:<text>]",
        help="Say that you are away, or without a text that you are back.",
    ),
    Command(
        "SETNAME",
        setname,
        params_min=1,
        usage=":<name>",
        help="Change the name that is shown beside your nickname.",
    ),
    Command("ISUPPORT", isupport, help="Show again what the server supports."),
    Command("QUIT", quit_, usage="[:<reason>]", help="End this connection."),
    Command(
        "PASS",
        too_late,
        usage="<account>:<password>",
        help="Log in; before NICK and USER, and only then.",
    ),
    Command(
        "USER",
        too_late,
        usage="<username> 0 * :<name>",
        help="Introduce yourself at the login, and only then.",
    ),
    Command(
        "AUTHENTICATE",
        authenticate,
        usage="<mechanism or data>",
        help="Log in with SASL, and only then.",
    ),
)
