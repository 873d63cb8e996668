"""Whom the client trusts: over loopback TLS, every wrong certificate is refused, and hears nothing.

docs/safety.md, fault 21: 0 bytes of application data before verification.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import trio
import trustme
from support.fake_server import FakeServer
from trio.testing import MockClock

from securechat.certificates import make_certificates
from securechat.client import events
from securechat.client.connection import connect
from securechat.client.errors import ConnectFailed, LoginRefused, TrustError
from securechat.client.trust import KnownServer, KnownServers, Trust, choose, explain
from securechat.client.trust.reach import REACH_SECONDS_MAX, reach
from securechat.errors import CertificateError, ConnectionLost, HandshakeFailed, UserError
from securechat.transport import sockets
from securechat.transport.base import Link
from securechat.transport.memory import PlainLink, memory_wires
from securechat.transport.tls import TLSLink

PASSWORD = "wonderland-rabbit"
KNOWN = KnownServer("chat.example", 6697, "ab" * 32, date(2026, 11, 28))
LONG_AGO = datetime.now(UTC) - timedelta(days=400)


class Listener:
    """A TLS server on loopback that counts the application's bytes."""

    def __init__(self, certificate: trustme.LeafCert) -> None:
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(self.context)
        self.port = 0
        self.received = b""
        self.alerts: list[str] = []
        self.chat: FakeServer | None = None
        self.done = trio.Event()

    async def serve(self, wire: sockets.SocketWire, address: str) -> None:
        link = TLSLink.server(wire, self.context)
        try:
            await link.handshake()
            if self.chat is not None:
                await self.chat.serve(link)
            while data := await link.receive():
                self.received += data
        except (HandshakeFailed, ConnectionLost) as error:
            self.alerts.append(str(error))
        finally:
            link.close()
            self.done.set()


