"""CHATHISTORY LATEST, BEFORE and AFTER, as the IRCv3 ``chathistory`` draft defines them.

References become positions first, so messages of equal time are never skipped or repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from securechat.errors import StoreError
from securechat.protocol.message import Message
from securechat.protocol.names import conversation_with, is_channel
from securechat.protocol.replies import Reply, fail
from securechat.server.commands.base import Command, Refused
from securechat.server.context import Server
from securechat.server.playback import PLAYED_KINDS, play
from securechat.server.rendering import parse_server_time
from securechat.server.session import Session
from securechat.store.contract import Stored

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Conversation:
    """What history is asked of: its key, its name for the answer, where reading may begin."""

    key: str
    name: str
    floor: int = 0


async def chathistory(server: Server, session: Session, message: Message) -> None:
    await session.turn(session.budgets.history)
    subcommand = message.params[0].upper()
    if subcommand not in {"LATEST", "BEFORE", "AFTER"}:
        raise Refused(_invalid(message.params[0], text="Unknown command"))
    if len(message.params) < 4:
        raise Refused(_invalid(subcommand, text="Insufficient parameters"))
    if len(message.params) > 4:
        raise Refused(_invalid(subcommand, text="Too many parameters"))
    _, target, reference, limit_text = message.params
    limit = _limit(server, subcommand, limit_text)
    try:
        name, events = await _found(server, session, subcommand, target, reference, limit)
    except StoreError as error:
        log.warning("history not readable", reason=str(error))
        raise Refused(_not_retrieved("MESSAGE_ERROR", subcommand, target)) from error
    # Requests may follow each other faster than the client reads what they bring.
    await session.outbox.room()
    play(session, name, events)


async def _found(
    server: Server, session: Session, subcommand: str, target: str, reference: str, limit: int
) -> tuple[str, list[Stored]]:
    """Return the conversation's name and the events that are asked for. Raises ``StoreError``."""
    conversation = await _conversation(server, session, subcommand, target)
    after, before = conversation.floor, None
    if reference != "*" or subcommand != "LATEST":
        first, last = await _positions(server, subcommand, target, reference)
        if subcommand == "BEFORE":
            before = first
        else:
            after = max(after, last)
    events = await server.store.history(
        conversation.key,
        after=after,
        before=before,
        limit=limit,
        newest=subcommand != "AFTER",
        kinds=PLAYED_KINDS,
    )
    return conversation.name, events


def _limit(server: Server, subcommand: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:9]) > 0):
        raise Refused(_invalid(subcommand, text_given=text, text="Invalid limit"))
    most = server.settings.history_page_max
    return min(int(text[:9]), most) if most else int(text[:9])


async def _conversation(
    server: Server, session: Session, subcommand: str, target: str
) -> Conversation:
    """Return what may be read; what may not answers as what does not exist."""
    if is_channel(target):
        room = server.directory.room(target)
        if room is not None and server.is_member(session, room):
            return Conversation(room.id, room.name)
    else:
        account = await server.gate.account(target)
        if account is not None:
            # Whoever had this name before left nothing to its present owner.
            since = max(session.user.account_since_ms, account.created_ms)
            floor = await server.store.position_at(since) - 1
            key = conversation_with(session.user.key, account.key)
            return Conversation(key, account.name, floor)
    raise Refused(_not_retrieved("INVALID_TARGET", subcommand, target))


async def _positions(
    server: Server, subcommand: str, target: str, reference: str
) -> tuple[int, int]:
    """Return the first and the last position that a reference means.

    A msgid means one position. A time means the gap before the first event that is not older
    and after the last that is not younger, or what lies between the two.
    """
    kind, _, value = reference.partition("=")
    if kind == "msgid" and value:
        stored = await server.store.locate(value)
        if stored is None:
            raise Refused(_not_retrieved("MESSAGE_ERROR", subcommand, target))
        return stored.position, stored.position
    if kind == "timestamp":
        try:
            time_ms = parse_server_time(value)
        except ValueError:
            raise Refused(_invalid(subcommand, value, text="Invalid timestamp")) from None
        return (
            await server.store.position_at(time_ms),
            await server.store.position_at(time_ms + 1) - 1,
        )
    if kind in {"msgid", "*"} or "=" not in reference:
        raise Refused(_invalid(subcommand, reference, text="Invalid reference"))
    text = "Only msgid= and timestamp= are supported"
    raise Refused(fail("CHATHISTORY", "INVALID_MSGREFTYPE", subcommand, target, text=text))


def _not_retrieved(code: str, subcommand: str, target: str) -> Reply:
    text = "Messages could not be retrieved"
    return fail("CHATHISTORY", code, subcommand, target, text=text)


def _invalid(subcommand: str, text_given: str = "", *, text: str) -> Reply:
    context = (subcommand, text_given) if text_given else (subcommand,)
    return fail("CHATHISTORY", "INVALID_PARAMS", *context, text=text)


COMMANDS = (
    Command(
        "CHATHISTORY",
        chathistory,
        params_min=1,
        usage="<subcommand> <target> <reference> [<reference>] <limit>",
        help="Show what was said in a channel or with a person.",
    ),
)
