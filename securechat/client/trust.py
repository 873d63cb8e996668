"""Whom a client trusts, and what it says when a server is not to be trusted.

The certificates of ``--ca FILE`` are trusted, and those alone; without it those of
``certs/ca.pem`` in the current folder, which is where ``securechat-certs`` puts them; without that
the system's. There is no way round: a connection on which the certificate was not verified never
carries a byte of the application's.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from securechat.certificates import client_context
from securechat.client.errors import TrustError
from securechat.errors import HandshakeFailed

DEFAULT_CA = Path("certs/ca.pem")

# OpenSSL's X509_V_ERR_* (x509_vfy.h): what leads to no trusted certificate.
_UNKNOWN_CA = frozenset({2, 7, 18, 19, 20, 21, 30})
_NOT_YET_VALID = 9
_EXPIRED = 10
_WRONG_HOST = frozenset({62, 64})


@dataclass(frozen=True, slots=True)
class Trust:
    """A TLS context, and the file whose certificates it trusts: ``None`` is the system's store."""

    context: ssl.SSLContext
    cafile: Path | None

    @property
    def source(self) -> str:
        """What vouches for servers, for people to read."""
        return "this machine's own store" if self.cafile is None else str(self.cafile)


def choose(cafile: Path | None = None, *, folder: Path | None = None) -> Trust:
    """Return whom to trust: ``cafile``, or ``certs/ca.pem`` in ``folder``, or the system's store.

    ``folder`` is the current one unless given. Raises ``CertificateError`` for a file that is
    missing, unreadable or holds no certificate.
    """
    if cafile is None:
        usual = (folder or Path()) / DEFAULT_CA
        cafile = usual if usual.exists() else None
    return Trust(client_context(cafile), cafile)


def explain(host: str, failure: HandshakeFailed, vouching: str) -> TrustError:
    """Return what to say about a certificate that was refused, and what to do."""
    code = failure.verify_code
    if code in _UNKNOWN_CA:
        return TrustError(
            f"Not connected: {vouching} does not vouch for the server at {host}. Get ca.pem "
            "from the person who runs it and give it with --ca FILE."
        )
    if code in _WRONG_HOST:
        return TrustError(
            f"Not connected: the server's certificate is not for {host}. Use a name or address "
            "that it was made for, or ask for a certificate that covers this one "
            f"(securechat-certs --host {host})."
        )
    if code == _EXPIRED:
        return TrustError(
            f"Not connected: the certificate of {host} has expired. Ask the person who runs the "
            "server to renew it (securechat-certs --force)."
        )
    if code == _NOT_YET_VALID:
        return TrustError(
            f"Not connected: the certificate of {host} is not valid yet. Check this machine's "
            "date and time, then the server's."
        )
    return TrustError(
        f"Not connected: the certificate of {host} is not acceptable ({failure.verify_message}). "
        "Ask the person who runs the server for one made by securechat-certs."
    )
