"""PRIVMSG and NOTICE: messages to channels and to people.

Modern IRC Client Protocol, "Sending Messages"; client-only tags by IRCv3 ``message-tags``. A NOTICE
is never answered by an error, except that it could not be stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from securechat.errors import StoreError
from securechat.protocol import replies
from securechat.protocol.capabilities import MESSAGE_TAGS
from securechat.protocol.framing import LINE_BYTES_MAX
from securechat.protocol.message import Message
from securechat.protocol.multiline import is_multiline
from securechat.protocol.names import conversation_with, fold
from securechat.protocol.replies import Reply
from securechat.server.commands import znc_playback
from securechat.server.commands.auditing import not_stored
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.speaking import Audience, audience, is_for_a_room, keep_pace
from securechat.server.context import Server
from securechat.server.history.dialogs import Partner, dialog_changes, find_partner
from securechat.server.sessions.session import Session
from securechat.server.welcome import TARGETS_MAX

OFFLINE = "Not here now, and will see this at the next login"


async def privmsg(server: Server, session: Session, message: Message) -> None:
    targets = targets_of(message)
    if len(message.params) < 2 or not message.params[1]:
        raise Refused(replies.ERR_NOTEXTTOSEND())
    tags = client_tags(session, message)
    for target in targets:
        if fold(target) == znc_playback.NAME:
            await znc_playback.command(server, session, message.params[1])
            continue
        try:
            await say(server, session, "PRIVMSG", target, message.params[1], tags)
        except Refused as refused:
            await session.settled()
            session.reply(*refused.replies)


async def notice(server: Server, session: Session, message: Message) -> None:
    """Send what is never answered, not even by an error: what PRIVMSG refuses is not sent."""
    if len(message.params) < 2 or not message.params[1]:
        return
    tags = client_tags(session, message)
    with suppress(Refused):
        for target in targets_of(message):
            with suppress(Refused):
                await say(server, session, "NOTICE", target, message.params[1], tags)


def targets_of(message: Message) -> list[str]:
    """Return whom a message names, each once; ``Refused`` where it names nobody or too many."""
    targets = [target for target in "".join(message.params[:1]).split(",") if target]
    if not targets:
        raise Refused(replies.ERR_NORECIPIENT(text=f"No recipient given ({message.command})"))
    if len(targets) > TARGETS_MAX:
        raise Refused(replies.ERR_TOOMANYTARGETS(targets[TARGETS_MAX]))
    return list(dict.fromkeys(targets))


def client_tags(session: Session, message: Message) -> dict[str, str]:
    """Return the tags that are relayed: client-only ones, from clients that negotiated tags."""
    if not message.tags or not session.enabled & MESSAGE_TAGS:
        return {}
    return {key: value for key, value in message.tags.items() if key.startswith("+")}


async def find(server: Server, session: Session, name: str) -> Audience | Partner:
    """Return whom a message is for; raises ``Refused`` where the session may not send there.

    A person need not be here. Raises ``StoreError``.
    """
    if is_for_a_room(name):
        return audience(server, session, name)
    partner = await find_partner(server, name)
    if partner is None:
        raise Refused(replies.ERR_NOSUCHNICK(name))
    return partner


async def say(
    server: Server,
    session: Session,
    command: str,
    name: str,
    text: str,
    tags: Mapping[str, str],
) -> None:
    """Post a PRIVMSG or NOTICE to one target; raises ``Refused``.

    Of a text with several lines (``protocol/multiline.py``) each fits into a line already.
    """
    user = session.user
    try:
        found = await find(server, session, name)
        changes = await dialog_changes(server, user, found) if isinstance(found, Partner) else []
    except StoreError as error:
        # This one a NOTICE is answered with too.
        await session.settled()
        session.reply(*not_stored(command, error).replies)
        return
    line = f":{user.source} {command} {found.name} :{text}"
    if len(line) * 4 > LINE_BYTES_MAX - 2 < len(line.encode()) and not is_multiline(text):
        raise Refused(_too_long(command))
    if isinstance(found, Audience):
        keep_pace(session, found.room)
    server.journal.post(
        session,
        command,
        conversation=found.conversation
        if isinstance(found, Audience)
        else conversation_with(user.key, found.key),
        target=found.name,
        text=text,
        tags=tags,
        changes=changes,
    )
    if isinstance(found, Partner) and command == "PRIVMSG":
        away = found.user.away if found.user is not None else OFFLINE
        if away:
            session.reply(replies.RPL_AWAY(found.name, text=away))
    user.idle_since = session.heard_at


def _too_long(command: str) -> Reply:
    """Nobody's words are cut in silence: a line that relaying makes too long is refused."""
    return replies.ERR_INPUTTOOLONG(text=f"{command} too long: split it and send it again")


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
)
