"""The TLS handshake over memory: what it agrees on, how it fails, and what the peer hears."""

from __future__ import annotations

import ssl

import pytest
import trio
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from support.memory import (
    ChoppyWire,
    OtherPeer,
    authority,
    client_context,
    link_and_other_peer,
    lost_while_waiting,
    server_context,
    shake_hands,
    tls_links,
    tls_over,
)
from trio.testing import MockClock, assert_checkpoints

from securechat.errors import ConnectionLost, HandshakeFailed
from securechat.transport.memory import MemoryWire, memory_wires
from securechat.transport.tls import TLSLink

ALERT_HEAD = b"\x15\x03\x03\x00\x02\x02"
UNEXPECTED_MESSAGE, PROTOCOL_VERSION = b"\x0a", b"\x46"

# A whole ClientHello whose newest version is TLS 1.1 (RFC 4346, 7.4.1.2).
TLS_1_1_CLIENT_HELLO = (
    b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x02"
    + bytes(range(32))
    + b"\x00\x00\x02\xc0\x13\x01\x00"
)


async def failing_server(first_bytes: bytes) -> tuple[HandshakeFailed, bytes]:
    """Return how our server's handshake fails on these bytes, and what it answered."""
    near, far = memory_wires()
    link = TLSLink.server(near, server_context())
    far.send(first_bytes)
    with pytest.raises(HandshakeFailed) as caught:
        await link.handshake()
    link.close()
    return caught.value, everything(far)


def everything(wire: MemoryWire) -> bytes:
    data = b""
    while piece := wire.recv(65536):
        data += piece
    return data


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
async def test_both_sides_agree(version: ssl.TLSVersion) -> None:
    server, client = await tls_links(version=version)
    assert server.description == client.description
    assert server.description.startswith(version.name.replace("_", ".") + " ")
    assert server.peer_certificate is None
    assert client.peer_certificate is not None
    await server.handshake()  # once more is nothing


async def test_a_client_certificate_is_seen() -> None:
    identity = authority().issue_cert("alice@example.org")
    ours, theirs = server_context(), client_context()
    ours.verify_mode = ssl.CERT_OPTIONAL
    authority().configure_trust(ours)
    identity.configure_cert(theirs)
    near, far = memory_wires()
    server, client = TLSLink.server(near, ours), TLSLink.client(far, theirs, "localhost")
    await shake_hands(server, client)
    pem = identity.cert_chain_pems[0].bytes().decode()
    assert server.peer_certificate == ssl.PEM_cert_to_DER_cert(pem)


async def test_nothing_works_before_it() -> None:
    link = TLSLink.server(memory_wires()[0], server_context())
    assert link.description == "TLS"
    assert link.peer_certificate is None
    with pytest.raises(RuntimeError, match="handshake comes first"):
        link.send_now(b"early")
    with pytest.raises(RuntimeError, match="handshake comes first"):
        await link.receive()
    with pytest.raises(RuntimeError, match="handshake comes first"):
        await link.drain()


async def test_it_is_a_checkpoint() -> None:
    server, _ = await tls_links()
    with assert_checkpoints():
        await server.handshake()


@given(sizes=st.lists(st.integers(1, 400), min_size=1, max_size=6), capacity=st.integers(1, 300))
@settings(max_examples=30)
async def test_any_chopping_and_any_small_buffer_will_do(sizes: list[int], capacity: int) -> None:
    near, far = memory_wires(capacity)
    server, client = await tls_over(ChoppyWire(near, sizes), ChoppyWire(far, sizes[::-1]))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.send_all, b"welcome")
        assert await client.receive() == b"welcome"


async def test_data_behind_the_last_flight_is_not_lost() -> None:
    near, far = memory_wires()
    server = TLSLink.server(near, server_context())
    peer = OtherPeer(far)

    async def eager() -> None:
        await peer.handshake()
        peer.write(b"CAP LS 302\r\n")  # no checkpoint in between: one segment, as it were
        peer.close_notify()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.handshake)
        nursery.start_soon(eager)
    with assert_checkpoints():
        assert await server.receive() == b"CAP LS 302\r\n"
    assert await server.receive() == b""


