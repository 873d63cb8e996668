"""Bytes through an established TLS link: receiving, sending, keeping order, ending."""

from __future__ import annotations

import ssl

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from support.memory import (
    ChoppyWire,
    client_context,
    link_and_other_peer,
    lost_while_waiting,
    receive_exactly,
    server_context,
    tls_links,
    tls_over,
)
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

from securechat.errors import ConnectionLost
from securechat.transport.memory import MemoryWire, memory_wires
from securechat.transport.tls import CHUNK_BYTES, RECEIVE_BYTES_MAX, SLICE_BYTES_MAX, TLSLink

CLOSED_HERE = "closed on this side"
RESET = "the connection broke: connection reset by peer"


async def links_and_wires(capacity: int = 65536) -> tuple[TLSLink, TLSLink, MemoryWire, MemoryWire]:
    """Return server and client after their handshake, and the wire under each."""
    near, far = memory_wires(capacity)
    server, client = await tls_over(near, far)
    return server, client, near, far


# --- receiving ------------------------------------------------------------------------------------


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


# --- sending --------------------------------------------------------------------------------------


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


# --- the peer's end -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
async def test_after_the_peers_close_notify_we_can_still_send(version: ssl.TLSVersion) -> None:
    """RFC 8446, 6.1: it "does not have any effect on its read side of the connection"."""
    link, peer = await link_and_other_peer(version=version)
    peer.write(b"QUIT\r\n")
    peer.close_notify()
    assert await link.receive() == b"QUIT\r\n"
    assert await link.receive() == b""
    assert await link.receive() == b""
    assert link.send_now(b"ERROR :bye\r\n")
    await link.send_all(b"really\r\n")
    assert peer.read() == b"ERROR :bye\r\nreally\r\n"
    link.close()
    assert peer.wire.recv(100) != b""  # our own close_notify


async def test_data_after_close_notify_is_ignored() -> None:
    """RFC 8446, 6.1: what comes after a closure alert "MUST be ignored"."""
    link, peer = await link_and_other_peer()
    peer.write(b"last")
    peer.close_notify()
    peer.wire.send(b"\x17\x03\x03\x00\x10" + bytes(16))
    assert await link.receive() == b"last"
    assert await link.receive() == b""
    assert link.send_now(b"fine")


async def test_a_bare_fin_is_an_end() -> None:
    server, client, _, far = await links_and_wires()
    client.send_now(b"before it")
    far.send_eof()
    assert await server.receive() == b"before it"
    assert await server.receive() == b""
    assert server.send_now(b"still here")
    assert await client.receive() == b"still here"


async def test_a_bare_fin_in_the_middle_of_a_record() -> None:
    link, peer = await link_and_other_peer()
    peer.write(b"whole")
    peer.tls.write(b"torn")
    peer.wire.send(peer.ciphertext()[:7])
    peer.wire.send_eof()
    assert await link.receive() == b"whole"
    assert await link.receive() == b""


# --- failures -------------------------------------------------------------------------------------


async def test_a_reset_wakes_the_reader_and_stays() -> None:
    server, client, _, far = await links_and_wires()
    async with lost_while_waiting(server.receive, RESET):
        far.reset()
    for _ in range(2):
        with pytest.raises(ConnectionLost, match=RESET):
            await server.receive()
    with pytest.raises(ConnectionLost, match=RESET):
        server.send_now(b"anyone?")
    with pytest.raises(ConnectionLost, match=RESET):
        client.send_now(b"anyone?")
    with pytest.raises(ConnectionLost, match=RESET):
        await client.send_all(b"anyone?")
    server.close()


async def test_a_reset_wakes_who_drains() -> None:
    server, _, _, far = await links_and_wires(100)
    assert not server.send_now(b"x" * 200)
    async with lost_while_waiting(server.drain, RESET):
        far.reset()
    with pytest.raises(ConnectionLost, match=RESET):
        await server.drain()


@pytest.mark.parametrize("then", [ConnectionResetError(104, "Connection reset by peer"), b""])
async def test_what_came_before_a_failure_or_an_end_is_returned_first(
    then: ConnectionResetError | bytes,
) -> None:
    """Both can come up in one receive; the second then waits for the next."""
    link, peer = await link_and_other_peer()
    peer.tls.write(b"z" * 16384 * 2)
    ciphertext = peer.ciphertext()
    script = [ciphertext[:CHUNK_BYTES], then]

    def recv(size: int) -> bytes:
        result = script.pop(0)
        if isinstance(result, OSError):
            raise result
        assert len(result) in (0, size)  # or receive would see no need to ask again
        return result

    link._recv = recv
    peer.wire.send(b"wake up")
    assert await link.receive() == b"z" * 16384
    assert not script
    if then == b"":
        assert await link.receive() == b""
    else:
        with pytest.raises(ConnectionLost, match=RESET):
            await link.receive()


