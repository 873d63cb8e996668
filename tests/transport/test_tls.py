"""Bytes through an established TLS link: receiving, sending, keeping order, ending."""

from __future__ import annotations

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from support.links import links_and_wires
from support.memory import (
    ChoppyWire,
    link_and_other_peer,
    receive_exactly,
    tls_links,
    tls_over,
)
from trio.testing import MockClock, assert_checkpoints

from securechat.transport.memory import memory_wires
from securechat.transport.tls import RECEIVE_BYTES_MAX, TLSLink
from securechat.transport.tls_sending import SLICE_BYTES_MAX


async def test_one_receive_returns_everything_ready() -> None:
    server, client = await tls_links()
    lines = [b"PRIVMSG #lobby :%d\r\n" % number for number in range(50)]
    for line in lines:
        assert client.send_now(line)
    assert await server.receive() == b"".join(lines)


async def test_one_receive_is_bounded() -> None:
    """A fast peer gets its bytes handled in turns, and none is lost between them."""
    server, client, _, _ = await links_and_wires(1 << 22)
    data = bytes(range(256)) * (1 << 13)  # 2 MiB
    assert client.send_now(data)
    pieces: list[bytes] = []
    while sum(map(len, pieces)) < len(data):
        pieces.append(await server.receive())
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= RECEIVE_BYTES_MAX
    assert len(pieces) < 12


async def test_receiving_is_always_a_checkpoint() -> None:
    server, client = await tls_links()
    client.send_now(b"ready")
    with assert_checkpoints():
        await server.receive()
    client.close()
    for _ in range(2):
        with assert_checkpoints():
            assert await server.receive() == b""


async def test_half_a_record_is_waited_for(autojump_clock: MockClock) -> None:
    """And cancelling the wait loses nothing."""
    link, peer = await link_and_other_peer()
    peer.tls.write(b"in two halves")
    record = peer.ciphertext()
    peer.wire.send(record[:10])
    with trio.move_on_after(1) as scope:
        await link.receive()
    assert scope.cancelled_caught
    peer.wire.send(record[10:])
    assert await link.receive() == b"in two halves"


async def test_one_send_now_is_one_send() -> None:
    server, client, near, _ = await links_and_wires()
    before = near.send_calls
    assert server.send_now(b"".join(b"line %d\r\n" % number for number in range(100)))
    assert near.send_calls == before + 1
    assert (await client.receive()).count(b"\r\n") == 100


async def test_a_big_one_is_sliced_for_openssl_and_still_one_send() -> None:
    server, client, near, _ = await links_and_wires(1 << 21)
    before = near.send_calls
    data = bytes(range(256)) * 3 * (SLICE_BYTES_MAX // 256) + b"and the rest"
    assert server.send_now(data)
    assert near.send_calls == before + 1
    assert await receive_exactly(client, len(data)) == data


async def test_nothing_is_sent_for_nothing() -> None:
    server, client = await tls_links()
    assert server.send_now(b"")
    assert server.send_now(b"x")
    assert await client.receive() == b"x"


async def test_a_full_wire_keeps_the_rest_in_order() -> None:
    server, client = await tls_links(100)
    data = bytes(range(200))
    assert not server.send_now(data)
    assert not server.send_now(b"behind it")  # against the contract, and still in order
    with assert_checkpoints():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.drain)
            assert await receive_exactly(client, 209) == data + b"behind it"
    assert server.send_now(b"free again")
    assert await client.receive() == b"free again"


async def test_a_wire_that_is_full_to_the_byte() -> None:
    """No room at all is the same as too little."""
    server, client = await tls_links(1000)
    filler = b"x" * (1000 - 22)  # a record adds 22 bytes
    assert server.send_now(filler)
    assert not server.send_now(b"more")
    assert not server.send_now(b"")
    assert await receive_exactly(client, len(filler)) == filler
    await server.drain()
    assert await client.receive() == b"more"


async def test_draining_nothing_is_a_checkpoint() -> None:
    server, _ = await tls_links()
    with assert_checkpoints():
        await server.drain()


async def test_send_all_is_a_checkpoint_and_waits() -> None:
    server, client = await tls_links(500)
    with assert_checkpoints():
        await server.send_all(b"short")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.send_all, b"l" * 100_000)
        assert await receive_exactly(client, 100_005) == b"short" + b"l" * 100_000


async def test_a_peer_that_never_reads(autojump_clock: MockClock) -> None:
    """Only the draining task waits; cancelling it loses nothing; close does not wait."""
    server, client = await tls_links(1000)
    assert not server.send_now(b"y" * 5000)
    with trio.move_on_after(30) as scope:
        await server.drain()
    assert scope.cancelled_caught
    assert trio.current_time() >= 30
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.drain)
        assert await receive_exactly(client, 5000) == b"y" * 5000
    assert not server.send_now(b"z" * 5000)
    server.close()


@given(
    messages=st.lists(st.binary(max_size=2000), max_size=12),
    sizes=st.lists(st.integers(1, 700), min_size=1, max_size=8),
    capacity=st.integers(1, 4000),
)
@settings(max_examples=50)
async def test_order_survives_any_chopping(
    messages: list[bytes], sizes: list[int], capacity: int
) -> None:
    """Whatever fits when, in both directions at once, the bytes arrive whole and in order."""
    near, far = memory_wires(capacity)
    server, client = await tls_over(ChoppyWire(near, sizes), ChoppyWire(far, sizes[::-1]))
    wanted = b"".join(messages)

    async def send(link: TLSLink) -> None:
        for number, message in enumerate(messages):
            if number % 3:
                await link.send_all(message)
            elif not link.send_now(message):
                await link.drain()

    async def receive(link: TLSLink) -> None:
        assert await receive_exactly(link, len(wanted)) == wanted

    async with trio.open_nursery() as nursery:
        for link in (server, client):
            nursery.start_soon(send, link)
            nursery.start_soon(receive, link)
    client.close()
    assert await server.receive() == b""
