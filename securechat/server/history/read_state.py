"""Read state: what can be marked as read, and how much in it is not read yet.

The server counts, so that no client has to ask for everything to know. It counts from the read
marker on; where there is none, from the last join on, or in the channel that everybody is in and
with people, since the account was made. One's own messages do not count. Of each conversation no
more than the newest ``UNREAD_MAX`` messages are looked at.
"""

from __future__ import annotations

import structlog
import trio

from securechat.errors import StoreError
from securechat.protocol.capabilities import UNREAD
from securechat.protocol.names import is_channel
from securechat.server.context import Server
from securechat.server.history.dialogs import find_partner, partners_of
from securechat.server.history.reading import joined_at, readable
from securechat.server.persistence.markers import Buffer
from securechat.server.rooms.room import User
from securechat.server.sessions.session import Session

UNREAD_MAX = 1000
"""So many messages are counted: the ``max`` of the capability's value."""

log = structlog.get_logger(__name__)


async def find_buffer(server: Server, session: Session, target: str) -> Buffer | None:
    """Return a channel that the session is in, or a person; ``None`` for anything else.

    Raises ``StoreError``.
    """
    if is_channel(target):
        room = server.directory.room(target)
        if room is None or not server.is_member(session, room):
            return None
        return Buffer(room.id, room.id, room.name)
    partner = await find_partner(server, target)
    return None if partner is None else Buffer(partner.key, partner.account_id, partner.name)


async def show_unread(server: Server, session: Session) -> None:
    """Tell a session that has just come, and knows of it, what is unread.

    What is said meanwhile waits behind that, and is not counted.
    """
    if not session.enabled & UNREAD:
        return
    end = server.delivery.position + 1
    with session.outbox.held() as front:
        try:
            lines = await unread_lines(server, session, end)
        except StoreError as error:
            log.warning("unread messages not counted", reason=str(error))
            text = "What is unread could not be counted"
            lines = [f":{session.server_name} NOTICE {session.user.name} :{text}"]
        with front():
            session.send(*lines)
        await session.outbox.front_room()
        # Who is being shown something has no time to say anything.
        session.heard_at = trio.current_time()


async def unread_lines(server: Server, session: Session, end: int) -> list[str]:
    """Return a line for each channel, and for each person from whom something is unread.

    ``end`` is one past the newest position that counts. Raises ``StoreError``.
    """
    user = session.user
    lines = [
        await unread_line(server, session, name, end)
        for name in [room.name for room in user.rooms.values()]
    ]
    lines += [
        await unread_line(server, session, key, end, empty=False)
        for key in await partners_of(server, user)
    ]
    return [line for line in lines if line]


async def unread_line(
    server: Server, session: Session, target: str, end: int, *, empty: bool = True
) -> str:
    """Return the line for one conversation: how many messages, how many name the session's user.

    Nothing for what may not be read and, unless ``empty``, where nothing is unread. Raises
    ``StoreError``.
    """
    user = session.user
    buffer = await find_buffer(server, session, target)
    conversation = await readable(server, user, target)
    if buffer is None or conversation is None:
        return ""
    messages, mentions = await server.store.count(
        conversation.key,
        after=max(conversation.floor, await _read_up_to(server, user, buffer)),
        before=end,
        limit=UNREAD_MAX,
        but_by=user.key,
        naming=user.name,
    )
    if not messages and not empty:
        return ""
    return f":{session.server_name} UNREAD {conversation.name} {messages} {mentions}"


async def _read_up_to(server: Server, user: User, buffer: Buffer) -> int:
    """Return the position of the last message that counts as read. Raises ``StoreError``."""
    time_ms = user.markers.get(buffer.id)
    if time_ms is not None:
        return await server.store.position_at(time_ms + 1) - 1
    if buffer.id == server.lobby.id:
        return await server.store.position_at(user.account_since_ms) - 1
    room = server.directory.by_id.get(buffer.id)
    if room is None or room.key not in user.rooms:
        return 0
    return await joined_at(server, user, room)
