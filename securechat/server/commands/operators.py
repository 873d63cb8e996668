"""OPER, KILL, WALLOPS, REHASH, and what operators cannot do here.

Modern IRC Client Protocol, "Operator Messages". Who is an operator is decided by the account: an
administrator is one from the login on, without a second password, and nobody else becomes one.
"""

from __future__ import annotations

import structlog
import trio

from securechat.errors import StoreError
from securechat.protocol import replies
from securechat.protocol.framing import LINE_BYTES_MAX
from securechat.protocol.masks import matches
from securechat.protocol.message import Message
from securechat.protocol.replies import fail
from securechat.server.commands.base import Command, Refused
from securechat.server.context import Server
from securechat.server.fanout.showing import put, seen
from securechat.server.sessions.rendering import line_for
from securechat.server.sessions.session import Session
from securechat.store.audit import AuditEntry, audited

log = structlog.get_logger(__name__)


def require_admin(session: Session) -> None:
    """Refuse (481) everybody but administrators."""
    if not session.user.admin:
        raise Refused(replies.ERR_NOPRIVILEGES())


async def oper(server: Server, session: Session, message: Message) -> None:
    """Confirm the role. The name and the password are looked at no further, nor logged."""
    user = session.user
    if not user.admin:
        raise Refused(replies.ERR_NOOPERHOST())
    session.reply(replies.RPL_YOUREOPER())
    put(seen(server, user, "MODE", user.name, "+o"), [session], session)


async def kill(server: Server, session: Session, message: Message) -> None:
    """End all sessions of a user, who may log in again at once. Moderators may, too."""
    if not session.user.moderates:
        raise Refused(replies.ERR_NOPRIVILEGES(text="Permission denied: you are not a moderator"))
    name, comment = message.params[0], message.params[1] or "No reason given"
    if matches(name, server.settings.server_name):
        raise Refused(replies.ERR_CANTKILLSERVER())
    user = server.directory.user(name)
    if user is None:
        raise Refused(replies.ERR_NOSUCHNICK(name))
    by = session.user
    if user.admin and not by.admin:
        raise Refused(replies.ERR_NOPRIVS("kill"))
    reason = f"Killed ({by.name} ({comment}))"
    event = seen(server, by, "KILL", user.name, comment)
    _require_fits("KILL", line_for(event), f":{user.source} QUIT :{reason}")
    entry = AuditEntry(server.now_ms(), by.name, "kill", target=user.name, reason=comment)
    try:
        await server.store.put([audited(entry)])
    except StoreError as error:
        log.warning("kill not noted", reason=str(error))
        text = "It could not be noted in the audit log, so nobody was disconnected"
        raise Refused(fail("KILL", "NOT_STORED", user.name, text=text)) from error
    log.info("killed", by=by.key, account=user.key, reason=comment)
    put(event, user.sessions, session)
    for killed in list(user.sessions):
        killed.end(reason)
    if by is user:
        await trio.lowlevel.checkpoint()  # ends here: what follows is not done


async def wallops(server: Server, session: Session, message: Message) -> None:
    """Tell all administrators, and whoever set the user mode ``w``."""
    require_admin(session)
    text = message.params[0]
    if not text:
        raise Refused(replies.ERR_NEEDMOREPARAMS("WALLOPS"))
    event = seen(server, session.user, "WALLOPS", "", text)
    _require_fits("WALLOPS", line_for(event))
    told = (item for item in server.sessions if item.user.admin or item.user.wallops)
    put(event, told, session)


def _require_fits(command: str, *lines: str) -> None:
    """Refuse (417) what relaying would make too long: nothing is cut in silence."""
    if any(len(line.encode()) > LINE_BYTES_MAX - 2 for line in lines):
        raise Refused(replies.ERR_INPUTTOOLONG(text=f"{command} too long: use fewer words"))


async def rehash(server: Server, session: Session, message: Message) -> None:
    """Read the certificate again."""
    require_admin(session)
    session.reply(replies.RPL_REHASHING(server.settings.cert.name))
    problem = server.rehash()
    log.info("rehashed", by=session.user.key, problem=problem)
    if problem is not None:
        session.reply(fail("REHASH", "NOT_READ", text=problem))


async def no_other_server(server: Server, session: Session, message: Message) -> None:
    """CONNECT and SQUIT: a server that is alone has none to be linked to."""
    require_admin(session)
    raise Refused(replies.ERR_NOSUCHSERVER(message.params[0]))


async def not_from_here(server: Server, session: Session, message: Message) -> None:
    """DIE and RESTART: whoever runs the machine does that there."""
    raise Refused(
        replies.ERR_NOPRIVILEGES(text="The server is stopped where it runs, not from here")
    )


COMMANDS = (
    Command(
        "OPER",
        oper,
        params_min=2,
        usage="<name> <password>",
        help="Confirm that your account is an administrator's. No password makes it one.",
    ),
    Command(
        "KILL",
        kill,
        params_min=2,
        usage="<nick> :<reason>",
        help="For moderators: end all of somebody's connections.",
    ),
    Command(
        "WALLOPS",
        wallops,
        params_min=1,
        usage=":<text>",
        help="For administrators: tell all administrators, and whoever has the user mode w.",
    ),
    Command("REHASH", rehash, help="For administrators: read the server's certificate again."),
    Command(
        "CONNECT",
        no_other_server,
        params_min=1,
        usage="<server> [<port> [<remote server>]]",
        help="For administrators; there is no other server to connect to.",
    ),
    Command(
        "SQUIT",
        no_other_server,
        params_min=2,
        usage="<server> :<reason>",
        help="For administrators; there is no other server to disconnect from.",
    ),
    Command("DIE", not_from_here, help="Is refused: the server is stopped where it runs."),
    Command("RESTART", not_from_here, help="Is refused: the server is restarted where it runs."),
)
