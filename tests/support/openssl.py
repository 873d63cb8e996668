"""Makes OpenSSL do what the ``ssl`` module offers no way to: KeyUpdate and renegotiation.

It reaches through a private attribute for OpenSSL's own object and calls the very library that
the interpreter runs on. Where that cannot be known for sure, tests that need it are skipped.
"""

from __future__ import annotations

import ctypes
import functools
import ssl
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest


@functools.cache
def _library() -> ctypes.CDLL:
    known = sys.implementation.name == "cpython" and (3, 11) <= sys.version_info < (3, 14)
    odd = sysconfig.get_config_var("Py_GIL_DISABLED") or hasattr(sys, "gettotalrefcount")
    maps = Path("/proc/self/maps")
    if not known or odd or not maps.exists():
        pytest.skip("needs a known layout of CPython's TLS objects")
    loaded = {line.split()[-1] for line in maps.read_text().splitlines() if "libssl" in line}
    if len(loaded) != 1:
        pytest.skip("needs a shared OpenSSL library")
    return ctypes.CDLL(loaded.pop())


def _pointer(tls: ssl.SSLObject) -> ctypes.c_void_p:
    inner: Any = tls._sslobj  # type: ignore[attr-defined]  # a private one
    # The object's head (reference count, type), a reference to the socket, then the pointer.
    return ctypes.c_void_p.from_address(id(inner) + object.__basicsize__ + 8)


def key_update(tls: ssl.SSLObject) -> None:
    """Make it send a KeyUpdate that asks for one in return (RFC 8446, 4.6.3)."""
    library, pointer = _library(), _pointer(tls)
    assert library.SSL_key_update(pointer, 1) == 1
    assert library.SSL_do_handshake(pointer) == 1


def renegotiate(tls: ssl.SSLObject) -> None:
    """Make a TLS 1.2 server send HelloRequest (RFC 5246, 7.4.1.1)."""
    library, pointer = _library(), _pointer(tls)
    assert library.SSL_renegotiate(pointer) == 1
    assert library.SSL_do_handshake(pointer) == 1
