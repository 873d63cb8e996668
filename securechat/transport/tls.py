"""TLS over a wire, made for many small sends and one reader.

How it works
------------
OpenSSL is given no socket. An ``ssl.SSLObject`` reads ciphertext from one memory BIO (*incoming*)
and leaves ciphertext in another (*outgoing*), and this file carries bytes between those two and
the wire. Nothing of OpenSSL ever waits: an operation that lacks the peer's bytes says so with
``SSLWantReadError`` and is tried again after more has come in. So only two things wait here, and
each in the task that asked: ``receive`` for the wire to be readable, ``drain`` for it to be
writable. Everything else is synchronous, which makes every step of it atomic in Trio's eyes; that
is why there is no lock.

*Receiving.* One wake of the reading task takes what the wire has, up to ``RECEIVE_BYTES_MAX`` so
that a fast peer cannot hold the scheduler, and decrypts all of it into one bytes object.
What OpenSSL has to say afterwards (the answer to a KeyUpdate, an alert) stands in the outgoing
BIO and is sent in the same step.

*Sending* is told of in ``tls_sending.py``.

Promises
--------
1. ``send_now`` never waits, never reorders and never drops: what it does not send is kept, and
   the link is lost before a kept byte is.
2. What was received before an end or a failure is returned first. Then the end (``close_notify``
   or a bare FIN) is ``b""`` and everything else is ``ConnectionLost``. A bare FIN is no error
   because chat is made of lines: half a line at the end is never taken for a whole one.
3. The peer's end is not ours: after it ``send_now`` still works until ``close``.
4. When TLS fails, the alert that says why is handed to the wire before the error is raised, in
   the handshake and after it.
5. Cancelling ``handshake``, ``receive`` or ``drain`` loses nothing; waiting can be taken up again.
6. After ``close``, and for tasks that wait meanwhile, everything raises ``ConnectionLost``.
7. Memory is bounded: OpenSSL's buffers, which never shrink, by ``SLICE_BYTES_MAX``; what the peer
   makes us answer while it does not read by ``ANSWER_BYTES_MAX``; what ``send_now`` keeps by its
   caller, who gets ``False`` and then awaits ``drain``.

One task receives; ``send_now``, ``drain`` and ``close`` may be called from any.
"""

from __future__ import annotations

import ssl

import trio

from securechat.errors import HandshakeFailed
from securechat.transport.base import CLOSED_HERE, Wire, how_it_broke
from securechat.transport.tls_sending import SendingHalf, reason_of

RECEIVE_BYTES_MAX = 256 * 1024
"""How much ciphertext one ``receive`` takes from the wire at most."""

CHUNK_BYTES = 32 * 1024
"""How much one ``recv`` asks for."""

ANSWER_BYTES_MAX = 64 * 1024
"""How much OpenSSL may owe a peer that makes it answer and does not read."""

_RECORD_BYTES = 16 * 1024

# What OpenSSL answers with silence, because the first bytes were no TLS record. RFC 8446 (5.1)
# wants "unexpected_message" for a record of unknown type, and so does a puzzled peer.
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST"})
_UNEXPECTED_MESSAGE = b"\x15\x03\x03\x00\x02\x02\x0a"


