"""TCP on the loopback: wires, connecting, listening, and accepting whatever happens."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from support.memory import lost_while_waiting, server_context, tls_over
from trio.testing import wait_all_tasks_blocked

from securechat.errors import ConnectionLost, HandshakeFailed, UserError
from securechat.transport import sockets
from securechat.transport.sockets import Handler, SocketWire
from securechat.transport.tls import TLSLink


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = socket.create_connection(listening.getsockname())
        far, _ = listening.accept()
    return near, far


def tcp_wires() -> tuple[SocketWire, SocketWire]:
    near, far = tcp_pair()
    return SocketWire(near), SocketWire(far)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """Serve on a free port of 127.0.0.1, and yield the port."""
    listeners = await sockets.listen(["127.0.0.1"], 0)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(sockets.serve, listeners, handler, nursery))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()
    assert all(listener.socket.fileno() == -1 for listener in listeners)


async def echo(wire: SocketWire, address: str) -> None:
    """Greet with the address, then answer what is sent with itself."""
    wire.send(address.encode() + b" ")
    while True:
        await wire.wait_readable()
        data = wire.recv(1000)
        if not data:
            return
        wire.send(data)


async def read(wire: SocketWire, size: int) -> bytes:
    data = b""
    while len(data) < size:
        await wire.wait_readable()
        piece = wire.recv(size - len(data))
        assert piece
        data += piece
    return data


# --- the wire -------------------------------------------------------------------------------------


async def test_a_wire_sets_its_socket_up() -> None:
    near, far = tcp_pair()
    wire = SocketWire(near)
    assert near.gettimeout() == 0
    assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert near.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert wire.peer_address() == "127.0.0.1"
    wire.close()
    assert wire.peer_address() is None
    far.close()


async def test_a_wire_over_no_tcp_at_all() -> None:
    near, far = socket.socketpair()
    wire, other = SocketWire(near), SocketWire(far)
    wire.send(b"local")
    assert await read(other, 5) == b"local"
    wire.close()
    other.close()


async def test_a_wire_whose_socket_takes_no_options() -> None:
    """Some systems refuse them when the peer is gone already; reading will tell."""

    class Stubborn(socket.socket):
        def setsockopt(self, *arguments: object) -> None:
            raise OSError(errno.EINVAL, "Invalid argument")

    wire = SocketWire(Stubborn())
    wire.close()


async def test_waiting_and_blocking() -> None:
    near, far = tcp_wires()
    with pytest.raises(BlockingIOError):
        near.recv(1)
    await near.wait_writable()
    far.send(b"x")
    assert await read(near, 1) == b"x"
    far.send_eof()
    await near.wait_readable()
    assert near.recv(1) == b""
    near.close()
    far.close()


async def test_closing_wakes_who_waits_and_may_be_repeated() -> None:
    near, far = tcp_wires()

    async def waits() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await near.wait_readable()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waits)
        await wait_all_tasks_blocked()
        near.close()
    near.close()
    near.send_eof()
    for wait in (near.wait_readable, near.wait_writable):
        with pytest.raises(trio.ClosedResourceError):
            await wait()
    with pytest.raises(OSError, match="Bad file descriptor"):
        near.send(b"x")
    far.close()


async def test_what_was_sent_last_survives_closing_over_unread_bytes() -> None:
    """A plain close would send a reset (RFC 9293, 3.6.1) that destroys it on its way."""
    near, far = tcp_wires()
    far.send(b"chatter " * 1000)
    await near.wait_readable()
    near.send(b"ERROR :too much\r\n")
    near.close()
    assert await read(far, 17) == b"ERROR :too much\r\n"
    await far.wait_readable()
    assert far.recv(1) == b""
    far.close()


async def test_an_alert_reaches_who_speaks_plaintext() -> None:
    near, far = tcp_pair()
    far.sendall(b"NICK alice\r\nUSER alice 0 * :Alice\r\n" * 5000)
    link = TLSLink.server(SocketWire(near), server_context())
    with pytest.raises(HandshakeFailed, match="wrong version number"):
        await link.handshake()
    link.close()
    with far:
        assert far.recv(100) == b"\x15\x03\x03\x00\x02\x02\x0a"
        assert far.recv(100) == b""


async def test_tls_over_tcp_with_a_peer_that_stops_reading() -> None:
    """Only who drains waits; what is kept arrives when the peer reads again."""
    server, client = await tls_over(*tcp_wires())
    data = bytes(range(256)) * (1 << 15)  # 8 MiB: more than the kernel's buffers hold
    assert not server.send_now(data)
    received = bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.drain)
        await wait_all_tasks_blocked()
        while len(received) < len(data):
            received += await client.receive()
    assert received == data
    client.close()
    assert await server.receive() == b""
    server.close()


async def test_several_tasks_drain_at_once() -> None:
    """A socket lets one task wait; when that one is cancelled, another takes its place."""
    server, client = await tls_over(*tcp_wires())
    data = bytes(1 << 23)
    assert not server.send_now(data)
    first = trio.CancelScope()

    async def cancelled() -> None:
        with first:
            await server.drain()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cancelled)
        await wait_all_tasks_blocked()
        nursery.start_soon(server.drain)
        nursery.start_soon(server.send_all, b"ERROR :bye\r\n")
        await wait_all_tasks_blocked()
        first.cancel()
        await wait_all_tasks_blocked()
        received = bytearray()
        while len(received) < len(data) + 12:
            received += await client.receive()
    assert received == data + b"ERROR :bye\r\n"
    assert first.cancelled_caught
    client.close()
    server.close()


@pytest.mark.parametrize("waiting", ["receive", "drain"])
async def test_close_wakes_tasks_on_a_real_socket(waiting: str) -> None:
    server, client = await tls_over(*tcp_wires())
    if waiting == "drain":
        assert not server.send_now(bytes(1 << 23))
    async with lost_while_waiting(getattr(server, waiting), "closed on this side"):
        server.close()
    client.close()


async def test_a_real_reset() -> None:
    near, far = tcp_pair()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    wire = SocketWire(near)
    link = TLSLink.server(wire, server_context())
    async with lost_while_waiting(link.handshake, "connection reset by peer"):
        far.close()
    link.close()


# --- connecting -----------------------------------------------------------------------------------


async def test_connecting() -> None:
    async with serving(echo) as port:
        wire = await sockets.connect("127.0.0.1", port)
        wire.send(b"hello")
        assert await read(wire, 15) == b"127.0.0.1 hello"
        wire.close()


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(ConnectionLost) as caught:
        await sockets.connect("127.0.0.1", port)
    assert str(caught.value) == f"cannot reach 127.0.0.1 port {port}: connection refused"


async def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(trio, "open_tcp_stream", fails)
    with pytest.raises(ConnectionLost) as caught:
        await sockets.connect("chat.invalid", 6697)
    assert str(caught.value) == "cannot reach chat.invalid port 6697: name or service not known"


async def test_several_reasons_are_named_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object, **__: object) -> None:
        tries = [
            OSError(errno.ECONNREFUSED, "Error connecting to ('::1', 1): Connection refused"),
            OSError(errno.ECONNREFUSED, "Error connecting to ('127.0.0.1', 1): Connection refused"),
            OSError(errno.ENETUNREACH, "Network is unreachable"),
            OSError("something odd"),
        ]
        raise OSError("all attempts failed") from ExceptionGroup("all attempts failed", tries)

    monkeypatch.setattr(trio, "open_tcp_stream", fails)
    with pytest.raises(
        ConnectionLost, match=r"1: connection refused, network is unreachable, something odd$"
    ):
        await sockets.connect("localhost", 1)


@pytest.mark.parametrize(
    ("host", "port"), [("", 6697), ("localhost", 0), ("localhost", 70000), ("a..b", 6697)]
)
async def test_what_can_be_no_address(host: str, port: int) -> None:
    with pytest.raises(UserError, match="is no "):
        await sockets.connect(host, port)


# --- listening ------------------------------------------------------------------------------------


async def close_all(listeners: list[trio.SocketListener]) -> None:
    for listener in listeners:
        await listener.aclose()


async def test_everywhere_is_one_port_for_all() -> None:
    listeners = await sockets.listen([], 0)
    names = [listener.socket.getsockname() for listener in listeners]
    assert names[0][0] == "0.0.0.0"
    assert len({name[1] for name in names}) == 1
    await close_all(listeners)


async def test_a_host_given_twice_is_one_listener() -> None:
    listeners = await sockets.listen(["127.0.0.1", "127.0.0.2", "127.0.0.1"], 0)
    assert [listener.socket.getsockname()[0] for listener in listeners] == [
        "127.0.0.1",
        "127.0.0.2",
    ]
    await close_all(listeners)


async def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError) as caught:
            await sockets.listen(["127.0.0.2", "127.0.0.1"], port)
        assert str(caught.value) == (
            f"port {port} on 127.0.0.1 is already in use: "
            "stop the other program or choose another port"
        )
    # The listener that was open already was closed again.
    await close_all(await sockets.listen(["127.0.0.2", "127.0.0.1"], port))


class FakeOpen:
    """Stands in for ``trio.open_tcp_listeners``: fails where it is told to, once each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failures: dict[str, list[int]]) -> None:
        self._real = trio.open_tcp_listeners
        self._failures = failures
        monkeypatch.setattr(trio, "open_tcp_listeners", self)

    async def __call__(self, port: int, *, host: str) -> list[trio.SocketListener]:
        if failures := self._failures.get(host):
            number = failures.pop()
            raise OSError(number, os.strerror(number))
        return await self._real(port, host=host)


