"""TAGMSG: client-only tags without a text (IRCv3 ``message-tags``, ``react``, ``typing``).

A reaction to a message of the same conversation is kept with it, and shown once it is on disk. All
other tags (that somebody is typing, or a reaction to what is not there) are relayed at once and
forgotten, so the answer does not tell whether there is a message that one may not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from securechat.errors import StoreError
from securechat.protocol import replies
from securechat.protocol.capabilities import ECHO_MESSAGE, MESSAGE_TAGS, SELF_MESSAGE
from securechat.protocol.message import Message, format_tags
from securechat.server.commands.auditing import not_stored
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.messages import client_tags, find, targets_of
from securechat.server.commands.places import known_message, place_of, turn_of
from securechat.server.commands.speaking import Audience
from securechat.server.context import Server
from securechat.server.fanout.showing import put, seen
from securechat.server.history.context_lines import (
    REACTIONS_MAX,
    RELATED_MAX,
    present_reactions,
    reaction_of,
)
from securechat.server.history.dialogs import Partner
from securechat.server.sessions.rendering import render
from securechat.server.sessions.session import Session

# Larger tags are relayed and not kept.
REACTION_TAG_BYTES_MAX = 512
REPLY_TAGS = ("+draft/reply", "+reply")


async def tagmsg(server: Server, session: Session, message: Message) -> None:
    targets = targets_of(message)
    if not session.enabled & MESSAGE_TAGS:
        raise Refused(replies.ERR_UNKNOWNCOMMAND("TAGMSG"))  # the capability enables the command
    tags = client_tags(session, message)
    for name in targets:
        try:
            found = await find(server, session, name)
        except Refused as refused:
            session.reply(*refused.replies)
            continue
        except StoreError as error:
            raise not_stored("TAGMSG", error) from error
        if not await _kept(server, session, found, tags):
            _relay(server, session, found, tags)


async def _kept(
    server: Server, session: Session, found: Audience | Partner, tags: Mapping[str, str]
) -> bool:
    """Post a reaction to be kept, and return whether it is one."""
    parent = next((tags[key] for key in REPLY_TAGS if tags.get(key)), "")
    reaction = reaction_of(tags)
    too_large = len(format_tags(tags).encode()) > REACTION_TAG_BYTES_MAX
    if reaction is None or not parent or too_large:
        return False
    try:
        async with server.journal.turns.held(turn_of(parent)):
            place = await place_of(server, session, "TAGMSG", found.name)
            event = await known_message(server, session, place, parent)
            if event is None or event.kind == "TAGMSG":
                return False
            about = [item.event for item in await server.store.about([parent], limit=RELATED_MAX)]
            is_there = any(
                who == session.user.key and value == reaction.value
                for who, value in present_reactions(about)
            )
            # What changes nothing is not kept, nor more than can be played.
            count = sum(item.kind == "TAGMSG" for item in about)
            if is_there != reaction.taken_back or count >= REACTIONS_MAX:
                return False
            server.journal.post(
                session,
                "TAGMSG",
                conversation=place.conversation,
                target=place.name,
                tags=tags,
                parent=parent,
                claims={turn_of(parent): True},
            )
            return True
    except Refused:
        return False  # one may speak there, but not read
    except StoreError as error:
        raise not_stored("TAGMSG", error) from error


def _relay(
    server: Server, session: Session, found: Audience | Partner, tags: Mapping[str, str]
) -> None:
    msgid, time_ms = server.journal.stamp()
    event = seen(server, session.user, "TAGMSG", found.name)
    event = replace(event, msgid=msgid, time_ms=time_ms, tags={**event.tags, **tags})
    if session.enabled & ECHO_MESSAGE:
        session.receive_own(render(event, session.shape))
    put(event, (item for item in _copies(session, found) if item.enabled & MESSAGE_TAGS))


def _copies(session: Session, found: Audience | Partner) -> Iterator[Session]:
    """Yield who gets a message besides the echo; what is kept, ``fanout/delivery.py`` sends."""
    user = session.user
    if isinstance(found, Audience):
        yield from (item for item in found.sessions(user) if item is not session)
        return
    yield from found.user.sessions if found.user is not None else ()
    if found.user is not user:
        for own in user.sessions:
            if own is not session and own.enabled & (ECHO_MESSAGE | SELF_MESSAGE):
                yield own


COMMANDS = (
    Command(
        "TAGMSG",
        tagmsg,
        usage="<target>{,<target>}",
        help="Send client-only tags without a text: typing, reactions.",
    ),
)