class TLSLink(SendingHalf):
    """A ``Link``: TLS over a wire. Made by ``server`` or ``client``; the link owns the wire.

    ``handshake`` comes first; anything else before it is our own mistake (``RuntimeError``).
    """

    __slots__ = ("_closed", "_incoming", "_read", "_ready", "_recv")

    def __init__(
        self, wire: Wire, context: ssl.SSLContext, *, server_side: bool, server_hostname: str | None
    ) -> None:
        self._incoming = ssl.MemoryBIO()
        outgoing = ssl.MemoryBIO()
        tls = context.wrap_bio(
            self._incoming, outgoing, server_side=server_side, server_hostname=server_hostname
        )
        super().__init__(wire, tls, outgoing)
        # Bound once: looking these up is a good part of what a send costs in Python.
        self._read = tls.read
        self._recv = wire.recv

        self._closed = False  # close was called
        self._ready = b""  # plaintext that no receive has returned yet

    @classmethod
    def server(cls, wire: Wire, context: ssl.SSLContext) -> TLSLink:
        """Return the server's side, with a context made for servers."""
        return cls(wire, context, server_side=True, server_hostname=None)

    @classmethod
    def client(cls, wire: Wire, context: ssl.SSLContext, server_hostname: str | None) -> TLSLink:
        """Return the client's side; ``server_hostname`` is what the certificate must be for.

        Raises ``ValueError`` for a name that can be no host's.
        """
        return cls(wire, context, server_side=False, server_hostname=server_hostname)

    @property
    def description(self) -> str:
        """Such as ``TLSv1.3 TLS_AES_256_GCM_SHA384``; ``TLS`` before the handshake is over."""
        cipher = self._object.cipher()
        return f"{self._object.version()} {cipher[0]}" if self._shaken and cipher else "TLS"

    @property
    def peer_certificate(self) -> bytes | None:
        """The peer's certificate (DER), where it presented one; ``None`` before the handshake."""
        return self._object.getpeercert(binary_form=True) if self._shaken else None

    async def handshake(self) -> None:
        """Agree on TLS, and see all of the last flight handed to the wire.

        Raises ``HandshakeFailed`` when TLS could not be agreed; the alert has been sent, and
        ``close`` is left to the caller. Raises ``ConnectionLost`` when the peer went away.
        The caller sets the deadline.
        """
        await trio.lowlevel.checkpoint()
        if self._shaken:
            return
        agreed = False
        while not agreed:
            self._raise_if_lost()
            try:
                self._object.do_handshake()
                agreed = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                raise self._handshake_failed(error) from error
            await self._flush()
            if not agreed:
                await self._feed()
        self._shaken = self._clear = True
        # The peer's first bytes may have come with its last flight.
        pieces: list[bytes] = []
        self._decrypt(pieces)
        self._answer()
        self._ready = b"".join(pieces)

    async def receive(self) -> bytes:
        """Return all that is ready, waiting until there is something; ``b""`` at the end.

        Always a checkpoint. Raises ``ConnectionLost``.
        """
        self._require_handshake()
        if self._ready or self._over:
            await trio.lowlevel.checkpoint()
        while not (self._ready or self._over):
            try:
                await self._wire.wait_readable()
            except trio.ClosedResourceError:
                self._over = True
                self._lose(CLOSED_HERE)
            else:
                self._take_in()
        data = self._ready
        self._ready = b""
        if not data:
            self._raise_if_lost()
        return data

    def close(self) -> None:
        """End it at once: what is kept and ``close_notify`` where they fit, then the wire.

        Idempotent. Tasks that wait here wake with ``ConnectionLost``.
        """
        if self._closed:
            return
        self._closed = True
        if self._shaken and self._lost is None:
            self._unwritten.clear()
            try:
                self._object.unwrap()
            except ssl.SSLError:
                pass  # close_notify is made; the peer's own is not waited for
            self._push()
        self._over = True
        self._ready = b""
        self._lose(CLOSED_HERE)
        self._wire.close()

    # --- receiving ----------------------------------------------------------------------------

    async def _feed(self) -> None:
        """Wait for bytes of the handshake and give them to OpenSSL."""
        while True:
            try:
                await self._wire.wait_readable()
                chunk = self._recv(CHUNK_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                self._lose(how_it_broke(error))
            except trio.ClosedResourceError:
                self._lose(CLOSED_HERE)
            else:
                if chunk:
                    self._incoming.write(chunk)
                    return
                self._lose("the peer hung up during the TLS handshake")
            self._over = True
            self._raise_if_lost()

    def _take_in(self) -> None:
        """Move what the wire has, up to the bound, through OpenSSL into ``_ready``."""
        pieces: list[bytes] = []
        budget = RECEIVE_BYTES_MAX
        while budget > 0 and not self._over:
            try:
                chunk = self._recv(CHUNK_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                self._over = True
                self._lose(how_it_broke(error))
                break
            if not chunk:
                self._over = True
                break
            self._incoming.write(chunk)
            self._decrypt(pieces)
            if len(chunk) < CHUNK_BYTES:
                break  # that was all; asking again would cost a system call to hear so
            budget -= len(chunk)
        self._answer()
        self._ready = pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _decrypt(self, pieces: list[bytes]) -> None:
        """Add the plaintext of every whole record in the incoming BIO to ``pieces``."""
        try:
            while self._incoming.pending:
                piece = self._read(_RECORD_BYTES)
                if not piece:
                    self._over = True  # close_notify; what follows it counts for nothing
                    return
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass  # half a record, or one that carried no data
        except ssl.SSLError as error:
            self._over = True
            self._unwritten.clear()
            self._push()  # the alert
            self._lose(f"TLS failed: {reason_of(error)}")

    def _answer(self) -> None:
        """Send what OpenSSL owes after reading, and what it had no room for before."""
        if self._unwritten or self._outgoing.pending:
            self._push()
            if self._unwritten and self._over:
                self._lose("the peer hung up in the middle of a TLS handshake")
            elif self._outgoing.pending > ANSWER_BYTES_MAX:
                self._over = True
                self._lose("the peer asks and asks, and does not read the answers")
        self._parked.unpark_all()

    # --- failing ------------------------------------------------------------------------------

    def _handshake_failed(self, error: ssl.SSLError) -> HandshakeFailed:
        """Send the alert, give up, and return what to raise."""
        if error.reason in _NOT_TLS and not self._outgoing.pending:
            self._rest = memoryview(_UNEXPECTED_MESSAGE)
        self._push()
        self._over = True
        self._lose(f"the TLS handshake failed: {reason_of(error)}")
        if isinstance(error, ssl.SSLCertVerificationError):
            return HandshakeFailed(
                reason_of(error), verify_code=error.verify_code, verify_message=error.verify_message
            )
        return HandshakeFailed(reason_of(error))
