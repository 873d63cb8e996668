"""TCP: the wire under TLS, connecting, listening and accepting.

A ``SocketWire`` is a non-blocking socket whose ``recv`` and ``send`` are the socket's own
methods, with nothing of Python in between; only waiting goes through Trio.

Accepting outlives every error that ``accept`` can return: when descriptors or memory run out,
the connections that live on are what frees some, so the loop says so once, waits a little and
tries again. It ends when it is cancelled or its listener is closed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import trio

from securechat.errors import ConnectionLost, UserError

ACCEPT_PAUSE_SECONDS = 0.1
"""How long accepting rests after an error such as running out of descriptors."""

_DISCARD_BYTES_MAX = 256 * 1024
_CHUNK_BYTES = 64 * 1024
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - what an empty list of hosts asks for
_NOT_HERE = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
_PORT_TRIES = 8


class SocketWire:
    """A ``Wire`` over a connected TCP socket, which it owns and makes non-blocking."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        sock.setblocking(False)
        self.recv: Callable[[int], bytes] = sock.recv
        self.send: Callable[[bytes | memoryview], int] = sock.send
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            _tune(sock)

    def peer_address(self) -> str | None:
        """Return the peer's address without its port; ``None`` when the peer is gone already."""
        try:
            return str(self._socket.getpeername()[0])
        except OSError:
            return None

    async def wait_readable(self) -> None:
        self._require_open()
        await trio.lowlevel.wait_readable(self._socket)

    async def wait_writable(self) -> None:
        self._require_open()
        await trio.lowlevel.wait_writable(self._socket)

    def send_eof(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # broken or closed: there is nobody to tell

    def close(self) -> None:
        if self._socket.fileno() < 0:
            return
        # Closing over unread bytes makes TCP send a reset, which may overtake and destroy what
        # was sent last, such as the alert or the line that says why. So they are read away.
        try:
            for _ in range(_DISCARD_BYTES_MAX // _CHUNK_BYTES):
                if not self.recv(_CHUNK_BYTES):
                    break
        except OSError:
            pass  # nothing more is there, or it is broken
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()

    def _require_open(self) -> None:
        if self._socket.fileno() < 0:
            raise trio.ClosedResourceError("this socket is closed")


def _tune(sock: socket.socket) -> None:
    """Send at once, notice dead peers, and use the kernel's whole buffer.

    The last undoes what Trio's streams set: below 16 KiB unsent, a ``send`` would stop fitting
    long before the peer is slow, and a flush would park for no reason.
    """
    options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        options.append((socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, 0))
    for level, option, value in options:
        try:
            sock.setsockopt(level, option, value)
        except OSError:
            return  # the peer is gone already; the first read will say so


def _wire_of(stream: trio.SocketStream) -> SocketWire:
    """Return a wire over a Trio stream's socket, which the stream gives up."""
    return SocketWire(socket.socket(fileno=stream.socket.detach()))


# --- connecting -----------------------------------------------------------------------------------


async def connect(host: str, port: int) -> SocketWire:
    """Connect to a host, trying its addresses as RFC 8305 (Happy Eyeballs) has it.

    Raises ``ConnectionLost`` with a sentence that names host and port, or ``UserError`` for what
    can be no host or port. The caller sets the deadline.
    """
    if not host or not 0 < port < 65536:
        raise UserError(f"{host}:{port} is no address to connect to: give HOST or HOST:PORT")
    try:
        stream = await trio.open_tcp_stream(host, port)
    except OSError as error:
        raise ConnectionLost(f"cannot reach {host} port {port}: {_why(error)}") from error
    except UnicodeError as error:
        raise UserError(f"{host} is no host name: check its spelling") from error
    return _wire_of(stream)


def _why(error: OSError) -> str:
    """Return what lies behind a failed connection, in words and once each."""
    tries = error.__cause__
    causes = tries.exceptions if isinstance(tries, BaseExceptionGroup) else (error,)
    words: dict[str, None] = {}
    for cause in causes:
        text = str(cause)
        if isinstance(cause, socket.gaierror):
            text = cause.strerror or text
        elif isinstance(cause, OSError) and cause.errno:
            text = os.strerror(cause.errno)  # Trio's own text repeats the address
        words[text.lower()] = None
    return ", ".join(words)


# --- listening ------------------------------------------------------------------------------------


async def listen(hosts: Sequence[str], port: int) -> list[trio.SocketListener]:
    """Listen on each host's addresses, or on all interfaces when there are none.

    All listeners share one port; 0 lets the system choose it. An address that this machine does
    not have is passed over where the same host has another (``localhost`` without IPv6).
    Raises ``UserError``.
    """
    for _ in range(_PORT_TRIES - 1):
        try:
            return await _listen_once(hosts, port)
        except _PortTaken:
            if port:
                raise
            # The port that the system chose for one address is taken on the next: try again.
    return await _listen_once(hosts, port)


class _PortTaken(UserError):
    def __init__(self, address: str, port: int) -> None:
        super().__init__(
            f"port {port} on {address} is already in use: stop the other program"
            " or choose another port"
        )


async def _listen_once(hosts: Sequence[str], port: int) -> list[trio.SocketListener]:
    listeners: list[trio.SocketListener] = []
    bound: set[str] = set()
    with contextlib.ExitStack() as on_failure:
        groups = [(host, await _addresses(host)) for host in hosts]
        for name, addresses in groups or [("this machine", list(_EVERYWHERE))]:
            missing: OSError | None = None
            for address in addresses:
                if address in bound:
                    continue
                try:
                    opened = await trio.open_tcp_listeners(port, host=address)
                except OSError as error:
                    if error.errno not in _NOT_HERE:
                        raise _listen_failed(error, address, port) from error
                    missing = error
                    continue
                for listener in opened:
                    on_failure.callback(listener.socket.close)
                    port = port or listener.socket.getsockname()[1]
                listeners += opened
                bound.add(address)
            if missing is not None and bound.isdisjoint(addresses):
                raise UserError(
                    f"cannot listen on {name}: this machine has no such address"
                ) from missing
        on_failure.pop_all()
    return listeners


async def _addresses(host: str) -> list[str]:
    """Return the numeric addresses of a host. Raises ``UserError``."""
    try:
        found = await trio.socket.getaddrinfo(
            host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"cannot listen on {host}: it is neither an address nor a known name"
        ) from error
    numeric: list[str] = []
    for _, _, _, _, target in found:
        address = str(target[0])
        if len(target) == 4 and target[3]:
            # A link-local address means something on one interface only, which its scope names.
            address = f"{address}%{target[3]}"
        if address not in numeric:
            numeric.append(address)
    return numeric


def _listen_failed(error: OSError, address: str, port: int) -> UserError:
    if error.errno == errno.EADDRINUSE:
        return _PortTaken(address, port)
    if error.errno in (errno.EACCES, errno.EPERM):
        return UserError(
            f"this user may not listen on port {port} of {address}: choose a port above 1023"
        )
    why = (error.strerror or str(error)).lower()
    return UserError(f"cannot listen on {address} port {port}: {why}")


# --- accepting ------------------------------------------------------------------------------------

Handler: TypeAlias = Callable[[SocketWire, str], Awaitable[object]]
"""Serves one connection: its wire and the peer's address. The wire is closed when it returns."""


async def serve(
    listeners: Sequence[trio.SocketListener],
    handler: Handler,
    nursery: trio.Nursery,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept from every listener until cancelled or they are closed, and close them then.

    Each connection's ``handler`` runs in ``nursery``, so that accepting can end before they do;
    what it raises reaches that nursery.
    """
    async with trio.open_nursery() as accepting:
        for listener in listeners:
            accepting.start_soon(_accept_from, listener, handler, nursery)
        task_status.started()


async def _accept_from(
    listener: trio.SocketListener, handler: Handler, nursery: trio.Nursery
) -> None:
    from structlog import get_logger  # noqa: PLC0415 - slow to load, and of no use to clients

    log = get_logger()
    failing = False
    async with listener:
        while True:
            try:
                stream = await listener.accept()
            except trio.ClosedResourceError:
                return
            except OSError as error:
                if not failing:
                    log.warning("cannot accept connections, trying on", error=str(error))
                failing = True
                await trio.sleep(ACCEPT_PAUSE_SECONDS)
                continue
            if failing:
                log.info("accepting connections again")
                failing = False
            nursery.start_soon(_handle, handler, _wire_of(stream))


async def _handle(handler: Handler, wire: SocketWire) -> None:
    try:
        address = wire.peer_address()
        if address is not None:
            await handler(wire, address)
    finally:
        wire.close()
