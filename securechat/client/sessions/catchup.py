"""Catching up after a break, and history at a channel's door: what is asked for, and in what order.

After a reconnect every conversation is held (:mod:`~securechat.client.state.timeline`). For each,
pages of history after the last message told are fetched and told until the history has no more, or
a page reaches what came live; then what waited is told. Conversations with own lines that the break
left unsure come first: these pages hold such a line, or it was not stored. As soon as that is
settled, own lines go out, while the rest is still being fetched.

Conversations that others began during the break are asked for by ``CHATHISTORY TARGETS``; a server
that does not know it leaves these to the next live message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import trio

from securechat.client.errors import HistoryUnavailable
from securechat.client.events import CaughtUp, Change, Event, HistoryGap, Said
from securechat.client.sessions.session import Session
from securechat.client.state.state import ClientState, Page
from securechat.client.state.timeline import wire_time
from securechat.protocol.message import Message
from securechat.protocol.names import fold

JOIN_SECONDS_MAX = 20
TARGETS_MAX = 100
PAGES_MAX = 100  # requests that one call may become
_FOREVER = "timestamp=2999-12-31T23:59:59.999Z"


class CatchUp:
    """Fetches history on one connection.

    ``emit`` tells events; ``wanted`` are the channels to be in, by folded name, as they change.
    """

    def __init__(
        self,
        session: Session,
        state: ClientState,
        emit: Callable[[list[Event]], None],
        now: Callable[[], datetime],
        wanted: Mapping[str, str],
    ) -> None:
        self._session = session
        self._state = state
        self._emit = emit
        self._now = now
        self._wanted = wanted

    async def after_break(self) -> None:
        """Tell everything that was missed. Raises ``ConnectionLost``."""
        timeline, lines = self._state.timeline, self._state.lines
        if self._wanted:
            # Where a channel has another name by now, the answer to its JOIN tells it.
            with trio.move_on_after(JOIN_SECONDS_MAX):
                await self._session.all_answered()
        for name in lines.unsure_targets():
            if timeline.get(name) is not None:
                await self._close_gap(name)
            else:  # a channel that was left since
                self._state.outcomes += lines.unknowable(name, "it was stored: we left")
        self._state.outcomes += lines.settle()
        lines.start()
        self._emit([])  # which lets them out
        if self._limit:
            await self._find_new_people()
        done: set[str] = set()
        while left := [name for name in timeline.held_names() if fold(name) not in done]:
            done.add(fold(left[0]))
            await self._close_gap(left[0])
        timeline.hold_no_new()
        self._emit([CaughtUp(time=self._now())])

    async def before_join(self, name: str, limit: int) -> None:
        """Tell up to ``limit`` messages from before a channel was joined, then what waited.

        The channel is held since it was joined. Raises ``ConnectionLost``.
        """
        try:
            if self._limit:
                page = await self._gather("LATEST", name, "*", limit)
                if not self._is_all_live(name, page.messages):
                    self._tell(name, page)
        except HistoryUnavailable as error:
            self._gap(name, str(error))
        self._emit([*self._state.timeline.release(name)])

    async def messages(self, which: str, name: str, place: str, limit: int) -> tuple[Said, ...]:
        """Return ``limit`` messages of a conversation, on one side of a place or around it.

        Raises ``HistoryUnavailable`` and ``ConnectionLost``.
        """
        return (await self._gather(which, name, place, limit)).messages

    async def _gather(self, which: str, name: str, place: str, limit: int) -> Page:
        """Return messages, in as many requests as it takes: other events stand between them."""
        found: tuple[Said, ...] = ()
        changes: dict[str, Sequence[Change]] = {}
        for _ in range(PAGES_MAX):
            asked = min(limit, self._limit)
            request = Message("CHATHISTORY", (which, name, place, str(asked)))
            page = await self._session.ask_history(request, name)
            changes.update(page.changes)
            forward = which == "AFTER"
            found = found + page.messages if forward else page.messages + found
            end = page.last if forward else page.first
            if which == "AROUND" or len(found) >= limit or page.count < asked or not end:
                break
            which, place = ("AFTER" if forward else "BEFORE"), f"msgid={end}"
        kept = found[:limit] if which == "AFTER" else found[-limit:]
        return Page(kept, changes)

    def _is_all_live(self, name: str, saids: tuple[Said, ...]) -> bool:
        """Tell whether a page begins after what came live, as when much is said meanwhile.

        The page came later, so all of it is live too, and would be told before its turn.
        """
        conversation = self._state.timeline.get(name)
        held = conversation.held if conversation is not None else None
        return bool(held and saids and saids[0].time > held[0].time)

    @property
    def _limit(self) -> int:
        return self._state.history_limit

    async def _find_new_people(self) -> None:
        since = self._state.timeline.told_until
        if since is None:
            return
        request = ("TARGETS", f"timestamp={wire_time(since)}", _FOREVER, str(TARGETS_MAX))
        try:
            page = await self._session.ask_history(Message("CHATHISTORY", request), "*")
        except HistoryUnavailable:
            return
        for name, _ in page.targets:
            if not self._state.is_channel(name):
                self._state.timeline.open(name, since)
        if len(page.targets) >= TARGETS_MAX:
            self._gap("*", f"more than {TARGETS_MAX} conversations went on meanwhile")

    async def _close_gap(self, name: str) -> None:
        try:
            await self._tell_missed(name)
        except HistoryUnavailable as error:
            reason = f"it was stored: {str(error).rstrip('.')}"
            self._state.outcomes += self._state.lines.unknowable(name, reason)
            conversation = self._state.timeline.get(name)
            if conversation is not None and conversation.last:
                self._gap(name, str(error))
        self._emit([*self._state.timeline.release(name)])

    async def _tell_missed(self, name: str) -> None:
        state = self._state
        if not self._limit:
            raise HistoryUnavailable("The server keeps no history")
        if state.is_channel(name):
            with trio.move_on_after(JOIN_SECONDS_MAX):
                await self._session.until(
                    lambda: state.channels.get(name) is not None or fold(name) not in self._wanted
                )
            if state.channels.get(name) is None:
                raise HistoryUnavailable("The server did not let us in again")
        conversation = state.timeline.get(name)
        if conversation is None:
            return
        anchor = conversation.early_anchor if state.tells_changes else conversation.anchor
        while state.timeline.get(name) is not None:
            request = ("AFTER", name, anchor, str(self._limit))
            page = await self._session.ask_history(Message("CHATHISTORY", request), name)
            met = self._tell(name, page)
            before, anchor = anchor, f"msgid={page.last}" if page.last else anchor
            if met or anchor == before:
                return

    def _tell(self, name: str, page: Page) -> bool:
        """Tell a page; return whether it reached what came live."""
        if self._state.timeline.get(name) is None:
            return True
        told, met = self._state.timeline.page(
            name,
            page.messages,
            page.changes,
            whole="draft/event-playback" in self._state.capabilities,
        )
        for said in told:
            if isinstance(said, Said) and said.own:
                delivered = self._state.lines.found(said)
                if delivered is not None:
                    self._state.outcomes.append(delivered)
        self._emit([*told])
        return met

    def _gap(self, name: str, text: str) -> None:
        self._emit([HistoryGap(time=self._now(), conversation=name, text=text)])
