"""A person at a small IRC client, for tests: the other end, written apart from our own client.

It speaks TLS by Trio's ``SSLStream`` and knows just enough of the protocol to log in and to tell
lines apart, so that a mistake which server and client library share would be seen here.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio
from support.system import PASSWORD, PATIENCE_SECONDS, Server, authority

MODERN = ("batch", "draft/chathistory", "echo-message", "message-tags", "server-time")
"""What a client of today negotiates."""

SIMPLE: Sequence[str] = ()
"""What a client of 1993 negotiates."""


class Ended(Exception):
    """The server ended the connection; the text is its ``ERROR``, if it gave one."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it came: tags, who it is from, the command and its parameters."""

    tags: dict[str, str]
    source: str
    command: str
    params: tuple[str, ...]

    @property
    def text(self) -> str:
        return self.params[-1]

    @property
    def msgid(self) -> str:
        return self.tags["msgid"]


def read_line(raw: str) -> Line:
    """Take a line apart (Modern IRC, "Message Format"; tag values are left escaped)."""
    tags: dict[str, str] = {}
    source = ""
    if raw.startswith("@"):
        head, _, raw = raw.partition(" ")
        tags = {key: value for key, _, value in (tag.partition("=") for tag in head[1:].split(";"))}
    if raw.startswith(":"):
        source, _, raw = raw[1:].partition(" ")
    middle, colon, text = raw.partition(" :")
    words = middle.split()
    return Line(tags, source, words[0], (*words[1:], text) if colon else tuple(words[1:]))


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


async def connect_tcp(
    server: Server, *, local_address: str | None = None, receive_bytes: int = 0
) -> trio.SocketStream:
    """Connect and send nothing. ``receive_bytes`` is the socket's receive buffer, if given."""
    sock = trio.socket.socket()
    try:
        if receive_bytes:
            sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, receive_bytes)
        if local_address is not None:
            await sock.bind((local_address, 0))
        with trio.fail_after(PATIENCE_SECONDS):
            await sock.connect(("127.0.0.1", server.port))
    except BaseException:
        sock.close()
        raise
    return trio.SocketStream(sock)


async def read_to_end(stream: trio.SocketStream) -> bytes:
    """Return what comes until the server ends the connection, politely or not."""
    received = b""
    with trio.fail_after(PATIENCE_SECONDS):
        try:
            async for chunk in stream:
                received += chunk
        except trio.BrokenResourceError:
            pass
    return received


