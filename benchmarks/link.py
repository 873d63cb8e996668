"""One TLS connection of the load generator: cheap enough for a million lines a second.

TLS runs over memory BIOs: one ``recv`` takes all that the socket holds, however many TLS records
that is, and what comes out is counted where it lies, without making objects of it. Each message
carries exactly one ``MARK``, which no nickname or host here holds, so counting it counts messages.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence

MARK = b"|"
STAMP_DIGITS = 19
NUMBER_DIGITS = 9
_STAMPED = STAMP_DIGITS + 1 + NUMBER_DIGITS
PACKED_BYTES = 1900
_RECORD = 16384
_RAW = bytearray(512 * 1024)
_RAW_VIEW = memoryview(_RAW)
_PLAIN = bytearray(_RECORD)


class LinkLost(Exception):
    """The server closed a connection; the text tells the last that it said."""


def message(channel: str, number: int, text_bytes: int, stamp: int | None = None) -> bytes:
    """Return one line with its time of sending (monotonic nanoseconds) and number in the text."""
    stamp = time.monotonic_ns() if stamp is None else stamp
    text = f"{MARK.decode()}{stamp:0{STAMP_DIGITS}d} {number:0{NUMBER_DIGITS}d} "
    return f"PRIVMSG {channel} :{text.ljust(text_bytes, 'x')}\r\n".encode()


def packed(lines: Sequence[bytes]) -> list[bytes]:
    """Join lines into as few TLS records as ngIRCd can take, which is the pickiest here.

    It reads 2,048 bytes a time and waits for news on the socket before it reads on, so that the
    rest of a longer record would wait too.
    """
    each = max(PACKED_BYTES // max(map(len, lines), default=1), 1)
    return [b"".join(lines[start : start + each]) for start in range(0, len(lines), each)]


class Sampler:
    """Reads times and numbers out of the bytes of one receiver, wherever they are split."""

    def __init__(self) -> None:
        self.latencies_ns: list[int] = []
        self.out_of_order = 0
        self._next: int | None = None
        self._rest = b""

    def feed(self, data: bytes, now: int) -> None:
        """Take what arrived at ``now``."""
        parts = (self._rest + data).split(MARK)
        last = len(parts) - 1
        self._rest = b""
        for index, part in enumerate(parts):
            if index == 0:
                continue
            if len(part) < _STAMPED:
                if index == last:
                    self._rest = MARK + part
                continue
            self.latencies_ns.append(now - int(part[:STAMP_DIGITS]))
            number = int(part[STAMP_DIGITS + 1 : _STAMPED])
            if self._next is not None and number != self._next:
                self.out_of_order += 1
            self._next = number + 1

    def take(self) -> list[int]:
        """Return the latencies so far and start anew."""
        taken, self.latencies_ns = self.latencies_ns, []
        return taken


class Link:
    """One session's socket and TLS engine.

    It never blocks once it is made, and not then either with ``wait=False``: ``shake`` has to be
    called until it returns true, whenever the socket can be read, and the first time when it can
    be written.
    """

    def __init__(
        self, name: str, context: ssl.SSLContext, host: str, port: int, *, wait: bool = True
    ) -> None:
        self.name = name
        self.messages = 0
        self.bytes = 0
        self.sampler: Sampler | None = None
        self.last_words = b""
        if wait:
            self.socket = socket.create_connection((host, port), timeout=10)
        else:
            self.socket = socket.socket()
            self.socket.setblocking(False)
            self.socket.connect_ex((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname="localhost")
        self._unsent = b""
        self._line = b""
        if not wait:
            return
        try:
            self._handshake()
        except BaseException:
            self.socket.close()
            raise
        self.socket.setblocking(False)

    def _handshake(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.socket.sendall(self._out.read())
                data = self.socket.recv(65536)
                if not data:
                    raise LinkLost(f"{self.name}: closed in the TLS handshake") from None
                self._in.write(data)
            else:
                self.socket.sendall(self._out.read())
                return

    def shake(self) -> bool:
        """Go on with the TLS handshake and return whether it is done. Raises ``LinkLost``."""
        self._fill()
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            done = False
        else:
            done = True
        self._unsent += self._out.read()
        self.flush()
        return done

    @property
    def cipher(self) -> str:
        """The negotiated version and cipher suite."""
        cipher = self._tls.cipher()
        return f"{self._tls.version()} {cipher[0] if cipher else '?'}"

    @property
    def wants_write(self) -> bool:
        """Whether bytes wait for room in the socket: call ``flush`` when there is."""
        return bool(self._unsent)

    def write(self, *records: bytes) -> None:
        """Encrypt each of ``records`` by itself and send what fits; ``flush`` sends the rest."""
        for record in records:
            self._tls.write(record)
        self._unsent += self._out.read()
        self.flush()

    def flush(self) -> None:
        """Send what is kept, as far as it fits."""
        if self._unsent:
            try:
                sent = self.socket.send(self._unsent)
            except BlockingIOError:
                return
            except OSError as error:
                raise LinkLost(f"{self.name}: {error}; {self._words()}") from error
            self._unsent = self._unsent[sent:]

    def count(self) -> int:
        """Take what is there and return how many messages were in it. Raises ``LinkLost``."""
        self._fill()
        found = 0
        incoming, tls, sampler = self._in, self._tls, self.sampler
        try:
            while incoming.pending or tls.pending():
                size: int = tls.read(_RECORD, _PLAIN)  # type: ignore[assignment]  # with a buffer: how much
                if not size:
                    break
                self.bytes += size
                found += _PLAIN.count(MARK, 0, size)
                if sampler is not None:
                    sampler.feed(bytes(_PLAIN[:size]), time.monotonic_ns())
        except ssl.SSLWantReadError:
            pass  # the rest of a record is still on its way
        except ssl.SSLError as error:
            raise LinkLost(f"{self.name}: {error.reason or 'TLS ended'}") from error
        self.messages += found
        return found

    def lines(self) -> list[str]:
        """Take what is there as whole lines, for the login. Raises ``LinkLost``."""
        self._fill()
        try:
            while self._in.pending or self._tls.pending():
                data = self._tls.read(_RECORD)
                if not data:
                    break
                self._line += data
        except ssl.SSLWantReadError:
            pass  # the rest of a record is still on its way
        except ssl.SSLError as error:
            raise LinkLost(f"{self.name}: {error.reason or 'TLS ended'}") from error
        *whole, self._line = self._line.split(b"\n")
        if whole:
            self.last_words = whole[-1]
        return [line.decode(errors="replace").rstrip("\r") for line in whole]

    def close(self) -> None:
        self.socket.close()

    def _fill(self) -> None:
        try:
            size = self.socket.recv_into(_RAW)
        except BlockingIOError:
            return
        except OSError as error:
            raise LinkLost(f"{self.name}: {error}; {self._words()}") from error
        if not size:
            raise LinkLost(f"{self.name}: closed by the server; {self._words()}")
        self._in.write(_RAW_VIEW[:size])

    def _words(self) -> str:
        return f"last heard: {self.last_words.decode(errors='replace').strip()!r}"
