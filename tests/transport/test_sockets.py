"""TCP on the loopback: wires, connecting, listening, and accepting whatever happens."""

from __future__ import annotations

import errno
import socket

import pytest
import trio
from support.memory import lost_while_waiting, server_context, tls_over
from support.tcp import echo, read, serving
from trio.testing import wait_all_tasks_blocked

from securechat.errors import ConnectionLost, HandshakeFailed, UserError
from securechat.transport import sockets
from securechat.transport.sockets import SocketWire
from securechat.transport.tls import TLSLink


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = socket.create_connection(listening.getsockname())
        far, _ = listening.accept()
    return near, far


def tcp_wires() -> tuple[SocketWire, SocketWire]:
    near, far = tcp_pair()
    return SocketWire(near), SocketWire(far)


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
