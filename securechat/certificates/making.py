"""Making certificates: a private CA, and a server certificate that it signs, as files.

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
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
from securechat.errors import CertificateError

_PUBLIC, _PRIVATE = 0o644, 0o600


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
