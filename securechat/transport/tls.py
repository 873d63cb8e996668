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

*Sending.* Ciphertext must reach the wire in the order in which OpenSSL made it. A record that did
not fit is kept in ``_rest``; whatever is made later goes behind it, whoever made it. The flag
``_clear`` says that nothing is kept, that the handshake is over and the link is whole; while it
is set, ``send_now`` is one ``write``, one ``read`` of the BIO and one ``send``, and all other
cases are dealt with elsewhere. This is the hottest path of the server.

*Writing that must read first.* TLS 1.2 lets a peer start a second handshake in the middle. Until
that is through, OpenSSL takes no plaintext. It is kept in ``_unwritten`` and written as soon as
the reading task has brought the missing bytes; ``drain`` waits for that.

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

from securechat.errors import ConnectionLost, HandshakeFailed
from securechat.transport.base import CLOSED_HERE, Wire, how_it_broke

RECEIVE_BYTES_MAX = 256 * 1024
"""How much ciphertext one ``receive`` takes from the wire at most."""

CHUNK_BYTES = 32 * 1024
"""How much one ``recv`` asks for."""

SLICE_BYTES_MAX = 16 * 1024
"""How much plaintext is given to OpenSSL at once: its outgoing BIO keeps its largest size."""

ANSWER_BYTES_MAX = 64 * 1024
"""How much OpenSSL may owe a peer that makes it answer and does not read."""

_RECORD_BYTES = 16 * 1024
_NOTHING = memoryview(b"")

# What OpenSSL answers with silence, because the first bytes were no TLS record. RFC 8446 (5.1)
# wants "unexpected_message" for a record of unknown type, and so does a puzzled peer.
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST"})
_UNEXPECTED_MESSAGE = b"\x15\x03\x03\x00\x02\x02\x0a"


class TLSLink:
    """A ``Link``: TLS over a wire. Made by ``server`` or ``client``; the link owns the wire.

    ``handshake`` comes first; anything else before it is our own mistake (``RuntimeError``).
    """

    __slots__ = (
        "_clear",
        "_closed",
        "_collect",
        "_incoming",
        "_lost",
        "_object",
        "_outgoing",
        "_over",
        "_parked",
        "_read",
        "_ready",
        "_recv",
        "_rest",
        "_send",
        "_shaken",
        "_unwritten",
        "_waiting",
        "_wire",
        "_write",
    )

    def __init__(
        self, wire: Wire, context: ssl.SSLContext, *, server_side: bool, server_hostname: str | None
    ) -> None:
        self._wire = wire
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
        )
        # Bound once: looking these up is a good part of what a send costs in Python.
        self._write = self._object.write
        self._read = self._object.read
        self._collect = self._outgoing.read
        self._send = wire.send
        self._recv = wire.recv

        self._shaken = False  # the handshake is over
        self._clear = False  # send_now may take its short way
        self._closed = False  # close was called
        self._over = False  # nothing more can be received
        self._lost: str | None = None  # why nothing can be sent any more
        self._ready = b""  # plaintext that no receive has returned yet
        self._rest = _NOTHING  # ciphertext that did not fit
        self._unwritten: list[bytes | memoryview] = []  # plaintext that waits for the peer
        self._waiting = False  # a task waits for the wire to be writable
        self._parked = trio.lowlevel.ParkingLot()  # tasks that drain and wait for another task

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
            self._lose(f"TLS failed: {_reason(error)}")

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

    # --- sending ------------------------------------------------------------------------------

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
            self._lose(f"TLS failed: {_reason(error)}")

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

    # --- failing ------------------------------------------------------------------------------

    def _handshake_failed(self, error: ssl.SSLError) -> HandshakeFailed:
        """Send the alert, give up, and return what to raise."""
        if error.reason in _NOT_TLS and not self._outgoing.pending:
            self._rest = memoryview(_UNEXPECTED_MESSAGE)
        self._push()
        self._over = True
        self._lose(f"the TLS handshake failed: {_reason(error)}")
        if isinstance(error, ssl.SSLCertVerificationError):
            return HandshakeFailed(
                _reason(error), verify_code=error.verify_code, verify_message=error.verify_message
            )
        return HandshakeFailed(_reason(error))

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


def _reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's word for a failure in lower case, such as ``wrong version number``."""
    return (error.reason or "unknown error").replace("_", " ").lower()
