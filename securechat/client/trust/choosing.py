"""The choice whom to trust for one server, and the link that holds to it."""

from __future__ import annotations

import hmac
import ssl
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from securechat.addresses import canonical_host, with_port
from securechat.certificates import client_context, colon_form, unverified_context
from securechat.client.errors import TrustError
from securechat.client.trust.known import KnownServer, KnownServers
from securechat.client.trust.seen import Seen
from securechat.transport.base import Wire
from securechat.transport.tls import TLSLink

DEFAULT_CA = Path("certs/ca.pem")


@dataclass(frozen=True, slots=True)
class Trust:
    """What vouches for one server: certificates by way of a TLS context, or remembered keys.

    With ``pins`` the context verifies nothing, and the keys are what is checked. ``final`` tells
    that nobody is to be asked where this does not vouch: for ``--ca`` and remembered keys.
    """

    context: ssl.SSLContext
    source: str
    final: bool
    cafile: Path | None = None
    pins: tuple[KnownServer, ...] = ()

    def link(self, wire: Wire, host: str, port: int) -> TLSLink:
        """Return a link over a wire whose handshake fails unless this vouches for the server."""
        if self.pins:
            return PinnedLink(wire, self, host, port)
        return TLSLink.client(wire, self.context, canonical_host(host))

    @classmethod
    def by_keys(cls, *pins: KnownServer) -> Trust:
        """Return the trust in keys, and in nothing else."""
        return cls(unverified_context(), "the remembered key", final=True, pins=pins)


class PinnedLink(TLSLink):
    """A link to a server whose key is known; TLS proves in the handshake that it has that key.

    ``handshake`` raises ``TrustError`` for another key, and the link is closed before anything
    could be sent on it.
    """

    __slots__ = ("_host", "_pins", "_port")

    def __init__(self, wire: Wire, trust: Trust, host: str, port: int) -> None:
        name = canonical_host(host)
        super().__init__(wire, trust.context, server_side=False, server_hostname=name)
        self._host, self._port, self._pins = host, port, trust.pins

    async def handshake(self) -> None:
        """Agree on TLS and check the key. Raises ``TrustError`` beside what a link raises."""
        try:
            await super().handshake()
            seen = Seen.of(self._host, self._port, self.peer_certificate or b"")
            if not any(hmac.compare_digest(seen.pin, one.pin) for one in self._pins):
                raise TrustError(another_key(seen, max(one.since for one in self._pins)))
        except TrustError:
            self.close()
            raise


def another_key(seen: Seen, since: date) -> str:
    """Return what to say where a remembered server shows a key that is not its own."""
    place = with_port(seen.host, seen.port)
    return (
        f"Not connected, and nothing was sent: the server at {place} shows ANOTHER KEY than the "
        f"one remembered on {since.isoformat()}. It was set up anew, or somebody stands between "
        "you and it. Ask the person who runs it, by another way than this, whether its "
        f"certificate's SHA-256 is now {seen.fingerprint} ({colon_form(seen.fingerprint)}). Only "
        f"if it is, type: securechat-client trust forget {place}"
    )


def choose(
    host: str,
    port: int,
    cafile: Path | None = None,
    *,
    folder: Path | None = None,
    known: KnownServers | None = None,
) -> Trust:
    """Return whom to trust for a server, by the order that this package's docstring gives.

    ``folder`` is the current one and ``known`` the usual file unless given. Blocks for reading
    small files. Raises ``CertificateError`` for a CA file that is missing, unreadable or holds no
    certificate, and as ``KnownServers.of`` does.
    """
    name = canonical_host(host)
    if cafile is not None:
        return Trust(client_context(cafile), str(cafile), final=True, cafile=cafile)
    pins = (known or KnownServers()).of(name, port)
    if pins:
        return Trust.by_keys(*pins)
    usual = (folder or Path()) / DEFAULT_CA
    if usual.exists():
        context = client_context(usual, and_system=True)
        source = f"{usual} or this machine's own store"
        return Trust(context, source, final=False, cafile=usual)
    return Trust(client_context(), "this machine's own store", final=False)
