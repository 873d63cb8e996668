"""TLS messages in the middle of a conversation: KeyUpdate (1.3) and renegotiation (1.2)."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from support.memory import (
    OtherPeer,
    link_and_other_peer,
    lost_while_waiting,
    receive_exactly,
    tls_links,
)
from support.openssl import key_update, renegotiate
from trio.testing import wait_all_tasks_blocked

from securechat.errors import ConnectionLost
from securechat.transport.tls import TLSLink

TLS_1_2 = ssl.TLSVersion.TLSv1_2


def ask_for_new_keys(peer: OtherPeer) -> None:
    key_update(peer.tls)
    peer.flush()


# --- KeyUpdate (RFC 8446, 4.6.3) ------------------------------------------------------------------


async def test_a_key_update_is_answered() -> None:
    """The receiver "MUST send a KeyUpdate of its own" before its next data; both sides go on."""
    link, peer = await link_and_other_peer()
    for round_ in range(3):
        ask_for_new_keys(peer)
        line = b"round %d" % round_
        peer.write(line)
        assert await link.receive() == line
        assert link.send_now(line)
        assert peer.read() == line


async def test_a_key_update_alone_is_no_data() -> None:
    """The reader goes on waiting, and answers are sent meanwhile."""
    link, peer = await link_and_other_peer()
    received = []

    async def reader() -> None:
        received.append(await link.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader)
        ask_for_new_keys(peer)  # OpenSSL answers one when it is next called, so here are two
        ask_for_new_keys(peer)
        await wait_all_tasks_blocked()
        assert not received
        assert peer.wire.recv(100)[:1] == b"\x17"
        peer.write(b"data")
    assert received == [b"data"]


async def test_an_answer_waits_behind_what_is_kept() -> None:
    """Ciphertext goes out in the order in which it was made, whoever had it made."""
    link, peer = await link_and_other_peer(1000)
    line = b"x" * 3000
    assert not link.send_now(line)
    ask_for_new_keys(peer)
    peer.write(b"hi")
    assert await link.receive() == b"hi"
    assert not link.send_now(b"under the new key")
    got = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.drain)
        while len(got) < len(line) + 17:
            await peer.wire.wait_readable()
            got += peer.read()
    assert got == line + b"under the new key"
    assert link.send_now(b"free again")
    assert peer.read() == b"free again"


async def test_a_flood_of_key_updates_from_who_does_not_read() -> None:
    """What we owe is bounded; the link is lost before memory is."""
    link, peer = await link_and_other_peer(1000)
    assert not link.send_now(b"x" * 3000)

    async def flood() -> None:
        while True:
            key_update(peer.tls)
            data = peer.ciphertext()
            while data:
                await peer.wire.wait_writable()
                data = data[peer.wire.send(data) :]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        with pytest.raises(ConnectionLost, match="does not read the answers"):
            await link.receive()
        nursery.cancel_scope.cancel()


async def test_a_send_that_fails_while_answering_leaves_the_data() -> None:
    """The answer finds a broken wire: what was received still comes first."""
    link, peer = await link_and_other_peer()
    ask_for_new_keys(peer)
    ask_for_new_keys(peer)
    peer.write(b"said before")
    peer.wire.close()
    assert await link.receive() == b"said before"
    with pytest.raises(ConnectionLost, match="broken pipe"):
        await link.receive()


# --- renegotiation (RFC 5246, 7.4.1.1) ------------------------------------------------------------


async def server_and_client() -> tuple[TLSLink, TLSLink]:
    server, client = await tls_links(version=TLS_1_2)
    renegotiate(server._object)
    server.send_now(b"")  # carries HelloRequest
    return server, client


async def read_until(link: TLSLink, wanted: bytes) -> None:
    assert await receive_exactly(link, len(wanted)) == wanted


async def test_writing_during_a_renegotiation_waits_for_the_reader() -> None:
    """OpenSSL takes nothing until it has read; nothing is lost and the order stays."""
    server, client = await server_and_client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_until, client, b"from the server")
        await wait_all_tasks_blocked()
        assert not client.send_now(b"one ")
        assert not client.send_now(b"two ")
        assert not client.send_now(b"three " * 20_000)
        nursery.start_soon(client.drain)
        await wait_all_tasks_blocked()
        nursery.start_soon(read_until, server, b"one two " + b"three " * 20_000)
        await wait_all_tasks_blocked()
        await server.send_all(b"from the server")
    assert client.send_now(b"over")
    assert await server.receive() == b"over"


@asynccontextmanager
async def hold(client: TLSLink) -> AsyncIterator[None]:
    """Leave a client in the middle, with something that it may not write yet."""
    assert not client.send_now(b"held")
    yield


async def test_close_in_the_middle_of_a_renegotiation() -> None:
    _, client = await server_and_client()
    async with (
        lost_while_waiting(client.receive, "closed on this side"),
        hold(client),
        lost_while_waiting(client.drain, "closed on this side"),
    ):
        client.close()


async def test_a_peer_that_hangs_up_in_the_middle_of_a_renegotiation() -> None:
    server, client = await server_and_client()
    why = "hung up in the middle of a TLS handshake"
    async with (
        lost_while_waiting(client.receive, why),
        hold(client),
        lost_while_waiting(client.drain, why),
    ):
        server._wire.close()
