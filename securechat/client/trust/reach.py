"""Reaching a server: the network, TLS with a verified certificate, and the words for failing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

from securechat.addresses import canonical_host
from securechat.client.errors import ConnectFailed
from securechat.client.trust.choosing import Trust
from securechat.client.trust.refusals import explain
from securechat.errors import ConnectionLost, HandshakeFailed
from securechat.transport import sockets
from securechat.transport.base import Link

Dial: TypeAlias = Callable[[str, int], Awaitable[Link]]
"""Connects to host and port and returns a link whose handshake is not made yet."""

REACH_SECONDS_MAX = 20


def dial_tls(trust: Trust) -> Dial:
    """Return how servers are reached in earnest: TCP, and TLS that verifies by ``trust``."""

    async def dial(host: str, port: int) -> Link:
        canonical_host(host)  # what can be no host is not looked up either
        wire = await sockets.connect(host, port)
        return trust.link(wire, host, port)

    return dial


async def reach(dial: Dial, host: str, port: int, trust: Trust | None) -> Link:
    """Return a link to the server over which bytes may be sent: its certificate was verified.

    ``trust`` is what the dial verifies by, for the words of a refusal.
    Raises ``TrustError`` where it was refused, and ``ConnectFailed`` for everything that may be
    better another time.
    """
    try:
        with trio.fail_after(REACH_SECONDS_MAX):
            return await _open(dial, host, port)
    except HandshakeFailed as error:
        if error.verify_code is not None:
            raise explain(host, error, trust) from error
        raise ConnectFailed(
            f"No TLS connection to {host} port {port}: {error}. Is it a SecureChat server?"
        ) from error
    except ConnectionLost as error:
        raise ConnectFailed(_sentence(error)) from error
    except trio.TooSlowError as error:
        raise ConnectFailed(
            f"No answer from {host} port {port} in {REACH_SECONDS_MAX} seconds."
        ) from error


async def _open(dial: Dial, host: str, port: int) -> Link:
    """Return a link whose handshake is done; one that fails, or is cancelled, is closed."""
    link = await dial(host, port)
    try:
        await link.handshake()
    except BaseException:
        link.close()
        raise
    return link


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
