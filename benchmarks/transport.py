"""What one small send over TLS costs: ``python benchmarks/transport.py [--json]``.

Three ways to send the same line over loopback TCP, measured in turn in one process so that the
machine's mood is the same for all: the bare calls (OpenSSL's write, the BIO's read, the socket's
send), ``TLSLink.send_now``, and ``trio.SSLStream.send_all``. The ratios are what to compare; the
microseconds depend on the machine. The receiving socket is emptied between the timed batches.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import statistics
import time
from collections.abc import Awaitable, Callable

import trio
import trustme

from securechat.transport.sockets import SocketWire
from securechat.transport.tls import TLSLink

LINE = b"@time=2026-01-01T00:00:00.000Z :alice!alice@securechat PRIVMSG #lobby :hello, all\r\n"
BATCH = 500

Batch = Callable[[], Awaitable[None]]


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's and a client's context that trust each other."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    server.num_tickets = 0
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Return two ends of one loopback connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = socket.create_connection(listening.getsockname())
        far, _ = listening.accept()
    return near, far


def empty(sock: socket.socket) -> None:
    """Read away what a socket holds."""
    try:
        while sock.recv(1 << 20):
            pass
    except BlockingIOError:
        pass


async def both(one: Callable[[], Awaitable[None]], other: Callable[[], Awaitable[None]]) -> None:
    """Run two things at once."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        nursery.start_soon(other)


async def link_way(*, bare: bool) -> tuple[Batch, socket.socket]:
    """Return a batch of sends on a link, or of the calls under it, and the receiving socket."""
    server, client = contexts()
    near, far = tcp_pair()
    wire = SocketWire(near)
    link = TLSLink.server(wire, server)
    await both(link.handshake, TLSLink.client(SocketWire(far), client, "localhost").handshake)
    write, read, send = link._write, link._collect, wire.send  # noqa: SLF001 - what is under it is measured

    async def bare_batch() -> None:
        for _ in range(BATCH):
            write(LINE)
            send(read())

    async def send_now_batch() -> None:
        send_now = link.send_now
        for _ in range(BATCH):
            if not send_now(LINE):
                raise RuntimeError("the socket is full: make the batch smaller")

    return (bare_batch if bare else send_now_batch), far


async def stream_way() -> tuple[Batch, socket.socket]:
    """Return a batch of sends on Trio's own TLS stream, and the receiving socket."""
    server, client = contexts()
    near, far = tcp_pair()
    stream = trio.SSLStream(
        trio.SocketStream(trio.socket.from_stdlib_socket(near)), server, server_side=True
    )
    await both(stream.do_handshake, TLSLink.client(SocketWire(far), client, "localhost").handshake)

    async def batch() -> None:
        for _ in range(BATCH):
            await stream.send_all(LINE)

    return batch, far


async def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Return for each way its median cost per send (µs) and its ratio."""
    ways = {
        "write; send(read())": await link_way(bare=True),
        "TLSLink.send_now": await link_way(bare=False),
        "trio.SSLStream.send_all": await stream_way(),
    }
    wall: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (batch, far) in ways.items():
            start = time.perf_counter()
            await batch()
            wall[name].append((time.perf_counter() - start) / BATCH * 1e6)
            empty(far)
    medians = {name: statistics.median(times) for name, times in wall.items()}
    floor = next(iter(medians.values()))
    return {name: {"us": cost, "ratio": cost / floor} for name, cost in medians.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200, help="batches of 500 sends for each way")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    results = trio.run(measure, arguments.rounds)
    if arguments.json:
        print(json.dumps(results))
        return
    for name, result in results.items():
        print(f"{name:26} {result['us']:7.2f} µs  {result['ratio']:5.2f} x")


if __name__ == "__main__":
    main()
