"""TLS servers on loopback that record what reaches them, for tests of whom a client trusts."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from securechat.errors import ConnectionLost, HandshakeFailed
from securechat.transport import sockets
from securechat.transport.tls import TLSLink

Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Authority:
    """A CA; ``issue`` makes whatever certificate a test wants, right or wrong."""

    name: str = "Test CA"
    key: Key = field(default_factory=new_key)

    @property
    def subject(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])

    def pem(self) -> bytes:
        """Return its own certificate, by the rules of RFC 5280 (SAFETY: strict verification)."""
        public = self.key.public_key()
        now = datetime.now(UTC)
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        certificate = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(self.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1000))
            .not_valid_after(now + timedelta(days=1000))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        *names: str,
        addresses: tuple[str, ...] = (),
        common_name: str = "",
        key: Key | None = None,
        self_signed: bool = False,
        begins: int = -1,
        ends: int = 30,
    ) -> Pair:
        """Return a server's certificate; ``begins`` and ``ends`` are days from now."""
        key = key or new_key()
        public = key.public_key()
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
        subject = x509.Name(attributes)
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if self_signed else self.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=begins))
            .not_valid_after(now + timedelta(days=ends))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    (key if self_signed else self.key).public_key()
                ),
                critical=False,
            )
        )
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ip_address(address)) for address in addresses]
        if alternatives:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(alternatives), critical=not common_name
            )
        certificate = builder.sign(key if self_signed else self.key, hashes.SHA256())
        return Pair(certificate, key)


@dataclass(frozen=True)
class Pair:
    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def context(self, folder: Path) -> ssl.SSLContext:
        """Return a server's context; the files that Python's ssl wants are left in ``folder``."""
        pem = folder / f"pair-{self.certificate.serial_number:x}.pem"
        pem.touch(0o600)
        pem.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + self.certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context


@dataclass
class Recorder:
    """What reached a server: connections, the application's bytes, and why handshakes failed."""

    port: int = 0
    connections: int = 0
    ended: int = 0
    received: bytes = b""
    alerts: list[str] = field(default_factory=list)
    changed: trio.lowlevel.ParkingLot = field(default_factory=trio.lowlevel.ParkingLot)

    async def settled(self) -> None:
        """Wait until every connection that came has ended."""
        with trio.fail_after(5):
            while self.ended < self.connections:
                await self.changed.park()

    def tls(
        self, context: ssl.SSLContext, chat: Callable[[TLSLink], Awaitable[None]] | None = None
    ) -> Callable[[sockets.SocketWire, str], Awaitable[None]]:
        """Return what serves a connection by TLS: record what comes, or hand it to ``chat``."""

        async def serve(wire: sockets.SocketWire, address: str) -> None:
            self.connections += 1
            link = TLSLink.server(wire, context)
            try:
                await link.handshake()
                if chat is not None:
                    await chat(link)
                while data := await link.receive():
                    self.received += data
            except (HandshakeFailed, ConnectionLost) as error:
                self.alerts.append(str(error))
            finally:
                link.close()
                self._end()

        return serve

    def plain(self, greeting: bytes) -> Callable[[sockets.SocketWire, str], Awaitable[None]]:
        """Return what serves a connection without TLS: say this, then hang up."""

        async def serve(wire: sockets.SocketWire, address: str) -> None:
            self.connections += 1
            try:
                if greeting:
                    await wire.wait_readable()
                    wire.send(greeting)
            finally:
                wire.close()
                self._end()

        return serve

    def _end(self) -> None:
        self.ended += 1
        self.changed.unpark_all()


@asynccontextmanager
async def listening(
    recorder: Recorder, serve: Callable[[sockets.SocketWire, str], Awaitable[None]]
) -> AsyncIterator[Recorder]:
    """Listen on loopback for the length of the block; ``recorder.port`` is where."""
    listeners = await sockets.listen(["127.0.0.1"], 0)
    recorder.port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        await nursery.start(sockets.serve, listeners, serve, nursery)
        yield recorder
        nursery.cancel_scope.cancel()
