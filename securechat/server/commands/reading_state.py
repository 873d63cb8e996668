"""MARKREAD, as the IRCv3 ``read-marker`` draft defines it, and UNREAD.

What one may not read is answered about as what is not there.
"""

from __future__ import annotations

import re

import structlog

from securechat.errors import StoreError
from securechat.protocol.message import Message
from securechat.protocol.replies import Reply, fail
from securechat.server.commands.base import Command, Refused
from securechat.server.context import Server
from securechat.server.history.read_state import find_buffer, unread_line, unread_lines
from securechat.server.persistence.markers import marker_line
from securechat.server.sessions.rendering import parse_server_time
from securechat.server.sessions.session import Session

_TIMESTAMP = re.compile(r"timestamp=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)", re.ASCII)

log = structlog.get_logger(__name__)


async def markread(server: Server, session: Session, message: Message) -> None:
    if not message.params or not message.params[0]:
        raise Refused(fail("MARKREAD", "NEED_MORE_PARAMS", text="Missing parameters"))
    target = message.params[0]
    time_ms = _time(message.params[1]) if len(message.params) > 1 else None
    try:
        buffer = await find_buffer(server, session, target)
    except StoreError as error:
        log.warning("read marker not found", reason=str(error))
        text = "The read timestamp could not be looked up"
        raise Refused(fail("MARKREAD", "INTERNAL_ERROR", target, text=text)) from error
    if buffer is None:
        raise Refused(_invalid(target))
    if time_ms is None:
        await session.settled()
        session.send(marker_line(session, buffer.name, session.user.markers.get(buffer.id)))
        return
    # The journal's times may be ahead of a clock that was put back.
    latest_ms = max(server.now_ms(), server.journal.latest_ms)
    server.markers.mark(session, buffer, min(max(time_ms, 0), latest_ms))


async def unread(server: Server, session: Session, message: Message) -> None:
    target = message.params[0] if message.params else ""
    end = server.delivery.position + 1
    try:
        if not target:
            session.send(*await unread_lines(server, session, end))
            return
        line = await unread_line(server, session, target, end)
    except StoreError as error:
        log.warning("unread messages not counted", reason=str(error))
        text = "What is unread could not be counted"
        raise Refused(fail("UNREAD", "INTERNAL_ERROR", target or "*", text=text)) from error
    if not line:
        text = "There is nothing by this name that you can read"
        raise Refused(fail("UNREAD", "INVALID_TARGET", target, text=text))
    session.send(line)


def _time(text: str) -> int:
    """Return milliseconds since 1970. Raises ``Refused``."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise Refused(_invalid(text))
    try:
        return parse_server_time(match[1])
    except ValueError:
        raise Refused(_invalid(text)) from None


def _invalid(what: str) -> Reply:
    return fail("MARKREAD", "INVALID_PARAMS", what, text="Invalid parameters")


COMMANDS = (
    Command(
        "MARKREAD",
        markread,
        pipelined=True,
        usage="<channel or nick> [timestamp=<time>]",
        help="Show up to when you have read what is said somewhere, or set it, for all your "
        "clients.",
    ),
    Command(
        "UNREAD",
        unread,
        query=True,
        usage="[<channel or nick>]",
        help="Count what you have not read, and how much of that names you: in one channel or "
        "from one person, or everywhere.",
    ),
)