async def test_a_chosen_port_that_is_taken_elsewhere_is_chosen_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    FakeOpen(monkeypatch, {"127.0.0.2": [errno.EADDRINUSE] * 3})
    listeners = await sockets.listen(["127.0.0.1", "127.0.0.2"], 0)
    assert len(listeners) == 2
    await close_all(listeners)


async def test_choosing_again_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeOpen(monkeypatch, {"127.0.0.1": [errno.EADDRINUSE] * 100})
    with pytest.raises(UserError, match="already in use"):
        await sockets.listen(["127.0.0.1"], 0)


async def test_an_address_that_is_not_here_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the system has no IPv6."""
    FakeOpen(monkeypatch, {"::": [errno.EAFNOSUPPORT]})
    listeners = await sockets.listen([], 0)
    assert [listener.socket.getsockname()[0] for listener in listeners] == ["0.0.0.0"]
    await close_all(listeners)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EADDRNOTAVAIL, "cannot listen on 127.0.0.1: this machine has no such address"),
        (
            errno.EACCES,
            "this user may not listen on port 443 of 127.0.0.1: choose a port above 1023",
        ),
        (errno.ENOBUFS, "cannot listen on 127.0.0.1 port 443: no buffer space available"),
    ],
)
async def test_what_else_can_fail(
    monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    FakeOpen(monkeypatch, {"127.0.0.1": [number]})
    with pytest.raises(UserError) as caught:
        await sockets.listen(["127.0.0.1"], 443)
    assert str(caught.value) == sentence


async def test_names_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link-local address keeps its scope, without which it cannot be bound."""

    async def lookup(*_: object, **__: object) -> list[object]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 0, 0, 3)),
        ]

    monkeypatch.setattr(trio.socket, "getaddrinfo", lookup)
    assert await sockets._addresses("lan") == ["127.0.0.1", "::1", "fe80::1%3"]


