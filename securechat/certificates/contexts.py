"""A server's certificate in use: what is told of it, and the TLS contexts of both sides.

The functions here read small files, and block for that long.
"""

from __future__ import annotations

import ssl
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path

import truststore

from securechat.certificates.pem import (
    check_dates,
    check_match,
    der,
    fingerprint,
    mode_warnings,
    read_certificate,
    read_key,
)
from securechat.errors import CertificateError, ConfigError

ALPN = "irc"  # registered with IANA for IRC over TLS

_EXPIRES_SOON = timedelta(days=30)
_TLS_MINIMA = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
# For TLS 1.2 only; forward secrecy and authenticated encryption (RFC 9325 section 4.2).
_TLS_1_2_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"

_CERTIFICATE_REMEDY = "make one with securechat-certs, or name yours with --cert"
_KEY_REMEDY = "make a new pair with securechat-certs --force, or name yours with --key"
_PAIR_REMEDY = "name a pair that fits, or make a new one with securechat-certs --force"


def certificate_fingerprint(certificate: Path) -> str:
    """Return the fingerprint of the first certificate in a file. Raises ``CertificateError``."""
    return fingerprint(der(read_certificate(certificate, _CERTIFICATE_REMEDY)))


def certificate_expiry(certificate: Path) -> datetime:
    """Return when the first certificate in a file ends (UTC). Raises ``CertificateError``."""
    return read_certificate(certificate, _CERTIFICATE_REMEDY).not_valid_after_utc


def certificate_warnings(certificate: Path, key: Path) -> list[str]:
    """Return sentences on what works today and should not stay so, for a server's start.

    A key that others can read, and a certificate that ends within 30 days. Raises
    ``CertificateError`` when the certificate cannot be read.
    """
    warnings = mode_warnings(key)
    ends = certificate_expiry(certificate)
    if ends - datetime.now(UTC) < _EXPIRES_SOON:
        warnings.append(
            f"The certificate {certificate} ends on {ends:%Y-%m-%d}: "
            "renew it with securechat-certs --force."
        )
    return warnings


def load_server_context(
    certificate: Path, key: Path, *, tls_minimum: str = "1.3"
) -> ssl.SSLContext:
    """Return a new TLS context for a server, tried with a handshake in memory.

    It is new each time because loading a key into a context in use breaks that context when the key
    does not fit: whoever reloads swaps the reference. ``tls_minimum`` is ``1.3``, or ``1.2`` with
    forward-secret AEAD suites only (RFC 9325). No session tickets; ALPN ``irc`` is accepted, and a
    client that offers something else, or nothing, is served as well.

    Raises ``CertificateError`` for files that are missing, unreadable, mismatched, not valid today
    or of no use for TLS.
    """
    leaf = read_certificate(certificate, _CERTIFICATE_REMEDY)
    private_key = read_key(key, _KEY_REMEDY)
    check_match(leaf, certificate, private_key, key, _PAIR_REMEDY)
    check_dates(leaf, certificate, datetime.now(UTC), "renew it with securechat-certs --force")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _set_common(context, tls_minimum)
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(certificate, key)
        _try_out(context)
    except ssl.SSLError as error:
        reason = (error.reason or "no reason given").lower().replace("_", " ")
        message = (
            f"The certificate {certificate} and its key {key} cannot be used for TLS ({reason}): "
            f"{_PAIR_REMEDY}."
        )
        raise CertificateError(message) from error
    return context


def client_context(
    cafile: Path | None = None,
    *,
    cadata: str | bytes | None = None,
    and_system: bool = False,
    tls_minimum: str = "1.3",
) -> ssl.SSLContext:
    """Return a TLS context that verifies a server strictly: chain, dates and host name.

    It trusts the certificates of ``cafile`` (PEM) and ``cadata`` (PEM text or DER bytes), and those
    alone; the system's store when neither is given, and beside them with ``and_system``. A
    certificate trusted by itself need not be a CA's. Give ``wrap_bio`` a ``server_hostname`` as
    ``addresses.canonical_host`` spells it.

    Raises ``CertificateError`` when there is no certificate in what is to be trusted.
    """
    remedy = "name the ca.pem that the server's operator gave you"
    if cafile is not None:
        read_certificate(cafile, remedy)
    if cadata is not None and not cadata:  # ssl would take the system's store instead
        raise CertificateError(f"The certificate to be trusted is empty: {remedy}.")
    try:
        context = _verifying_context(system=and_system or (cafile is None and cadata is None))
        if cafile is not None or cadata is not None:
            context.load_verify_locations(cafile=cafile, cadata=cadata)
    except ssl.SSLError as error:
        what = "The certificate to be trusted" if cafile is None else str(cafile)
        raise CertificateError(f"{what} cannot be used for TLS: {remedy}.") from error
    _set_common(context, tls_minimum)
    # Python 3.13 sets both by itself; before, a certificate could pass here and fail there.
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    return context


def unverified_context() -> ssl.SSLContext:
    """Return a TLS context for clients that verifies nothing.

    It is for looking at a certificate, and for a peer whose key is checked in another way; TLS
    proves in any case that the peer has the key of the certificate that it shows.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _set_common(context, "1.3")
    return context


def _verifying_context(*, system: bool) -> ssl.SSLContext:
    """Return a context for clients that trusts the system's store, or nothing yet."""
    if system:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _set_common(context: ssl.SSLContext, tls_minimum: str) -> None:
    if tls_minimum not in _TLS_MINIMA:
        message = f"TLS {tls_minimum!r} is no choice here: take 1.3 or 1.2."
        raise ConfigError(message)
    context.minimum_version = _TLS_MINIMA[tls_minimum]
    context.set_ciphers(_TLS_1_2_SUITES)
    context.options |= ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols([ALPN])


def _try_out(context: ssl.SSLContext) -> None:
    """Shake hands with a server's context in memory. Raises ``ssl.SSLError``.

    Some certificates load and then fail every handshake: a key on a curve that TLS 1.3 dropped, for
    one. Verification is the clients' business, who know what they trust.
    """
    probe = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    probe.check_hostname = False
    probe.verify_mode = ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    waiting = deque(
        [
            probe.wrap_bio(to_client, to_server),
            context.wrap_bio(to_server, to_client, server_side=True),
        ]
    )
    while waiting:  # it ends: each turn takes what the other side sent, or fails
        end = waiting.popleft()
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(end)
