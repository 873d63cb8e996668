"""Addresses of peers as the keys that limits are counted by."""

from __future__ import annotations

import ipaddress


def address_key(address: str) -> str:
    """Return what a peer's address is counted under.

    An IPv4 address stands for itself, also where IPv6 carries it (``::ffff:1.2.3.4``, RFC 4291
    section 2.5.5.2). IPv6 is counted by its /64, because that is what one household or one
    machine is given to choose from (RFC 6177). What is no address stands for itself.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        # The scope ("%eth0") names our interface, not the peer.
        return str(ipaddress.IPv6Network((int(parsed), 64), strict=False))
    return str(parsed)
