"""The one interface to a peer's bytes, and the small one to what carries them.

Two layers, so that tests can replace either:

* A :class:`Wire` moves raw bytes and never waits inside a read or a write: a TCP socket, or a
  pair of buffers in memory.
* A :class:`Link` is what the server and the client hold: TLS over a wire, or plain bytes over a
  wire in memory for tests.
"""

from __future__ import annotations

from typing import Protocol

CLOSED_HERE = "the connection was closed on this side"
"""What ``ConnectionLost`` says after ``close``."""


def how_it_broke(error: OSError) -> str:
    """Say how a wire broke, for ``ConnectionLost``."""
    return f"the connection broke: {(error.strerror or type(error).__name__).lower()}"


class Wire(Protocol):
    """Raw bytes, in the manner of a non-blocking socket."""

    def recv(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes that are there; ``b""`` at the end.

        Raises ``BlockingIOError`` when nothing is there, another ``OSError`` when broken.
        """
        ...

    def send(self, data: bytes | memoryview, /) -> int:
        """Hand over what fits and return how much that was.

        Raises ``BlockingIOError`` when nothing fits, another ``OSError`` when broken.
        """
        ...

    async def wait_readable(self) -> None:
        """Return when ``recv`` has something to say.

        Raises ``trio.ClosedResourceError`` when the wire is closed meanwhile.
        """
        ...

    async def wait_writable(self) -> None:
        """Return when ``send`` would take something, or fail.

        Raises ``trio.ClosedResourceError`` when the wire is closed meanwhile.
        """
        ...

    def send_eof(self) -> None:
        """Say that nothing more will be sent (TCP FIN). Does nothing on a broken wire."""
        ...

    def close(self) -> None:
        """Let go of it; may be called more than once. Waiting tasks are woken."""
        ...


class Link(Protocol):
    """One peer, as a stream of application bytes. Used by one reader and one writer task."""

    @property
    def description(self) -> str:
        """What secures it, for people: ``TLSv1.3 TLS_AES_256_GCM_SHA384``, or ``memory``."""
        ...

    @property
    def peer_certificate(self) -> bytes | None:
        """The peer's certificate (DER), where it presented one."""
        ...

    async def handshake(self) -> None:
        """Agree on TLS. The caller sets the deadline.

        Raises ``HandshakeFailed`` (an alert has then been sent where TLS has one) or
        ``ConnectionLost``.
        """
        ...

    async def receive(self) -> bytes:
        """Return *all* that is ready, waiting until there is something; ``b""`` at the end.

        Always a checkpoint. Raises ``ConnectionLost``.
        """
        ...

    def send_now(self, data: bytes) -> bool:
        """Make one TLS write and one ``send``; return whether everything went.

        Never waits. After ``False`` the rest is kept and ``drain`` must be awaited before the
        next call, or the rest grows: what is given meanwhile is kept behind it, in order.
        Raises ``ConnectionLost``.
        """
        ...

    async def drain(self) -> None:
        """Wait until what ``send_now`` kept is gone. Raises ``ConnectionLost``.

        Several tasks may wait at once, such as one that drains and one that says goodbye.
        """
        ...

    async def send_all(self, data: bytes) -> None:
        """``send_now`` and, where needed, ``drain``. Raises ``ConnectionLost``."""
        ...

    def close(self) -> None:
        """End it at once: ``close_notify`` where it fits, then the socket. Idempotent."""
        ...