@pytest.mark.parametrize("host", ["a..b", "127.0.0.1:6697"])
async def test_a_host_that_is_nothing(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    if ":" in host:
        monkeypatch.setattr(trio.socket, "getaddrinfo", fails)
    with pytest.raises(UserError, match="neither an address nor a known name"):
        await sockets.listen([host], 0)


# --- accepting ------------------------------------------------------------------------------------


async def test_connections_outlive_accepting() -> None:
    """They run in the nursery that they were given to, so listeners can end first."""
    listeners = await sockets.listen(["127.0.0.1"], 0)
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as accepting:
            await accepting.start(partial(sockets.serve, listeners, echo, connections))
            wire = await sockets.connect("127.0.0.1", port)
            await read(wire, 10)
            accepting.cancel_scope.cancel()
        with pytest.raises(ConnectionLost, match="connection refused"):
            await sockets.connect("127.0.0.1", port)
        wire.send(b"alive")
        assert await read(wire, 5) == b"alive"
        wire.close()


async def test_a_closed_listener_ends_it_quietly() -> None:
    listeners = await sockets.listen(["127.0.0.1"], 0)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(sockets.serve, listeners, echo, nursery))
        await close_all(listeners)


async def test_the_wire_is_closed_when_its_handler_ends() -> None:
    async def curt(wire: SocketWire, address: str) -> None:
        wire.send(b"no")

    async with serving(curt) as port:
        wire = await sockets.connect("127.0.0.1", port)
        assert await read(wire, 2) == b"no"
        await wire.wait_readable()
        assert wire.recv(1) == b""
        wire.close()


