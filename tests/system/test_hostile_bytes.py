"""What arrives at the port and is no chat: each ends its own connection, in one line of the log."""

from __future__ import annotations

import os
import ssl
import struct

import pytest
import trio
from support.person import client_context, connect_tcp, converse, read_to_end, tls_connection, user
from support.system import Home, running_server

# RFC 8446 section 6: a fatal alert (level 2) of protocol_version (70), in a record of any version.
PROTOCOL_VERSION_ALERT = b"\x00\x02\x02\x46"

GROWTH_MIB_MAX = 8.0
ENDLESS_MIB = 50


def whole_client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    client = client_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def old_client_hello(minor: int) -> bytes:
    """Return a ClientHello of SSL 3.minor without extensions (RFC 4346 section 7.4.1.2)."""
    suites = b"\x00\x2f\xc0\x13\xc0\x2f"
    body = bytes((3, minor)) + os.urandom(32) + b"\0" + struct.pack("!H", len(suites)) + suites
    body += b"\x01\x00"
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack("!H", len(message)) + message


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(bytes(range(256)) * 16, id="garbage"),
        pytest.param(b"NICK mallory\r\nUSER mallory 0 * :x\r\nLIST\r\n", id="plaintext IRC"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", id="plaintext HTTP"),
        pytest.param(b"\x16\x03\x01\x00\x05\x01\xff\xff\xff\xff", id="a lying ClientHello"),
    ],
)
async def test_garbage_on_the_tls_port_is_closed_with_one_line_in_the_log(
    home: Home, data: bytes
) -> None:
    """docs/safety.md fault 3."""
    await home.add("alice", "bob")
    async with (
        running_server(home, {"handshake_seconds": 1}) as server,
        user(server, "alice") as alice,
        user(server, "bob") as bob,
    ):
        await server.logged("logged in", count=2)
        before = len(server.rows())
        async with await connect_tcp(server) as stream:
            await stream.send_all(data)
            answer = await read_to_end(stream)
            assert not answer or answer[0] == 0x15, "only an alert may be answered"
        await converse(alice, bob, "still here")
        rows = server.rows()[before:]
        assert [row["event"] for row in rows] in (
            ["TLS handshake failed"],
            ["TLS handshake timed out"],
        )
        assert rows[0]["address"] == "127.0.0.1"


async def test_a_partial_client_hello_is_cut_at_the_handshake_deadline(home: Home) -> None:
    """docs/safety.md fault 2."""
    await home.add("alice", "bob")
    hello = whole_client_hello()
    async with (
        running_server(home, {"handshake_seconds": 0.5}) as server,
        user(server, "alice") as alice,
        user(server, "bob") as bob,
    ):
        async with await connect_tcp(server) as stream:
            await stream.send_all(hello[: len(hello) // 2])
            await converse(alice, bob, "nobody waits for that one")
            assert await read_to_end(stream) == b""
        assert len(await server.logged("TLS handshake timed out")) == 1
        await converse(bob, alice, "still here")


async def test_tls_without_a_login_is_cut_at_the_login_deadline(home: Home) -> None:
    """docs/safety.md fault 5."""
    async with (
        running_server(home, {"login_seconds": 0.5}) as server,
        tls_connection(server) as nobody,
    ):
        assert "Login timed out" in await nobody.end()


@pytest.mark.parametrize("minor", [1, 2, 3], ids=["TLS 1.0", "TLS 1.1", "TLS 1.2"])
async def test_an_older_tls_is_refused_by_the_right_alert(home: Home, minor: int) -> None:
    """RFC 8446 section 6.2: protocol_version; docs/safety.md fault 4."""
    async with running_server(home) as server:
        async with await connect_tcp(server) as stream:
            await stream.send_all(old_client_hello(minor))
            answer = await read_to_end(stream)
        assert answer[0] == 0x15
        assert answer[3:] == PROTOCOL_VERSION_ALERT
        (row,) = await server.logged("TLS handshake failed")
        assert row["reason"] == "unsupported protocol"


async def test_a_client_that_knows_only_tls_1_2_is_told_so(home: Home) -> None:
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with running_server(home) as server, await connect_tcp(server) as tcp:
        stream = trio.SSLStream(tcp, context, server_hostname="localhost")
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream.do_handshake()
        assert isinstance(caught.value.__cause__, ssl.SSLError)
        assert "PROTOCOL_VERSION" in caught.value.__cause__.reason


async def test_tls_1_2_is_spoken_where_the_setting_allows_it(home: Home) -> None:
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with (
        running_server(home, {"tls_minimum": "1.2"}) as server,
        await connect_tcp(server) as tcp,
    ):
        stream = trio.SSLStream(tcp, context, server_hostname="localhost", https_compatible=True)
        await stream.do_handshake()
        await stream.send_all(b"PING 1\r\n")
        assert b"PONG" in await stream.receive_some()


@pytest.mark.parametrize("start", ["PRIVMSG #lobby :", "@+tag="], ids=["text", "tags"])
async def test_an_endless_line_is_answered_once_and_not_kept(home: Home, start: str) -> None:
    """Modern IRC, ERR_INPUTTOOLONG (417); IRCv3 ``message-tags``, "Size limit"."""
    await home.add("alice", "bob")
    async with (
        running_server(home) as server,
        user(server, "alice") as alice,
        user(server, "bob") as bob,
    ):
        await alice.ping()
        before = server.memory_mib()
        await alice.send_bytes(start.encode())
        for _ in range(ENDLESS_MIB):
            await alice.send_bytes(b"a" * 1024 * 1024)
        await converse(bob, alice, "what takes you so long?")
        after = server.memory_mib()
        await alice.send_bytes(b"\r\n")
        await converse(alice, bob, "sorry")
        assert [line.command for line in alice.seen].count("417") == 1
        assert after - before < GROWTH_MIB_MAX


async def test_an_endless_line_before_login_is_answered_once_and_not_kept(home: Home) -> None:
    """The same for somebody who has no account; they can still log in afterwards."""
    await home.add("alice")
    async with running_server(home) as server, tls_connection(server, "alice") as alice:
        await alice.send("CAP LS 302")
        await alice.expect("CAP", None, "LS")
        before = server.memory_mib()
        for _ in range(ENDLESS_MIB):
            await alice.send_bytes(b"a" * 1024 * 1024)
        await alice.expect("417")
        await alice.send_bytes(b"\r\nPING now\r\n")
        await alice.expect("PONG", None, "now")
        assert server.memory_mib() - before < GROWTH_MIB_MAX
        assert [line.command for line in alice.seen].count("417") == 1
