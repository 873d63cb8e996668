"""What stands in SecureChat's certificates. Pure: no files, and the time is an argument.

The profile is what passes OpenSSL's strict mode (``VERIFY_X509_STRICT``), GnuTLS and Chromium at
once: P-256 keys, version 3, key identifiers on both, and addresses as real ``iPAddress`` entries
(RFC 5280 section 4.2.1.6) because a ``dNSName`` that holds an address matches nowhere.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_DAYS = 3652  # ten years
SERVER_DAYS = 397  # what browsers accept of public authorities; ours is no worse
SERVER_DAYS_MAX = 3650

# A client whose clock is a little slow must not refuse a certificate made a minute ago.
_BACKDATED = timedelta(hours=1)

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: SigningKey

    @property
    def certificate_pem(self) -> bytes:
        """The certificate, for a file that everybody may read."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key (PKCS #8, not encrypted), for a file that only its owner may read."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def issue_ca(now: datetime) -> Pair:
    """Make a private CA that can sign end certificates and no further CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    # Two CAs must not share a name, or a client that holds both may try the wrong key.
    name = _name(f"SecureChat CA {secrets.token_hex(4)}")
    certificate = (
        _builder(name, name, key, now - _BACKDATED, now + timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(for_ca=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Pair(certificate, key)


def issue_server(
    ca: Pair, hosts: Sequence[str], days: int, now: datetime, key: SigningKey | None = None
) -> Pair:
    """Make a server certificate for ``hosts``, spelled as by ``addresses.canonical_host``.

    It ends after ``days``, or with its CA where that is sooner. The CA must be valid at ``now``.
    A ``key`` is the one to go on with; without it there is a new one.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    begins = max(now - _BACKDATED, ca.certificate.not_valid_before_utc)
    ends = min(now + timedelta(days=days), ca.certificate.not_valid_after_utc)
    certificate = (
        _builder(_name("SecureChat server"), ca.certificate.subject, key, begins, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(for_ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_entry(h) for h in hosts]), critical=False)
        .add_extension(_authority(ca), critical=False)
        .sign(ca.key, hashes.SHA256())
    )
    return Pair(certificate, key)


def covered_hosts(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the names and addresses that a certificate vouches for; empty where it has none."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    known = (name for name in names if isinstance(name, x509.DNSName | x509.IPAddress))
    return tuple(str(name.value) for name in known)


def is_ca(certificate: x509.Certificate) -> bool:
    """Say whether a certificate may sign others."""
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return basic.ca


def _builder(
    subject: x509.Name, issuer: x509.Name, key: SigningKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    public_key = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, for_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not for_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=for_ca,
        crl_sign=for_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _entry(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _authority(ca: Pair) -> x509.AuthorityKeyIdentifier:
    """Point to the CA by the identifier it bears, which need not be the usual hash of its key."""
    try:
        identifier = ca.certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        ).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
