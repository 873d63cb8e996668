"""Retention: what is older than is kept goes, a little at a time, while people chat.

Every quarter of an hour the server looks for what is to go, by its own limits and by those of each
channel, and for the history of channels that exist no longer. Each step holds the database for a
few milliseconds and is followed by a pause, so that what people say goes on being stored in
between. Then free disk space is given back, and the log is emptied: what was edited, redacted or
removed is nowhere on the disk after that.
"""

from __future__ import annotations

import structlog
import trio

from securechat.errors import StoreError
from securechat.protocol.names import is_channel
from securechat.server.context import Server
from securechat.server.history.reading import MESSAGE_KINDS
from securechat.server.rooms.keep_limits import server_keeping

ROUND_SECONDS = 900.0
EVENTS_AT_ONCE = 100
PAUSE_SECONDS = 0.02
# The search index learns within this time what it is to forget, and what it was told can go.
FOLLOWED_SECONDS = 30.0
_CONVERSATIONS_AT_ONCE = 500
_STATUS_SIGNS = "@%+"

log = structlog.get_logger(__name__)


async def watch_retention(server: Server) -> None:
    """Remove what is not to be kept, again and again. What fails is tried again the next time."""
    while True:
        await trio.sleep(ROUND_SECONDS)
        try:
            removed = await remove_old(server)
            if removed:
                log.info("old messages removed", events=removed)
                await trio.sleep(FOLLOWED_SECONDS)
            await tidy(server)
        except StoreError as error:
            log.warning("old messages not removed, trying again later", reason=str(error))


async def remove_old(server: Server) -> int:
    """Remove what is not to be kept now; return how many events it was. Raises ``StoreError``."""
    removed = 0
    if seconds := server_keeping(server.settings).seconds:
        removed += await _remove(server, await _position_ago(server, seconds), None)
    after = ""
    while keys := await server.store.conversations(after, limit=_CONVERSATIONS_AT_ONCE):
        for key in keys:
            before = await _first_kept(server, key)
            if before and await server.store.history(key, before=before, limit=1):
                removed += await _remove(server, before, key)
        after = keys[-1]
    return removed


async def tidy(server: Server) -> None:
    """Give free disk space back and empty the log. Raises ``StoreError``."""
    while await server.store.shrink():  # noqa: ASYNC110 - it does something each time
        await trio.sleep(PAUSE_SECONDS)
    await server.store.clear_log()


async def _first_kept(server: Server, key: str) -> int:
    """Return the first position that is kept of a conversation; 0 where nothing is to go."""
    everywhere = server_keeping(server.settings)
    keeping = everywhere
    room_id = key.lstrip(_STATUS_SIGNS)
    if is_channel(room_id):
        room = server.directory.by_id.get(room_id)
        if room is None:
            # Up to here the directory knows all channels.
            return server.delivery.position + 1
        keeping = room.keeping.within(everywhere)
    first = 0
    # By the server's own time everything went before, whatever the conversation.
    if keeping.seconds and keeping.seconds != everywhere.seconds:
        first = await _position_ago(server, keeping.seconds)
    if keeping.messages:
        newest = await server.store.nth_newest(key, keeping.messages, kinds=MESSAGE_KINDS)
        first = max(first, newest)
    return first


async def _position_ago(server: Server, seconds: int) -> int:
    return await server.store.position_at(server.now_ms() - seconds * 1000)


async def _remove(server: Server, before: int, conversation: str | None) -> int:
    """Remove events in small steps; nothing that was not delivered yet."""
    before = min(before, server.delivery.position + 1)
    removed = 0
    while count := await server.store.forget(
        before=before, limit=EVENTS_AT_ONCE, conversation=conversation
    ):
        removed += count
        await trio.sleep(PAUSE_SECONDS)
    return removed
