"""Memory wires and plain links: they must behave as what they stand for does."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from support.memory import ChoppyWire, lost_while_waiting, plain_links, receive_exactly
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

from securechat.errors import ConnectionLost
from securechat.transport.base import Link, Wire
from securechat.transport.memory import RECEIVE_BYTES_MAX, MemoryWire, PlainLink, memory_wires
from securechat.transport.sockets import SocketWire
from securechat.transport.tls import TLSLink

CLOSED_HERE = "closed on this side"


def test_they_are_what_they_claim_to_be() -> None:
    """The type checker is the test: each class satisfies its interface."""
    wires: list[type[Wire]] = [MemoryWire, SocketWire, ChoppyWire]
    links: list[type[Link]] = [PlainLink, TLSLink]
    assert len(wires) + len(links) == 5


# --- wires ----------------------------------------------------------------------------------------


async def test_bytes_arrive_in_order_and_in_pieces() -> None:
    near, far = memory_wires(4)
    assert near.send(b"abcdef") == 4
    with pytest.raises(BlockingIOError):
        near.send(b"ef")
    assert near.send(b"") == 0
    assert far.recv(3) == b"abc"
    assert near.send(memoryview(b"ef")) == 2
    assert far.recv(100) == b"def"
    with pytest.raises(BlockingIOError):
        far.recv(1)
    assert near.sent_bytes == 6


async def test_waiting_is_a_checkpoint_and_ends_when_it_should() -> None:
    near, far = memory_wires(2)
    with assert_checkpoints():
        await near.wait_writable()
    near.send(b"ab")
    with assert_checkpoints():
        await far.wait_readable()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.wait_writable)
        await wait_all_tasks_blocked()
        far.recv(1)
    far.recv(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(far.wait_readable)
        await wait_all_tasks_blocked()
        near.send(b"c")


async def test_an_end_comes_after_the_data() -> None:
    near, far = memory_wires()
    near.send(b"last")
    near.send_eof()
    with pytest.raises(BrokenPipeError):
        near.send(b"more")
    await near.wait_writable()  # it would fail, which is also something to say
    assert far.recv(10) == b"last"
    assert far.recv(10) == b""
    await far.wait_readable()
    assert far.send(b"still") == 5


async def test_a_closed_wire() -> None:
    near, far = memory_wires()

    async def wakes() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await near.wait_readable()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wakes)
        nursery.start_soon(far.wait_readable)
        await wait_all_tasks_blocked()
        near.close()
    near.close()
    for use in (lambda: near.recv(1), lambda: near.send(b"x")):
        with pytest.raises(OSError, match="Bad file descriptor"):
            use()
    with pytest.raises(trio.ClosedResourceError):
        await near.wait_writable()
    assert far.recv(1) == b""
    with pytest.raises(BrokenPipeError):
        far.send(b"x")


async def test_a_reset_breaks_both_ends() -> None:
    near, far = memory_wires()
    near.send(b"never read")
    near.reset()
    for wire in (near, far):
        await wire.wait_readable()
        await wire.wait_writable()
        with pytest.raises(ConnectionResetError):
            wire.recv(10)
        with pytest.raises(ConnectionResetError):
            wire.send(b"x")


# --- plain links ----------------------------------------------------------------------------------


async def test_a_plain_link_carries_bytes() -> None:
    near, far = plain_links()
    await near.handshake()
    assert near.description == "memory"
    assert near.peer_certificate is None
    assert PlainLink(memory_wires()[0], peer_certificate=b"DER").peer_certificate == b"DER"
    assert near.send_now(b"one ")
    assert near.send_now(b"two")
    with assert_checkpoints():
        assert await far.receive() == b"one two"
    near.close()
    assert await far.receive() == b""
    assert await far.receive() == b""


async def test_a_plain_link_keeps_a_rest() -> None:
    near, far = plain_links(10)
    assert not near.send_now(b"a" * 25)
    assert not near.send_now(b"b")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.drain)
        assert await receive_exactly(far, 26) == b"a" * 25 + b"b"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.send_all, b"c" * 100)
        assert await receive_exactly(far, 100) == b"c" * 100
    with assert_checkpoints():
        await near.send_all(b"d")


async def test_a_plain_link_bounds_one_receive() -> None:
    near, far = plain_links(1 << 20)
    near.send_now(b"x" * (1 << 19))
    assert len(await far.receive()) == RECEIVE_BYTES_MAX


async def test_a_plain_link_returns_data_before_the_end() -> None:
    wire, far_wire = memory_wires()
    far = PlainLink(far_wire)
    wire.send(b"data")
    wire.send_eof()
    assert await far.receive() == b"data"
    assert await far.receive() == b""


async def test_a_plain_link_that_breaks() -> None:
    wire, far_wire = memory_wires(10)
    near, far = PlainLink(wire), PlainLink(far_wire)
    assert not near.send_now(b"x" * 20)
    async with (
        lost_while_waiting(near.drain, "connection reset by peer"),
        lost_while_waiting(near.receive, "connection reset by peer"),
    ):
        far_wire.reset()
    with pytest.raises(ConnectionLost, match="connection reset by peer"):
        near.send_now(b"x")
    with pytest.raises(ConnectionLost, match="connection reset by peer"):
        await far.receive()


async def test_a_plain_link_returns_data_before_a_failure() -> None:
    class Breaking(ChoppyWire):
        pieces = 2

        def recv(self, size: int, /) -> bytes:
            self.pieces -= 1
            if self.pieces < 0:
                raise ConnectionResetError(104, "Connection reset by peer")
            return super().recv(size)

    wire, far_wire = memory_wires()
    link = PlainLink(Breaking(far_wire, [1]))
    wire.send(b"abc")
    assert await link.receive() == b"ab"
    with pytest.raises(ConnectionLost):
        await link.receive()


async def test_a_plain_link_that_is_closed() -> None:
    near, far = plain_links()
    async with lost_while_waiting(near.receive, CLOSED_HERE):
        near.close()
    near.close()
    with pytest.raises(ConnectionLost, match=CLOSED_HERE):
        near.send_now(b"x")
    for attempt in (near.handshake, near.drain, near.receive):
        with pytest.raises(ConnectionLost, match=CLOSED_HERE):
            await attempt()
    assert await far.receive() == b""


async def test_a_plain_link_wakes_up_for_nothing(autojump_clock: MockClock) -> None:
    """Being readable is a hint: when nothing is there, receive waits on."""

    class Wolf(ChoppyWire):
        cries = 2

        def recv(self, size: int, /) -> bytes:
            self.cries -= 1
            if self.cries >= 0:
                raise BlockingIOError
            return super().recv(size)

    wire, far_wire = memory_wires()
    wire.send(b"at last")
    assert await PlainLink(Wolf(far_wire, [10])).receive() == b"at last"


@given(
    messages=st.lists(st.binary(max_size=50), max_size=10),
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    capacity=st.integers(1, 60),
)
@settings(max_examples=30)
async def test_a_plain_link_keeps_order(
    messages: list[bytes], sizes: list[int], capacity: int
) -> None:
    wire, far_wire = memory_wires(capacity)
    near, far = PlainLink(ChoppyWire(wire, sizes)), PlainLink(ChoppyWire(far_wire, sizes))

    async def send() -> None:
        for message in messages:
            await near.send_all(message)

    wanted = b"".join(messages)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        assert await receive_exactly(far, len(wanted)) == wanted
