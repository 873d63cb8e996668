"""What clients say to ``*playback``, by which those made for the bouncer ZNC ask for history.

The commands are those of ZNC's *playback* module: ``PLAY <buffers> [from] [to]`` and
``LIST [buffers]``. A buffer is a channel or a person; ``*`` and ``?`` stand for anything, commas
part several. Times are seconds since 1970 with a fraction. A client gives as ``from`` the time of
the latest message that it has: what has just that time is not played again.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import structlog

from securechat.errors import StoreError
from securechat.protocol.masks import matches
from securechat.server.context import Server
from securechat.server.history.playback import play
from securechat.server.history.reading import (
    MESSAGE_KINDS,
    Conversation,
    Pages,
    played_kinds,
    readable_all,
)
from securechat.server.history.replay import WITHOUT_LIMIT
from securechat.server.sessions.session import Session

NAME = "*playback"

# Past the year 9999, in milliseconds.
_TIME_MAX = 1 << 48

log = structlog.get_logger(__name__)


async def command(server: Server, session: Session, text: str) -> None:
    """Carry out what was said to ``*playback``."""
    await session.settled()
    await session.turn(session.budgets.history)
    name, *words = text.split() or [""]
    try:
        match name.upper():
            case "PLAY" if words and len(words) <= 3:
                await _play(server, session, words)
            case "LIST" if len(words) <= 1:
                await _list(server, session, words[0] if words else "*")
            case "CLEAR":
                _tell(session, "What was said is kept for everybody who was there: it stays.")
            case _:
                _tell(session, "Write PLAY <buffers> [from] [to], or LIST [buffers].")
    except StoreError as error:
        log.warning("history not readable", reason=str(error))
        _tell(session, "What was said cannot be read now. Try again later.")


async def _play(server: Server, session: Session, words: list[str]) -> None:
    after_ms, before_ms = -1, _TIME_MAX
    try:
        if len(words) > 1:
            after_ms = _milliseconds(words[1])
        if len(words) > 2:
            before_ms = _milliseconds(words[2])
    except ValueError:
        _tell(session, "A time is given in seconds since 1970, such as 1790000000.123.")
        return
    end = server.delivery.position + 1
    after = await server.store.position_at(after_ms + 1) - 1 if after_ms > 0 else 0
    before = min(end, await server.store.position_at(before_ms)) if len(words) > 2 else end
    limit = server.settings.catch_up_messages_max or WITHOUT_LIMIT
    kinds = played_kinds(session)
    for conversation in await _chosen(server, session, words[0]):
        start = max(after, conversation.floor)
        pages = Pages(server.store, conversation.key, start, before, limit, kinds, newest=True)
        await play(server.store, session, conversation.name, pages, unasked=True)


async def _list(server: Server, session: Session, buffers: str) -> None:
    """Tell which buffers there are, and the times of the first and the last message of each."""
    end = server.delivery.position + 1
    for conversation in await _chosen(server, session, buffers):
        edges = [
            await server.store.history(
                conversation.key,
                after=conversation.floor,
                before=end,
                limit=1,
                newest=newest,
                kinds=MESSAGE_KINDS,
            )
            for newest in (False, True)
        ]
        if all(edges):
            first, last = (f"{edge[0].event.time_ms / 1000:.3f}" for edge in edges)
            await session.outbox.room()
            _tell(session, f"{conversation.name} {first} {last}")


async def _chosen(server: Server, session: Session, buffers: str) -> list[Conversation]:
    masks = [mask for mask in buffers.split(",") if mask]
    return [
        conversation
        for conversation in await readable_all(server, session.user)
        if any(matches(mask, conversation.name) for mask in masks)
    ]


def _milliseconds(text: str) -> int:
    """Return a time in milliseconds since 1970; raises ``ValueError``."""
    try:
        milliseconds = Decimal(text) * 1000
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not (milliseconds.is_finite() and 0 <= milliseconds <= _TIME_MAX):
        raise ValueError("no time")
    return int(milliseconds)


def _tell(session: Session, text: str) -> None:
    server, nick = session.server_name, session.user.name
    session.send(f":{NAME}!playback@{server} PRIVMSG {nick} :{text}")