async def test_a_peer_that_is_gone_before_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    handled = []

    async def handler(wire: SocketWire, address: str) -> None:
        handled.append(address)

    monkeypatch.setattr(SocketWire, "peer_address", lambda _: None)
    async with serving(handler) as port:
        wire = await sockets.connect("127.0.0.1", port)
        await wire.wait_readable()
        assert wire.recv(1) == b""
        wire.close()
    assert not handled


async def test_what_a_handler_raises_reaches_its_nursery() -> None:
    class Bug(Exception):
        pass

    async def buggy(wire: SocketWire, address: str) -> None:
        raise Bug

    with pytest.RaisesGroup(Bug):
        async with serving(buggy) as port:
            with socket.create_connection(("127.0.0.1", port)):
                await trio.sleep_forever()


@pytest.mark.parametrize(
    "number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EIO]
)
async def test_accept_errors_do_not_end_the_listener(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "ACCEPT_PAUSE_SECONDS", 0)
    listeners = await sockets.listen(["127.0.0.1"], 0)
    failures = [OSError(number, os.strerror(number))] * 3
    failures.append(OSError(errno.ECONNABORTED, "aborted"))
    real = listeners[0].socket.accept

    async def accept() -> object:
        await trio.lowlevel.checkpoint()
        if failures:
            raise failures.pop(0)
        return await real()

    monkeypatch.setattr(listeners[0].socket, "accept", accept)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(sockets.serve, listeners, echo, nursery))
        wire = await sockets.connect("127.0.0.1", listeners[0].socket.getsockname()[1])
        assert await read(wire, 10) == b"127.0.0.1 "
        wire.close()
        nursery.cancel_scope.cancel()


async def test_running_out_of_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/safety.md, fault 19: accepting resumes, live sessions live on."""
    monkeypatch.setattr(sockets, "ACCEPT_PAUSE_SECONDS", 0.001)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with serving(echo) as port:
        living = await sockets.connect("127.0.0.1", port)
        await read(living, 10)
        late = socket.socket()
        late.setblocking(False)
        hoard: list[int] = []
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, soft), hard))
            with contextlib.suppress(OSError):  # at the limit
                while True:
                    hoard.append(os.dup(0))
            with pytest.raises(BlockingIOError):
                late.connect(("127.0.0.1", port))
            living.send(b"alive")
            assert await read(living, 5) == b"alive"
        finally:
            for descriptor in hoard:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wire = SocketWire(late)
        assert await read(wire, 10) == b"127.0.0.1 "
        wire.close()
        living.close()
