"""Our TLS links against other implementations of the other end, over loopback TCP."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from support.memory import authority, client_context, server_context

from securechat.errors import ConnectionLost, HandshakeFailed
from securechat.transport import sockets
from securechat.transport.sockets import SocketWire
from securechat.transport.tls import TLSLink

BIG = bytes(range(256)) * 4096  # 1 MiB
VERSIONS = [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2]


@asynccontextmanager
async def our_server(
    outcomes: list[str], version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> AsyncIterator[int]:
    """Serve an echo on a free port; ``outcomes`` tells how each connection ended."""
    context = server_context(version)

    async def echo(wire: SocketWire, address: str) -> None:
        link = TLSLink.server(wire, context)
        try:
            await link.handshake()
            while data := await link.receive():
                await link.send_all(data)
            outcomes.append("end")
        except (ConnectionLost, HandshakeFailed) as error:
            outcomes.append(str(error))
        finally:
            link.close()

    listeners = await sockets.listen(["127.0.0.1"], 0)
    async with trio.open_nursery() as connections, trio.open_nursery() as accepting:
        accepting.start_soon(sockets.serve, listeners, echo, connections)
        yield listeners[0].socket.getsockname()[1]
        accepting.cancel_scope.cancel()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_blocking_client_of_the_standard_library(version: ssl.TLSVersion) -> None:
    def client(port: int) -> None:
        address = ("127.0.0.1", port)
        with (
            socket.create_connection(address, timeout=20) as plain,
            client_context(version).wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            for size in (1, 100, 16384, 16385, 50_000):
                tls.sendall(BIG[:size])
                got = b""
                while len(got) < size:
                    got += tls.recv(65536)
                assert got == BIG[:size]
            tls.unwrap()

    outcomes: list[str] = []
    async with our_server(outcomes, version) as port:
        await trio.to_thread.run_sync(client, port)
    assert outcomes == ["end"]


async def test_a_blocking_client_that_refuses_our_certificate() -> None:
    """It says so with an alert, which is what our side then reports."""

    def client(port: int) -> None:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")

    outcomes: list[str] = []
    async with our_server(outcomes) as port:
        await trio.to_thread.run_sync(client, port)
    assert len(outcomes) == 1
    assert "alert unknown ca" in outcomes[0]


async def converse(stream: trio.SSLStream[trio.SocketStream]) -> None:
    """Send and receive a megabyte at once, then end with ``close_notify``."""

    async def send() -> None:
        await stream.send_all(BIG)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        got = bytearray()
        while len(got) < len(BIG):
            got += await stream.receive_some()
    assert got == BIG
    await stream.aclose()


@pytest.mark.parametrize("version", VERSIONS)
async def test_trios_client(version: ssl.TLSVersion) -> None:
    outcomes: list[str] = []
    async with our_server(outcomes, version) as port:
        stream = await trio.open_ssl_over_tcp_stream(
            "127.0.0.1", port, ssl_context=client_context(version)
        )
        await converse(stream)
    assert outcomes == ["end"]


async def our_client(port: int, version: ssl.TLSVersion) -> None:
    wire = await sockets.connect("127.0.0.1", port)
    link = TLSLink.client(wire, client_context(version), "localhost")
    await link.handshake()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.send_all, BIG)
        got = bytearray()
        while len(got) < len(BIG):
            got += await link.receive()
    assert got == BIG
    link.close()


@pytest.mark.parametrize("version", VERSIONS)
async def test_trios_server(version: ssl.TLSVersion) -> None:
    """Tickets included: they arrive after the handshake and are no data."""
    context = server_context(version)
    context.num_tickets = 2

    async def echo(stream: trio.SSLStream[trio.SocketStream]) -> None:
        async for data in stream:
            await stream.send_all(data)

    serve = partial(trio.serve_ssl_over_tcp, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(serve, echo, 0, context)
        port = listeners[0].transport_listener.socket.getsockname()[1]
        await our_client(port, version)
        nursery.cancel_scope.cancel()


# --- the openssl program --------------------------------------------------------------------------

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl program")


@asynccontextmanager
async def openssl_client(
    tmp_path: Path, port: int, *options: str
) -> AsyncIterator[tuple[trio.Process, Callable[[bytes], Awaitable[bytes]]]]:
    """Run ``openssl s_client``; yield it and a function that reads until something shows up."""
    trusted = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(trusted)
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(trusted)]
    seen = bytearray()
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(
            partial(
                trio.run_process,
                [*command, *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
        )

        async def read_until(mark: bytes) -> bytes:
            assert process.stdout is not None
            with trio.fail_after(20):
                while mark not in seen:
                    piece = await process.stdout.receive_some()
                    assert piece, seen
                    seen.extend(piece)
            return bytes(seen)

        yield process, read_until
        nursery.cancel_scope.cancel()


@needs_openssl
async def test_openssls_client_with_a_key_update(tmp_path: Path) -> None:
    """Its command ``K`` asks for new keys in both directions (RFC 8446, 4.6.3)."""
    outcomes: list[str] = []
    async with (
        our_server(outcomes) as port,
        openssl_client(tmp_path, port) as (process, read_until),
    ):
        assert b"Verify return code: 0 (ok)" in await read_until(b"Verify return code")
        assert process.stdin is not None
        await process.stdin.send_all(b"K\n")
        await read_until(b"KEYUPDATE")
        for word in (b"first\n", b"second\n"):
            await process.stdin.send_all(word)
            await read_until(word)
        await process.stdin.send_all(b"Q\n")
        await process.wait()
    assert outcomes == ["end"]


@needs_openssl
async def test_openssls_client_with_tls_1_1(tmp_path: Path) -> None:
    """RFC 8446, 6.2: it is told "protocol_version", not met with silence."""
    outcomes: list[str] = []
    options = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]
    async with (
        our_server(outcomes) as port,
        openssl_client(tmp_path, port, *options) as (_, read_until),
    ):
        await read_until(b"alert protocol version")
    assert outcomes == ["unsupported protocol"]