async def test_a_failed_send_leaves_what_was_received() -> None:
    """The peer said something and is gone: we hear it, then that the connection is lost."""
    server, client, _, far = await links_and_wires()
    client.send_now(b"QUIT :bye\r\n")
    far.close()
    with pytest.raises(ConnectionLost, match="broke: broken pipe"):
        server.send_now(b"PING\r\n")
    assert await server.receive() == b"QUIT :bye\r\n"
    with pytest.raises(ConnectionLost, match="broke: broken pipe"):
        await server.receive()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
async def test_garbage_after_the_handshake(version: ssl.TLSVersion) -> None:
    """RFC 8446, 5.2: "terminate the connection with a "bad_record_mac" alert"."""
    link, peer = await link_and_other_peer(version=version)
    peer.write(b"good")
    peer.wire.send(b"\x17\x03\x03\x00\x30" + b"garbage!" * 6)
    assert await link.receive() == b"good"
    with pytest.raises(ConnectionLost, match="TLS failed: decryption failed or bad record mac"):
        await link.receive()
    with pytest.raises(ConnectionLost, match="TLS failed"):
        link.send_now(b"hello?")
    with pytest.raises(ConnectionLost, match="TLS failed"):
        await link.drain()
    with pytest.raises(ssl.SSLError, match=r"(?i)alert bad record mac"):
        peer.read()
    link.close()


async def test_garbage_behind_the_last_flight() -> None:
    """It is found by the handshake and told by the first receive."""
    near, far = memory_wires()
    server = TLSLink.server(near, server_context())
    client = TLSLink.client(far, client_context(), "localhost")

    async def shake_and_spoil() -> None:
        await client.handshake()
        client.send_now(b"good")
        far.send(b"garbage!" * 6)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.handshake)
        nursery.start_soon(shake_and_spoil)
    assert await server.receive() == b"good"
    with pytest.raises(ConnectionLost, match="TLS failed: wrong version number"):
        await server.receive()


@pytest.mark.parametrize("size", [1, 100_000])
async def test_openssl_refusing_to_write(size: int) -> None:
    """What it says then reaches whoever sends, and the link is lost for good."""
    server, _ = await tls_links()

    def refuse(data: object) -> int:
        error = ssl.SSLError(1, "[SSL: INTERNAL_ERROR] internal error")
        error.reason = "INTERNAL_ERROR"
        raise error

    server._write = refuse
    for _ in range(2):
        with pytest.raises(ConnectionLost, match="TLS failed: internal error"):
            server.send_now(b"x" * size)


# --- closing --------------------------------------------------------------------------------------


async def test_close_says_close_notify_then_ends_the_wire() -> None:
    link, peer = await link_and_other_peer()
    assert link.send_now(b"bye")
    link.close()
    link.close()
    assert peer.read() == b"bye"
    assert peer.tls.read(1) == b""  # by close_notify; a bare end would raise
    assert peer.wire.recv(1) == b""


async def test_after_close_everything_is_lost() -> None:
    server, client = await tls_links()
    client.send_now(b"unread")
    await server.receive()
    client.send_now(b"unread")
    server.close()
    for attempt in (server.receive, server.drain, lambda: server.send_all(b"x")):
        with pytest.raises(ConnectionLost, match=CLOSED_HERE):
            await attempt()
    with pytest.raises(ConnectionLost, match=CLOSED_HERE):
        server.send_now(b"x")
    await server.handshake()  # that one is done


async def test_close_before_the_handshake() -> None:
    near, far = memory_wires()
    link = TLSLink.server(near, server_context())
    link.close()
    assert far.recv(10) == b""
    with pytest.raises(ConnectionLost, match=CLOSED_HERE):
        await link.handshake()


async def test_close_sends_the_rest_where_it_fits() -> None:
    """What is kept goes first, then close_notify, as far as there is room."""
    server, _, _, far = await links_and_wires(300)
    assert not server.send_now(b"a" * 300)
    head = far.recv(300)
    server.close()
    tail = far.recv(300)
    assert len(head) + len(tail) == 300 + 22 + 24  # the record and close_notify


async def test_close_wakes_the_reader() -> None:
    server, _ = await tls_links()
    async with lost_while_waiting(server.receive, CLOSED_HERE):
        server.close()


async def test_close_wakes_who_drains() -> None:
    server, _ = await tls_links(100)
    assert not server.send_now(b"x" * 1000)
    async with lost_while_waiting(server.drain, CLOSED_HERE):
        server.close()


async def test_cancelling_leaves_nothing_behind() -> None:
    """A reader and a writer that are cancelled leave a link that still works."""
    server, client = await tls_links(200)
    assert not server.send_now(b"x" * 1000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.drain)
        nursery.start_soon(server.receive)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.drain)
        assert await receive_exactly(client, 1000) == b"x" * 1000
    client.send_now(b"ok")
    assert await server.receive() == b"ok"
