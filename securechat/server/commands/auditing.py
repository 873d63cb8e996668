"""Acts for the audit log: what a session's moderator or administrator does, as a record's change.

An act that is an event of the journal carries its entry as one of the event's changes; any other
is stored before it is done. So nothing is done that the log does not tell.
"""

from __future__ import annotations

import structlog

from securechat.errors import StoreError, StoreUnavailable
from securechat.protocol.durations import format_time
from securechat.protocol.framing import split_text
from securechat.protocol.replies import fail
from securechat.server.commands.base import Refused
from securechat.server.context import Server
from securechat.server.sessions.session import Session
from securechat.store.audit import AuditEntry, audited
from securechat.store.contract import Change

# A notice with the longest names of server and person fits into a line.
_NOTICE_BYTES_MAX = 400

log = structlog.get_logger(__name__)


def acted(
    server: Server,
    session: Session,
    act: str,
    *,
    target: str = "",
    channel: str = "",
    detail: str = "",
    reason: str = "",
    until_ms: int = 0,
) -> Change:
    """Return the change that tells of a session's act; see ``AuditEntry``."""
    return audited(
        AuditEntry(
            server.now_ms(), session.user.name, act, target, channel, detail, reason, until_ms
        )
    )


def not_stored(command: str, error: StoreError) -> Refused:
    """Return the refusal of a command that could not be stored, and log why."""
    log.error("act not stored", command=command, reason=str(error))
    text = (
        "It could not be stored for certain. Look whether it was done before you do it again."
        if isinstance(error, StoreUnavailable)
        else "It could not be stored and was not done. Try again later."
    )
    return Refused(fail(command, "NOT_STORED", text=text))


def entry_lines(entry: AuditEntry) -> list[str]:
    """Return an entry as people read it, in pieces that fit into a notice each."""
    words = [format_time(entry.time_ms), f"{entry.by}:", entry.act, entry.target]
    words += [f"in {entry.channel}" if entry.channel else "", entry.detail]
    words += [f"until {format_time(entry.until_ms)}" if entry.until_ms else ""]
    words += [f"({entry.reason})" if entry.reason else ""]
    return list(split_text(" ".join(word for word in words if word), _NOTICE_BYTES_MAX))


def tell(session: Session, *texts: str) -> None:
    """Answer with notices from the server."""
    session.send(*(f":{session.server_name} NOTICE {session.user.name} :{text}" for text in texts))
