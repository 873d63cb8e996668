"""SUSPEND, UNSUSPEND and AUDIT: shutting accounts out, and reading who did what.

These commands are SecureChat's own; their errors are standard replies, and 481 without the role.
Moderators suspend members; administrators suspend moderators and each other too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from securechat.errors import StoreError, UserError
from securechat.protocol import replies
from securechat.protocol.durations import format_duration, split_duration
from securechat.protocol.message import Message
from securechat.protocol.replies import fail
from securechat.server.commands.auditing import entry_lines, not_stored, tell
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.operators import require_admin
from securechat.server.context import Server
from securechat.server.sessions.session import Session
from securechat.store.audit import audit_page
from securechat.store.credentials.accounts import MEMBER, Account, Accounts

REASON_BYTES_MAX = 200
AUDIT_DEFAULT = 20
AUDIT_MAX = 100

# A time, as far as it is given, or a place that an answer named.
_PLACE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d[\d./a-fZ]*)?)?)?)?)?", re.ASCII)


def require_moderator(session: Session) -> None:
    """Refuse (481) everybody but moderators and administrators."""
    if not session.user.moderates:
        text = "Permission denied: you are neither a moderator nor an administrator"
        raise Refused(replies.ERR_NOPRIVILEGES(text=text))


def duration_and_reason(command: str, words: Sequence[str]) -> tuple[int, str]:
    """Return ``[<duration>] [:<reason>]`` as seconds (0: for ever) and text; ``Refused`` if bad."""
    try:
        seconds, reason = split_duration(words)
    except ValueError as error:
        text = str(error)
        text = text[:1].upper() + text[1:]
        raise Refused(fail(command, "INVALID_DURATION", words[0], text=text)) from None
    if len(reason.encode()) > REASON_BYTES_MAX:
        text = f"A reason has at most {REASON_BYTES_MAX} bytes: use fewer words"
        raise Refused(fail(command, "REASON_TOO_LONG", text=text))
    return seconds, reason


async def suspend(server: Server, session: Session, message: Message) -> None:
    require_moderator(session)
    name, *words = message.params
    seconds, reason = duration_and_reason("SUSPEND", words)
    account = await _account(server, "SUSPEND", name)
    if account.key == session.user.key:
        raise Refused(fail("SUSPEND", "NOT_ALLOWED", name, text="You cannot suspend yourself"))
    if account.role != MEMBER and not session.user.admin:
        text = f"{account.name} is {_A[account.role]}: only an administrator may do that"
        raise Refused(fail("SUSPEND", "NOT_ALLOWED", name, text=text))
    accounts = _accounts(server, session)
    try:
        await accounts.suspend(account.name, seconds=seconds, by=session.user.name, reason=reason)
    except UserError as error:
        raise Refused(_nobody("SUSPEND", name)) from error
    except StoreError as error:
        raise not_stored("SUSPEND", error) from error
    how_long = f"for {format_duration(seconds)}" if seconds else "until UNSUSPEND"
    tell(session, f"{account.name} is suspended {how_long}")


_A = {"admin": "an administrator", "moderator": "a moderator"}


async def unsuspend(server: Server, session: Session, message: Message) -> None:
    require_moderator(session)
    name = message.params[0]
    account = await _account(server, "UNSUSPEND", name)
    if account.suspended(server.now_ms()) is None:
        text = f"{account.name} is not suspended"
        raise Refused(fail("UNSUSPEND", "NOT_SUSPENDED", name, text=text))
    try:
        await _accounts(server, session).unsuspend(account.name)
    except UserError as error:
        raise Refused(_nobody("UNSUSPEND", name)) from error
    except StoreError as error:
        raise not_stored("UNSUSPEND", error) from error
    tell(session, f"{account.name} is not suspended any more")


def _accounts(server: Server, session: Session) -> Accounts:
    return Accounts(server.store, by=session.user.name, now_ms=server.now_ms)


async def _account(server: Server, command: str, name: str) -> Account:
    try:
        account = await server.gate.account(name)
    except StoreError as error:
        raise not_stored(command, error) from error
    if account is None:
        raise Refused(_nobody(command, name))
    return account


def _nobody(command: str, name: str) -> replies.Reply:
    return fail(command, "NO_SUCH_ACCOUNT", name, text="There is no account of this name")


async def audit(server: Server, session: Session, message: Message) -> None:
    require_admin(session)
    wanted = message.params[0] if message.params else str(AUDIT_DEFAULT)
    if not (wanted.isascii() and wanted.isdecimal() and 0 < int(wanted[:9]) <= AUDIT_MAX):
        text = f"A count is a number from 1 to {AUDIT_MAX}"
        raise Refused(fail("AUDIT", "INVALID_COUNT", wanted, text=text))
    before = message.params[1] if len(message.params) > 1 else None
    if before is not None and not _PLACE.fullmatch(before):
        text = "Write a time in UTC, such as 2026-11-22 or 2026-11-22T20:26, or what AUDIT named"
        raise Refused(fail("AUDIT", "INVALID_TIME", before, text=text))
    count = int(wanted)
    # On the wire a place is one word, without spaces.
    before = before.replace("/", " ") if before is not None else None
    try:
        entries, rest = await audit_page(server.store, before=before, limit=count)
    except StoreError as error:
        text = "The audit log could not be read. Try again later."
        raise Refused(fail("AUDIT", "NOT_READ", text=text)) from error
    for entry in entries:
        tell(session, *entry_lines(entry))
    earlier = f"; earlier ones: AUDIT {count} {rest.replace(' ', '/')}" if rest else ""
    tell(session, f"End of the audit log: {len(entries)} entries, the latest last{earlier}")


COMMANDS = (
    Command(
        "SUSPEND",
        suspend,
        params_min=1,
        usage="<account> [<duration>] [:<reason>]",
        help="For moderators: shut a member out of the server, for a time such as 90s, 15m, 2h or "
        "7d, or until UNSUSPEND. The person is told until when and why.",
    ),
    Command(
        "UNSUSPEND",
        unsuspend,
        params_min=1,
        usage="<account>",
        help="For moderators: let somebody who was suspended log in again.",
    ),
    Command(
        "AUDIT",
        audit,
        query=True,
        usage="[<count> [<time>]]",
        help="For administrators: show the latest acts of moderators and administrators, or the "
        "latest before a time in UTC, such as 2026-11-22 or 2026-11-22T20:26.",
    ),
)
