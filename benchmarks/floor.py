"""A server that does nothing but what TLS and the kernel demand: the floor under the figures.

It admits anybody, knows one channel, keeps nothing and has no limits: one epoll, one TLS engine
for each connection, each message joined into one write for each receiver. What it costs for one
delivery no server in Python that is reached over TLS can go below by much, so the difference
between it and SecureChat is what accounts, history and correctness cost. Never for use.
"""

from __future__ import annotations

import select
import socket
import ssl
import sys

_RECORD = 16384


class _Peer:
    """One connection: its TLS engine, the start of an unfinished line, what did not fit."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self.socket = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.secure = False
        self.name = b"*"
        self.line = b""
        self.unsent = b""

    def write(self, data: bytes) -> None:
        self.tls.write(data)
        self.flush()

    def flush(self) -> None:
        if self.outgoing.pending:
            self.unsent += self.outgoing.read()
        if self.unsent:
            try:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
            except BlockingIOError:
                return

    def read(self) -> bytes:
        """Return all that is there as whole lines. Raises ``ConnectionError`` at the end."""
        data = self.socket.recv(262144)
        if not data:
            raise ConnectionError("closed")
        self.incoming.write(data)
        try:
            if not self.secure:
                self.tls.do_handshake()
                self.secure = True
            while self.incoming.pending or self.tls.pending():
                self.line += self.tls.read(_RECORD)
        except ssl.SSLWantReadError:
            pass  # the rest of a record is still on its way
        if self.outgoing.pending:
            self.flush()
        end = self.line.rfind(b"\n") + 1
        lines, self.line = self.line[:end], self.line[end:]
        return lines


class _Floor:
    def __init__(self, port: int, certificate: str, key: str) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.num_tickets = 0
        self.context.load_cert_chain(certificate, key)
        self.listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.poller = select.epoll()
        self.poller.register(self.listener, select.EPOLLIN)
        self.peers: dict[int, _Peer] = {}
        self.members: list[_Peer] = []

    def serve(self) -> None:
        """Serve until killed."""
        while True:
            for number, event in self.poller.poll():
                if number == self.listener.fileno():
                    sock, _address = self.listener.accept()
                    sock.setblocking(False)
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.peers[sock.fileno()] = _Peer(sock, self.context)
                    self.poller.register(sock, select.EPOLLIN)
                    continue
                peer = self.peers[number]
                try:
                    if event & select.EPOLLOUT:
                        peer.flush()
                        self.watch(peer)
                    if event & ~select.EPOLLOUT:
                        self.handle(peer, peer.read())
                except OSError:
                    self.drop(peer)

    def handle(self, peer: _Peer, lines: bytes) -> None:
        post: list[bytes] = []
        head = b":%b!%b@bench " % (peer.name, peer.name)
        for line in lines.split(b"\r\n"):
            if line.startswith(b"PRIVMSG "):
                post.append(head + line + b"\r\n")
            elif line.startswith(b"NICK "):
                peer.name = line[5:]
            elif line.startswith(b"USER ") and b"CAP LS" not in lines:
                peer.write(b":floor 001 %b :Welcome\r\n" % peer.name)
            elif line.startswith((b"CAP ", b"AUTHENTICATE ")):
                peer.write(self.dialogue(peer, line))
            elif line.startswith(b"JOIN "):
                self.members.append(peer)
                peer.write(b":floor 366 %b %b :End\r\n" % (peer.name, line[5:]))
        data = b"".join(post)
        if data:
            for member in self.members:
                if member is not peer:
                    for start in range(0, len(data), _RECORD):
                        member.tls.write(data[start : start + _RECORD])
                    member.flush()
                    if member.unsent:
                        self.watch(member)

    def dialogue(self, peer: _Peer, line: bytes) -> bytes:
        """Answer a line of a login by SASL, whatever the password; with its end one is in."""
        match line.split(b" ")[:2]:
            case [_, b"LS"]:
                return b":floor CAP * LS :sasl=PLAIN\r\n"
            case [_, b"REQ"]:
                return b":floor CAP * ACK" + line[7:] + b"\r\n"
            case [_, b"END"]:
                return b":floor 001 %b :Welcome\r\n:floor 366 %b #lobby :End\r\n" % (
                    peer.name,
                    peer.name,
                )
            case [_, b"PLAIN"]:
                return b"AUTHENTICATE +\r\n"
        return b":floor 903 %b :Come in\r\n" % peer.name

    def watch(self, peer: _Peer) -> None:
        events = select.EPOLLIN | (select.EPOLLOUT if peer.unsent else 0)
        self.poller.modify(peer.socket, events)

    def drop(self, peer: _Peer) -> None:
        del self.peers[peer.socket.fileno()]
        if peer in self.members:
            self.members.remove(peer)
        self.poller.unregister(peer.socket)
        peer.socket.close()


if __name__ == "__main__":
    _Floor(int(sys.argv[1]), sys.argv[2], sys.argv[3]).serve()