@pytest.mark.parametrize(
    "line", [b"NICK alice\r\nUSER alice 0 * :Alice\r\n", b"GET / HTTP/1.1\r\n\r\n", bytes(64)]
)
async def test_what_is_not_tls_gets_an_alert(line: bytes) -> None:
    """RFC 8446, 5.1: a record of unexpected type is answered with "unexpected_message"."""
    failure, answer = await failing_server(line)
    assert failure.reason in {"wrong version number", "http request"}
    assert failure.verify_code is None
    assert answer == ALERT_HEAD + UNEXPECTED_MESSAGE


async def test_a_bad_handshake_record_gets_openssls_own_alert() -> None:
    """RFC 8446, 5.1 again: here OpenSSL answers for itself, and only it does."""
    failure, answer = await failing_server(b"\x16\x03\x01\x00\x05hello")
    assert failure.reason == "unexpected message"
    assert answer == ALERT_HEAD + UNEXPECTED_MESSAGE


async def test_tls_1_1_gets_the_right_alert() -> None:
    """RFC 8996, 5, and RFC 8446, 6.2: "protocol_version" (70)."""
    failure, answer = await failing_server(TLS_1_1_CLIENT_HELLO)
    assert failure.reason == "unsupported protocol"
    # The record may carry the client's version; what counts is "fatal" and the description.
    assert (answer[:1], answer[-2:]) == (b"\x15", b"\x02" + PROTOCOL_VERSION)


async def failures(server: TLSLink, client: TLSLink) -> tuple[Exception | None, Exception | None]:
    """Shake hands and return each side's failure; each side closes as soon as it fails."""
    found: dict[TLSLink, Exception] = {}

    async def one(link: TLSLink) -> None:
        try:
            await link.handshake()
            await link.receive()  # in TLS 1.3 a refusal may come after one's own side is done
        except (HandshakeFailed, ConnectionLost) as error:
            found[link] = error
        finally:
            link.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one, server)
        nursery.start_soon(one, client)
    return found.get(server), found.get(client)


async def test_a_certificate_for_another_host() -> None:
    """The client can say why (OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH is 62)."""
    near, far = memory_wires()
    at_server, at_client = await failures(
        TLSLink.server(near, server_context()),
        TLSLink.client(far, client_context(), "chat.example.org"),
    )
    assert isinstance(at_client, HandshakeFailed)
    assert at_client.reason == "certificate verify failed"
    assert at_client.verify_code == 62
    assert "chat.example.org" in at_client.verify_message
    assert at_client.verify_message in str(at_client)
    # The alert arrived, although the client closed at once.
    assert isinstance(at_server, HandshakeFailed)
    assert "alert bad certificate" in at_server.reason


async def test_a_certificate_of_an_unknown_authority() -> None:
    """RFC 8446, 6.2: "unknown_ca"; X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY is 20."""
    stranger = ssl.create_default_context()
    trustme.CA().configure_trust(stranger)
    near, far = memory_wires()
    at_server, at_client = await failures(
        TLSLink.server(near, server_context()), TLSLink.client(far, stranger, "localhost")
    )
    assert isinstance(at_client, HandshakeFailed)
    assert at_client.verify_code == 20
    assert isinstance(at_server, HandshakeFailed)
    assert "alert unknown ca" in at_server.reason


async def test_no_version_in_common() -> None:
    """The server's alert is read although its end of the connection comes right behind it."""
    near, far = memory_wires()
    at_server, at_client = await failures(
        TLSLink.server(near, server_context(ssl.TLSVersion.TLSv1_3)),
        TLSLink.client(far, client_context(ssl.TLSVersion.TLSv1_2), "localhost"),
    )
    assert isinstance(at_server, HandshakeFailed)
    assert at_server.reason == "unsupported protocol"
    assert isinstance(at_client, HandshakeFailed)
    assert "alert protocol version" in at_client.reason


