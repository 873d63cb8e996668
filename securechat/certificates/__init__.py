"""Certificates: a private CA and a server certificate as files, and the TLS contexts made of them.

``making`` writes into a folder what ``issuing`` signs; ``pem`` reads files and says what is wrong
with them; ``contexts`` is what a server and its clients make of them.
"""

from securechat.certificates.contexts import (
    ALPN,
    certificate_expiry,
    certificate_fingerprint,
    certificate_warnings,
    client_context,
    load_server_context,
    unverified_context,
)
from securechat.certificates.making import Made, make_certificates
from securechat.certificates.pem import colon_form, fingerprint

__all__ = [
    "ALPN",
    "Made",
    "certificate_expiry",
    "certificate_fingerprint",
    "certificate_warnings",
    "client_context",
    "colon_form",
    "fingerprint",
    "load_server_context",
    "make_certificates",
    "unverified_context",
]
