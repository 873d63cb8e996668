"""TCP connections on the loopback, for tests of sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from securechat.transport import sockets
from securechat.transport.sockets import Handler, SocketWire


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
