"""METADATA, as the IRCv3 ``metadata`` draft (``draft/metadata-2``) defines it.

The metadata of a channel is for its members; from outside it is as if the channel were not there.
Everybody may set values of the own account, operators those of their channels. Moderators of the
server may remove the values of anybody but administrators; the audit log tells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from securechat.errors import StoreError
from securechat.protocol import replies
from securechat.protocol.capabilities import METADATA
from securechat.protocol.message import Message
from securechat.protocol.metadata import KEYS_MAX, SUBSCRIPTIONS_MAX, is_key, is_value
from securechat.protocol.names import is_channel
from securechat.protocol.replies import Numeric, Reply, fail, in_lines
from securechat.server.commands.auditing import acted, not_stored
from securechat.server.commands.base import Command, Refused
from securechat.server.context import Server
from securechat.server.history.dialogs import find_partner
from securechat.server.persistence.metadata import (
    METADATA_RECORD,
    Metadata,
    Target,
    in_batch,
    of_room,
    of_user,
)
from securechat.server.rooms.room import RANKS, Room
from securechat.server.sessions.session import LINES_AT_ONCE, Session
from securechat.store.contract import Change
from securechat.store.credentials.accounts import ADMIN

# What fits beside the longest server name and nick.
_ROOM = 400

T = TypeVar("T")

_Handler = Callable[[Server, Session, str, Sequence[str]], Awaitable[None]]

log = structlog.get_logger(__name__)


async def metadata(server: Server, session: Session, message: Message) -> None:
    asked, subcommand, *params = message.params
    row = _SUBCOMMANDS.get(subcommand.upper())
    if row is None:
        text = "Invalid subcommand"
        raise Refused(fail("METADATA", "SUBCOMMAND_INVALID", subcommand, text=text))
    handler, needed = row
    if len(params) < needed:
        raise Refused(replies.ERR_NEEDMOREPARAMS("METADATA"))
    await handler(server, session, asked, params)


# --- what is there ----------------------------------------------------------------------------


async def _get(server: Server, session: Session, asked: str, keys: Sequence[str]) -> None:
    target = await _find_target(server, session, asked)
    values = server.metadata.of(target.id)
    answers = [
        _key_value(target.name, key, values[key])
        if key in values
        else replies.RPL_KEYNOTSET(target.name, key)
        if is_key(key)
        else _key_invalid(key)
        for key in keys
    ]
    await _send_batch(session, _lines(session, answers), target.name)


async def _list(server: Server, session: Session, asked: str, _params: Sequence[str]) -> None:
    target = await _find_target(server, session, asked)
    values = server.metadata.of(target.id)
    answers = [_key_value(target.name, key, value) for key, value in values.items()]
    await _send_batch(session, _lines(session, answers), target.name)


async def _sync(server: Server, session: Session, asked: str, _params: Sequence[str]) -> None:
    target = await _find_target(server, session, asked)
    keys = server.metadata.keys_of(session)
    room = server.directory.by_id.get(target.id)
    if room is not None:
        lines = server.metadata.room_lines(room, keys)
    else:
        lines = server.metadata.lines(target, keys)
    await _send_batch(session, lines, target.name)


# --- changes ----------------------------------------------------------------------------------


async def _set(server: Server, session: Session, asked: str, params: Sequence[str]) -> None:
    key, value = params[0], params[1] if len(params) > 1 else None
    if not is_key(key):
        raise Refused(_key_invalid(key))
    target = await _find_target(server, session, asked)
    also = await _permission(server, session, target, asked, key, removing=value is None)
    if value is not None and not is_value(value):
        text = "The value is too long, or has characters that cannot be shown"
        raise Refused(fail("METADATA", "VALUE_INVALID", text=text))
    wait = server.metadata.wait(session)
    if wait:
        text = f"Too many changes: try again in {wait} seconds"
        raise Refused(fail("METADATA", "RATE_LIMITED", asked, key, str(wait), text=text))
    server.records.post(
        _Set(
            metadata=server.metadata,
            session=session,
            target=target,
            also=also,
            asked=asked,
            key=key,
            value=value,
        )
    )


async def _clear(server: Server, session: Session, asked: str, _params: Sequence[str]) -> None:
    target = await _find_target(server, session, asked)
    also = await _permission(server, session, target, asked, "*", removing=True)
    server.records.post(_Clear(metadata=server.metadata, session=session, target=target, also=also))


async def _permission(
    server: Server, session: Session, target: Target, asked: str, key: str, *, removing: bool
) -> Sequence[Change]:
    """Return what else is to be stored with a change: a moderator's is noted.

    Raises ``Refused`` for who may not make it.
    """
    user = session.user
    room = server.directory.by_id.get(target.id)
    if target.id == user.account_id or (room is not None and room.rank(user) >= RANKS["o"]):
        return ()
    if removing and user.moderates and room is None:
        account = await _looked_up(asked, server.gate.account(target.name))
        if user.admin or (account is not None and account.role != ADMIN):
            return (acted(server, session, "remove metadata", target=target.name, detail=key),)
    text = f"You may not change {key} of {asked}"
    raise Refused(fail("METADATA", "KEY_NO_PERMISSION", asked, key, text=text))


@dataclass(slots=True, kw_only=True)
class _Edit:
    """The act of changing a target's values. ``also`` is stored with that."""

    metadata: Metadata
    session: Session
    target: Target
    also: Sequence[Change]
    before: Mapping[str, str] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        return f"{METADATA_RECORD} {self.target.key}"

    def failed(self, error: StoreError) -> None:
        self.session.reply(*not_stored("METADATA", error).replies)


