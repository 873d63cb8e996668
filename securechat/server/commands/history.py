"""CHATHISTORY, as the IRCv3 ``chathistory`` draft defines it, and HISTORY, a channel's setting.

References become positions first, so messages of equal time are never skipped or repeated. An
answer ends where delivery was when it was asked for: what comes later comes by itself.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import structlog

from securechat.errors import StoreError
from securechat.protocol.capabilities import BATCH
from securechat.protocol.message import Message
from securechat.protocol.replies import Reply, fail
from securechat.server.commands.auditing import acted
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.rooms import alone_in, governed_room, require_role
from securechat.server.context import Server
from securechat.server.history.playback import play
from securechat.server.history.reading import (
    MESSAGE_KINDS,
    PIECE_EVENTS,
    Conversation,
    Pages,
    history_setting,
    played_kinds,
    readable,
    readable_all,
)
from securechat.server.rooms.room import CHANNEL_RECORD
from securechat.server.sessions.rendering import history_sentence, parse_server_time, server_time
from securechat.server.sessions.session import LINES_AT_ONCE, Session
from securechat.store.contract import Change

log = structlog.get_logger(__name__)

_PARAMETERS = {"LATEST": 4, "BEFORE": 4, "AFTER": 4, "AROUND": 4, "BETWEEN": 5, "TARGETS": 4}


@dataclass(frozen=True, slots=True)
class _Place:
    """The first and the last position that a reference means.

    A msgid means one position. A time means what has that time; where nothing has, ``first`` is
    one more than ``last``, and the place is the gap between these two.
    """

    first: int
    last: int


@dataclass(slots=True)
class _Request:
    """One CHATHISTORY, checked as far as that goes without the store."""

    server: Server
    session: Session
    subcommand: str
    target: str
    limit: int
    end: int
    """One past the newest position that is answered with."""

    async def place(self, conversation: Conversation, reference: str) -> _Place:
        """Return what a reference means. Raises ``Refused`` or ``StoreError``."""
        kind, _, value = reference.partition("=")
        if kind == "msgid" and value:
            stored = await self.server.store.locate(value)
            # What was for those with a role alone is kept apart, and was shown in the channel.
            if stored is None or stored.event.conversation.lstrip("@%+") != conversation.key:
                raise Refused(self.not_retrieved("MESSAGE_ERROR"))
            return _Place(stored.position, stored.position)
        if kind == "timestamp":
            time_ms = self.time(value)
            position_at = self.server.store.position_at
            return _Place(await position_at(time_ms), await position_at(time_ms + 1) - 1)
        if kind in {"msgid", "*"} or "=" not in reference:
            raise Refused(_invalid(self.subcommand, reference, text="Invalid reference"))
        text = "Only msgid= and timestamp= are supported"
        raise Refused(
            fail("CHATHISTORY", "INVALID_MSGREFTYPE", self.subcommand, self.target, text=text)
        )

    def time(self, value: str) -> int:
        """Return milliseconds since 1970. Raises ``Refused``."""
        try:
            return parse_server_time(value)
        except ValueError:
            raise Refused(_invalid(self.subcommand, value, text="Invalid timestamp")) from None

    def not_retrieved(self, code: str) -> Reply:
        text = "Messages could not be retrieved"
        return fail("CHATHISTORY", code, self.subcommand, self.target, text=text)

    def pages(self, key: str, after: int, before: int, *, newest: bool = False) -> Pages:
        kinds = played_kinds(self.session)
        before = min(before, self.end)
        return Pages(self.server.store, key, after, before, self.limit, kinds, newest=newest)


async def chathistory(server: Server, session: Session, message: Message) -> None:
    await session.turn(session.budgets.history)
    subcommand, *rest = message.params
    wanted = _PARAMETERS.get(subcommand.upper())
    if wanted is None:
        raise Refused(_invalid(subcommand, text="Unknown command"))
    subcommand = subcommand.upper()
    if len(message.params) < wanted:
        raise Refused(_invalid(subcommand, text="Insufficient parameters"))
    if len(message.params) > wanted:
        raise Refused(_invalid(subcommand, text="Too many parameters"))
    limit = _limit(server, subcommand, rest[-1])
    target = "*" if subcommand == "TARGETS" else rest[0]
    end = server.delivery.position + 1
    request = _Request(server, session, subcommand, target, limit, end)
    try:
        if subcommand == "TARGETS":
            await _targets(request, rest[0], rest[1])
            return
        conversation = await readable(server, session.user, target)
        if conversation is None:
            raise Refused(request.not_retrieved("INVALID_TARGET"))
        pages = await _pages(request, conversation, rest[1:-1])
        await play(server.store, session, conversation.name, pages)
    except StoreError as error:
        log.warning("history not readable", reason=str(error))
        raise Refused(request.not_retrieved("MESSAGE_ERROR")) from error


async def _pages(request: _Request, conversation: Conversation, references: list[str]) -> Pages:
    """Return what is asked for. Raises ``Refused`` or ``StoreError``."""
    key, floor = conversation.key, conversation.floor
    if request.subcommand == "LATEST" and references == ["*"]:
        return request.pages(key, floor, request.end, newest=True)
    places = [await request.place(conversation, reference) for reference in references]
    one, other = places[0], places[-1]
    match request.subcommand:
        case "LATEST":
            return request.pages(key, max(floor, one.last), request.end, newest=True)
        case "BEFORE":
            return request.pages(key, floor, one.first, newest=True)
        case "AFTER":
            return request.pages(key, max(floor, one.last), request.end)
        case "AROUND":
            return await _around(request, key, floor, one)
    if one.first <= other.first:
        return request.pages(key, max(floor, one.last), other.first)
    # Back in time: the limit counts from the later one, which is the first that was named.
    return request.pages(key, max(floor, other.last), one.first, newest=True)


async def _around(request: _Request, key: str, floor: int, place: _Place) -> Pages:
    """Return what surrounds a place: half before, and half at it and after; else more of one."""
    request.limit = limit = min(request.limit, PIECE_EVENTS)
    older = await request.pages(key, floor, place.first, newest=True).next()
    newer = await request.pages(key, max(floor, place.first - 1), request.end).next()
    after = min(len(newer), limit - min(len(older), limit // 2))
    before = min(len(older), limit - after)
    pages = request.pages(key, 0, 0)
    pages.already = [*older[len(older) - before :], *newer[:after]]
    return pages


async def _targets(request: _Request, one: str, other: str) -> None:
    """List the conversations whose latest message lies between two times, by its time.

    Counted from the first of the two times on, which may be the later one.
    """
    session, store = request.session, request.server.store
    first, second = (request.time(_timestamp(request, text)) for text in (one, other))
    low, high = min(first, second), max(first, second)
    found: list[tuple[int, int, str]] = []
    for conversation in await readable_all(request.server, session.user):
        latest = await store.history(
            conversation.key,
            after=conversation.floor,
            before=request.end,
            limit=1,
            newest=True,
            kinds=MESSAGE_KINDS,
        )
        if latest and low < latest[0].event.time_ms < high:
            found.append((latest[0].position, latest[0].event.time_ms, conversation.name))
    found.sort()
    found = found[: request.limit] if first <= second else found[-request.limit :]
    lines = [f"CHATHISTORY TARGETS {name} {server_time(time_ms)}" for _, time_ms, name in found]
    server = session.server_name
    if session.enabled & BATCH:
        batch = secrets.token_hex(4)
        lines = [f"@batch={batch} :{server} {line}" for line in lines]
        lines.insert(0, f":{server} BATCH +{batch} draft/chathistory-targets")
        lines.append(f":{server} BATCH -{batch}")
    else:
        lines = [f":{server} {line}" for line in lines]
    for start in range(0, len(lines), LINES_AT_ONCE):
        await session.outbox.room()
        session.send(*lines[start : start + LINES_AT_ONCE])


def _timestamp(request: _Request, reference: str) -> str:
    """Return the time that a reference of TARGETS gives: nothing else is one there."""
    kind, _, value = reference.partition("=")
    if kind != "timestamp":
        raise Refused(_invalid(request.subcommand, reference, text="Invalid timestamp"))
    return value


def _limit(server: Server, subcommand: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:9]) > 0):
        raise Refused(_invalid(subcommand, text, text="Invalid limit"))
    most = server.settings.history_page_max
    return min(int(text[:9]), most) if most else int(text[:9])


def _invalid(subcommand: str, text_given: str = "", *, text: str) -> Reply:
    context = (subcommand, text_given) if text_given else (subcommand,)
    return fail("CHATHISTORY", "INVALID_PARAMS", *context, text=text)


async def history(server: Server, session: Session, message: Message) -> None:
    """Tell from where the members of a channel read its history, or set it."""
    name = message.params[0]
    room = governed_room(server, session, name)
    if len(message.params) < 2:
        sentence = history_sentence(history_setting(server, room))
        session.send(f":{session.server_name} NOTICE {session.user.name} :{room.name}: {sentence}")
        return
    require_role(session, room, "o")
    wanted = message.params[1].lower()
    if wanted not in {"all", "joined"}:
        text = "Write all, or joined: from each member's last join on"
        raise Refused(fail("HISTORY", "INVALID_VALUE", room.name, message.params[1], text=text))
    room = await alone_in(server, session, name, governed_room)
    require_role(session, room, "o")
    if wanted == room.history:
        return
    server.journal.post(
        session,
        "HISTORY",
        conversation=room.id,
        target=room.name,
        text=wanted,
        changes=[
            Change(CHANNEL_RECORD, room.id, room.to_value() | {"history": wanted}),
            acted(server, session, "history", channel=room.name, detail=wanted),
        ],
        claims={room.id: True},
    )


COMMANDS = (
    Command(
        "CHATHISTORY",
        chathistory,
        params_min=1,
        usage="<subcommand> <target> <reference> [<reference>] <limit>",
        help="Show what was said in a channel or with a person: LATEST, BEFORE, AFTER, AROUND, "
        "BETWEEN; or with TARGETS, where something was said.",
    ),
    Command(
        "HISTORY",
        history,
        params_min=1,
        usage="<channel> [all|joined]",
        help="Tell from where the members of a channel read its history, or set it: all of it, or "
        "from each member's last join on. Operators of the channel may.",
    ),
)
