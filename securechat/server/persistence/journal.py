"""The journal's writer: numbers what sessions post, and commits it in groups.

While one commit runs, the next group gathers; so a quiet server commits each event at once and a
busy one many in one go. Who posted what is remembered until delivery has seen the event (the
sender's echo is its receipt) or until it is certain that it will not be stored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog
import trio

from securechat.errors import Conflict, StoreError, StoreRefused, StoreUnavailable
from securechat.server.persistence.ids import Ids
from securechat.server.persistence.turns import Turns
from securechat.store.contract import Amendment, Change, Entry, Event, Store

if TYPE_CHECKING:
    from securechat.server.sessions.session import Session

GROUP_MAX = 2000
# Marks what a bot sends (IRCv3 bot-mode).
BOT_TAG = "bot"
# An unknown outcome is asked about again after these pauses, then given up.
RETRY_SECONDS = (0.05, 0.25, 1.0)

log = structlog.get_logger(__name__)


class Journal:
    """Takes events from sessions and gets them onto disk. One task runs ``run``."""

    def __init__(self, store: Store, ids: Ids) -> None:
        self._store = store
        self._ids = ids
        self._queue: deque[Entry] = deque()
        self._wake = trio.Event()
        self._origins: dict[str, Session] = {}
        self.turns = Turns()

    @property
    def latest_ms(self) -> int:
        """The time of the newest event, in milliseconds since 1970."""
        return self._ids.latest_ms

    def post(
        self,
        session: Session,
        kind: str,
        *,
        conversation: str,
        target: str,
        text: str = "",
        tags: Mapping[str, str] | None = None,
        changes: Sequence[Change] | Callable[[int], Sequence[Change]] = (),
        claims: Mapping[str, bool] | None = None,
        parent: str = "",
        amends: Sequence[Amendment] = (),
    ) -> None:
        """Have an event committed and then delivered. Never waits.

        ``changes`` may be a function of the event's time in milliseconds, for records that tell it:
        so what a restart reads is what delivery showed.

        The session hears of it by delivery, or by ``Session.not_stored``. ``claims`` are the ids
        of the rooms that it changes, and whether it does so alone (``turns.py``).
        """
        msgid, time_ms = self._ids.next()
        user = session.user
        tags = tags or {}
        if user.bot:
            # Before the client's own tags, which may not push it past the limit (message-tags).
            tags = {BOT_TAG: "", **tags}
        event = Event(
            msgid, time_ms, kind, user.key, user.source, conversation, target, text, tags, parent
        )
        self._origins[msgid] = session
        self.turns.begin(msgid, claims or {})
        session.posted()
        made = changes(time_ms) if callable(changes) else changes
        self._queue.append(Entry(event, made, amends))
        self._wake.set()

    def stamp(self) -> tuple[str, int]:
        """Return a msgid and a time, in milliseconds, for what is shown and not kept."""
        return self._ids.next()

    def post_own(
        self,
        source: str,
        kind: str,
        *,
        conversation: str,
        target: str,
        text: str,
        changes: Sequence[Change],
        claims: Mapping[str, bool],
    ) -> None:
        """Have an event of the server's own committed and delivered; see ``post``.

        Nobody waits for it: what cannot be stored is logged, and was not done.
        """
        msgid, time_ms = self._ids.next()
        event = Event(msgid, time_ms, kind, "", source, conversation, target, text)
        self.turns.begin(msgid, claims)
        self._queue.append(Entry(event, changes))
        self._wake.set()

    def origin(self, msgid: str) -> Session | None:
        """Return, once, the session that posted an event; ``None`` if it was not posted here.

        With that the event is answered, and the rooms that it changes are open to others.
        """
        self.turns.end(msgid)
        return self._origins.pop(msgid, None)

    async def run(self) -> None:
        """Commit what is posted until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._queue:
                group = [self._queue.popleft() for _ in range(min(len(self._queue), GROUP_MAX))]
                await self._commit(group)

    async def _commit(self, group: list[Entry]) -> None:
        """Store a group; whatever of it cannot be stored is reported to who posted it."""
        while group:
            try:
                await self._append(group)
                return
            except Conflict as conflict:
                # Somebody else changed what these meant to change; the others are not to blame.
                refused = [entry for entry in group if _changes(entry, conflict)]
                self._give_up(refused, conflict)
                group = [entry for entry in group if not _changes(entry, conflict)]
            except StoreError as error:
                log.error(  # noqa: TRY400 - a disk for the operator to mend, and no bug to trace
                    "events not stored", events=len(group), reason=str(error)
                )
                self._give_up(group, error)
                return

    async def _append(self, group: list[Entry]) -> None:
        for pause in RETRY_SECONDS:
            try:
                await self._store.append(group)
                return
            except StoreUnavailable as error:
                log.warning("store unavailable, asking again", reason=str(error))
                await trio.sleep(pause)
        await self._store.append(group)

    def _give_up(self, entries: Sequence[Entry], error: StoreError) -> None:
        certain = isinstance(error, StoreRefused | Conflict)
        for entry in entries:
            session = self.origin(entry.event.msgid)
            if session is not None:
                session.not_stored(entry.event, certain=certain)


def _changes(entry: Entry, conflict: Conflict) -> bool:
    return any(
        change.kind == conflict.kind and change.key == conflict.key for change in entry.changes
    )
