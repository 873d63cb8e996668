"""Whom a client trusts, before the first byte of the application's goes out.

The first of these that applies decides about a server:

1. ``--ca FILE`` (or a profile's ``ca``): the certificates in it are trusted, and those alone. What
   is remembered about the server does not count then, and is not changed.
2. A **remembered server**: its public key is trusted, and that alone (:mod:`.known`). Not its name,
   its dates or who issued it: whoever said yes compared a fingerprint, which is more than all of
   these. Renewal with the same key is nothing to ask about; another key is refused, loudly.
3. ``certs/ca.pem`` in the current folder, which is where ``securechat-certs`` puts it, and this
   machine's own store (by ``truststore``): either may vouch.
4. A **question**, where there is somebody to ask (:mod:`.probing`, which is imported by itself): a
   handshake that carries no application data shows the server's certificate, a person compares its
   fingerprint with what the server printed, and ``yes`` remembers the key.

Only a server for which nothing vouches is asked about. A certificate of a CA that is trusted, but
for another host or out of its time, is refused: that is a mistake to be mended, or worse.

There is no way round. :class:`~.choosing.Trust` makes the link, whose handshake fails unless the
server is the one that was meant.
"""

from securechat.client.trust.choosing import Trust, choose
from securechat.client.trust.known import KnownServer, KnownServers
from securechat.client.trust.refusals import explain
from securechat.client.trust.seen import Seen, pin_of

__all__ = [
    "KnownServer",
    "KnownServers",
    "Seen",
    "Trust",
    "choose",
    "explain",
    "pin_of",
]