async def test_a_client_certificate_that_is_missing() -> None:
    """In TLS 1.3 the client hears of it after its own handshake (RFC 8446, 4.4.2.4)."""
    demanding = server_context()
    demanding.verify_mode = ssl.CERT_REQUIRED
    authority().configure_trust(demanding)
    near, far = memory_wires()
    at_server, at_client = await failures(
        TLSLink.server(near, demanding), TLSLink.client(far, client_context(), "localhost")
    )
    assert isinstance(at_server, HandshakeFailed)
    assert at_server.reason == "peer did not return a certificate"
    assert isinstance(at_client, ConnectionLost)
    assert "alert certificate required" in str(at_client)


async def test_a_partial_client_hello_waits_for_the_deadline(autojump_clock: MockClock) -> None:
    """And cancelling loses nothing: with the other half it goes on."""
    near, far = memory_wires()
    server = TLSLink.server(near, server_context())
    peer = OtherPeer(far)
    with pytest.raises(ssl.SSLWantReadError):
        peer.tls.do_handshake()
    hello = peer.ciphertext()
    far.send(hello[:100])
    with trio.move_on_after(10) as scope:
        await server.handshake()
    assert scope.cancelled_caught
    far.send(hello[100:])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.handshake)
        nursery.start_soon(peer.handshake)
    peer.write(b"hello")
    assert await server.receive() == b"hello"


async def test_a_silent_peer_waits_for_the_deadline(autojump_clock: MockClock) -> None:
    link = TLSLink.server(memory_wires()[0], server_context())
    with trio.move_on_after(10) as scope:
        await link.handshake()
    assert scope.cancelled_caught
    link.close()


async def test_a_peer_that_hangs_up() -> None:
    near, far = memory_wires()
    server = TLSLink.server(near, server_context())
    far.send(b"\x16\x03\x01")
    far.send_eof()
    with pytest.raises(ConnectionLost, match="hung up during the TLS handshake"):
        await server.handshake()
    with pytest.raises(ConnectionLost, match="hung up during the TLS handshake"):
        await server.handshake()
    with pytest.raises(ConnectionLost, match="hung up during the TLS handshake"):
        server.send_now(b"hello?")


@pytest.mark.parametrize("capacity", [8, 65536])  # while it sends, while it waits
async def test_a_reset(capacity: int) -> None:
    near, far = memory_wires(capacity)
    client = TLSLink.client(near, client_context(), "localhost")
    async with lost_while_waiting(client.handshake, "broke: connection reset by peer"):
        far.reset()


async def test_a_wire_that_cries_wolf() -> None:
    """Being readable is a hint: ``recv`` may still find nothing."""

    class Wolf(ChoppyWire):
        cries = 3

        def recv(self, size: int, /) -> bytes:
            self.cries -= 1
            if self.cries >= 0:
                raise BlockingIOError
            return super().recv(size)

    near, far = memory_wires()
    server, client = await tls_over(Wolf(near, [4096]), Wolf(far, [4096]))
    assert client.send_now(b"wolf")
    assert await server.receive() == b"wolf"


@pytest.mark.parametrize("capacity", [8, 65536])
async def test_close_wakes_it(capacity: int) -> None:
    client = TLSLink.client(memory_wires(capacity)[0], client_context(), "localhost")
    async with lost_while_waiting(client.handshake, "closed on this side"):
        client.close()


async def test_a_client_name_that_can_be_no_hosts() -> None:
    with pytest.raises(ValueError, match="server_hostname"):
        TLSLink.client(memory_wires()[0], client_context(), "")


async def test_an_independent_client() -> None:
    link, peer = await link_and_other_peer()
    peer.write(b"ping")
    assert await link.receive() == b"ping"
    assert link.send_now(b"pong")
    assert peer.read() == b"pong"
