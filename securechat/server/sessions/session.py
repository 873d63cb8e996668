"""A session: one logged-in connection, as commands and delivery see it.

It knows its user and its outbox, but neither sockets nor tasks; ``server/connection.py`` runs it.

Answers keep the order of the commands: what a session posted is *pending* until delivery or a
failure has answered it, and every command that does not itself post a message waits until nothing
is pending. So a PONG means that everything before the PING was committed and delivered.

What answers this session's own commands goes through ``send``, ``reply`` and ``receive_own``: while
a labeled command runs these are gathered. What others cause goes through ``push`` and never is; it
waits from the first gathered answer on, so that all goes out in the order in which it happened.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from securechat.protocol.capabilities import Negotiation
from securechat.protocol.multiline import Gathering
from securechat.protocol.replies import Reply, fail
from securechat.server.access.limits import Bucket, Budgets
from securechat.server.sessions.labels import in_order, labeled
from securechat.server.sessions.outbox import Outbox
from securechat.server.sessions.rendering import shape_of
from securechat.store.contract import Event
from securechat.store.credentials.tokens import Token

if TYPE_CHECKING:
    from securechat.server.persistence.devices import Mark
    from securechat.server.rooms.room import User


# So many lines are a small part of what may wait in an outbox: long answers go in such pieces.
LINES_AT_ONCE = 25


class Session:
    """One connection of a user's. ``end`` (given by the connection) ends it, with a reason.

    ``token`` is what its device logged in by, unless that was the password.

    ``left`` has, by the ids of the rooms that it was in and left, the msgid by which it left.
    """

    __slots__ = (
        "_answers",
        "_pending",
        "_places",
        "_settled",
        "address",
        "away",
        "away_since",
        "batch",
        "budgets",
        "credential",
        "device",
        "end",
        "has_quit",
        "heard_at",
        "left",
        "mark",
        "monitored",
        "negotiation",
        "opened_ms",
        "outbox",
        "pinged",
        "secured_by",
        "server_name",
        "shape",
        "token",
        "user",
    )

    def __init__(
        self,
        user: User,
        outbox: Outbox,
        negotiation: Negotiation,
        *,
        address: str,
        server_name: str,
        secured_by: str,
        credential: str,
        device: str = "",
        token: Token | None = None,
        budgets: Budgets,
        now: float,
        now_ms: int,
        end: Callable[[str], None],
    ) -> None:
        self.user = user
        self.outbox = outbox
        self.negotiation = negotiation
        self.address = address
        self.server_name = server_name
        self.secured_by = secured_by
        self.credential = credential
        self.device = device
        self.token = token
        self.mark: Mark | None = None
        self.has_quit = False
        self.left: dict[str, str] = {}
        self.budgets = budgets
        self.heard_at = now
        self.opened_ms = now_ms
        self.pinged = False
        self.end = end
        self.shape = shape_of(negotiation.enabled)
        self.away = ""
        self.batch: Gathering | None = None
        self.away_since = now
        self.monitored: dict[str, str] = {}
        self._answers: list[str] | None = None
        self._places: list[int] = []
        self._pending = 0
        self._settled: trio.Event | None = None

    @property
    def enabled(self) -> int:
        """The bits of the capabilities that are negotiated."""
        return self.negotiation.enabled

    @property
    def pending(self) -> int:
        """How many posted events have not been answered yet."""
        return self._pending

    def reshape(self) -> None:
        """Follow a change of capabilities: move to the rooms' lists for the new shape."""
        shape = shape_of(self.negotiation.enabled)
        if shape != self.shape:
            for room in self.user.rooms.values():
                room.detach(self)
            self.shape = shape
            for room in self.user.rooms.values():
                room.attach(self)

    def send(self, *lines: str) -> None:
        """Answer with whole lines, given without CR LF."""
        if self._answers is not None:
            self._gather(lines)
        else:
            self.push(*lines)

    def push(self, *lines: str) -> None:
        """Send whole lines that are no answer to this session, given without CR LF."""
        if lines:
            self.outbox.put("".join(f"{line}\r\n" for line in lines).encode())

    def receive_own(self, data: bytes) -> None:
        """Take lines that this session's own events became."""
        if self._answers is not None:
            self._gather(data.decode().removesuffix("\r\n").split("\r\n"))
        else:
            self.outbox.put(data)

    def _gather(self, lines: Sequence[str]) -> None:
        """Keep answers, and behind how many puts by others each belongs."""
        if self._answers is not None and lines:
            self._answers.extend(lines)
            self._places.extend([self.outbox.hold()] * len(lines))

    @property
    def gathers(self) -> bool:
        """Whether a labeled command is being answered: its answers are gathered until its end."""
        return self._answers is not None

    @asynccontextmanager
    async def labeling(self, label: str) -> AsyncIterator[None]:
        """Gather what answers one command, and send it with its label when all is settled."""
        self._answers, self._places = [], []
        try:
            yield
            await self.settled()
        finally:
            answers, self._answers = self._answers, None
            lines = labeled(label, answers, self.server_name)
            others = self.outbox.release()
            pieces = in_order(lines, self._places, others)
            at_once = len(pieces)
            if not self.outbox.has_room(sum(map(len, pieces))):
                # While the rest waits for room, the others' lines must not: later ones would
                # overtake them.
                pieces = in_order(lines, self._places, others, exact=LINES_AT_ONCE)
                at_once = LINES_AT_ONCE + len(others)
            for data in pieces[:at_once]:
                self.outbox.put(data)
        for start in range(at_once, len(pieces), LINES_AT_ONCE):
            await self.outbox.room()
            for data in pieces[start : start + LINES_AT_ONCE]:
                self.outbox.put(data)

    def reply(self, *replies: Reply) -> None:
        """Send replies, addressed to this user."""
        self.send(*(reply.line(self.server_name, self.user.name) for reply in replies))

    def posted(self) -> None:
        """Count one event as pending."""
        self._pending += 1

    def answered(self, count: int = 1) -> None:
        """Count events as answered: delivered here, or reported as not stored."""
        self._pending -= count
        if not self._pending and self._settled is not None:
            self._settled.set()
            self._settled = None

    async def turn(self, budget: Bucket, cost: float = 1.0) -> None:
        """Wait until a budget allows one more: what is too fast is delayed, and never dropped.

        Who has something waiting for its turn is not silent.
        """
        self.heard_at = trio.current_time()
        wait = budget.take(self.heard_at, cost)
        if wait:
            await trio.sleep(wait)
            self.heard_at = trio.current_time()

    async def settled(self) -> None:
        """Wait until nothing is pending.

        Needs no deadline: the journal answers every event, or the server ends.
        """
        while self._pending:
            if self._settled is None:
                self._settled = trio.Event()
            await self._settled.wait()

    def not_stored(self, event: Event, *, certain: bool) -> None:
        """Say that an event was not stored (or perhaps not), and count it as answered."""
        text = (
            "It could not be stored and nobody has seen it. Try again later."
            if certain
            else "It could not be stored for certain. Look at the history before sending it again."
        )
        self.reply(fail(event.kind, "NOT_STORED", event.target, text=text))
        self.answered()
