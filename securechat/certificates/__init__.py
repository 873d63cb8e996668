"""Certificates: a private CA and a server certificate as files, and the TLS contexts made of them.

``making`` writes the files that ``issuing`` makes out of nothing; ``pem`` reads them again and says
what is wrong with them.
"""

from securechat.certificates.making import (
    ALPN,
    Made,
    certificate_expiry,
    certificate_fingerprint,
    certificate_warnings,
    client_context,
    load_server_context,
    make_certificates,
    unverified_context,
)
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
