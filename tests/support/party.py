"""A house full of guests who play steps, and what must be true after each.

Everybody's own bookkeeping, made of nothing but what it was sent, agrees with the server's answers
and with its directory; every labeled command has one labeled answer; a restart changes nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio
from support.bookkeeper import Bookkeeper, Line
from support.house import EVERYTHING, MODERN, House, login_lines, open_house
from trio.testing import wait_all_tasks_blocked

from securechat.errors import ConnectionLost
from securechat.protocol.modes import PREFIXES
from securechat.server.rooms.directory import Directory
from securechat.transport.memory import PlainLink

ALL = EVERYTHING
LABELS = "batch labeled-response"

# Who sits where: the account, and the capabilities of that session.
SEATS: tuple[tuple[str, str], ...] = (
    ("alice", ""),
    ("alice", ALL),
    ("bob", f"{MODERN} {LABELS} multi-prefix draft/channel-rename away-notify"),
    ("bob", f"{LABELS} no-implicit-names"),
    ("carol", f"{LABELS} extended-join userhost-in-names draft/chathistory"),
    ("dave", ALL),
    ("erin", f"{LABELS} multi-prefix echo-message"),
)
ACCOUNTS = ("alice", "bob", "carol", "dave", "erin", "frank")
ADMINS, MODERATORS = ("dave",), ("erin",)

# A burst of commands is answered by no more lines than this to any session.
LINES_MAX = 3000
START_MS = 1_790_000_000_000
PATIENCE_SECONDS = 3600.0


@dataclass(frozen=True, repr=False)
class Say:
    """One line from the session in a seat. ``label`` is its label, or empty."""

    seat: int
    data: bytes
    label: str = ""

    def __repr__(self) -> str:
        """Return what makes it again, without the length of long words."""
        short = re.sub(
            r"((?:\\x[0-9a-f]{2}){2}|[^\\])\1{20,}",
            lambda run: f"' + {len(run[0]) // len(run[1])} * b'{run[1]}' + b'",
            repr(self.data),
        )
        return f"Say({self.seat}, {short}, {self.label!r})"


@dataclass(frozen=True)
class Hang:
    """The connection of a seat is cut."""

    seat: int


@dataclass(frozen=True)
class Wait:
    """Time passes; everybody answers the server's PING."""

    seconds: int


@dataclass(frozen=True)
class Restart:
    """The server stops and starts again on the same folder, and everybody comes back."""


Step = list[Say | Hang] | Wait | Restart


@dataclass(slots=True)
class Guest:
    """A session's other end, and what it believes."""

    link: PlainLink
    books: Bookkeeper
    partial: bytes = b""
    ended: bool = False
    pinged: bool = False
    syncs: int = 0
    lines: int = 0

    async def send(self, data: bytes) -> None:
        """Send bytes, unless the server has closed the connection."""
        with suppress(ConnectionLost):
            await self.link.send_all(data)

    async def read_until(self, is_last: Callable[[Line], bool]) -> None:
        """Take in what comes until one of the lines is the last, or to the end."""
        found = False
        with trio.fail_after(PATIENCE_SECONDS):
            while not (found or self.ended):
                data = await self.link.receive()
                self.ended = not data
                *lines, self.partial = (self.partial + data).split(b"\r\n")
                for line in map(self.books.take, lines):
                    self.lines += 1
                    self.pinged = self.pinged or line.command == "PING"
                    found = found or is_last(line)
        assert not (self.ended and self.partial), "it ended within a line"

    async def sync(self) -> None:
        """Take in all that was sent up to now."""
        self.syncs += 1
        mark = f"sync-{self.syncs}"
        pong = "PONG :here\r\n" if self.pinged else ""
        self.pinged = False
        await self.send(f"{pong}PING {mark}\r\n".encode())
        await self.read_until(lambda line: line.command == "PONG" and line.params[1] == mark)

    def answers_labels(self) -> bool:
        """Tell whether labels are answered."""
        return {"batch", "labeled-response"} <= self.books.enabled


