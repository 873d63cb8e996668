"""BAN, UNBAN, MUTE, UNMUTE and SLOWMODE: keeping order in a channel, for a time.

These commands are SecureChat's own, a front of the channel's list of bans: BAN puts a mask or
``account:NAME`` into it, MUTE the same after ``mute:``. The entry keeps until when it holds; nobody
has to remember to remove it. Their errors are standard replies where the Modern IRC Client Protocol
has no numeric.
"""

from __future__ import annotations

from dataclasses import dataclass

from securechat.errors import StoreError
from securechat.protocol import replies
from securechat.protocol.banmasks import normal_mask
from securechat.protocol.durations import format_duration, parse_duration
from securechat.protocol.message import Message
from securechat.protocol.modes import LIST_MAX, ModeChange
from securechat.protocol.replies import fail
from securechat.server.commands.auditing import acted, not_stored, tell
from securechat.server.commands.base import Command, Handler, Refused
from securechat.server.commands.rooms import alone_in, governed_room, require_role
from securechat.server.commands.suspending import duration_and_reason
from securechat.server.context import Server
from securechat.server.rooms.room import CHANNEL_RECORD
from securechat.server.sessions.rendering import slow_mode_sentence
from securechat.server.sessions.session import Session
from securechat.store.contract import Change

SLOW_SECONDS_MAX = 6 * 3600


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the four commands differ in: their names and words, and what masks begin with."""

    do: str
    undo: str
    prefix: str
    state: str


_BAN = _Kind("BAN", "UNBAN", "", "banned from")
_MUTE = _Kind("MUTE", "UNMUTE", "mute:", "muted in")


async def _mask(server: Server, kind: _Kind, command: str, whom: str) -> tuple[str, str]:
    """Return the mask that means a person or is written out, and how it is called."""
    if not set(whom) & set("!@*?:"):
        try:
            account = await server.gate.account(whom)
        except StoreError as error:
            raise not_stored(command, error) from error
        if account is None and command == kind.do:
            text = "There is no account of this name; a mask has one of ! @ * ?"
            raise Refused(fail(command, "NO_SUCH_ACCOUNT", whom, text=text))
        name = account.name if account is not None else whom
        return f"{kind.prefix}account:{name}", name
    try:
        return normal_mask(kind.prefix + whom.removeprefix(kind.prefix)), whom
    except ValueError as error:
        raise Refused(fail(command, "INVALID_MASK", whom, text=str(error))) from None


def _doing(kind: _Kind) -> Handler:
    async def do(server: Server, session: Session, message: Message) -> None:
        name, whom, *words = message.params
        require_role(session, governed_room(server, session, name), "h")
        seconds, reason = duration_and_reason(kind.do, words)
        mask, called = await _mask(server, kind, kind.do, whom)
        room = await alone_in(server, session, name, governed_room)
        require_role(session, room, "h")
        if room.modes.entry("b", mask) is None and len(room.modes.listed("b")) >= LIST_MAX:
            raise Refused(replies.ERR_BANLISTFULL(room.name, "b"))
        until_ms = server.now_ms() + seconds * 1000 if seconds else 0
        entry = acted(
            server,
            session,
            kind.do.lower(),
            target=mask,
            channel=room.name,
            reason=reason,
            until_ms=until_ms,
        )

        def changes(time_ms: int) -> list[Change]:
            change, by = ModeChange(True, "b", mask), session.user.name
            modes = room.modes.changed(change, by, time_ms, until_ms=until_ms)
            value = room.to_value() | {"modes": modes.to_value()}
            return [Change(CHANNEL_RECORD, room.id, value), entry]

        server.journal.post(
            session,
            "BAN",
            conversation=room.id,
            target=room.name,
            text=f"+b {mask} {until_ms}",
            changes=changes,
            claims={room.id: True},
        )
        await session.settled()
        known = room.modes.entry("b", mask)
        if known is None or known.until_ms != until_ms:
            return  # it could not be stored, and the session was told so
        how_long = f"for {format_duration(seconds)}" if seconds else f"until {kind.undo}"
        tell(session, f"{called} is {kind.state} {room.name} {how_long}")

    return do


def _undoing(kind: _Kind) -> Handler:
    async def undo(server: Server, session: Session, message: Message) -> None:
        name, whom = message.params[:2]
        require_role(session, governed_room(server, session, name), "h")
        mask, called = await _mask(server, kind, kind.undo, whom)
        room = await alone_in(server, session, name, governed_room)
        require_role(session, room, "h")
        known = room.modes.entry("b", mask)
        if known is None:
            text = f"{called} is not {kind.state} {room.name}"
            raise Refused(fail(kind.undo, "NOT_LISTED", room.name, whom, text=text))
        modes = room.modes.changed(ModeChange(False, "b", known.mask), "", 0)
        value = room.to_value() | {"modes": modes.to_value()}
        server.journal.post(
            session,
            "MODE",
            conversation=room.id,
            target=room.name,
            text=f"-b {known.mask}",
            changes=[
                Change(CHANNEL_RECORD, room.id, value),
                acted(server, session, kind.undo.lower(), target=known.mask, channel=room.name),
            ],
            claims={room.id: True},
        )

    return undo


async def slow_mode(server: Server, session: Session, message: Message) -> None:
    name = message.params[0]
    room = governed_room(server, session, name)
    if len(message.params) < 2:
        tell(session, f"{room.name}: {slow_mode_sentence(room.pace.seconds)}")
        return
    require_role(session, room, "h")
    wanted = message.params[1]
    try:
        seconds = 0 if wanted.lower() in {"off", "0"} else parse_duration(wanted)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= SLOW_SECONDS_MAX:
        text = f"Write off, or 1s to {format_duration(SLOW_SECONDS_MAX)}, such as 10s or 2m"
        raise Refused(fail("SLOWMODE", "INVALID_DURATION", room.name, wanted, text=text))
    room = await alone_in(server, session, name, governed_room)
    require_role(session, room, "h")
    if seconds == room.pace.seconds:
        return
    detail = f"{seconds} seconds" if seconds else "off"
    server.journal.post(
        session,
        "SLOWMODE",
        conversation=room.id,
        target=room.name,
        text=str(seconds),
        changes=[
            Change(CHANNEL_RECORD, room.id, room.to_value() | {"slow_seconds": seconds}),
            acted(server, session, "slow mode", channel=room.name, detail=detail),
        ],
        claims={room.id: True},
    )


_WHOM = "<channel> <account or mask>"
_TIME = "a time such as 90s, 15m, 2h or 7d"

COMMANDS = (
    Command(
        "BAN",
        _doing(_BAN),
        params_min=2,
        usage=f"{_WHOM} [<duration>] [:<reason>]",
        help=f"Let somebody neither join a channel nor write in it, for {_TIME}, or until UNBAN. "
        "Operators and half-operators of the channel may, and moderators.",
    ),
    Command("UNBAN", _undoing(_BAN), params_min=2, usage=_WHOM, help="Undo BAN."),
    Command(
        "MUTE",
        _doing(_MUTE),
        params_min=2,
        usage=f"{_WHOM} [<duration>] [:<reason>]",
        help=f"Let somebody read a channel but not write in it, for {_TIME}, or until UNMUTE.",
    ),
    Command("UNMUTE", _undoing(_MUTE), params_min=2, usage=_WHOM, help="Undo MUTE."),
    Command(
        "SLOWMODE",
        slow_mode,
        params_min=1,
        usage="<channel> [<duration>|off]",
        help="Tell how often each member may write in a channel, or set it. Who has a role there "
        "is not concerned.",
    ),
)
