"""Watchers: what has to be looked at again and again while the server runs.

Silence on a connection, accounts and announcements changed by another process, and old entries of
the limits. One task each for all connections, so an idle session costs no timer.
"""

from __future__ import annotations

import structlog
import trio

from securechat.config import limit
from securechat.errors import StoreError, StoreUnavailable
from securechat.protocol.framing import split_text
from securechat.server.commands.batches import end_overdue
from securechat.server.context import Server
from securechat.server.persistence.uses import end_device
from securechat.server.rooms.room import CHANNEL_RECORD, Room
from securechat.store.audit import prune_audit
from securechat.store.contract import Change, Record
from securechat.store.credentials.accounts import KIND as ACCOUNT_RECORD
from securechat.store.credentials.accounts import account_of
from securechat.store.credentials.tokens import KIND as TOKEN_RECORD

SILENCE_SECONDS = 1.0
BATCHES_SECONDS = 1.0
CHANGES_SECONDS = 0.25
EXPIRY_SECONDS = 2.0
LIMITS_SECONDS = 60.0
AUDIT_SECONDS = 3600.0
# Old entries of the audit log go in portions, with a pause that lets messages be committed.
AUDIT_PORTION = 200
AUDIT_PAUSE_SECONDS = 0.2
DAY_MS = 86_400_000
# A notice with the longest names of server and person fits into a line.
NOTICE_BYTES_MAX = 400
ANNOUNCEMENT_RECORD = "announcement"

log = structlog.get_logger(__name__)


async def watch_silence(server: Server) -> None:
    """Ping who has been silent, and end who stays silent. Returns at once where both are off."""
    ping, drop = limit(server.settings.ping_seconds), limit(server.settings.drop_seconds)
    shortest = min(ping, drop)
    if shortest == float("inf"):
        return
    while True:
        now = trio.current_time()
        due = now + shortest
        for session in list(server.sessions):
            silence = now - session.heard_at
            if silence >= drop:
                session.end(f"Ping timeout: {int(silence)} seconds")
                continue
            if silence >= ping and not session.pinged:
                session.pinged = True
                session.push(f"PING :{session.server_name}")
            due = min(due, session.heard_at + (drop if session.pinged else shortest))
        await trio.sleep_until(max(due, now + SILENCE_SECONDS))


async def watch_batches(server: Server) -> None:
    """End the messages of several lines whose lines do not come."""
    while True:
        await trio.sleep(BATCHES_SECONDS)
        for session in list(server.sessions):
            end_overdue(session, server.settings.multiline_seconds)


async def watch_changes(server: Server, mark: int) -> None:
    """Follow what other processes change: accounts, tokens, and announcements to make."""
    while True:
        await trio.sleep(CHANGES_SECONDS)
        try:
            records, mark = await server.store.changed(mark)
        except StoreUnavailable as error:
            log.warning("changes not readable, asking again", reason=str(error))
            continue
        for record in records:
            if record.kind == ACCOUNT_RECORD:
                _account_changed(server, record)
            elif record.kind == TOKEN_RECORD and record.value is None:
                end_device(server, record.key)
            elif record.kind == ANNOUNCEMENT_RECORD and record.value is not None:
                await _announcement(server, record)


def _account_changed(server: Server, record: Record) -> None:
    """End the sessions whose login no longer holds; show a change of role from now on."""
    server.gate.changed()
    user = server.directory.users.get(record.key)
    if user is None:
        return
    account = account_of(record)
    for session in list(user.sessions):
        if account is None:
            session.end("Your account was removed")
        elif account.disabled:
            session.end("Your account was disabled")
        elif suspension := account.suspended(server.now_ms()):
            session.end(f"Your account is suspended {suspension.words}")
        elif account.credential != session.credential:
            session.end("Your password was changed")
    if account is not None:
        user.account_role = account.role


async def _announcement(server: Server, record: Record) -> None:
    """Tell everybody, then remove the record: that is the receipt for whoever wrote it."""
    announce(server, str((record.value or {}).get("text", "")))
    try:
        await server.store.put([Change(record.kind, record.key, None)])
    except StoreError as error:
        log.warning("announcement not acknowledged", reason=str(error))


async def watch_expiry(server: Server) -> None:
    """Remove from the channels' lists what has an end that is over, for all to see.

    It counts no longer from that moment on, whether or not it is still in the list.
    """
    while True:
        await trio.sleep(EXPIRY_SECONDS)
        for room in list(server.directory.by_id.values()):
            if room.modes.expired(server.now_ms()):
                while await server.journal.turns.wait(room.id, alone=True):
                    pass
                if room.id in server.directory.by_id:
                    _remove_expired(server, room)


def _remove_expired(server: Server, room: Room) -> None:
    """Post one MODE for each entry, for each fits into a line; the first has the record."""
    modes, now_ms = room.modes, server.now_ms()
    expired = modes.expired(now_ms)
    for change in expired:
        modes = modes.changed(change, "", now_ms)
    changes = [Change(CHANNEL_RECORD, room.id, room.to_value() | {"modes": modes.to_value()})]
    for change in expired:
        server.journal.post_own(
            server.settings.server_name,
            "MODE",
            conversation=room.id,
            target=room.name,
            text=f"-{change.letter} {change.param}",
            changes=changes,
            claims={room.id: True},
        )
        changes = []


def announce(server: Server, text: str) -> int:
    """Send everybody a notice from the server; return how many sessions got it.

    Each line is a notice of its own, or several where it is too long for one.
    """
    lines = [
        piece
        for line in text.replace("\0", "").splitlines()
        if line.strip()
        for piece in split_text(line, NOTICE_BYTES_MAX)
    ]
    if not lines:
        return 0
    for session in server.sessions:
        session.send(
            *(f":{session.server_name} NOTICE {session.user.name} :{line}" for line in lines)
        )
    log.info("announced", sessions=len(server.sessions))
    return len(server.sessions)


async def watch_audit(server: Server) -> None:
    """Remove what the audit log has kept for long enough. Returns at once where that is for ever.

    What cannot be removed now is tried again an hour later.
    """
    days = server.settings.audit_days
    while days:
        before_ms = server.now_ms() - days * DAY_MS
        removed, found = 0, AUDIT_PORTION
        try:
            while found == AUDIT_PORTION:
                found = await prune_audit(server.store, before_ms=before_ms, limit=AUDIT_PORTION)
                removed += found
                await trio.sleep(AUDIT_PAUSE_SECONDS)
        except StoreError as error:
            log.warning("audit log not shortened, trying again later", reason=str(error))
        if removed:
            log.info("audit log shortened", entries=removed)
        await trio.sleep(AUDIT_SECONDS)


async def forget_old_limits(server: Server) -> None:
    """Bound the limits' memory by dropping what no longer counts."""
    while True:
        await trio.sleep(LIMITS_SECONDS)
        now = trio.current_time()
        server.addresses.forget_old(now)
        server.gate.limits.forget_old(now)
