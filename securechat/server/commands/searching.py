"""SEARCH: what was said, found by its words, as ``soju.im/search`` defines it.

Only what CHATHISTORY would show is searched: ``history/reading.py`` says which conversations, and
from where on. Redacted messages have no text and are not found.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from securechat.errors import StoreError
from securechat.protocol.capabilities import BATCH
from securechat.protocol.message import Message, parse_tags
from securechat.protocol.names import fold, is_channel
from securechat.protocol.replies import Reply, fail
from securechat.server.commands.base import Command, Refused
from securechat.server.context import Server
from securechat.server.history.reading import Conversation, readable, readable_all
from securechat.server.sessions.rendering import lines_for, parse_server_time
from securechat.server.sessions.session import LINES_AT_ONCE, Session
from securechat.store.contract import Stored

BATCH_TYPE = "soju.im/search"
LIMIT_DEFAULT = 100
# One answer is gathered in memory, whatever a page of history may have.
LIMIT_MAX = 1000

_ATTRIBUTES = frozenset({"in", "from", "after", "before", "text", "limit"})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a client asks for; times in milliseconds since 1970, both ends included."""

    place: str
    author: str
    after_ms: int | None
    before_ms: int | None
    text: str
    limit: int


async def search(server: Server, session: Session, message: Message) -> None:
    await session.turn(session.budgets.searches)
    wanted = _wanted(server, message)
    try:
        conversations = await _conversations(server, session, wanted.place)
        found = await _found(server, conversations, wanted)
    except StoreError as error:
        log.warning("search failed", reason=str(error))
        text = "The search could not be run: try again later, or search for less"
        raise Refused(fail("SEARCH", "INTERNAL_ERROR", text=text)) from error
    await _show(session, found, {item.key: item.name for item in conversations})


def _wanted(server: Server, message: Message) -> _Wanted:
    """Return what the attributes say. Raises ``Refused``."""
    if len(message.params) > 1:
        raise Refused(_invalid(text="Invalid parameters: write \\s for a space"))
    attributes = parse_tags(message.params[0])
    unknown = [name for name in attributes if name not in _ATTRIBUTES]
    if unknown:
        raise Refused(_invalid(*unknown))
    return _Wanted(
        place=attributes.get("in", ""),
        author=fold(attributes.get("from", "")),
        after_ms=_time(attributes, "after"),
        before_ms=_time(attributes, "before"),
        text=attributes.get("text", ""),
        limit=_limit(server, attributes),
    )


def _time(attributes: Mapping[str, str], name: str) -> int | None:
    if name not in attributes:
        return None
    try:
        return parse_server_time(attributes[name])
    except ValueError:
        raise Refused(_invalid(name)) from None


def _limit(server: Server, attributes: Mapping[str, str]) -> int:
    most = min(server.settings.history_page_max or LIMIT_MAX, LIMIT_MAX)
    text = attributes.get("limit", "")
    if "limit" not in attributes:
        return min(LIMIT_DEFAULT, most)
    if not (text.isascii() and text.isdecimal() and int(text[:9]) > 0):
        raise Refused(_invalid("limit"))
    return min(int(text[:9]), most)


async def _conversations(server: Server, session: Session, place: str) -> Sequence[Conversation]:
    """Return where to search; what may not be read is refused like what does not exist.

    Raises ``Refused`` or ``StoreError``.
    """
    if not place:
        return await readable_all(server, session.user)
    conversation = await readable(server, session.user, place)
    if conversation is None:
        raise Refused(_invalid("in", text="There is no such conversation that you can read"))
    return [conversation]


async def _found(
    server: Server, conversations: Sequence[Conversation], wanted: _Wanted
) -> list[Stored]:
    """Return what was found, oldest first. Raises ``Refused`` or ``StoreError``."""
    after = 0
    # What delivery has not shown yet comes by itself.
    before = server.delivery.position + 1
    if wanted.after_ms is not None:
        after = await server.store.position_at(wanted.after_ms) - 1
    if wanted.before_ms is not None:
        before = min(before, await server.store.position_at(wanted.before_ms + 1))
    return await server.store.search(
        {item.key: item.floor for item in conversations},
        text=wanted.text,
        author=wanted.author,
        after=after,
        before=before,
        limit=wanted.limit,
        # With ``after``, "messages SHOULD be searched from that time".
        newest=wanted.after_ms is None,
    )


async def _show(session: Session, found: Sequence[Stored], names: Mapping[str, str]) -> None:
    """Send what was found under the channels' names of today, in pieces that the outbox takes."""
    shape = session.enabled
    batch = secrets.token_hex(4) if shape & BATCH else ""
    lines = [f":{session.server_name} BATCH +{batch} {BATCH_TYPE}"] if batch else []
    for stored in found:
        event = stored.event
        if is_channel(event.target):
            event = replace(event, target=names[event.conversation])
        lines += lines_for(event, shape, batch)
        if len(lines) >= LINES_AT_ONCE:
            await session.outbox.room()
            session.send(*lines)
            lines.clear()
    if batch:
        lines.append(f":{session.server_name} BATCH -{batch}")
    session.send(*lines)


def _invalid(*names: str, text: str = "Invalid parameters") -> Reply:
    return fail("SEARCH", "INVALID_PARAMS", *names, text=text)


COMMANDS = (
    Command(
        "SEARCH",
        search,
        params_min=1,
        usage="<attribute>=<value>[;<attribute>=<value>…]",
        help="Find messages by their words (text), where (in), by whom (from), when (after, "
        "before), and at most how many (limit). Write \\s for a space, as in "
        "in=#lobby;text=lost\\skey.",
    ),
)
