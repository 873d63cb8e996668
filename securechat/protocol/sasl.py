"""SASL as IRC carries it: base64 in chunks of 400 bytes, and the PLAIN mechanism.

Pure. IRCv3 ``sasl-3.1`` for the chunks, RFC 4616 for PLAIN.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from securechat.protocol.names import fold

CHUNK_BYTES = 400
_DEVICE = re.compile(r"[a-z0-9_-]{1,32}")


class BadCredentials(ValueError):
    """A response that cannot be read; the text never holds any part of it."""


class BadDevice(BadCredentials):
    """A name that no device can have; the text says what one is."""


class ResponseTooLong(BadCredentials):
    """A chunk over 400 bytes, or a response over the limit."""


@dataclass(slots=True)
class Collector:
    """Gathers the chunks of one response, up to ``limit`` bytes of base64 (0: no limit)."""

    limit: int
    chunks: list[str] = field(default_factory=list, repr=False)
    size: int = 0

    def add(self, chunk: str) -> bytes | None:
        """Take one ``AUTHENTICATE`` parameter; return the response when it is complete.

        Raises ``ResponseTooLong`` or ``BadCredentials``.
        """
        if len(chunk) > CHUNK_BYTES:
            raise ResponseTooLong("a chunk is longer than 400 bytes")
        if chunk != "+":
            self.chunks.append(chunk)
            self.size += len(chunk)
            if self.limit and self.size > self.limit:
                raise ResponseTooLong("the response is too long")
            if len(chunk) == CHUNK_BYTES:
                return None
        try:
            return base64.b64decode("".join(self.chunks), validate=True)
        except (binascii.Error, ValueError):
            raise BadCredentials("not base64") from None


def chunks_of(response: bytes) -> Iterator[str]:
    """Yield the ``AUTHENTICATE`` parameters that carry a response."""
    text = base64.b64encode(response).decode()
    for start in range(0, len(text), CHUNK_BYTES):
        yield text[start : start + CHUNK_BYTES]
    if len(text) % CHUNK_BYTES == 0:
        yield "+"


def encode_plain(account: str, password: str) -> bytes:
    """Return PLAIN's message with an empty authorization identity."""
    return b"\0".join((b"", account.encode(), password.encode()))


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account's name and the password given for it, which no ``repr`` shows.

    ``device`` is which of the account's devices logs in, where the client says so.
    """

    account: str
    password: str = field(repr=False)
    device: str = ""


def credentials_of(name: str, password: str) -> Credentials:
    """Return credentials for ``account`` or ``account@device``.

    Raises ``BadDevice`` for a device that has no name, or one that no device can have.
    """
    account, at, device = name.partition("@")
    device = fold(device)
    if at and not _DEVICE.fullmatch(device):
        raise BadDevice(
            "A device's name, behind @, has 1 to 32 characters: letters, digits, - and _"
        )
    return Credentials(account, password, device)


def decode_plain(response: bytes) -> Credentials:
    """Return what a PLAIN message holds.

    The name may be ``account@device``. Raises ``BadDevice`` for a wrong device, and
    ``BadCredentials`` for a malformed message and for an authorization identity that is neither
    empty nor the account itself: nobody acts as somebody else here.
    """
    try:
        authorization, account, password = response.decode().split("\0")
    except ValueError:
        raise BadCredentials("not a PLAIN message") from None
    if not account or not password:
        raise BadCredentials("a name and a password are needed")
    credentials = credentials_of(account, password)
    if authorization and fold(authorization) not in {fold(account), fold(credentials.account)}:
        raise BadCredentials("acting as another account is not possible")
    return credentials
