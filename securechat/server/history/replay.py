"""Replay: what a client that cannot ask for history is shown without asking.

At login, each channel's latest messages, or for a device that is known
(``persistence/devices.py``) those that it has not received; and the direct messages that came
meanwhile. Later, the latest messages of each channel that it joins. Clients with
``draft/chathistory`` or ZNC's ``playback`` ask for what they want, and bots want nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog
import trio

from securechat.errors import StoreError
from securechat.protocol.capabilities import CHATHISTORY, ZNC_PLAYBACK
from securechat.protocol.names import conversation_with
from securechat.server.context import Server
from securechat.server.history.dialogs import partners_of
from securechat.server.history.playback import Send, Shown, play, when_there_is_room
from securechat.server.history.reading import (
    MESSAGE_KINDS,
    Conversation,
    Pages,
    joined_at,
    readable,
    readable_room,
)
from securechat.server.rooms.room import Room
from securechat.server.sessions.session import Session
from securechat.store.contract import Store

log = structlog.get_logger(__name__)

# More than any conversation has.
WITHOUT_LIMIT = 1 << 40


def is_shown_unasked(session: Session) -> bool:
    """Tell whether a session is shown what was said, for it cannot ask."""
    return not (session.enabled & (CHATHISTORY | ZNC_PLAYBACK) or session.user.bot)


async def replay(server: Server, session: Session) -> None:
    """Show a session that has just entered its channels what it has not seen.

    What is said meanwhile waits behind that, so nothing is lost, doubled or out of order.
    """
    end = server.delivery.position + 1
    with _before_all_else(session) as send:
        try:
            if is_shown_unasked(session):
                await _Replay(server, session, end, send).run()
        except StoreError as error:
            log.warning("replay not possible", reason=str(error))
            await send([_notice(session, "What you have missed could not be read")])


async def replay_room(server: Server, session: Session, room: Room) -> None:
    """Show a session what was said in a room before it joined it just now.

    What it has seen there before it left is not shown again.
    What is said from now on waits behind that; what was said since the JOIN may have come before.
    """
    limit = server.settings.replay_messages_max
    if not limit or not is_shown_unasked(session) or room.key not in session.user.rooms:
        return
    with _before_all_else(session) as send:
        try:
            end = await joined_at(server, session.user, room)
            conversation = await readable_room(server, session.user, room)
            if conversation is not None:
                left = await server.store.locate(session.left.get(room.id, ""))
                after = left.position if left is not None else 0
                pages = _latest(server.store, conversation, after, end, limit)
                await play(server.store, session, room.name, pages, unasked=True, send=send)
        except StoreError as error:
            log.warning("latest messages not readable", reason=str(error))
            text = f"The latest messages of {room.name} could not be read"
            await send([_notice(session, text)])


@contextmanager
def _before_all_else(session: Session) -> Iterator[Send]:
    """Hold back what else is put for a session; give what sends before that."""
    if session.gathers:
        # The answers to a labeled command have an order of their own.
        yield when_there_is_room(session)
        return
    with session.outbox.held() as front:

        async def send(lines: Sequence[str]) -> None:
            with front():
                session.send(*lines)
            await session.outbox.front_room()
            # Who is being shown something has no time to say anything.
            session.heard_at = trio.current_time()

        yield send


class _Replay:
    """One session's replay at login."""

    def __init__(self, server: Server, session: Session, end: int, send: Send) -> None:
        self._server = server
        self._session = session
        self._end = end
        self._send = send
        self._complete = True

    async def run(self) -> None:
        """Show everything. Raises ``StoreError`` where not even the first look was possible."""
        server, user, device = self._server, self._session.user, self._session.device
        known = await server.devices.known(user, device, self._end - 1)
        latest = server.settings.replay_messages_max
        catch_up = server.settings.catch_up_messages_max or WITHOUT_LIMIT
        for room in list(user.rooms.values()):
            if known is not None and device:
                await self._show(room.name, known.position, catch_up, latest if known.new else 0)
            elif latest:
                await self._show(room.name, 0, latest)
        after, limit, least = 0, latest, 0
        if known is not None:
            after, limit, least = known.position, catch_up, latest if known.new else 0
        for key in await partners_of(server, user) if limit else ():
            conversation = conversation_with(user.key, key)
            if await self._is_something_new(conversation, 0 if least else after):
                await self._show(key, after, limit, least)
        if self._complete:
            surely = -1 if known is None or known.new else known.position
            server.devices.follow(self._session, surely)

    async def _show(self, name: str, after: int, limit: int, least: int = 0) -> None:
        """Show the last messages of one conversation, at most so many, behind a position.

        ``least`` are shown even from before that.
        """
        store, session = self._server.store, self._session
        try:
            conversation = await readable(self._server, session.user, name)
            if conversation is None:
                return
            if least:
                first = await store.nth_newest(conversation.key, least, kinds=MESSAGE_KINDS)
                after = min(after, max(first - 1, 0))
            pages = _latest(store, conversation, after, self._end, limit)
            shown = await play(
                store, session, conversation.name, pages, unasked=True, send=self._send
            )
            if after and await self._has_older(conversation, after, shown, limit):
                text = f"Only the latest {shown.count} messages of {conversation.name} are shown"
                await self._send([_notice(session, text)])
        except StoreError as error:
            log.warning("latest messages not readable", reason=str(error))
            text = f"The latest messages of {name} could not be read"
            await self._send([_notice(session, text)])
            # What was not shown is shown the next time.
            self._complete = False

    async def _is_something_new(self, key: str, after: int) -> bool:
        """Tell whether a direct conversation may have something to show: mostly it has not."""
        found = await self._server.store.history(
            key, after=after, before=self._end, limit=1, newest=True, kinds=MESSAGE_KINDS
        )
        return bool(found)

    async def _has_older(
        self, conversation: Conversation, after: int, shown: Shown, limit: int
    ) -> bool:
        if shown.count < limit:
            return False
        after = max(after, conversation.floor)
        older = await self._server.store.history(
            conversation.key, after=after, before=shown.first, limit=1, kinds=MESSAGE_KINDS
        )
        return bool(older)


def _latest(store: Store, conversation: Conversation, after: int, end: int, limit: int) -> Pages:
    after = max(after, conversation.floor)
    return Pages(store, conversation.key, after, end, limit, MESSAGE_KINDS, newest=True)


def _notice(session: Session, text: str) -> str:
    return f":{session.server_name} NOTICE {session.user.name} :{text}"
