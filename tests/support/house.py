"""A whole server in memory, and people in it: for tests of sessions on the autojump clock.

The server is the real one: only sockets, threads and the cost of a hash are replaced.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import trio

from securechat.config import Settings
from securechat.protocol.capabilities import CAPABILITIES
from securechat.protocol.framing import BadLine, LineBuffer
from securechat.protocol.replies import in_lines
from securechat.protocol.sasl import chunks_of, encode_plain
from securechat.server.commands.table import dispatch
from securechat.server.connection import Dispatch, serve_link
from securechat.server.context import Server, wall_clock_ms
from securechat.server.run import Running, make_server, running
from securechat.store.contract import Store
from securechat.store.credentials.accounts import Accounts, NewAccount
from securechat.store.credentials.passwords import Hasher, Profile
from securechat.store.runner import inline
from securechat.store.sqlite import SQLiteStore, open_store
from securechat.transport.memory import MemoryWire, PlainLink, memory_wires

PATIENCE_SECONDS = 60
CAP_REQ_BYTES_MAX = 400
CHEAP = Profile("cheap", time_cost=1, memory_kib=8, parallelism=1)
MODERN = "account-tag batch echo-message message-tags server-time"
EVERYTHING = " ".join(
    row.name for row in CAPABILITIES if row.name not in {"sasl", "cap-notify"} and not row.informs
)
"""All capabilities that a client may ask for beside ``sasl`` (``cap-notify`` it has by itself)."""


def password_of(name: str) -> str:
    """Return what a person of the house types as the password."""
    return f"the long password of {name}"


def login_lines(
    name: str, caps: str = "", *, password: str | None = None, device: str = ""
) -> list[str]:
    """Return what a client sends to log in by SASL; ``device`` is the client's own name."""
    account = f"{name}@{device}" if device else name
    response = encode_plain(account, password_of(name) if password is None else password)
    return [
        "CAP LS 302",
        f"NICK {name}",
        f"USER {name} 0 * :{name.title()}",
        *(f"CAP REQ :{line}" for line in in_lines(["sasl", *caps.split()], CAP_REQ_BYTES_MAX)),
        "AUTHENTICATE PLAIN",
        *(f"AUTHENTICATE {chunk}" for chunk in chunks_of(response)),
        "CAP END",
    ]


def quiet_settings(folder: Path, **changes: Any) -> Settings:
    """Return settings whose limits do not get into a test's way, with changes."""
    return replace(
        Settings(
            data=folder,
            connections_per_address=0,
            new_connections_per_address=0,
            waiting_per_address=0,
            waiting_drop_from=0,
            login_attempts_per_minute=0,
            messages_per_second=0.0,
            history_requests_per_second=0.0,
            queries_per_second=0.0,
            searches_per_second=0.0,
            joins_per_second=0.0,
            rename_cooldown_seconds=0.0,
        ),
        **changes,
    )


@dataclass(slots=True)
class Person:
    """One connection's other end: sends lines, and reads lines without CR LF."""

    link: PlainLink
    name: str = "*"
    buffer: LineBuffer = field(default_factory=lambda: LineBuffer(line_max=10_000, tags_max=10_000))
    unread: list[str] = field(default_factory=list)
    ended: bool = False
    syncs: int = 0

    async def send(self, *lines: str) -> None:
        """Send lines in one piece."""
        await self.link.send_all("".join(f"{line}\r\n" for line in lines).encode())

    async def line(self) -> str:
        """Return the next line; ``EOFError`` after the last one."""
        with trio.fail_after(PATIENCE_SECONDS):
            while not self.unread:
                if self.ended:
                    raise EOFError(f"the server closed {self.name}'s connection")
                data = await self.link.receive()
                self.ended = not data
                for item in self.buffer.feed(data):
                    assert not isinstance(item, BadLine), item
                    if not item.startswith("PING "):
                        self.unread.append(item)
        return self.unread.pop(0)

    async def until(self, word: str) -> list[str]:
        """Return the lines up to and with the first that holds ``word``."""
        lines = [await self.line()]
        while word not in lines[-1]:
            lines.append(await self.line())
        return lines

    async def sync(self) -> list[str]:
        """Return every line up to now: what was sent before has been handled and answered."""
        self.syncs += 1
        mark = f"sync-{self.syncs}"
        await self.send(f"PING {mark}")
        return (await self.until(f"PONG securechat.internal :{mark}"))[:-1]

    async def rest(self) -> list[str]:
        """Return the lines up to the end of the connection."""
        lines = []
        while True:
            try:
                lines.append(await self.line())
            except EOFError:
                return lines

    async def ask(self, *lines: str) -> list[str]:
        """Send lines and return the answers to them."""
        await self.send(*lines)
        return await self.sync()


