"""TLS links over wires in memory, after their handshake."""

from __future__ import annotations

from support.memory import (
    tls_over,
)

from securechat.transport.memory import MemoryWire, memory_wires
from securechat.transport.tls import TLSLink


async def links_and_wires(capacity: int = 65536) -> tuple[TLSLink, TLSLink, MemoryWire, MemoryWire]:
    """Return server and client after their handshake, and the wire under each."""
    near, far = memory_wires(capacity)
    server, client = await tls_over(near, far)
    return server, client, near, far
