"""What runs behind a client: sessions one after another, and what must outlive each of them.

The supervisor makes a session, serves it until it ends, waits and makes the next. Everything that
a session's tasks learn comes through ``told``: it is the one place where events get to the program,
own lines get their outcome, and lines that may go out do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import trio

from securechat.client import events
from securechat.client.errors import (
    ConnectFailed,
    HistoryUnavailable,
    JoinRefused,
    NoAnswer,
    NotOffered,
    NotSent,
    Refused,
)
from securechat.client.events import Event
from securechat.client.sessions.buffer import EventBuffer
from securechat.client.sessions.catchup import CatchUp
from securechat.client.sessions.jobs import HistoryJob, PageJob, Slot
from securechat.client.sessions.session import Session
from securechat.client.state.login import Login
from securechat.client.state.ownlines import Undelivered
from securechat.client.state.profiles import monitor_lines
from securechat.client.state.state import ClientState
from securechat.client.state.timeline import wire_time
from securechat.client.trust import Trust
from securechat.client.trust.reach import Dial, reach
from securechat.errors import ConnectionLost, MessageError, UserError
from securechat.protocol.message import Message
from securechat.protocol.names import fold

LOGIN_SECONDS_MAX = 60
BACKOFF_SECONDS_MAX = 60
ASK_SECONDS_MAX = 60
CLOCK_SECONDS = 5  # between two looks at the clock
SLEPT_SECONDS_MIN = 10
STABLE_SECONDS = 60  # a session that lasted as long makes the backoff start over

# Why a JOIN can fail (Modern IRC Client Protocol, "JOIN message"; 477 and 479 by convention).
_JOIN_REFUSALS = frozenset(
    {"403", "405", "407", "437", "471", "473", "474", "475", "476", "477", "479"}
)


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect, as whom, and how; ``trust`` is what the dial verifies by."""

    host: str
    port: int
    account: str
    password: str = field(repr=False)
    dial: Dial
    trust: Trust | None = None