@dataclass(slots=True)
class House:
    """A running server and its way in."""

    running: Running
    store: SQLiteStore
    hasher: Hasher
    wires: list[MemoryWire] = field(default_factory=list)
    """The server's ends of every connection there was."""

    @property
    def server(self) -> Server:
        return self.running.server

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.store)

    async def visit(
        self,
        address: str = "203.0.113.1",
        *,
        capacity: int = 65536,
        handle: Dispatch = dispatch,
    ) -> Person:
        """Connect without logging in.

        Each direction holds ``capacity`` bytes; ``handle`` takes the place of the commands.
        """
        ours, theirs = memory_wires(capacity)
        self.wires.append(theirs)
        serve = partial(serve_link, self.server, PlainLink(theirs), address, handle=handle)
        self.running.connections.start_soon(serve)
        await trio.lowlevel.checkpoint()
        return Person(PlainLink(ours))

    async def login(
        self, name: str, caps: str = "", *, password: str | None = None, **connection: Any
    ) -> Person:
        """Log in by SASL and return the person, the welcome read."""
        person = await self.start_login(name, caps, password=password, **connection)
        await person.until(" 376 " if self.server.settings.motd else " 422 ")
        await person.sync()
        return person

    async def start_login(
        self, name: str, caps: str = "", *, password: str | None = None, **connection: Any
    ) -> Person:
        """Log in by SASL without reading any answer; ``connection`` is given to ``visit``."""
        person = await self.visit(**connection)
        person.name = name
        await person.send(*login_lines(name, caps, password=password))
        return person


@asynccontextmanager
async def open_house(
    folder: Path,
    names: Sequence[str] = ("alice", "bob", "carol"),
    *,
    admins: Sequence[str] = (),
    moderators: Sequence[str] = (),
    changes: Mapping[str, Any] | None = None,
    between: Callable[[SQLiteStore], Store] | None = None,
    now_ms: Callable[[], int] = wall_clock_ms,
) -> AsyncIterator[House]:
    """Run a server on a folder, with accounts of these names; the folder can be used again.

    ``changes`` are settings. ``between`` may put something between the server and its store.
    ``now_ms`` is the time of day.
    """
    hasher = Hasher(CHEAP, inline)
    async with open_store(folder, runner=inline) as store:
        accounts = Accounts(store, now_ms=now_ms)
        for name in names:
            if await accounts.get(name) is None:
                password = await hasher.hash(password_of(name))
                role = (
                    "admin" if name in admins else "moderator" if name in moderators else "member"
                )
                await accounts.add(NewAccount(name, password, role=role))
        settings = quiet_settings(folder, **(changes or {}))
        kept = between(store) if between else store
        server = await make_server(settings, kept, hasher=hasher, now_ms=now_ms)
        async with running(server) as current:
            yield House(current, store, hasher)


def assert_closed(house: House) -> None:
    """Nothing is left of anybody: no session, no login, no open wire."""
    server = house.server
    assert not server.sessions
    assert not server.logins
    assert not server.farewells
    assert not server.directory.users
    assert not any(room.present or room.by_shape for room in server.directory.rooms.values())
    assert all(is_closed(wire) for wire in house.wires)


def is_closed(wire: MemoryWire) -> bool:
    try:
        wire.recv(1)
    except OSError as error:
        return error.errno == errno.EBADF
    return False


def events(logs: list[Any], event: str) -> list[Any]:
    """Return the log's entries about one event."""
    return [entry for entry in logs if entry["event"] == event]