class Person:
    """One connection; everything it received stays in ``seen``."""

    def __init__(self, name: str, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self.name = name
        self.seen: list[Line] = []
        self._stream = stream
        self._pending = b""
        self._lines: list[Line] = []
        self._tokens = 0

    async def send(self, *lines: str) -> None:
        await self.send_bytes("".join(f"{line}\r\n" for line in lines).encode())

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are; raises ``Ended`` where nobody takes them any more."""
        try:
            with trio.fail_after(PATIENCE_SECONDS):
                await self._stream.send_all(data)
        except trio.BrokenResourceError:
            raise Ended("broken while sending") from None

    async def line(self) -> Line:
        """Return the next line, without a deadline. Raises ``Ended``."""
        while not self._lines:
            try:
                chunk = await self._stream.receive_some(65536)
            except trio.BrokenResourceError:
                chunk = b""
            if not chunk:
                errors = [line.text for line in self.seen if line.command == "ERROR"]
                raise Ended(errors[-1] if errors else "")
            *whole, self._pending = (self._pending + chunk).split(b"\r\n")
            self._lines = [read_line(raw.decode()) for raw in whole]
        line = self._lines.pop(0)
        self.seen.append(line)
        return line

    async def expect(self, command: str, *params: str | None) -> Line:
        """Read on to a line of this command that begins with these parameters (``None``: any)."""
        start = len(self.seen)
        try:
            with trio.fail_after(PATIENCE_SECONDS):
                while True:
                    line = await self.line()
                    pairs = zip(params, line.params, strict=False)
                    if (
                        line.command == command
                        and len(line.params) >= len(params)
                        and all(wanted in (None, given) for wanted, given in pairs)
                    ):
                        return line
        except (trio.TooSlowError, Ended) as error:
            raise AssertionError(
                f"{self.name} waited for {command} {params}, got {self.seen[start:][-20:]}"
                f" and then {error!r}"
            ) from error

    async def end(self) -> str:
        """Read on to the end of the connection and return the text of its ``ERROR``."""
        with trio.fail_after(PATIENCE_SECONDS):
            while True:
                try:
                    await self.line()
                except Ended as ended:
                    return str(ended)

    async def ping(self) -> float:
        """Make one round trip and return its seconds."""
        self._tokens += 1
        token = f"{self.name}-{self._tokens}"
        started = trio.current_time()
        await self.send(f"PING {token}")
        await self.expect("PONG", None, token)
        return trio.current_time() - started

    async def batch(self, kind: str) -> list[Line]:
        """Read on to a batch of this kind and return what is in it (IRCv3 ``batch``)."""
        while True:
            start = await self.expect("BATCH", None, kind)
            if start.params[0].startswith("+"):
                break
        inside: list[Line] = []
        while True:
            line = await self.line()
            if line.command == "BATCH" and line.params[0] == f"-{start.params[0][1:]}":
                return inside
            if line.tags.get("batch") == start.params[0][1:]:
                inside.append(line)

    async def history(self, subcommand: str = "LATEST", reference: str = "*") -> list[Line]:
        """Ask for the lobby's history, as much as one answer gives."""
        await self.send(f"CHATHISTORY {subcommand} #lobby {reference} 100000")
        with trio.fail_after(PATIENCE_SECONDS):
            return await self.batch("chathistory")

    async def log_in(self, password: str, caps: Sequence[str]) -> None:
        """Log in and wait until the lobby's names are there. Raises ``Ended`` when refused."""
        if caps:
            await self._authenticate(password, caps)
            await self.send(f"NICK {self.name}", f"USER {self.name} 0 * :{self.name}", "CAP END")
        else:
            await self.send(
                f"PASS :{self.name}:{password}", f"NICK {self.name}", f"USER {self.name} 0 * :x"
            )
        await self.expect("001")
        await self.expect("366", None, "#lobby")

    async def _authenticate(self, password: str, caps: Sequence[str]) -> None:
        """Log in by SASL PLAIN (RFC 4616 in IRCv3 ``sasl-3.2``)."""
        await self.send("CAP LS 302", f"CAP REQ :{' '.join(('sasl', *caps))}", "AUTHENTICATE PLAIN")
        await self.expect("CAP", None, "ACK")
        await self.expect("AUTHENTICATE", "+")
        message = f"\0{self.name}\0{password}".encode()
        await self.send(f"AUTHENTICATE {base64.b64encode(message).decode()}")
        while (line := await self.line()).command != "903":
            if line.command == "904":
                raise Ended("904")


@asynccontextmanager
async def tls_connection(
    server: Server,
    name: str = "nobody",
    *,
    local_address: str | None = None,
    receive_bytes: int = 0,
) -> AsyncIterator[Person]:
    """Connect by TLS without logging in."""
    tcp = await connect_tcp(server, local_address=local_address, receive_bytes=receive_bytes)
    stream = trio.SSLStream(
        tcp, client_context(), server_hostname="localhost", https_compatible=True
    )
    try:
        with trio.fail_after(PATIENCE_SECONDS):
            await stream.do_handshake()
        yield Person(name, stream)
    finally:
        await trio.aclose_forcefully(stream)


@asynccontextmanager
async def user(
    server: Server,
    name: str,
    *,
    caps: Sequence[str] = MODERN,
    password: str = PASSWORD,
    local_address: str | None = None,
    receive_bytes: int = 0,
) -> AsyncIterator[Person]:
    """Be logged in as ``name`` for the length of the block. Closing is abrupt, without QUIT."""
    async with tls_connection(
        server, name, local_address=local_address, receive_bytes=receive_bytes
    ) as person:
        with trio.fail_after(PATIENCE_SECONDS):
            await person.log_in(password, caps)
        yield person


async def converse(speaker: Person, listener: Person, text: str) -> None:
    """Have one say something in the lobby and the other hear it."""
    await speaker.send(f"PRIVMSG #lobby :{text}")
    heard = await listener.expect("PRIVMSG", "#lobby", text)
    assert heard.source.startswith(f"{speaker.name}!")
