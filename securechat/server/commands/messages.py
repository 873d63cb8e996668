"""PRIVMSG, NOTICE and TAGMSG: messages to channels and to people.

Modern IRC Client Protocol, "Sending Messages"; TAGMSG and client-only tags by IRCv3
``message-tags``. A NOTICE is never answered by an error, except that it could not be stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from securechat.protocol import replies
from securechat.protocol.capabilities import ECHO_MESSAGE, MESSAGE_TAGS, SELF_MESSAGE
from securechat.protocol.framing import LINE_BYTES_MAX
from securechat.protocol.message import Message
from securechat.protocol.names import conversation_with
from securechat.protocol.replies import Reply
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.speaking import Audience, audience, is_for_a_room, keep_pace
from securechat.server.context import Server
from securechat.server.rendering import render
from securechat.server.room import User
from securechat.server.session import Session
from securechat.server.showing import put, seen
from securechat.server.welcome import TARGETS_MAX


async def privmsg(server: Server, session: Session, message: Message) -> None:
    targets = _targets(message)
    if len(message.params) < 2 or not message.params[1]:
        raise Refused(replies.ERR_NOTEXTTOSEND())
    for target in targets:
        try:
            _post(server, session, message, target)
        except Refused as refused:
            await session.settled()
            session.reply(*refused.replies)


async def notice(server: Server, session: Session, message: Message) -> None:
    """Send what is never answered, not even by an error: what PRIVMSG refuses is not sent."""
    if len(message.params) < 2 or not message.params[1]:
        return
    with suppress(Refused):
        for target in _targets(message):
            with suppress(Refused):
                _post(server, session, message, target)


async def tagmsg(server: Server, session: Session, message: Message) -> None:
    targets = _targets(message)
    if not session.enabled & MESSAGE_TAGS:
        raise Refused(replies.ERR_UNKNOWNCOMMAND("TAGMSG"))  # the capability enables the command
    for name in targets:
        try:
            found = _find(server, session, name)
        except Refused as refused:
            session.reply(*refused.replies)
            continue
        msgid, time_ms = server.journal.stamp()
        event = seen(server, session.user, "TAGMSG", found.name)
        tags = {**event.tags, **_client_tags(session, message)}
        event = replace(event, msgid=msgid, time_ms=time_ms, tags=tags)
        if session.enabled & ECHO_MESSAGE:
            session.receive_own(render(event, session.shape))
        put(event, (item for item in _copies(session, found) if item.enabled & MESSAGE_TAGS))


def _copies(session: Session, found: Audience | User) -> Iterator[Session]:
    """Yield who gets a message besides the echo; for what is kept ``delivery.py`` does the same."""
    user = session.user
    if isinstance(found, Audience):
        yield from (item for item in found.sessions(user) if item is not session)
        return
    yield from found.sessions
    if found is not user:
        for own in user.sessions:
            if own is not session and own.enabled & (ECHO_MESSAGE | SELF_MESSAGE):
                yield own


def _targets(message: Message) -> list[str]:
    """Return whom a message is for, each once; ``Refused`` where it names nobody or too many."""
    targets = [target for target in "".join(message.params[:1]).split(",") if target]
    if not targets:
        raise Refused(replies.ERR_NORECIPIENT(text=f"No recipient given ({message.command})"))
    if len(targets) > TARGETS_MAX:
        raise Refused(replies.ERR_TOOMANYTARGETS(targets[TARGETS_MAX]))
    return list(dict.fromkeys(targets))


def _client_tags(session: Session, message: Message) -> dict[str, str]:
    """Return the tags that are relayed: client-only ones, from clients that negotiated tags."""
    if not message.tags or not session.enabled & MESSAGE_TAGS:
        return {}
    return {key: value for key, value in message.tags.items() if key.startswith("+")}


def _find(server: Server, session: Session, name: str) -> Audience | User:
    """Return whom a message is for; raises ``Refused`` where the session may not send there."""
    if is_for_a_room(name):
        return audience(server, session, name)
    user = server.directory.user(name)
    if user is None:
        raise Refused(replies.ERR_NOSUCHNICK(name))
    return user


def _post(server: Server, session: Session, message: Message, name: str) -> None:
    found = _find(server, session, name)
    text = message.params[1]
    user = session.user
    line = f":{user.source} {message.command} {found.name} :{text}"
    if len(line) * 4 > LINE_BYTES_MAX - 2 < len(line.encode()):
        raise Refused(_too_long(message))
    if isinstance(found, Audience):
        keep_pace(session, found.room)
    server.journal.post(
        session,
        message.command,
        conversation=found.conversation
        if isinstance(found, Audience)
        else conversation_with(user.key, found.key),
        target=found.name,
        text=text,
        tags=_client_tags(session, message),
    )
    if isinstance(found, User) and found.away and message.command == "PRIVMSG":
        session.reply(replies.RPL_AWAY(found.name, text=found.away))
    user.idle_since = session.heard_at


def _too_long(message: Message) -> Reply:
    """Nobody's words are cut in silence: a line that relaying makes too long is refused."""
    return replies.ERR_INPUTTOOLONG(text=f"{message.command} too long: split it and send it again")


COMMANDS = (
    Command(
        "PRIVMSG",
        privmsg,
        pipelined=True,
        usage="<target>{,<target>} :<text>",
        help="Say something in a channel or to a person.",
    ),
    Command(
        "NOTICE",
        notice,
        pipelined=True,
        usage="<target>{,<target>} :<text>",
        help="Say something that is never answered automatically.",
    ),
    Command(
        "TAGMSG",
        tagmsg,
        usage="<target>{,<target>}",
        help="Send client-only tags without a text: typing, reactions.",
    ),
)
