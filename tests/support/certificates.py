"""Certificates unlike ours, and TLS between two contexts without a socket."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

HOSTS = ["localhost", "bücher.example", "127.0.0.1", "::1", "192.0.2.7", "2001:db8::7"]
NAMES = ("ca.key", "ca.pem", "server.key", "server.pem")


def shake_hands(
    server: ssl.SSLContext, client: ssl.SSLContext, host: str | None
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Return the two ends (server, client) after a handshake. Raises ``ssl.SSLError``."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = server.wrap_bio(to_server, to_client, server_side=True)
    calling = client.wrap_bio(to_client, to_server, server_hostname=host)
    done = 0
    while done < 2:
        done = 0
        for end in (calling, serving):
            try:
                end.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                pass
    return serving, calling


def self_signed(
    folder: Path,
    key: CertificateIssuerPrivateKeyTypes,
    *,
    hosts: tuple[str, ...] = (),
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=1),
) -> tuple[Path, Path]:
    """Write a certificate unlike ours (named by CN only, unless ``hosts``) and its key."""
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now + begins, now + ends)
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    certificate_path, key_path = folder / "odd.pem", folder / "odd.key"
    certificate = builder.sign(key, algorithm)
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_path, key_path
