"""Wires and links in memory, for tests: the real interfaces, no sockets, no clock.

They wait by Trio's own parking only, so the autojump clock knows when everybody waits.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable

import trio

from securechat.errors import ConnectionLost
from securechat.transport.base import CLOSED_HERE, Wire, how_it_broke

RECEIVE_BYTES_MAX = 256 * 1024
"""How much one ``PlainLink.receive`` returns at most, as with ``TLSLink``."""


class _Pipe:
    """One direction: a buffer that is full at ``capacity`` bytes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.data = bytearray()
        self.ended = False  # the sender sends no more
        self.unread = False  # the receiver is gone
        self.reset = False
        self.changed = trio.lowlevel.ParkingLot()

    def wake(self) -> None:
        self.changed.unpark_all()


class MemoryWire:
    """One end of a pair made by ``memory_wires``, in the manner of a TCP socket.

    ``sent_bytes`` and ``send_calls`` count what ``send`` took, for tests of coalescing.
    """

    def __init__(self, incoming: _Pipe, outgoing: _Pipe) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._closed = False
        self.sent_bytes = 0
        self.send_calls = 0

    def recv(self, size: int, /) -> bytes:
        pipe = self._incoming
        self._require_open()
        if pipe.reset:
            raise _os_error(errno.ECONNRESET)
        if pipe.data:
            data = bytes(pipe.data[:size])
            del pipe.data[:size]
            pipe.wake()
            return data
        if pipe.ended:
            return b""
        raise _os_error(errno.EAGAIN)

    def send(self, data: bytes | memoryview, /) -> int:
        pipe = self._outgoing
        self._require_open()
        if pipe.reset:
            raise _os_error(errno.ECONNRESET)
        if pipe.ended or pipe.unread:
            raise _os_error(errno.EPIPE)
        room = pipe.capacity - len(pipe.data)
        if data and room <= 0:
            raise _os_error(errno.EAGAIN)
        taken = data[:room]
        pipe.data += taken
        pipe.wake()
        self.sent_bytes += len(taken)
        self.send_calls += 1
        return len(taken)

    async def wait_readable(self) -> None:
        pipe = self._incoming
        await trio.lowlevel.checkpoint()
        while not (self._closed or pipe.data or pipe.ended or pipe.reset):
            await pipe.changed.park()
        self._require_not_closed()

    async def wait_writable(self) -> None:
        pipe = self._outgoing
        await trio.lowlevel.checkpoint()
        while not (self._closed or pipe.ended or pipe.unread or pipe.reset or self._has_room()):
            await pipe.changed.park()
        self._require_not_closed()

    def send_eof(self) -> None:
        self._outgoing.ended = True
        self._outgoing.wake()

    def close(self) -> None:
        self._closed = True
        self._incoming.unread = True
        self.send_eof()
        self._incoming.wake()

    def reset(self) -> None:
        """Break both directions, as a TCP reset does; what was on its way is gone."""
        for pipe in (self._incoming, self._outgoing):
            pipe.reset = True
            pipe.data.clear()
            pipe.wake()

    def _has_room(self) -> bool:
        return len(self._outgoing.data) < self._outgoing.capacity

    def _require_open(self) -> None:
        if self._closed:
            raise _os_error(errno.EBADF)

    def _require_not_closed(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this wire is closed")


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))  # Python picks the subclass by the number


def memory_wires(capacity: int = 65536) -> tuple[MemoryWire, MemoryWire]:
    """Return two connected wires; each direction holds up to ``capacity`` bytes."""
    there, back = _Pipe(capacity), _Pipe(capacity)
    return MemoryWire(back, there), MemoryWire(there, back)


class PlainLink:
    """A ``Link`` without TLS, for tests of what stands on links. Behaves as ``TLSLink`` does."""

    def __init__(self, wire: Wire, *, peer_certificate: bytes | None = None) -> None:
        self._wire = wire
        self._peer_certificate = peer_certificate
        self._rest = b""
        self._closed = False

    @property
    def description(self) -> str:
        return "memory"

    @property
    def peer_certificate(self) -> bytes | None:
        return self._peer_certificate

    async def handshake(self) -> None:
        await trio.lowlevel.checkpoint()
        self._raise_if_closed()

    async def receive(self) -> bytes:
        while True:
            await self._wait(self._wire.wait_readable)
            pieces: list[bytes] = []
            try:
                while sum(map(len, pieces)) < RECEIVE_BYTES_MAX:
                    piece = self._wire.recv(RECEIVE_BYTES_MAX)
                    if not piece:
                        return b"".join(pieces)
                    pieces.append(piece)
            except BlockingIOError:
                pass
            except OSError as error:
                if not pieces:
                    raise ConnectionLost(how_it_broke(error)) from error
            if pieces:
                return b"".join(pieces)

    def send_now(self, data: bytes) -> bool:
        self._raise_if_closed()
        self._rest += data
        return self._push()

    async def drain(self) -> None:
        await trio.lowlevel.checkpoint()
        self._raise_if_closed()
        while not self._push():
            await self._wait(self._wire.wait_writable)

    async def send_all(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if not self.send_now(data):
            await self.drain()

    def close(self) -> None:
        self._closed = True
        self._wire.close()

    def _push(self) -> bool:
        try:
            while self._rest:
                self._rest = self._rest[self._wire.send(self._rest) :]
        except BlockingIOError:
            return False
        except OSError as error:
            raise ConnectionLost(how_it_broke(error)) from error
        return True

    async def _wait(self, wait: Callable[[], Awaitable[None]]) -> None:
        try:
            await wait()
        except trio.ClosedResourceError:
            raise ConnectionLost(CLOSED_HERE) from None

    def _raise_if_closed(self) -> None:
        if self._closed:
            raise ConnectionLost(CLOSED_HERE)
