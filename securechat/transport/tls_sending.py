"""The half of a TLS link that sends; ``tls.py`` has the other, and the promises of both.

*Sending.* Ciphertext must reach the wire in the order in which OpenSSL made it. A record that did
not fit is kept in ``_rest``; whatever is made later goes behind it, whoever made it. The flag
``_clear`` says that nothing is kept, that the handshake is over and the link is whole; while it
is set, ``send_now`` is one ``write``, one ``read`` of the BIO and one ``send``, and all other
cases are dealt with elsewhere. This is the hottest path of the server.

*Writing that must read first.* TLS 1.2 lets a peer start a second handshake in the middle. Until
that is through, OpenSSL takes no plaintext. It is kept in ``_unwritten`` and written as soon as
the reading task has brought the missing bytes; ``drain`` waits for that.
"""

from __future__ import annotations

import ssl

import trio

from securechat.errors import ConnectionLost
from securechat.transport.base import CLOSED_HERE, Wire, how_it_broke

SLICE_BYTES_MAX = 16 * 1024
"""How much plaintext is given to OpenSSL at once: its outgoing BIO keeps its largest size."""

_NOTHING = memoryview(b"")


class SendingHalf:
    """What keeps a link's order: OpenSSL, what it made that did not fit, what it did not take."""

    __slots__ = (
        "_clear",
        "_collect",
        "_lost",
        "_object",
        "_outgoing",
        "_over",
        "_parked",
        "_rest",
        "_send",
        "_shaken",
        "_unwritten",
        "_waiting",
        "_wire",
        "_write",
    )

    def __init__(self, wire: Wire, tls: ssl.SSLObject, outgoing: ssl.MemoryBIO) -> None:
        self._wire = wire
        self._object = tls
        self._outgoing = outgoing
        # Bound once: looking these up is a good part of what a send costs in Python.
        self._write = tls.write
        self._collect = outgoing.read
        self._send = wire.send

        self._shaken = False  # the handshake is over
        self._clear = False  # send_now may take its short way
        self._over = False  # nothing more can be received
        self._lost: str | None = None  # why nothing can be sent any more
        self._rest = _NOTHING  # ciphertext that did not fit
        self._unwritten: list[bytes | memoryview] = []  # plaintext that waits for the peer
        self._waiting = False  # a task waits for the wire to be writable
        self._parked = trio.lowlevel.ParkingLot()  # tasks that drain and wait for another task

    def send_now(self, data: bytes) -> bool:
        """Make one TLS write and one ``send``; return whether everything went.

        Never waits. After ``False`` the rest is kept and ``drain`` is to be awaited; data given
        before that has ended is kept behind it. Raises ``ConnectionLost``.
        """
        if not self._clear or len(data) > SLICE_BYTES_MAX:
            return self._send_with_care(data)
        try:
            self._write(data)
        except ssl.SSLError as error:
            self._hold(data, error)
            return self._push_or_raise()
        ciphertext = self._collect()
        try:
            sent = self._send(ciphertext)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(how_it_broke(error))
            raise ConnectionLost(how_it_broke(error)) from error
        if sent == len(ciphertext):
            return True
        self._rest = memoryview(ciphertext)[sent:]
        self._clear = False
        return False

    async def drain(self) -> None:
        """Wait until nothing is kept. Always a checkpoint. Raises ``ConnectionLost``."""
        self._require_handshake()
        await trio.lowlevel.checkpoint()
        await self._flush()

    async def send_all(self, data: bytes) -> None:
        """``send_now`` and ``drain``. Always a checkpoint. Raises ``ConnectionLost``."""
        await trio.lowlevel.checkpoint()
        if not self.send_now(data):
            await self._flush()

    def _send_with_care(self, data: bytes) -> bool:
        """Do what ``send_now`` does, whatever the state and the size."""
        self._require_handshake()
        self._raise_if_lost()
        self._encrypt(data)
        return self._push_or_raise()

    def _encrypt(self, data: bytes | memoryview) -> None:
        """Put ``data`` behind what is kept, in slices."""
        if self._unwritten:
            self._unwritten.append(data)
            return
        view = memoryview(data)
        ciphertext = [bytes(self._rest)]
        for start in range(0, len(view), SLICE_BYTES_MAX):
            try:
                self._write(view[start : start + SLICE_BYTES_MAX])
            except ssl.SSLError as error:
                self._hold(view[start:], error)
                break
            ciphertext.append(self._collect())
        self._rest = memoryview(b"".join(ciphertext))

    def _hold(self, data: bytes | memoryview, error: ssl.SSLError) -> None:
        """Keep plaintext that OpenSSL does not take before it has read; else give up."""
        if isinstance(error, ssl.SSLWantReadError):
            self._unwritten.append(data)
            self._clear = False
        else:
            self._over = True
            self._lose(f"TLS failed: {reason_of(error)}")

    def _push(self) -> bool:
        """Send what is kept, in order; return whether nothing is left (or the link is lost)."""
        held, self._unwritten = self._unwritten, []
        for data in held:
            self._encrypt(data)
        while self._lost is None:
            if not self._rest:
                self._rest = memoryview(self._collect())
                if not self._rest:
                    break
            try:
                sent = self._send(self._rest)
            except BlockingIOError:
                self._clear = False
                return False
            except OSError as error:
                self._lose(how_it_broke(error))
                break
            self._rest = self._rest[sent:]
        self._clear = self._shaken and self._lost is None and not self._unwritten
        return not self._unwritten

    def _push_or_raise(self) -> bool:
        nothing_kept = self._push()
        self._raise_if_lost()
        return nothing_kept

    async def _flush(self) -> None:
        """Wait until nothing is kept, on the wire or, where TLS must read first, on the reader.

        Of several tasks one waits for the wire, which allows no more; the others wait for that one.
        """
        while not self._push():
            if self._waiting or not self._rest:
                await self._parked.park()
                continue
            self._waiting = True
            try:
                await self._wire.wait_writable()
            except trio.ClosedResourceError:
                self._lose(CLOSED_HERE)
            finally:
                self._waiting = False
                self._parked.unpark_all()
        self._raise_if_lost()

    def _lose(self, why: str) -> None:
        """Give up sending; the first reason stays. Waiting tasks find out."""
        if self._lost is None:
            self._lost = why
        self._clear = False
        self._rest = _NOTHING
        self._unwritten.clear()
        self._parked.unpark_all()

    def _raise_if_lost(self) -> None:
        if self._lost is not None:
            raise ConnectionLost(self._lost)

    def _require_handshake(self) -> None:
        if not self._shaken and self._lost is None:
            raise RuntimeError("the TLS handshake comes first")


def reason_of(error: ssl.SSLError) -> str:
    """Return OpenSSL's word for a failure in lower case, such as ``wrong version number``."""
    return (error.reason or "unknown error").replace("_", " ").lower()
