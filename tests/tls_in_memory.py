"""TLS between two contexts without a socket, for tests of certificates and contexts."""

from __future__ import annotations

import ssl


def shake_hands(
    server: ssl.SSLContext, client: ssl.SSLContext, host: str | None
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Return the two ends (server, client) after a handshake. Raises ``ssl.SSLError``."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = server.wrap_bio(to_server, to_client, server_side=True)
    calling = client.wrap_bio(to_client, to_server, server_hostname=host)
    done = 0
    while done < 2:
        done = 0
        for end in (calling, serving):
            try:
                end.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                pass
    return serving, calling
