"""What is said about a certificate that TLS refused, and what to do about it."""

from __future__ import annotations

from securechat.client.errors import TrustError, UnknownServer
from securechat.client.trust.choosing import Trust
from securechat.errors import HandshakeFailed

# OpenSSL's X509_V_ERR_* (x509_vfy.h): what leads to no trusted certificate.
_UNKNOWN_CA = frozenset({2, 7, 18, 19, 20, 21, 30})
_NOT_YET_VALID = 9
_EXPIRED = 10
_WRONG_HOST = frozenset({62, 64})


def explain(host: str, failure: HandshakeFailed, trust: Trust | None) -> TrustError:
    """Return what to say about a certificate that ``trust`` refused, and what to do.

    It is ``UnknownServer`` where nobody vouches and a person may be asked.
    """
    code = failure.verify_code
    vouching = trust.source if trust is not None else "nobody"
    if code in _UNKNOWN_CA:
        if trust is not None and not trust.final:
            return UnknownServer(
                f"Not connected: {_not_by(vouching)} for the server at {host}. Get ca.pem from "
                "the person who runs it and give it with --ca FILE, or start securechat-client "
                "at a terminal, compare its fingerprint, and have it remembered."
            )
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


def _not_by(vouching: str) -> str:
    return (
        f"neither {vouching.replace(' or ', ' nor ')} vouches"
        if " or " in vouching
        else (f"{vouching} does not vouch")
    )