@dataclass(slots=True, kw_only=True)
class _Set(_Edit):
    """The act of setting a value, or of removing it (``None``)."""

    asked: str
    key: str
    value: str | None
    after: dict[str, str] = field(default_factory=dict)
    refusal: Reply | None = None

    def changes(self) -> Sequence[Change]:
        self.before = self.metadata.of(self.target.id)
        self.after = dict(self.before)
        if self.value is not None:
            self.after[self.key] = self.value
        elif self.after.pop(self.key, None) is None:
            text = "The key is not set"
            self.refusal = fail("METADATA", "KEY_NOT_SET", self.asked, self.key, text=text)
        if len(self.after) > KEYS_MAX:
            text = f"There may be {KEYS_MAX} keys at most"
            self.refusal = fail("METADATA", "LIMIT_REACHED", self.asked, text=text)
        if self.refusal is not None or self.after == self.before:
            return ()
        return (self.metadata.change(self.target, self.after), *self.also)

    def done(self) -> None:
        if self.refusal is not None:
            self.session.reply(self.refusal)
            return
        if self.after != self.before:
            self.metadata.changed(self.target, self.after)
            self.metadata.tell(self.target, self.key, self.value, self.session)
        if self.value is None:
            self.session.reply(replies.RPL_KEYNOTSET(self.asked, self.key))
        else:
            self.session.reply(_key_value(self.asked, self.key, self.value))


@dataclass(slots=True, kw_only=True)
class _Clear(_Edit):
    """The act of removing all values; the answer has what they were."""

    def changes(self) -> Sequence[Change]:
        self.before = self.metadata.of(self.target.id)
        return (self.metadata.change(self.target, {}), *self.also) if self.before else ()

    def done(self) -> None:
        name = self.target.name
        if self.before:
            self.metadata.changed(self.target, {})
            for key in self.before:
                self.metadata.tell(self.target, key, None, self.session)
        answers = [_key_value(name, key, value) for key, value in self.before.items()]
        lines = _lines(self.session, answers)
        self.session.send(*in_batch(self.session, "metadata", lines, name))


# --- subscriptions ----------------------------------------------------------------------------


async def _sub(server: Server, session: Session, asked: str, keys: Sequence[str]) -> None:
    _require_oneself(session, asked)
    fresh: list[str] = []
    accepted: list[str] = []
    refusals: list[Reply] = []
    for key in keys:
        present = server.metadata.keys_of(session)
        if len(present) >= SUBSCRIPTIONS_MAX:
            text = f"You may subscribe to {SUBSCRIPTIONS_MAX} keys at most"
            refusals.append(fail("METADATA", "TOO_MANY_SUBS", key, text=text))
            break
        if not is_key(key):
            refusals.append(_key_invalid(key))
            continue
        accepted.append(key)
        if key not in present:
            fresh.append(key)
            server.metadata.subscribe(session, key)
    session.reply(*_listing(replies.RPL_METADATASUBOK, accepted), *refusals)
    if session.enabled & METADATA:
        await _send(session, server.metadata.subscribed_lines(session, fresh))


