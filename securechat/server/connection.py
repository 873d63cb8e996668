"""One connection, from its first byte to its last.

Who owns what. ``serve_wire`` and ``serve_link`` run in a task of their own, own the link and
close it. Until login there is that task alone, driving ``Registration``. From login on a nursery
holds the session's tasks: this one reads, and one more exists only while the socket is full
(``Outbox.drain``).

What ends it: the peer's end of stream, a broken link, ``QUIT``, a deadline (TLS, login, silence),
an outbox over its limit, an account that was disabled, or the server's stop. Each of these gives
a reason; where the link still works the peer gets it as ``ERROR``. An exception that nobody
foresaw is logged with its traceback and ends this connection only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import structlog
import trio

from securechat.config import limit
from securechat.errors import ConnectionLost, HandshakeFailed, MessageError, PeerError, StoreError
from securechat.protocol import registration as gate_effects
from securechat.protocol.framing import LINE_BYTES_MAX, BadLine, LineBuffer, truncate
from securechat.protocol.message import parse
from securechat.protocol.registration import Effect, Registration
from securechat.server import arrivals
from securechat.server.access.gate import Pass
from securechat.server.access.limits import Bucket, Budgets
from securechat.server.commands.table import bad_line, dispatch
from securechat.server.context import Server, multiline_limits
from securechat.server.sessions.labels import label_of, labeled
from securechat.server.sessions.outbox import Outbox
from securechat.server.sessions.session import Session
from securechat.server.welcome import isupport_tokens
from securechat.store.credentials.accounts import Account
from securechat.transport.base import Link, Wire
from securechat.transport.tls import TLSLink

log = structlog.get_logger(__name__)

# The last words and the last commits of a session that ends get this long.
FAREWELL_SECONDS = 2.0
# So many lines of one session are handled before others have a turn.
LINES_PER_TURN = 64

E = TypeVar("E", bound=Exception)
Dispatch = Callable[[Server, Session, str | BadLine], Awaitable[None]]


class _Ended(PeerError):
    """The conversation is over before login; the text is the reason, if the peer is to know it."""


async def serve_wire(server: Server, wire: Wire, address: str) -> None:
    """Serve one accepted connection over TLS."""
    if server.tls is None:
        raise RuntimeError("this server has no certificate")
    await serve_link(server, TLSLink.server(wire, server.tls), address)


async def serve_link(
    server: Server, link: Link, address: str, *, handle: Dispatch = dispatch
) -> None:
    """Serve one connection until it ends, and close it. Raises nothing but ``Cancelled``."""
    context = log.bind(address=address)
    try:
        with server.addresses.admit(address, trio.current_time()) as logged_in:
            with _stage(server, server.settings.handshake_seconds):
                await link.handshake()
            await _converse(server, link, address, logged_in, handle)
    except* HandshakeFailed as group:
        context.info("TLS handshake failed", reason=_first(group).reason)
    except* trio.TooSlowError:
        context.info("TLS handshake timed out")
    except* PeerError as group:
        context.info("connection ended", reason=str(_first(group)))
    except* Exception:  # noqa: BLE001 - the one boundary, see the head of this file
        context.exception("connection failed")
    finally:
        link.close()


@contextmanager
def _stage(server: Server, seconds: float) -> Iterator[None]:
    """Bound a stage before login by its deadline (0: none) and by the server's stop.

    Raises ``TooSlowError`` for either.
    """
    with trio.fail_after(limit(seconds)) as scope:
        server.logins[scope] = None
        if server.draining:
            scope.cancel()  # it was accepted a moment before the stop
        try:
            yield
        finally:
            del server.logins[scope]


def _first(group: ExceptionGroup[E]) -> E:
    error: E | ExceptionGroup[E] = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def _converse(
    server: Server, link: Link, address: str, logged_in: Callable[[], None], handle: Dispatch
) -> None:
    talk = _Login(server, link, address)
    try:
        with _stage(server, server.settings.login_seconds):
            known = await talk.run()
    except trio.TooSlowError:
        reason = "The server is stopping" if server.draining else "Login timed out"
        await _say_error(link, reason)
        raise _Ended(reason) from None
    except _Ended as ended:
        await _say_error(link, str(ended))
        raise
    logged_in()
    await _run_session(server, link, address, talk, known, handle)


async def _say_error(link: Link, reason: str) -> None:
    with trio.move_on_after(FAREWELL_SECONDS):
        await link.send_all(f"ERROR :Closing link: {reason}\r\n".encode())


class _Login:
    """Drives ``Registration`` over a link: lines in, effects out, credentials checked."""

    def __init__(self, server: Server, link: Link, address: str) -> None:
        settings = server.settings
        self._server = server
        self._link = link
        self._address = address
        self._budget = Bucket(
            settings.messages_per_second, settings.message_burst, trio.current_time()
        )
        self.buffer = LineBuffer()
        self.lines: deque[str | BadLine] = deque()
        self.registration = Registration(
            settings.server_name,
            sasl_bytes_max=settings.sasl_bytes_max,
            attempts_max=settings.login_attempts_per_connection,
            isupport=isupport_tokens(server),
        )
        self.registration.negotiation.values["draft/multiline"] = multiline_limits(settings).value

    async def run(self) -> Pass:
        """Return who was logged in, and by what; lines that came after stay in ``lines``.

        Raises ``_Ended`` or ``ConnectionLost``.
        """
        while True:
            while self.lines:
                wait = self._budget.take(trio.current_time())
                if wait:
                    await trio.sleep(wait)
                known = await self._answer(self.lines.popleft())
                if known is not None:
                    return known
            data = await self._link.receive()
            if not data:
                raise ConnectionLost("the peer hung up before logging in")
            self.lines.extend(self.buffer.feed(data))

    async def _answer(self, line: str | BadLine) -> Pass | None:
        """Handle one line; return who is logged in once that is so."""
        registration = self.registration
        if isinstance(line, BadLine):
            await self._send([bad_line(line).line(registration.server, registration.nick or "*")])
            return None
        try:
            message = parse(line)
        except MessageError:
            return None  # not even a command: there is nothing to answer
        label = label_of(message, registration.negotiation.enabled)
        effects = registration.handle(message)
        if not label:
            return await self._carry_out(effects, self._send)
        answers: list[str] = []
        is_answered = False

        async def gather(lines: Sequence[str]) -> None:
            answers.extend(lines)

        async def answer() -> None:
            nonlocal is_answered
            if not is_answered:
                is_answered = True
                await self._send(labeled(label, answers, registration.server))

        async def before_admission() -> None:
            if answers:  # else it is the welcome that answers, which has no label
                await answer()

        known = None
        try:
            known = await self._carry_out(effects, gather, before_admission)
        except _Ended:
            await answer()
            raise
        if known is None:
            await answer()
        return known

    async def _send(self, lines: Sequence[str]) -> None:
        # No checkpoint where all of it goes at once, as it does: the next line has one.
        if not self._link.send_now("".join(f"{line}\r\n" for line in lines).encode()):
            await self._link.drain()

    async def _carry_out(
        self,
        effects: list[Effect],
        send: Callable[[Sequence[str]], Awaitable[None]],
        before_admission: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint,
    ) -> Pass | None:
        admitted: Pass | None = None
        lines: list[str] = []
        todo = deque(effects)
        while todo:
            match todo.popleft():
                case gate_effects.Send(line):
                    lines.append(line)
                    if not (todo and isinstance(todo[0], gate_effects.Send)):
                        await send(lines)
                        lines = []
                case gate_effects.Close(reason):
                    raise _Ended(reason)
                case gate_effects.Verify(credentials):
                    with _store_needed():
                        self._known = await self._server.gate.check(credentials, self._address)
                    if self._known is None:
                        todo.extend(self.registration.verified(None))
                    elif shut_out := self._shut_out(self._known.account):
                        todo.extend(self.registration.locked(shut_out))
                    else:
                        if self._known.token is not None and not self.registration.device:
                            self.registration.device = self._known.token.device
                        todo.extend(self.registration.verified(self._known.account.name))
                case gate_effects.Admit():
                    # From the last look on nothing may wait until the session is there for those
                    # who end it.
                    await before_admission()
                    account = None
                    if self._known is not None:
                        with _store_needed():
                            account = await self._server.gate.still(self._known)
                    if self._known is None or account is None:
                        raise _Ended("Your account was changed: log in again")
                    if shut_out := self._shut_out(account):
                        raise _Ended(shut_out)
                    admitted = Pass(account, self._known.token)
        return admitted

    def _shut_out(self, account: Account) -> str:
        """Return why an account may not come in though its password is right, or nothing."""
        suspension = account.suspended(self._server.now_ms())
        return f"Your account is suspended {suspension.words}" if suspension is not None else ""

    _known: Pass | None = None


@contextmanager
def _store_needed() -> Iterator[None]:
    """End a login that the store cannot decide, with words that tell nothing else."""
    try:
        yield
    except StoreError as error:
        log.error("login not possible", reason=str(error))  # noqa: TRY400 - no traceback for each login
        raise _Ended("Logging in is not possible now, try again later") from error


async def _run_session(
    server: Server, link: Link, address: str, talk: _Login, known: Pass, handle: Dispatch
) -> None:
    """Run a session until it ends. The reason is what whoever ended it first gave."""
    settings, now = server.settings, trio.current_time()
    account, token = known.account, known.token
    reasons: list[str] = []
    async with trio.open_nursery() as nursery:

        def end(reason: str) -> None:
            reasons.append(reason)
            nursery.cancel_scope.cancel()

        outbox = Outbox(
            link,
            server.flusher,
            limit=settings.outbox_bytes_max,
            park=nursery.start_soon,
            on_overflow=lambda: end("Too much waits to be sent to you"),
            on_lost=lambda: end("Connection lost"),
        )
        session = Session(
            arrivals.find_or_make_user(server, account, talk.registration),
            outbox,
            talk.registration.negotiation,
            address=address,
            server_name=settings.server_name,
            secured_by=link.description,
            credential=account.credential,
            token=token,
            device=talk.registration.device,
            budgets=Budgets.of(settings, now),
            now=now,
            now_ms=server.now_ms(),
            end=end,
        )
        session.away = truncate(talk.registration.away, settings.away_bytes_max or LINE_BYTES_MAX)
        context = log.bind(address=address, account=account.key)
        by = {"by_device": f"{token.id} {token.name}"} if token is not None else {}
        context.info("logged in", secured_by=link.description, **by)
        server.uses.logged_in(account, token)
        try:
            await arrivals.arrive(server, session)
            await _read(server, session, link, talk, handle)
            end("Connection closed")
        except ConnectionLost as error:
            text = str(error)
            end(text[:1].upper() + text[1:])
        except trio.Cancelled:
            # Where nobody has ended this session, something ends the whole server.
            if not reasons:
                end("The server is stopping")
            raise
        finally:
            if not reasons:
                end("Internal error")
            # By now nothing else waits for room on the link.
            reason = reasons[0]
            with _farewell(server):
                # What was said is committed and seen before the others see its sender go.
                await session.settled()  # noqa: ASYNC102 - _farewell shields it, with a deadline
            if not server.draining:  # else nobody is told, and it is no work
                with trio.CancelScope(shield=True):
                    await server.leaving.turn()  # noqa: ASYNC102 - shielded; it waits for no peer
            arrivals.depart(server, session, reason)
            server.uses.used(session)
            received, mark = server.delivery.position, session.mark
            with _farewell(server):
                last = f"ERROR :Closing link: {reason}\r\n".encode()
                sent = await outbox.finish(last)  # noqa: ASYNC102 - shielded, with a deadline
                if sent and session.has_quit and mark is not None:
                    server.devices.received(mark, received)
            context.info("session ended", reason=reason)


@contextmanager
def _farewell(server: Server) -> Iterator[None]:
    """Let last words be finished though their session has ended, until the server's own end."""
    deadline = min(trio.current_time() + FAREWELL_SECONDS, server.drain_deadline)
    with trio.CancelScope(shield=True, deadline=deadline) as scope:
        server.farewells[scope] = None
        try:
            yield
        finally:
            del server.farewells[scope]


async def _read(
    server: Server, session: Session, link: Link, talk: _Login, handle: Dispatch
) -> None:
    """Read and handle lines until the peer ends the stream. Raises ``ConnectionLost``."""
    lines = list(talk.lines)
    while True:
        for count, line in enumerate(lines, 1):
            if session.batch is None or not session.batch.expects(line):
                await session.turn(session.budgets.messages)
            await handle(server, session, line)
            if count % LINES_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
        data = await link.receive()
        if not data:
            return
        session.heard_at = trio.current_time()
        session.pinged = False
        lines = talk.buffer.feed(data)
