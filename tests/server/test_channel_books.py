"""Who is in which channel, in what role: every client's own bookkeeping agrees with the server.

Several sessions send random commands, well-formed and not; each client keeps its books by nothing
but the lines it was sent, as the Modern IRC Client Protocol and ``channel-rename`` define them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.house import House, Person, open_house
from trio.testing import MockClock

from securechat.protocol.message import Message, parse
from securechat.protocol.modes import PREFIXES, Kind, parse_changes
from securechat.protocol.names import fold

NAMES = ("alice", "bob", "carol", "dave")
CHANNELS = ("#a", "#B", "#c", "#lobby")
SIGNS = {sign: letter for letter, sign in PREFIXES.items()}
STEPS = 250


@dataclass(slots=True)
class Client:
    """One session and what it believes: by channel and nick, the letters of the roles."""

    person: Person
    books: dict[str, dict[str, set[str]]] = field(default_factory=dict)

    def read(self, lines: list[str]) -> None:
        for line in lines:
            message = parse(line)
            handler = getattr(self, f"on_{message.command.lower()}", None)
            if handler is not None:
                handler(message)

    def on_join(self, message: Message) -> None:
        members = self.books.setdefault(fold(message.params[0]), {})
        if fold(message.nick) == self.person.name:
            members.clear()
        members[fold(message.nick)] = set()

    def on_part(self, message: Message) -> None:
        self.gone(message.params[0], message.nick)

    def on_kick(self, message: Message) -> None:
        self.gone(message.params[0], message.params[1])

    def gone(self, channel: str, nick: str) -> None:
        if fold(nick) == self.person.name:
            del self.books[fold(channel)]
        elif fold(channel) in self.books:  # an administrator kicks from outside too
            self.books[fold(channel)].pop(fold(nick), None)

    def on_quit(self, message: Message) -> None:
        for members in self.books.values():
            members.pop(fold(message.nick), None)

    def on_rename(self, message: Message) -> None:
        old, new = map(fold, message.params[:2])
        if old in self.books:  # an administrator renames from outside too
            self.books[new] = self.books.pop(old)

    def on_mode(self, message: Message) -> None:
        members = self.books.get(fold(message.params[0]))
        if members is None:
            return  # one's own modes
        for change in parse_changes(message.params[1:])[0]:
            nick = fold(change.param or "")
            if change.kind is Kind.ROLE and nick in members:
                (members[nick].add if change.adding else members[nick].discard)(change.letter)

    def on_353(self, message: Message) -> None:
        members = self.books.get(fold(message.params[2]))
        if members is None:
            return  # NAMES of a channel that one is not in
        for word in message.params[-1].split():
            nick = word.lstrip("".join(SIGNS))
            members[fold(nick)] = {SIGNS[sign] for sign in word[: len(word) - len(nick)]}


def truth(house: House, name: str) -> dict[str, dict[str, set[str]]]:
    """Return what a client should believe."""
    user = house.server.directory.users[name]
    return {
        key: {nick: set(room.members[nick].role) for nick in room.present}
        for key, room in user.rooms.items()
    }


def command(rng: random.Random) -> str:
    """Return a random command; some make no sense."""
    channel, other = rng.choice(CHANNELS), rng.choice(CHANNELS)
    nick = rng.choice((*NAMES, "nobody"))
    sign = rng.choice("+-")
    return rng.choice(
        (
            f"JOIN {channel}",
            f"JOIN {channel},{other} key",
            "JOIN 0",
            f"PART {channel}",
            f"KICK {channel} {nick} :out",
            f"MODE {channel} {sign}{rng.choice('ohv')}{rng.choice('ohv')} {nick} {nick}",
            f"MODE {channel} {sign}{rng.choice('imnst')}",
            f"MODE {channel} {sign}b {nick}",
            f"MODE {channel} {sign}k key",
            f"MODE {channel} {sign}l {rng.randint(-1, 3)}",
            f"MODE {channel} {rng.choice(('', '+', '+o', 'xyz', '+b', '-l+k', ':+o  '))}",
            f"INVITE {nick} {channel}",
            f"RENAME {channel} {other}",
            f"RENAME {channel} {channel.swapcase()}",
            f"TOPIC {channel} :{rng.random()}",
            f"PRIVMSG {rng.choice(('', '@', '+'))}{channel} :words",
            f"NAMES {channel}",
            f"{rng.choice(('JOIN', 'KICK', 'RENAME', 'INVITE', 'PART'))} {channel},, :",
        )
    )


def kept(house: House) -> object:
    """Return what of the rooms a restart has to bring back."""
    return {
        room.id: (
            (room.name, room.key, room.topic, room.founder, room.former),
            (room.modes.flags, room.modes.key, room.modes.limit),
            {letter: [item.mask for item in room.modes.listed(letter)] for letter in "beI"},
            {key: member.role for key, member in room.members.items()},
            set(room.invited),
        )
        for room in house.server.directory.rooms.values()
        if room is not house.server.lobby
    }


async def checked(house: House, clients: list[Client]) -> None:
    """Compare everybody's books, and that the rooms and the users agree with each other."""
    for client in clients:
        client.read(await client.person.sync())
    for client in clients:  # what the others caused meanwhile
        client.read(await client.person.sync())
        wanted = truth(house, client.person.name)
        assert client.books == wanted, client.person.name
    directory = house.server.directory
    for room in directory.rooms.values():
        assert directory.by_id[room.id] is room
        assert set(room.present) <= set(room.members)
        assert set(room.sessions()) == {
            session for user in room.present.values() for session in user.sessions
        }


@pytest.mark.parametrize("seed", range(6))
async def test_the_books_agree(folder: Path, autojump_clock: MockClock, seed: int) -> None:
    rng = random.Random(seed)
    before: object = {}
    for _ in range(2):  # what was there outlives a restart
        async with open_house(folder, NAMES, admins=("dave",)) as house:
            assert kept(house) == before
            clients: list[Client] = []

            async def come(name: str, house: House = house, into: list[Client] = clients) -> None:
                caps = rng.choice(("multi-prefix", "multi-prefix draft/channel-rename"))
                person = await house.start_login(name, caps)
                client = Client(person)
                into.append(client)
                client.read(await person.until(" 366 "))

            for name in (*NAMES, "alice"):
                await come(name)
            for step in range(STEPS):
                await rng.choice(clients).person.send(command(rng))
                if rng.random() < 0.3:
                    await checked(house, clients)
                if step % 50 == 49:
                    gone = clients.pop(rng.randrange(len(clients)))
                    await gone.person.send("QUIT")
                    await gone.person.rest()
                    await come(gone.person.name)
            await checked(house, clients)
            before = kept(house)