class Party(AsyncExitStack):
    """A house, a guest in each seat, and what must be true of them after each step."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._house: House | None = None
        self._guests: dict[int, Guest] = {}

    @property
    def directory(self) -> Directory:
        assert self._house is not None
        return self._house.server.directory

    async def open(self) -> None:
        """Start the server and let everybody in."""
        self._house = await self.enter_async_context(
            open_house(self._folder, ACCOUNTS, admins=ADMINS, moderators=MODERATORS, now_ms=_now_ms)
        )
        await self._fill()
        await self._check()

    async def _fill(self) -> None:
        """Have a session in each empty seat, unless the account is suspended."""
        assert self._house is not None
        for seat, (name, caps) in enumerate(SEATS):
            if seat not in self._guests:
                person = await self._house.visit()
                guest = Guest(person.link, Bookkeeper(name))
                lines = login_lines(name, caps)
                await guest.send("".join(f"{line}\r\n" for line in lines).encode())
                await guest.read_until(lambda line: line.command in {"376", "422"})
                account = await self._house.accounts.get(name)
                assert account is not None
                suspended = account.suspended(_now_ms()) is not None
                assert guest.ended == suspended, f"{name} in seat {seat} could not log in"
                if guest.ended:
                    continue
                asked = {"sasl", *caps.split()}
                assert guest.books.enabled >= asked, asked - guest.books.enabled
                self._guests[seat] = guest
                await guest.sync()

    async def take(self, step: Step) -> None:
        """Play one step and check."""
        match step:
            case Wait(seconds):
                await self._wait(seconds)
            case Restart():
                await self.restart()
            case _:
                await self._burst(step)
        await self._check()

    async def _wait(self, seconds: int) -> None:
        end = trio.current_time() + seconds
        while trio.current_time() < end:
            await trio.sleep(min(30.0, end - trio.current_time()))
            await self._sync()

    async def restart(self) -> None:
        """Start again on the same folder, which must change nothing."""
        before = _lasting(self.directory)
        await self.aclose()
        self._guests.clear()
        await self.open()
        after = _lasting(self.directory)
        assert set(after) == set(before)
        for room, value in before.items():
            assert after[room] == value, f"{room}: was {value}, is {after[room]}"

    async def _burst(self, burst: Sequence[Say | Hang]) -> None:
        await self._fill()
        knew_labels = {seat for seat, guest in self._guests.items() if guest.answers_labels()}
        knew_labels -= {
            item.seat for item in burst if isinstance(item, Say) and b"CAP" in item.data
        }
        sent: Counter[tuple[int, str]] = Counter()
        for present in self._guests.values():
            present.lines = 0
            present.books.labels.clear()
        for item in burst:
            guest = self._guests.get(item.seat)
            if guest is None:
                continue
            if isinstance(item, Hang):
                guest.link.close()
                del self._guests[item.seat]
                continue
            await guest.send(item.data + b"\r\n")
            if item.label and item.seat in knew_labels and _readable(item.data):
                sent[item.seat, item.label] += 1
        await self._sync()
        for (seat, label), count in sent.items():
            if seat in self._guests:
                assert self._guests[seat].books.labels[label] == count, f"answers to {label}"
        assert all(guest.lines <= LINES_MAX for guest in self._guests.values())

    async def _sync(self) -> None:
        """Have everybody take in everything: all is done, then all has seen what was done."""
        for _ in range(2):
            for seat, guest in list(self._guests.items()):
                await guest.sync()
                if guest.ended:
                    del self._guests[seat]

    async def _check(self) -> None:
        await wait_all_tasks_blocked()
        self._check_directory()
        for seat, guest in self._guests.items():
            books = guest.books
            assert not books.batches, "a batch is open"
            # What a client asks for that was not told: all, or with no-implicit-names.
            for channel in list(books.channels.values()):
                if not channel.complete:
                    assert not channel.unasked, f"no names of {channel.name} came"
                    await guest.send(f"NAMES {channel.name}\r\n".encode())
                if channel.modes is None:
                    await guest.send(f"MODE {channel.name}\r\n".encode())
            await guest.sync()
            books.aside = True
            for channel in books.channels.values():
                await guest.send(f"NAMES {channel.name}\r\nMODE {channel.name}\r\n".encode())
            await guest.sync()
            books.aside = False
            self._check_books(SEATS[seat][0], books)

    def _check_books(self, name: str, books: Bookkeeper) -> None:
        rooms = self.directory.users[name].rooms
        assert set(books.channels) == set(rooms), f"{name}: {set(books.channels)} {set(rooms)}"
        for key, channel in books.channels.items():
            room = rooms[key]
            truth = {
                nick: {PREFIXES[letter] for letter in room.members[nick].role}
                for nick in room.present
            }
            for known in (channel.members, books.names[key]):
                assert set(known) == set(truth), f"{name} in {key}: {known} {truth}"
                for nick, signs in truth.items():
                    assert known[nick].fits(signs), f"{name} in {key}: {nick} {known[nick]} {signs}"
            assert channel.topic == room.topic, f"{name} in {key}"
            assert channel.modes == books.told[key], f"{name} in {key}"
            letters, *params = room.modes.words(key_shown=True)
            modes = dict.fromkeys(letters[1:], "")
            modes.update(zip(letters[-len(params) :], params, strict=True) if params else ())
            assert channel.modes == modes, f"{name} in {key}"

    def _check_directory(self) -> None:
        """The parts of the directory agree with each other and with who is here."""
        directory = self.directory
        assert set(directory.users) == {SEATS[seat][0] for seat in self._guests}
        for room in directory.rooms.values():
            assert directory.room(room.name) is directory.by_id[room.id] is room
            assert set(room.present) <= set(room.members)
            assert set(room.present) == {
                user.key for user in directory.users.values() if user.rooms.get(room.key) is room
            }
            assert sorted(map(id, room.sessions())) == sorted(
                id(session) for user in room.present.values() for session in user.sessions
            )
            for shape, sessions in room.by_shape.items():
                assert all(session.shape == shape for session in sessions)
        for user in directory.users.values():
            assert all(directory.rooms.get(key) is room for key, room in user.rooms.items())


def _readable(data: bytes) -> bool:
    """Tell whether a command with tags keeps to the limits of ``message-tags``."""
    tags, _, rest = data.partition(b" ")
    return len(tags) + 1 <= 4096 and len(rest) <= 510


def _lasting(directory: Directory) -> dict[str, Any]:
    """Return what a restart must not change; the lobby needs no record of who is in it.

    Times are left out: an event's own is that of its id, which may be a millisecond later.
    """
    lasting = {}
    for room in directory.rooms.values():
        value: dict[str, Any] = {**room.to_value(), "created_ms": 0, "topic_ms": 0}
        value["modes"] = room.modes.words(key_shown=True)
        value["lists"] = {
            letter: [(item.mask, item.by, item.until_ms) for item in items]
            for letter, items in room.modes.lists.items()
            if items
        }
        value["members"] = {
            key: (member.name, member.account_id, member.role)
            for key, member in room.members.items()
            if room.key != "#lobby" or member.role
        }
        value["invited"] = {key: (item.by, item.opens) for key, item in room.invited.items()}
        lasting[room.id] = value
    return lasting


def _now_ms() -> int:
    return START_MS + round(trio.current_time() * 1000)
