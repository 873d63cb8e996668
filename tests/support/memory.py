"""Wires and links in memory for tests, a wire that chops, and a TLS peer that is not ours."""

from __future__ import annotations

import functools
import itertools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import pytest
import trio
import trustme
from trio.testing import wait_all_tasks_blocked

from securechat.errors import ConnectionLost
from securechat.transport.base import Wire
from securechat.transport.memory import MemoryWire, PlainLink, memory_wires
from securechat.transport.tls import TLSLink


@functools.cache
def authority() -> trustme.CA:
    """Return the CA that the contexts here trust; one for the whole run."""
    return trustme.CA()


@functools.cache
def server_identity() -> trustme.LeafCert:
    """Return a certificate for ``localhost`` and the loopback addresses."""
    return authority().issue_cert("localhost", "127.0.0.1", "::1")


def server_context(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """Return a server's context that speaks one version of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.num_tickets = 0
    server_identity().configure_cert(context)
    return context


def client_context(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """Return a client's context that trusts ``authority`` and checks the host."""
    context = ssl.create_default_context()
    context.minimum_version = context.maximum_version = version
    authority().configure_trust(context)
    return context


async def shake_hands(*links: TLSLink) -> None:
    """Run handshakes at the same time."""
    async with trio.open_nursery() as nursery:
        for link in links:
            nursery.start_soon(link.handshake)


async def tls_over(
    server_wire: Wire, client_wire: Wire, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> tuple[TLSLink, TLSLink]:
    """Return a server's and a client's link over two connected wires, after their handshake."""
    server = TLSLink.server(server_wire, server_context(version))
    client = TLSLink.client(client_wire, client_context(version), "localhost")
    await shake_hands(server, client)
    return server, client


async def tls_links(
    capacity: int = 65536, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> tuple[TLSLink, TLSLink]:
    """Return a server's and a client's link over memory, after their handshake."""
    return await tls_over(*memory_wires(capacity), version)


def plain_links(capacity: int = 65536) -> tuple[PlainLink, PlainLink]:
    """Return two connected links without TLS."""
    one, other = memory_wires(capacity)
    return PlainLink(one), PlainLink(other)


class ChoppyWire:
    """A wire that gives and takes at most so many bytes at a time, in turn, for ever."""

    def __init__(self, wire: Wire, sizes: Iterable[int]) -> None:
        self.wire = wire
        self._sizes = itertools.cycle(sizes)

    def recv(self, size: int, /) -> bytes:
        return self.wire.recv(min(size, next(self._sizes)))

    def send(self, data: bytes | memoryview, /) -> int:
        return self.wire.send(data[: next(self._sizes)])

    async def wait_readable(self) -> None:
        await self.wire.wait_readable()

    async def wait_writable(self) -> None:
        await self.wire.wait_writable()

    def send_eof(self) -> None:
        self.wire.send_eof()

    def close(self) -> None:
        self.wire.close()


class OtherPeer:
    """A TLS client made of the standard library alone, driven step by step on a memory wire."""

    def __init__(self, wire: MemoryWire, context: ssl.SSLContext | None = None) -> None:
        self.wire = wire
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls = (context or client_context()).wrap_bio(
            self._incoming, self._outgoing, server_hostname="localhost"
        )

    def ciphertext(self) -> bytes:
        """Return what TLS wants sent, instead of sending it."""
        return self._outgoing.read()

    def flush(self) -> None:
        """Put what TLS wants sent on the wire, which must have room for it."""
        data = self.ciphertext()
        assert self.wire.send(data) == len(data)

    def feed(self) -> None:
        """Give TLS what the wire has."""
        try:
            while data := self.wire.recv(65536):
                self._incoming.write(data)
        except BlockingIOError:
            pass

    async def handshake(self) -> None:
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                await self.wire.wait_readable()
                self.feed()
            else:
                self.flush()
                return

    def write(self, data: bytes) -> None:
        self.tls.write(data)
        self.flush()

    def read(self) -> bytes:
        """Return all plaintext that is there; ``b""`` also after the peer's ``close_notify``."""
        self.feed()
        pieces = []
        try:
            while piece := self.tls.read(65536):
                pieces.append(piece)
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        return b"".join(pieces)

    def close_notify(self) -> None:
        """Say that nothing more comes, and keep the wire open."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.flush()


async def link_and_other_peer(
    capacity: int = 65536, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> tuple[TLSLink, OtherPeer]:
    """Return our server's link and the standard library's client, after their handshake."""
    near, far = memory_wires(capacity)
    link = TLSLink.server(near, server_context(version))
    peer = OtherPeer(far, client_context(version))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.handshake)
        nursery.start_soon(peer.handshake)
    return link, peer


async def receive_exactly(link: TLSLink | PlainLink, size: int) -> bytes:
    """Receive until there are ``size`` bytes; fail on an early end or on more."""
    data = b""
    while len(data) < size:
        piece = await link.receive()
        assert piece, f"ended after {len(data)} of {size} bytes"
        data += piece
    assert len(data) == size
    return data


@asynccontextmanager
async def lost_while_waiting(
    wait: Callable[[], Awaitable[object]], why: str
) -> AsyncIterator[None]:
    """Run the body while a task waits in ``wait``, which then must end in ``ConnectionLost``."""

    async def waiting() -> None:
        with pytest.raises(ConnectionLost, match=why):
            await wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiting)
        await wait_all_tasks_blocked()
        yield