async def _unsub(server: Server, session: Session, asked: str, keys: Sequence[str]) -> None:
    _require_oneself(session, asked)
    valid = [key for key in keys if is_key(key)]
    for key in valid:
        server.metadata.unsubscribe(session, key)
    refusals = [_key_invalid(key) for key in keys if not is_key(key)]
    session.reply(*_listing(replies.RPL_METADATAUNSUBOK, valid), *refusals)


async def _subs(server: Server, session: Session, asked: str, _params: Sequence[str]) -> None:
    _require_oneself(session, asked)
    answers = _listing(replies.RPL_METADATASUBS, server.metadata.keys_of(session))
    session.send(*in_batch(session, "metadata-subs", _lines(session, answers)))


# --- what these share -------------------------------------------------------------------------


async def _find_target(server: Server, session: Session, asked: str) -> Target:
    """Return whose metadata is meant; raises ``Refused`` for what one may not know of."""
    if asked == "*":
        return of_user(session.user)
    if is_channel(asked):
        room = server.directory.room(asked)
        if room is not None and _may_read(server, session, room):
            return of_room(room)
        raise Refused(_invalid_target(asked))
    partner = await _looked_up(asked, find_partner(server, asked))
    if partner is None:
        raise Refused(_invalid_target(asked))
    return Target(partner.key, partner.account_id, partner.name)


def _may_read(server: Server, session: Session, room: Room) -> bool:
    """Tell whether a session is in a room, or moderates the server and may know of it."""
    if server.is_member(session, room):
        return True
    return session.user.moderates and server.visible(session, room)


async def _looked_up(asked: str, question: Awaitable[T]) -> T:
    try:
        return await question
    except StoreError as error:
        log.warning("account not found out", reason=str(error))
        text = "This could not be looked up. Try again later."
        raise Refused(fail("METADATA", "INTERNAL_ERROR", asked, text=text)) from error


def _require_oneself(session: Session, asked: str) -> None:
    if asked not in {"*", session.user.name}:
        raise Refused(_invalid_target(asked))


def _invalid_target(asked: str) -> Reply:
    return fail("METADATA", "INVALID_TARGET", asked, text="Invalid target")


def _key_invalid(key: str) -> Reply:
    return fail("METADATA", "KEY_INVALID", key, text="Invalid key")


def _key_value(name: str, key: str, value: str) -> Reply:
    return replies.RPL_KEYVALUE(name, key, "*", text=value)


def _listing(numeric: Numeric, keys: Iterable[str]) -> list[Reply]:
    return [numeric(*line.split(" ")) for line in in_lines(keys, _ROOM)]


def _lines(session: Session, answers: Iterable[Reply]) -> list[str]:
    return [answer.line(session.server_name, session.user.name) for answer in answers]


async def _send_batch(session: Session, lines: Iterable[str], name: str) -> None:
    await _send(session, in_batch(session, "metadata", lines, name))


async def _send(session: Session, lines: Sequence[str]) -> None:
    """Send lines, each piece when the client has taken enough of the last."""
    for start in range(0, len(lines), LINES_AT_ONCE):
        await session.outbox.room()
        session.send(*lines[start : start + LINES_AT_ONCE])


_SUBCOMMANDS: Mapping[str, tuple[_Handler, int]] = {
    "CLEAR": (_clear, 0),
    "GET": (_get, 1),
    "LIST": (_list, 0),
    "SET": (_set, 1),
    "SUB": (_sub, 1),
    "SUBS": (_subs, 0),
    "SYNC": (_sync, 0),
    "UNSUB": (_unsub, 1),
}
"""What handles each subcommand, and how many parameters it needs besides the target."""

COMMANDS = (
    Command(
        "METADATA",
        metadata,
        params_min=2,
        query=True,
        usage="<*|nick|channel> <GET|LIST|SET|CLEAR|SUB|UNSUB|SUBS|SYNC> [<key> [<value>]]",
        help="Show or set what somebody (* is you) or a channel tells: display-name, avatar, "
        "pronouns, homepage, status, color and other keys; or subscribe to keys, to be told "
        "when they change. Operators may set what their channel tells.",
    ),
)