class Core:
    """The inside of a :class:`~securechat.client.connection.Client`."""

    def __init__(
        self,
        server: Server,
        state: ClientState,
        *,
        history: int,
        reconnect: bool,
        random: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self.server = server
        self.state = state
        self.now = now
        self.events = EventBuffer()
        self.session: Session | None = None
        self.slots: dict[int, Slot] = {}
        self.joining: dict[str, JoinRefused | None] = {}
        self.wanted: dict[str, str] = {}
        self.changed = trio.lowlevel.ParkingLot()
        self.leaving = False
        self.ended = False
        self.scope = trio.CancelScope()
        self._history = history
        self._reconnect = reconnect
        self._random = random
        self.typing_told: dict[str, tuple[str, float]] = {}
        self.marks: dict[str, tuple[str, datetime]] = {}
        self.watched: dict[str, str] = {}
        self.profile_keys: dict[str, None] = {}
        self._retry = trio.Event()
        self._to_fetch: list[str | HistoryJob | PageJob] = []
        self._to_fetch_lot = trio.lowlevel.ParkingLot()

    # --- connecting ----------------------------------------------------------------------------

    async def open(self) -> Session:
        """Connect and log in.

        Raises ``ConnectFailed`` for what may be better another time, ``TrustError`` and
        ``LoginRefused`` for what will not.
        """
        server = self.server
        link = await reach(server.dial, server.host, server.port, server.trust)
        session = Session(link, self.state, self.told, self.now)
        try:
            self.told([events.Connected(
                time=self.now(), host=server.host, port=server.port, security=link.description
            )])  # fmt: skip
            with trio.fail_after(LOGIN_SECONDS_MAX):
                await session.log_in(Login(server.account, server.password))
        except trio.TooSlowError as error:
            link.close()
            raise ConnectFailed(
                f"{server.host} did not finish the login in {LOGIN_SECONDS_MAX} seconds."
            ) from error
        except (ConnectionLost, MessageError) as error:
            link.close()
            raise ConnectFailed(
                f"{server.host} ended the connection during the login: {error}."
            ) from error
        except BaseException:
            link.close()
            raise
        return session

    async def supervise(self, session: Session | None) -> None:
        """Serve this session and those that follow, until ``scope`` is cancelled.

        Without one the first is made here. Raises ``LoginRefused`` or ``TrustError`` when
        coming, or coming back, is of no use.
        """
        # Who is there before the first session may have asked for something to be told already.
        attempt, first, set_up = 0, True, session is None
        try:
            with self.scope:
                if session is None:
                    session, attempt = await self._come(None, attempt, first=True)
                while True:
                    since = trio.current_time()
                    await self._serve(session, first=first, set_up=set_up)
                    if self.leaving:
                        return
                    if trio.current_time() - since >= STABLE_SECONDS:
                        attempt = 0
                    reason = session.reason or ""
                    if not self._reconnect:
                        self._tell_disconnected(reason, None)
                        return
                    session, attempt = await self._come(reason, attempt, first=False)
                    first, set_up = False, True
        finally:
            self._end()

    async def _come(self, reason: str | None, attempt: int, *, first: bool) -> tuple[Session, int]:
        """Connect and log in, again and again; wait before, but at once where nothing broke yet."""
        while True:
            if reason is not None:
                delay = self._random() * min(BACKOFF_SECONDS_MAX, 2**attempt)
                self._tell_disconnected(reason, delay)
                self._retry = trio.Event()
                with trio.move_on_after(delay):
                    await self._retry.wait()
                attempt = min(attempt + 1, 6)
            if not first:
                self.state.timeline.hold_all()  # what was missed is told before what comes
            try:
                return await self.open(), attempt
            except ConnectFailed as error:
                reason = str(error)
            except UserError as error:
                self._tell_disconnected(str(error), None)
                raise

    def retry_now(self) -> None:
        """End the wait before the next attempt."""
        self._retry.set()

    async def watch_clock(self) -> None:
        """Notice that this machine slept or this process was stopped: more time passed than waited.

        Trio's clock stands still while a machine sleeps; that of the time of day does not.
        What was true of the connection before may not be any more: the server is asked for a sign
        of life at once, and where there is no connection, none is waited for.
        """
        wall, steady = self.now(), trio.current_time()
        while True:
            await trio.sleep(CLOCK_SECONDS)
            passed = max((self.now() - wall).total_seconds(), trio.current_time() - steady)
            wall, steady = self.now(), trio.current_time()
            if passed - CLOCK_SECONDS >= SLEPT_SECONDS_MIN:
                self.retry_now()
                if self.session is not None:
                    self.session.probe()

    def _tell_disconnected(self, reason: str, retry_in: float | None) -> None:
        self.told([events.Disconnected(time=self.now(), reason=reason, retry_in=retry_in)])

    def _end(self) -> None:
        self.ended = True
        for number in list(self.slots):
            self.give_up(number, "the client has ended")
        self.events.close()

    # --- one session ---------------------------------------------------------------------------

    async def _serve(self, session: Session, *, first: bool, set_up: bool) -> None:
        self.session = session
        try:
            with session.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._guard, session, session.write)
                    fetch = partial(self._fetch, session, first=first, set_up=set_up)
                    nursery.start_soon(self._guard, session, fetch)
                    await self._guard(session, partial(session.read, self.events.room))
        finally:
            self.session = None
            session.end("the client was stopped")
            session.link.close()
            self.state.lines.broke()
            self.changed.unpark_all()
            for job in self._to_fetch:
                if not isinstance(job, str):
                    job.error = HistoryUnavailable("The connection broke.")
                    job.done.set()
            self._to_fetch.clear()

    @staticmethod
    async def _guard(session: Session, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except (ConnectionLost, MessageError) as error:
            session.end(str(error))

    async def _fetch(self, session: Session, *, first: bool, set_up: bool) -> None:
        """Fetch history: what was missed, then what is asked for."""
        catchup = CatchUp(session, self.state, self.told, self.now, self.wanted)
        if set_up:
            self._set_up(session)
        for name in self.wanted.values():
            if self.state.channels.get(name) is None:
                session.post(Message("JOIN", (name,)))
        if first:
            self.state.lines.start()
            self.flush()
        else:
            await catchup.after_break()
        while True:
            while not self._to_fetch:
                await self._to_fetch_lot.park()
            job = self._to_fetch[0]
            if isinstance(job, str):
                await catchup.before_join(job, self._history)
            else:
                try:
                    if isinstance(job, PageJob):
                        job.messages = await catchup.messages(
                            job.which, job.target, job.place, job.limit
                        )
                    else:
                        page = await session.ask_history(job.request, job.target)
                        job.messages, job.targets = page.messages, page.targets
                except HistoryUnavailable as error:
                    job.error = error
                job.done.set()
            self._to_fetch.remove(job)

    def _set_up(self, session: Session) -> None:
        """Ask on a new connection for what the last one was asked to tell."""
        capabilities = self.state.capabilities
        if self.profile_keys and "draft/metadata-2" in capabilities:
            session.post(Message("METADATA", ("*", "SUB", *self.profile_keys)))
        for line in monitor_lines("+", list(self.watched.values())):
            session.post(line)

    async def ask(self, message: Message, refused: type[Refused] = Refused) -> list[Message]:
        """Send a request and return its answer.

        Raises the server's refusal as ``refused``; ``NoAnswer`` without a connection, or where it
        breaks or nothing comes in ``ASK_SECONDS_MAX``; ``NotOffered`` without labels.
        """
        session, state = self.session, self.state
        if session is None or session.ended:
            raise NoAnswer("Not connected: try again when the connection is back.")
        if "labeled-response" not in state.capabilities:
            raise NotOffered(message.command, "labels for answers")
        request = state.requests.begin(message.command)
        try:
            session.post(replace(message, tags={**message.tags, "label": request.label}))
            with trio.move_on_after(ASK_SECONDS_MAX):
                while not request.done and self.session is session:
                    await self.changed.park()
        finally:
            state.requests.forget(request)
        if not request.done:
            raise NoAnswer("The server did not answer: it is unknown whether it was done.")
        refusal = request.refusal(refused)
        if refusal is not None:
            raise refusal
        return request.messages

    def fetch(self, job: str | HistoryJob | PageJob) -> None:
        """Ask for history; a name stands for what was said before that channel was joined."""
        self._to_fetch.append(job)
        self._to_fetch_lot.unpark_all()

    # --- what happens --------------------------------------------------------------------------

    def told(self, happened: list[Event]) -> None:
        """Take what happened, in order."""
        for event in happened:
            match event:
                case events.Joined(own=True):
                    self._joined(event.channel)
                case events.ChannelRenamed():
                    if self.wanted.pop(fold(event.old), None) is not None:
                        self.wanted[fold(event.new)] = event.new
                case events.Parted(own=True) | events.Kicked(own=True):
                    self.wanted.pop(fold(event.channel), None)
                case events.Failed():
                    self._failed(event)
        self.events.put(happened)
        for outcome in self.state.outcomes:
            slot = self.slots.get(outcome.number)
            if slot is not None:
                slot.outcome = outcome
                slot.done.set()
            if isinstance(outcome, Undelivered):
                self._tell_given_up(outcome.error)
        self.state.outcomes.clear()
        self.flush()
        self.changed.unpark_all()

    def _tell_given_up(self, error: NotSent) -> None:
        # What the server refused is told already, by its own reply.
        if error.code in ("NOT_SENT", "NOT_CONFIRMED"):
            self.events.put([events.Failed(
                time=self.now(), code=error.code, text=str(error), what=error.target
            )])  # fmt: skip

    def give_up(self, number: int, reason: str) -> None:
        """Stop waiting for an own line, and tell so."""
        undelivered = self.state.lines.give_up(number, reason)
        if undelivered is not None:
            self.state.outcomes.append(undelivered)
            self.told([])

    def flush(self) -> None:
        """Hand over the own lines that may go out now."""
        session, state = self.session, self.state
        if session is None or session.ended:
            return
        for message in state.lines.to_send(labels="labeled-response" in state.capabilities):
            if message.command != "BATCH":
                # From here on the history may hold it, should the connection break.
                state.timeline.open_now(message.params[0], self.now())
            session.post(message)
        if self.marks and "draft/read-marker" in state.capabilities:
            for target, until in self.marks.values():
                stamp = f"timestamp={wire_time(until)}"
                session.post(Message("MARKREAD", (target, stamp)))
            self.marks.clear()

    def _joined(self, name: str) -> None:
        self.wanted[fold(name)] = name
        conversation = self.state.timeline.get(name)
        if self._history and conversation and not conversation.last and conversation.held is None:
            self.state.timeline.hold(name)
            self.fetch(name)

    def _failed(self, event: events.Failed) -> None:
        if event.command != "JOIN" and event.code not in _JOIN_REFUSALS:
            return
        for word in event.what.split():
            key = fold(word)
            if key in self.joining:
                self.joining[key] = JoinRefused(word, event.text, event.code)
            if self.state.channels.get(word) is None:
                self.wanted.pop(key, None)
