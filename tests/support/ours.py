"""Our own client in a house, writing down what it tells for the checker (``promises.py``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import trio
from support.house import House, password_of
from support.promises import Fate, Saying, Seen, Stretch, membership

from securechat.client import Client, connect, events
from securechat.client.errors import NotConfirmed, NotSent
from securechat.protocol.names import fold
from securechat.store.contract import Stored
from securechat.transport.base import Link
from securechat.transport.memory import MemoryWire


class Ours:
    """Our own client, in a house: what it tells, and what became of what it was given to say."""

    def __init__(self, house: House, nursery: trio.Nursery, name: str) -> None:
        self.name = name
        self.views: dict[str, list[Seen]] = {}
        self.sayings: list[Saying] = []
        self.problems: list[str] = []
        self.waiting = 0
        self._house = house
        self._nursery = nursery
        self._wire: MemoryWire | None = None
        self._count = 0

    async def dial(self, host: str, port: int) -> Link:
        """Reach the house in place of a network."""
        person = await self._house.visit()
        self._wire = self._house.wires[-1]
        return person.link

    async def run(  # noqa: ASYNC114 - nothing that it depends on is opened in between
        self, *, task_status: trio.TaskStatus[Client]
    ) -> None:
        """Be connected, and write down what is told, until cancelled."""
        async with connect(
            "house",
            account=self.name,
            password=password_of(self.name),
            channels=("#den",),
            dial=self.dial,
            random=lambda: 0.5,
        ) as client:
            task_status.started(client)
            async for event in client:
                if isinstance(event, events.Said) and event.msgid:
                    seen = Seen(event.msgid, event.kind.upper(), event.sender, event.text)
                    self.views.setdefault(fold(event.conversation), []).append(seen)
                elif isinstance(event, events.HistoryGap):
                    self.problems.append(f"{self.name} was told of a gap: {event}")

    def cut(self) -> None:
        """Lose the connection."""
        if self._wire is not None:
            self._wire.reset()

    def say(self, client: Client, conversation: str) -> None:
        """Have something said that nobody else says."""
        self._count += 1
        self.waiting += 1
        self._nursery.start_soon(self._say, client, conversation, f"{self.name} says {self._count}")

    async def _say(self, client: Client, conversation: str, text: str) -> None:
        msgid, fate = "", Fate.STORED
        try:
            msgid = (await client.say(conversation, text)).msgid
        except NotConfirmed:
            fate = Fate.UNKNOWN
        except NotSent:
            fate = Fate.NOT_STORED
        self.sayings.append(Saying(self.name, conversation, self.name, text, fate, msgid))
        self.waiting -= 1

    def stretches(self, journal: Sequence[Stored]) -> Iterator[Stretch]:
        """Yield what it told, from the login on and in a channel from the JOIN on."""
        for conversation, view in self.views.items():
            times = membership(journal, conversation, self.name)
            after = next(iter(times)) if times else None
            yield Stretch(
                self.name,
                "as our client tells",
                conversation,
                view,
                after,
                removed_may_lack=True,
            )