@asynccontextmanager
async def listening(certificate: trustme.LeafCert) -> AsyncIterator[Listener]:
    listener = Listener(certificate)
    listeners = await sockets.listen(["127.0.0.1"], 0)
    listener.port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        await nursery.start(sockets.serve, listeners, listener.serve, nursery)
        yield listener
        nursery.cancel_scope.cancel()


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def cafile(ca: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return path


async def refused(listener: Listener, cafile: Path, host: str = "127.0.0.1") -> str:
    """Connect, be refused, and return the sentence."""
    with pytest.raises(TrustError) as refusal:
        async with connect(host, listener.port, account="alice", password=PASSWORD, cafile=cafile):
            pytest.fail("the body ran")
    with trio.fail_after(5):
        await listener.done.wait()
    assert listener.alerts
    assert listener.received == b""
    return str(refusal.value)


WRONG: dict[str, tuple[Callable[[trustme.CA], trustme.LeafCert], str]] = {
    "another CA": (
        lambda ca: trustme.CA().issue_cert("127.0.0.1"),
        "ca.pem does not vouch for the server at 127.0.0.1. Get ca.pem from the person who runs",
    ),
    "another host": (
        lambda ca: ca.issue_cert("127.0.0.2"),
        "the server's certificate is not for 127.0.0.1. Use a name or address",
    ),
    "a name only in the common name": (
        lambda ca: ca.issue_cert(common_name="127.0.0.1"),
        "the certificate of 127.0.0.1 is not acceptable (Empty Subject Alternative Name",
    ),
    "an expired one": (
        lambda ca: ca.issue_cert("127.0.0.1", not_after=LONG_AGO),
        "the certificate of 127.0.0.1 has expired. Ask the person who runs the server to renew",
    ),
    "one from the future": (
        lambda ca: ca.issue_cert("127.0.0.1", not_before=datetime.now(UTC) + timedelta(days=3)),
        "the certificate of 127.0.0.1 is not valid yet. Check this machine's date and time",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_certificate_that_is_not_to_be_trusted(
    ca: trustme.CA, cafile: Path, wrong: str
) -> None:
    issue, sentence = WRONG[wrong]
    async with listening(issue(ca)) as listener:
        said = await refused(listener, cafile)
    assert said.startswith("Not connected: ")
    assert sentence in said


async def test_a_host_name_that_the_certificate_is_not_for(ca: trustme.CA, cafile: Path) -> None:
    async with listening(ca.issue_cert("elsewhere.example")) as listener:
        said = await refused(listener, cafile, "localhost")
    assert "is not for localhost" in said
    assert "securechat-certs --host localhost" in said


async def test_a_certificate_that_is_trusted(ca: trustme.CA, cafile: Path) -> None:
    async with listening(ca.issue_cert("127.0.0.1", "localhost")) as listener:
        listener.chat = FakeServer(alice=PASSWORD)
        async with connect(
            "LOCALHOST", listener.port, account="alice", password=PASSWORD, cafile=cafile
        ) as client:
            connected = await anext(client)
            assert isinstance(connected, events.Connected)
            assert connected.security.startswith("TLSv1.3 ")
            assert (await client.say("#lobby", "hello")).msgid == "m000000"
        with pytest.raises(LoginRefused):
            async with connect(
                "localhost", listener.port, account="alice", password="guess", cafile=cafile
            ):
                pytest.fail("the body ran")


async def test_a_server_without_tls() -> None:
    async def plain(wire: sockets.SocketWire, address: str) -> None:
        await wire.wait_readable()
        wire.send(b"NOTICE * :who are you?\r\n")

    listeners = await sockets.listen(["127.0.0.1"], 0)
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        await nursery.start(sockets.serve, listeners, plain, nursery)
        with pytest.raises(ConnectFailed, match=r"No TLS connection to 127.0.0.1 port \d+: "):
            async with connect("127.0.0.1", port, account="alice", password=PASSWORD):
                pytest.fail("the body ran")
        nursery.cancel_scope.cancel()


async def test_what_can_be_no_host() -> None:
    with pytest.raises(UserError):
        async with connect("a b", account="alice", password=PASSWORD):
            pytest.fail("the body ran")


async def test_a_server_that_does_not_shake_hands(autojump_clock: MockClock) -> None:
    class Silent(PlainLink):
        async def handshake(self) -> None:
            await trio.sleep_forever()

    ours, theirs = memory_wires()

    async def dial(host: str, port: int) -> Link:
        await trio.lowlevel.checkpoint()
        return Silent(ours)

    with pytest.raises(ConnectFailed, match=f"No answer from h port 1 in {REACH_SECONDS_MAX} s"):
        await reach(dial, "h", 1, None)
    assert theirs.recv(1) == b""


# --- the choice --------------------------------------------------------------------------------


def choose_here(folder: Path, cafile: Path | None = None) -> Trust:
    return choose("chat.example", 6697, cafile, folder=folder)


def test_ca_decides_alone_even_about_a_remembered_server(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "certs", hosts=["localhost"])
    KnownServers().remember(KNOWN)
    trust = choose_here(tmp_path, made.ca)
    assert (trust.pins, trust.final, trust.source) == ((), True, str(made.ca))
    assert len(trust.context.get_ca_certs()) == 1


def test_then_a_remembered_server(tmp_path: Path) -> None:
    make_certificates(tmp_path / "certs", hosts=["localhost"])
    KnownServers().remember(KNOWN)
    trust = choose("CHAT.example.", 6697, folder=tmp_path)
    assert (trust.pins, trust.final) == ((KNOWN,), True)
    assert choose("chat.example", 7000, folder=tmp_path).pins == ()


def test_then_the_ca_in_the_current_folder_beside_the_systems_store(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "certs", hosts=["localhost"])
    trust = choose_here(tmp_path)
    assert (trust.cafile, trust.final) == (made.ca, False)
    assert trust.source == f"{made.ca} or this machine's own store"


def test_otherwise_the_systems_store(tmp_path: Path) -> None:
    trust = choose_here(tmp_path)
    assert (trust.cafile, trust.final) == (None, False)
    assert trust.source == "this machine's own store"
    assert trust.context.verify_mode is ssl.CERT_REQUIRED


def test_the_context_is_strict(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "made", hosts=["localhost"])
    for trust in (choose_here(tmp_path), choose_here(tmp_path, made.ca)):
        context = trust.context
        assert context.verify_flags & ssl.VERIFY_X509_STRICT
        assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
        assert context.minimum_version is ssl.TLSVersion.TLSv1_3
        assert context.check_hostname
        assert not context.hostname_checks_common_name


def test_a_file_without_a_certificate(tmp_path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=tmp_path) as empty, pytest.raises(CertificateError):
        choose_here(tmp_path, Path(empty.name))
    with pytest.raises(CertificateError):
        choose_here(tmp_path, tmp_path / "missing.pem")


def test_other_faults_of_a_certificate_are_named(tmp_path: Path) -> None:
    failure = HandshakeFailed(
        "certificate verify failed", verify_code=26, verify_message="unsuitable certificate purpose"
    )
    said = str(explain("h", failure, choose_here(tmp_path)))
    assert "the certificate of h is not acceptable (unsuitable certificate purpose)" in said
