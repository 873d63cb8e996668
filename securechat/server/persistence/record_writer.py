"""The records' writer: stores in groups the records that sessions change.

What a session asks for is an *act*: it looks at what is stored, says which records it changes, and
is told when these are stored. One task works through them. While one transaction runs, and for a
moment after it, the next acts gather; so a crowd that marks every message as read costs the journal
a commit now and then. Acts on the same thing never share a transaction: each sees what the one
before it has done.

Unlike the journal's events these leave no trace but the record: what a value was before is gone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import structlog
import trio

from securechat.errors import StoreError
from securechat.store.contract import Change, Store

if TYPE_CHECKING:
    from securechat.server.sessions.session import Session

GROUP_MAX = 1000
# Between two transactions, so that they are few however many acts come.
PAUSE_SECONDS = 0.02

log = structlog.get_logger(__name__)


class Act(Protocol):
    """What a session wants stored. Nothing here waits."""

    @property
    def session(self) -> Session:
        """The session that waits for it."""
        ...

    @property
    def subject(self) -> str:
        """What it changes, in a word that acts on the same thing share."""
        ...

    def changes(self) -> Sequence[Change]:
        """Return the changes of records, by what is stored now; none if there is nothing to do."""
        ...

    def done(self) -> None:
        """Take note that the changes are stored, show it, and answer."""
        ...

    def failed(self, error: StoreError) -> None:
        """Answer that they are not stored, or perhaps not."""
        ...


class RecordWriter:
    """Takes acts from sessions and gets them onto disk. One task runs ``run``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: deque[Act] = deque()
        self._wake = trio.Event()

    def post(self, act: Act) -> None:
        """Have an act done. Never waits: its session counts it as pending until it is answered."""
        act.session.posted()
        self._queue.append(act)
        self._wake.set()

    async def run(self) -> None:
        """Do what is posted until cancelled."""
        while True:
            # No deadline: it waits for somebody to want something.
            await self._wake.wait()
            self._wake = trio.Event()
            while self._queue:
                if await self._do(self._next_group()):
                    await trio.sleep(PAUSE_SECONDS)

    def _next_group(self) -> list[Act]:
        """Take the oldest acts, one for each thing; the others stay in their order."""
        group: dict[str, Act] = {}
        later: list[Act] = []
        while self._queue and len(group) < GROUP_MAX:
            act = self._queue.popleft()
            if act.subject in group:
                later.append(act)
            else:
                group[act.subject] = act
        self._queue.extendleft(reversed(later))
        return list(group.values())

    async def _do(self, group: Sequence[Act]) -> bool:
        """Do a group of acts; return whether anything was written."""
        changes = [change for act in group for change in act.changes()]
        try:
            if changes:
                await self._store.put(changes)
        except StoreError as error:
            log.error(  # noqa: TRY400 - a disk for the operator to mend, and no bug to trace
                "records not stored", records=len(changes), reason=str(error)
            )
            for act in group:
                act.failed(error)
                act.session.answered()
        else:
            for act in group:
                act.done()
                act.session.answered()
        return bool(changes)
