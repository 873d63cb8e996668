"""A server as people set it up, with the certificates that SecureChat makes.

Foreign clients judge these certificates by TLS libraries of their own.
"""

from __future__ import annotations

import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from support.person import MODERN, Person, connect_tcp
from support.system import PASSWORD, PATIENCE_SECONDS, Home, Server

from securechat.certificates import certificate_fingerprint, make_certificates


def needs(*programs: str) -> None:
    """Skip the test module that says this where one of these is missing."""
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed", allow_module_level=True)


class CertifiedHome(Home):
    """A home whose certificates ``make_certificates`` made."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ca = folder / "ca.pem"

    @staticmethod
    def issue(cert: Path, key: Path) -> None:
        """Make the CA, a certificate for localhost and their keys."""
        made = make_certificates(cert.parent, ["localhost", "127.0.0.1"])
        assert (made.certificate, made.key) == (cert, key)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the server's certificate in lower-case hex."""
        return certificate_fingerprint(self.cert)


@asynccontextmanager
async def visitor(server: Server, home: CertifiedHome, name: str) -> AsyncIterator[Person]:
    """Be logged in as ``name`` for the length of the block, trusting the home's own CA."""
    context = ssl.create_default_context(cafile=home.ca)
    tcp = await connect_tcp(server)
    stream = trio.SSLStream(tcp, context, server_hostname="localhost", https_compatible=True)
    try:
        person = Person(name, stream)
        with trio.fail_after(PATIENCE_SECONDS):
            await person.log_in(PASSWORD, MODERN)
        yield person
    finally:
        await trio.aclose_forcefully(stream)
