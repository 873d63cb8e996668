"""Certificates: a private CA and a server certificate as files, and the TLS contexts made of them.

A folder holds four files. ``ca.pem`` is given to everybody who connects, ``ca.key`` signs the next
server certificate, ``server.pem`` (with the CA behind it) and ``server.key`` are the server's.

Promises of ``make_certificates``:

* Private keys have mode 0600 from the moment they exist, whatever the umask.
* Every file is written whole beside its place and synced, and only then renamed into it. A crash
  leaves each file old or new; between two renames a certificate may stand beside a key that is not
  its own, which ``load_server_context`` says in a sentence and another run mends.
* What exists is not touched unless that was asked for, and a refusal writes nothing.

The functions here read and write small files, and block for that long.
"""

from __future__ import annotations

import os
import secrets
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import truststore
from cryptography import x509

from securechat.addresses import canonical_host, own_hosts
from securechat.certificates.issuing import (
    SERVER_DAYS,
    SERVER_DAYS_MAX,
    Pair,
    SigningKey,
    covered_hosts,
    is_ca,
    issue_ca,
    issue_server,
)
from securechat.certificates.pem import (
    check_dates,
    check_match,
    der,
    fingerprint,
    mode_warnings,
    read_certificate,
    read_key,
    why,
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

_PUBLIC, _PRIVATE = 0o644, 0o600


# --- making ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Made:
    """What ``make_certificates`` did.

    Fingerprints are SHA-256 in lower-case hex. ``made_ca`` tells a new CA from one that was kept,
    ``replaced_ca`` that clients trust the wrong one now. ``dropped`` are hosts that the certificate
    before this one covered and this one does not. ``warnings`` are sentences.
    """

    ca: Path
    ca_key: Path
    certificate: Path
    key: Path
    fingerprint: str
    ca_fingerprint: str
    not_after: datetime
    hosts: tuple[str, ...]
    made_ca: bool
    replaced_ca: bool
    renewed: bool
    dropped: tuple[str, ...]
    warnings: tuple[str, ...]


def make_certificates(
    out: Path,
    hosts: Sequence[str] | None = None,
    days: int = SERVER_DAYS,
    *,
    force: bool = False,
    keep_key: bool = False,
    new_ca: bool = False,
    now: datetime | None = None,
) -> Made:
    """Make a server certificate in the folder ``out``, and the CA that signs it where none is.

    ``hosts`` are the names and addresses to cover, ``addresses.own_hosts`` when there are none.
    ``force`` replaces the server's certificate and key and keeps the CA; ``keep_key`` replaces the
    certificate alone, which clients that remember the key do not notice; ``new_ca`` replaces all
    four, but for a key that is kept. ``now`` is the wall clock unless given.

    Raises ``UserError`` for a host that is none, ``CertificateError`` for files that exist, a CA
    that cannot sign, a key to be kept that is not there or of no use, and a folder that cannot be
    written.
    """
    now = now or datetime.now(UTC)
    if not 1 <= days <= SERVER_DAYS_MAX:
        message = f"A server certificate is valid for 1 to {SERVER_DAYS_MAX} days, not {days}."
        raise CertificateError(message)
    # Given ones only go through canonical_host: it refuses what is no host.
    covered = tuple(dict.fromkeys(map(canonical_host, hosts) if hosts else own_hosts()))
    ca_path, ca_key_path = out / "ca.pem", out / "ca.key"
    path, key_path = out / "server.pem", out / "server.key"

    existing = [str(file) for file in (path, key_path) if os.path.lexists(file)]
    if existing and not (force or keep_key or new_ca):
        message = (
            f"This would replace {' and '.join(existing)}: "
            "say --force to renew (the CA stays), or choose another folder with --out."
        )
        raise CertificateError(message)
    old_ca = None if new_ca else _existing_ca(ca_path, ca_key_path, now)
    ca = old_ca or issue_ca(now)
    server = issue_server(ca, covered, days, now, _kept_key(key_path) if keep_key else None)
    before = _hosts_before(path)

    # A key goes before its certificate: by the time anybody sees the new one, its key is there.
    files = [
        (key_path, server.key_pem, _PRIVATE),
        (path, server.certificate_pem + ca.certificate_pem, _PUBLIC),
    ]
    if old_ca is None:
        files = [
            (ca_key_path, ca.key_pem, _PRIVATE),
            (ca_path, ca.certificate_pem, _PUBLIC),
            *files,
        ]
    replaced_ca = old_ca is None and os.path.lexists(ca_path)
    _write(out, files)

    not_after = server.certificate.not_valid_after_utc
    return Made(
        ca=ca_path,
        ca_key=ca_key_path,
        certificate=path,
        key=key_path,
        fingerprint=fingerprint(der(server.certificate)),
        ca_fingerprint=fingerprint(der(ca.certificate)),
        not_after=not_after,
        hosts=covered,
        made_ca=old_ca is None,
        replaced_ca=replaced_ca,
        renewed=bool(existing),
        dropped=tuple(host for host in before if host not in covered),
        warnings=tuple(_making_warnings(ca_key_path, not_after, now + timedelta(days=days))),
    )


def _existing_ca(path: Path, key_path: Path, now: datetime) -> Pair | None:
    """Return the CA of the folder; ``None`` where there is none. Raises ``CertificateError``."""
    remedy = "put the right one back, or make a new CA with --new-ca"
    if not os.path.lexists(path):
        if os.path.lexists(key_path):
            message = f"{key_path} is there without its certificate {path}: {remedy}."
            raise CertificateError(message)
        return None
    certificate = read_certificate(path, remedy)
    key = read_key(key_path, remedy)
    check_match(certificate, path, key, key_path, remedy)
    if not is_ca(certificate) or not isinstance(key, SigningKey):
        message = f"{path} is not the certificate of a CA that can sign here: {remedy}."
        raise CertificateError(message)
    check_dates(certificate, path, now, "make a new CA with --new-ca")
    return Pair(certificate, key)


def _kept_key(path: Path) -> SigningKey:
    """Return the server's key, to be gone on with. Raises ``CertificateError``."""
    remedy = "leave out --keep-key to make a new one"
    key = read_key(path, remedy)
    if not isinstance(key, SigningKey):
        raise CertificateError(f"The key {path} is of no use for a certificate here: {remedy}.")
    return key


def _hosts_before(path: Path) -> tuple[str, ...]:
    """Return what the certificate about to be replaced covers; nothing where it is unreadable."""
    try:
        return covered_hosts(x509.load_pem_x509_certificate(path.read_bytes()))
    except (OSError, ValueError):
        return ()


def _making_warnings(ca_key: Path, not_after: datetime, asked: datetime) -> list[str]:
    warnings = mode_warnings(ca_key)
    if not_after < asked - timedelta(seconds=1):  # certificates count whole seconds
        warnings.append(
            f"The CA ends on {not_after:%Y-%m-%d}, so the certificate does too: "
            "make a new CA with --new-ca before then."
        )
    return warnings


def _write(out: Path, files: Sequence[tuple[Path, bytes, int]]) -> None:
    """Replace files (path, content, mode) one after the other, all of them written beforehand."""
    staged: list[tuple[Path, Path]] = []
    try:
        if not out.is_dir():
            out.mkdir(parents=True)
            out.chmod(0o755)  # the keys guard themselves, and ca.pem is for everybody
        try:
            for path, content, mode in files:
                temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                descriptor = os.open(temporary, flags, mode)
                staged.append((temporary, path))
                with os.fdopen(descriptor, "wb") as file:
                    if mode == _PUBLIC:
                        os.fchmod(descriptor, mode)  # a strict umask must not hide it
                    file.write(content)
                    file.flush()
                    os.fsync(descriptor)
            for temporary, path in staged:
                temporary.replace(path)
        finally:
            for temporary, _ in staged:
                temporary.unlink(missing_ok=True)
        folder = os.open(out, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        message = f"{out} cannot be written ({why(error)}): choose another folder with --out."
        raise CertificateError(message) from error


# --- looking at ------------------------------------------------------------------------------


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


# --- TLS contexts ----------------------------------------------------------------------------


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
