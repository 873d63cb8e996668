"""Read certificates and keys from files, and say in one sentence what is wrong with them.

Every ``remedy`` is the end of such a sentence: what the person can do about it. Everything raised
here is a ``CertificateError``.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from securechat.errors import CertificateError


def read_certificate(path: Path, remedy: str) -> x509.Certificate:
    """Return the first certificate of a PEM file, which in a chain is the leaf."""
    try:
        return x509.load_pem_x509_certificate(read_file(path, "certificate", remedy))
    except ValueError:
        raise CertificateError(f"{path} is not a certificate in PEM form: {remedy}.") from None


def read_key(path: Path, remedy: str) -> PrivateKeyTypes:
    """Return the private key of a PEM file; one behind a passphrase is refused."""
    content = read_file(path, "private key", remedy)
    try:
        return serialization.load_pem_private_key(content, password=None)
    except TypeError:
        message = f"The private key {path} asks for a passphrase: {remedy}."
    except (ValueError, UnsupportedAlgorithm):
        message = f"{path} is not a private key in PEM form: {remedy}."
    raise CertificateError(message)


def read_file(path: Path, what: str, remedy: str) -> bytes:
    """Return a file's content; ``what`` names it when it cannot be had."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise CertificateError(f"There is no {what} at {path}: {remedy}.") from None
    except PermissionError:
        message = (
            f"This user may not read the {what} {path}: "
            "give the file to the user that runs this, or run it as the one that owns it."
        )
        raise CertificateError(message) from None
    except OSError as error:
        message = f"The {what} {path} cannot be read ({why(error)}): {remedy}."
        raise CertificateError(message) from error


def check_match(
    certificate: x509.Certificate, path: Path, key: PrivateKeyTypes, key_path: Path, remedy: str
) -> None:
    """Refuse a key that does not belong to the certificate."""
    try:
        belongs = certificate.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):  # a kind of key that no server here could use
        belongs = False
    if not belongs:
        message = (
            f"The private key {key_path} does not belong to the first certificate in {path}: "
            f"{remedy}."
        )
        raise CertificateError(message)


def check_dates(certificate: x509.Certificate, path: Path, now: datetime, remedy: str) -> None:
    """Refuse a certificate that has ended, or has not begun."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > ends:
        message = f"The certificate {path} expired on {ends:%Y-%m-%d %H:%M} UTC: {remedy}."
        raise CertificateError(message)
    if now < begins:
        message = (
            f"The certificate {path} is not valid before {begins:%Y-%m-%d %H:%M} UTC: "
            f"set this machine's clock, or {remedy}."
        )
        raise CertificateError(message)


def mode_warnings(key: Path) -> list[str]:
    """Return a sentence when a private key can be read by others than its owner."""
    try:
        mode = key.stat().st_mode
    except OSError:  # whoever reads it next says so
        return []
    return [f"Others may read the private key {key}: chmod 600 {key}"] if mode & 0o077 else []


def der(certificate: x509.Certificate) -> bytes:
    """Return a certificate as it is on the wire."""
    return certificate.public_bytes(serialization.Encoding.DER)


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of a certificate (DER) in lower-case hex, as WeeChat takes it."""
    return hashlib.sha256(der).hexdigest()


def colon_form(fingerprint: str) -> str:
    """Return a fingerprint as ``AA:BB:…``, as irssi takes it and ``openssl`` prints it."""
    return bytes.fromhex(fingerprint).hex(":").upper()


def why(error: OSError) -> str:
    """Return the system's word for an error, without the path that our sentence has already."""
    return (error.strerror or str(error)).lower()
