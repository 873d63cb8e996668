"""One connection of a client: who reads, who writes, and what ends it.

Theory of operation
-------------------
The link belongs to the session. First ``log_in`` alone reads and writes it. Then two tasks run
until the session ends: the reader takes in what comes and gives it, message by message, to the
state; the writer sends what was put into the outgoing buffer by ``post``, all of it at once. A
third, of :mod:`~securechat.client.sessions.catchup`, asks for history.

Whatever ends the session calls ``end`` with the reason; the first reason stays, and the scope in
which the tasks run is cancelled. The reader finds out that a link is dead: after
``IDLE_SECONDS`` without a byte it sends a ping, and after as long again without one it gives up.
After this machine slept, ``probe`` makes that ``PROBE_SECONDS``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import trio

from securechat.client.errors import HistoryUnavailable
from securechat.client.events import Event, Failed
from securechat.client.state.login import Login
from securechat.client.state.state import ClientState, Page
from securechat.errors import ConnectionLost, MessageError
from securechat.protocol.framing import SERVER_TAG_BYTES_MAX, BadLine, LineBuffer
from securechat.protocol.message import Message, parse
from securechat.transport.base import Link

IDLE_SECONDS = 60
PROBE_SECONDS = 10
HISTORY_SECONDS_MAX = 60
LINE_BYTES_MAX = 8192  # of a server's line without its tags; more than any needs

_MEASURE = "still-there"

Emit = Callable[[list[Event]], None]


class Session:
    """A connection whose handshake is over. ``emit`` is given the events of each message."""

    def __init__(
        self, link: Link, state: ClientState, emit: Emit, now: Callable[[], datetime]
    ) -> None:
        self.link = link
        self.reason: str | None = None
        self.scope = trio.CancelScope()
        self.changed = trio.lowlevel.ParkingLot()
        self._state = state
        self._emit = emit
        self._now = now
        self._buffer = LineBuffer(line_max=LINE_BYTES_MAX, tags_max=SERVER_TAG_BYTES_MAX)
        self._outgoing: list[bytes] = []
        self._pings = 0
        self._measured_from: float | None = None
        self._patience_until: float | None = None
        self._reading: trio.CancelScope | None = None
        self._to_write = trio.lowlevel.ParkingLot()

    @property
    def ended(self) -> bool:
        """Whether ``end`` was called."""
        return self.reason is not None

    def end(self, reason: str) -> None:
        """End it; its tasks are cancelled. The first reason stays."""
        if self.reason is None:
            self.reason = reason
        self.scope.cancel()
        self.changed.unpark_all()

    def post(self, message: Message) -> None:
        """Put a message behind what is to be sent. Raises ``MessageError``, ``ConnectionLost``."""
        if self.ended:
            raise ConnectionLost("not connected")
        self._outgoing.append(message.encode())
        self._to_write.unpark_all()

    # --- login ---------------------------------------------------------------------------------

    async def log_in(self, login: Login) -> None:
        """Log in, and return when the welcome is through. The caller sets the deadline.

        Raises ``LoginRefused`` or ``ConnectionLost``.
        """
        self._state.reset()
        self._state.offered = login.offered
        await self._send(login.start())
        begun: float | None = trio.current_time()
        while not self._state.ready:
            data = await self.link.receive()
            if begun is not None:
                self._state.lag, begun = trio.current_time() - begun, None
            if not data:
                raise ConnectionLost(self._state.closing or "the server closed the connection")
            for message in self._messages(data):
                if login.done:
                    self._take(message)
                    continue
                await self._send(login.receive(message))
                if login.done:
                    self._state.capabilities = set(login.enabled)
                    self._take(message)
            await self._send(self._taken_outgoing())

    async def _send(self, messages: list[Message]) -> None:
        if messages:
            await self.link.send_all(b"".join(message.encode() for message in messages))

    # --- the tasks -----------------------------------------------------------------------------

    async def read(self, room: Callable[[], Awaitable[None]]) -> None:
        """Take in what comes until the session ends. ``room`` is awaited before each reading."""
        asked = False
        while True:
            await room()
            until = self._patience_until or trio.current_time() + IDLE_SECONDS
            with trio.move_on_at(until) as patience:
                self._reading = patience
                data = await self.link.receive()
            self._reading = None
            if patience.cancelled_caught:
                if self._patience_until is not None:
                    if trio.current_time() < self._patience_until:
                        continue  # the probe began as this scope ended
                    raise ConnectionLost("nothing came from the server since this machine slept")
                if asked:
                    seconds = 2 * IDLE_SECONDS
                    raise ConnectionLost(f"nothing came from the server in {seconds} seconds")
                asked = True
                self._measured_from = None
                self.measure()
                continue
            if not data:
                raise ConnectionLost(self._state.closing or "the server closed the connection")
            asked, self._patience_until = False, None
            for message in self._messages(data):
                if message.command == "PONG" and message.params[-1:] == (_MEASURE,):
                    self._measured()
                self._take(message)
            for message in self._taken_outgoing():
                self.post(message)
            self.changed.unpark_all()

    def measure(self) -> None:
        """Ask for a sign of life; the time to the answer is the state's ``lag``."""
        if self._measured_from is None:
            self._measured_from = trio.current_time()
            self.post(Message("PING", (_MEASURE,)))

    def probe(self) -> None:
        """Give the server a few seconds for a sign of life, by which the session lives on."""
        if self.ended:
            return
        self._patience_until = trio.current_time() + PROBE_SECONDS
        self.post(Message("PING", (_MEASURE,)))
        if self._reading is not None:
            self._reading.deadline = self._patience_until

    async def write(self) -> None:
        """Send what ``post`` was given, until cancelled."""
        while True:
            while not self._outgoing:
                await self._to_write.park()
            data = b"".join(self._outgoing)
            self._outgoing.clear()
            await self.link.send_all(data)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that the server sent makes the condition true.

        Raises ``ConnectionLost`` when the session ends before.
        """
        while not condition():
            if self.ended:
                raise ConnectionLost(self.reason or "")
            await self.changed.park()

    async def all_answered(self) -> None:
        """Return when all that was posted so far is answered: the server answers in order.

        Raises ``ConnectionLost`` when the session ends before.
        """
        self._pings += 1
        mark = f"past-{self._pings}"
        self.post(Message("PING", (mark,)))
        await self.until(lambda: self._state.pong == mark)

    async def ask_history(self, request: Message, target: str) -> Page:
        """Send one history request and return its answer; one at a time.

        Raises ``HistoryUnavailable`` when the server refuses, and ``ConnectionLost`` when the
        session ends before: a server that does not answer loses its connection, so that a late
        answer is never taken for another request's.
        """
        state = self._state
        state.page, state.history_of = None, target
        self.post(request)
        with trio.move_on_after(HISTORY_SECONDS_MAX):
            await self.until(lambda: state.page is not None)
        page = state.page
        if page is None:
            raise ConnectionLost("the server did not answer a request for history")
        state.page = None
        if page.error:
            raise HistoryUnavailable(page.error)
        return page

    # --- what both share -----------------------------------------------------------------------

    def _messages(self, data: bytes) -> list[Message]:
        out: list[Message] = []
        for line in self._buffer.feed(data):
            if isinstance(line, BadLine):
                self._unreadable(line.fault.value)
                continue
            try:
                out.append(parse(line))
            except MessageError as error:
                self._unreadable(str(error))
        return out

    def _measured(self) -> None:
        if self._measured_from is not None:
            self._state.lag = trio.current_time() - self._measured_from
            self._measured_from = None

    def _unreadable(self, why: str) -> None:
        text = f"The server sent a line that cannot be read: {why}"
        self._emit([Failed(time=self._now(), code="BAD_LINE", text=text)])

    def _take(self, message: Message) -> None:
        self._emit(self._state.receive(message, self._now()))

    def _taken_outgoing(self) -> list[Message]:
        messages = list(self._state.outgoing)
        self._state.outgoing.clear()
        return messages
