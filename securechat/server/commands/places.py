"""Where a message is that a command is about.

What one may not read is answered about as what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass

from securechat.protocol.replies import fail
from securechat.server.commands.base import Refused
from securechat.server.commands.speaking import Audience, is_for_a_room, sign_and_name
from securechat.server.context import Server
from securechat.server.history.context_lines import is_redacted
from securechat.server.history.reading import readable, readable_room
from securechat.server.sessions.session import Session
from securechat.store.contract import Event

_KINDS = frozenset({"PRIVMSG", "NOTICE", "TAGMSG"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message is looked for: behind ``floor`` in a conversation; ``name`` as it is shown.

    ``audience`` is the channel, or the roles in one, that it is; a direct conversation has none.
    """

    conversation: str
    name: str
    floor: int
    audience: Audience | None = None


def turn_of(msgid: str) -> str:
    """Return the name under which what is done to a message takes turns; no room has such an id."""
    return f"message {msgid}"


async def place_of(server: Server, session: Session, command: str, target: str) -> Place:
    """Return where a target's messages are; raises ``Refused`` alike for what one may not know of.

    Raises ``StoreError``.
    """
    if not is_for_a_room(target):
        conversation = await readable(server, session.user, target)
        if conversation is not None:
            return Place(conversation.key, conversation.name, conversation.floor)
    else:
        sign, name = sign_and_name(target)
        room = server.directory.room(name)
        if room is not None:
            audience = Audience(room, sign)
            conversation = await readable_room(server, session.user, room)
            if conversation is not None:
                floor = conversation.floor
                return Place(audience.conversation, audience.name, floor, audience)
            if session.user.moderates and server.visible(session, room):
                return Place(audience.conversation, audience.name, 0, audience)
    text = f"You cannot change messages in {target}"
    raise Refused(fail(command, "INVALID_TARGET", target, text=text))


async def find_message(
    server: Server, session: Session, command: str, place: Place, msgid: str
) -> Event:
    """Return a message of a place that the session may read; raises ``Refused``, ``StoreError``."""
    event = await known_message(server, session, place, msgid)
    if event is None:
        text = "This message does not exist or is too old"
        raise Refused(fail(command, "UNKNOWN_MSGID", place.name, msgid, text=text))
    return event


async def known_message(server: Server, session: Session, place: Place, msgid: str) -> Event | None:
    """Return a message that was not redacted, of a place, if the session may read it.

    Raises ``StoreError``.
    """
    stored = await server.store.locate(msgid)
    if stored is None or stored.position <= place.floor:
        return None
    event = stored.event
    if event.conversation != place.conversation or event.kind not in _KINDS:
        return None
    if place.audience is not None:
        user = session.user
        if not (user.moderates or place.audience.reaches(user, event.account)):
            return None
    return None if is_redacted(event) else event
