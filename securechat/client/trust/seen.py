"""What a server showed: its certificate, taken apart for people, and the pin of its key.

The pin is the SHA-256 of the SubjectPublicKeyInfo (RFC 7469 section 2.4), which stays when a
certificate is renewed with the same key. The fingerprint is the certificate's own SHA-256, because
that is what ``securechat-server`` and ``securechat-certs`` print.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from securechat.certificates.pem import fingerprint
from securechat.client.errors import TrustError


@dataclass(frozen=True, slots=True)
class Seen:
    """A server's certificate. Digests are lower-case hex, moments are UTC.

    Everything but ``host``, ``port`` and the digests is what the server says of itself.
    """

    host: str
    port: int
    fingerprint: str
    pin: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    begins: datetime
    ends: datetime

    @classmethod
    def of(cls, host: str, port: int, der: bytes) -> Seen:
        """Take a certificate (DER) apart. Raises ``TrustError`` for one that cannot be read."""
        certificate = _load(der)
        try:
            return cls(
                host=host,
                port=port,
                fingerprint=fingerprint(der),
                pin=_pin(certificate),
                subject=certificate.subject.rfc4514_string(),
                issuer=certificate.issuer.rfc4514_string(),
                names=_names(certificate),
                begins=certificate.not_valid_before_utc,
                ends=certificate.not_valid_after_utc,
            )
        except ValueError as error:
            raise TrustError(_UNREADABLE) from error


def pin_of(der: bytes) -> str:
    """Return the pin of a certificate's key. Raises ``TrustError`` for one that cannot be read."""
    return _pin(_load(der))


_UNREADABLE = "Not connected: the server's certificate cannot be read."


def _load(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise TrustError(_UNREADABLE) from error


def _pin(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TrustError(_UNREADABLE) from error
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(info).hexdigest()


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the names and addresses that it is for (RFC 9525: the subject does not count)."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    names = extension.value
    addresses = names.get_values_for_type(x509.IPAddress)
    return (*names.get_values_for_type(x509.DNSName), *(str(address) for address in addresses))
