"""Turns: changes of one room happen one after the other.

What a handler checks holds only until somebody else's change is committed, and a room's record is
written whole. So who changes a room waits until what was posted before is there for all to see.
Joins and parts change one member each and go together; everything else goes alone. What is done to
a message takes turns by the same rule.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio


@dataclass(slots=True)
class _Open:
    """A room's posted changes: by msgid, whether each goes alone."""

    alone: dict[str, bool] = field(default_factory=dict)
    ended: trio.Event = field(default_factory=trio.Event)


class Turns:
    """Which rooms are being changed, by their ids."""

    def __init__(self) -> None:
        self._rooms: dict[str, _Open] = {}
        self._claims: dict[str, Mapping[str, bool]] = {}
        self._holders = 0

    def begin(self, msgid: str, claims: Mapping[str, bool]) -> None:
        """Note that an event changes rooms: by id, whether it goes alone."""
        if claims:
            self._claims[msgid] = claims
            for room, alone in claims.items():
                self._rooms.setdefault(room, _Open()).alone[msgid] = alone

    def end(self, msgid: str) -> None:
        """Note that an event was delivered, or will never be."""
        for room in self._claims.pop(msgid, ()):
            current = self._rooms[room]
            del current.alone[msgid]
            current.ended.set()
            current.ended = trio.Event()
            if not current.alone:
                del self._rooms[room]

    @asynccontextmanager
    async def held(self, thing: str) -> AsyncIterator[None]:
        """Keep a room or a message to oneself, so that it can be looked up before it is changed.

        What is posted in the block claims it too, and has it until it is there for all to see.
        """
        while await self.wait(thing, alone=True):
            pass
        self._holders += 1
        holder = f"holder {self._holders}"  # no msgid has a space
        self.begin(holder, {thing: True})
        try:
            yield
        finally:
            self.end(holder)

    async def wait(self, *rooms: str, alone: bool) -> bool:
        """Wait until rooms may be changed; return whether that took time.

        If it did, what was looked up before may be different now: look again, and call again.
        Until the next checkpoint after ``False`` the rooms stay as they are.
        """
        for room in rooms:
            current = self._rooms.get(room)
            if current is not None and (alone or any(current.alone.values())):
                # No deadline: the journal answers every event, or the server ends.
                await current.ended.wait()
                return True
        return False
