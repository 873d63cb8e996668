"""Budgets of queries and joins, and channels with too many people to tell who comes and goes.

docs/safety.md, fault 18: a flood is delayed, nothing of it is dropped, and others are not slowed.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import trio
from support.house import Person, open_house
from trio.testing import MockClock

from securechat.config import Settings
from securechat.protocol.message import parse

# The budgets below hold only where lines have one; this is one that never runs out.
PACED = {"messages_per_second": 1000.0, "message_burst": 1000}


def test_the_defaults() -> None:
    settings = Settings()
    assert (settings.queries_per_second, settings.query_burst) == (2, 40)
    assert (settings.joins_per_second, settings.join_burst) == (1, 30)
    assert settings.announce_members_max == 500


@pytest.mark.parametrize(
    ("query", "end"),
    [
        ("WHO #lobby", " 315 "),
        ("WHOIS bob", " 318 "),
        ("WHOWAS bob", " 369 "),
        ("NAMES #lobby", " 366 "),
        ("LIST", " 323 "),
        ("USERHOST bob", " 302 "),
        ("ISON bob", " 303 "),
        ("AUDIT", "End of the audit log"),
    ],
)
async def test_queries_have_a_budget_of_their_own(
    folder: Path, autojump_clock: MockClock, query: str, end: str
) -> None:
    changes = {**PACED, "queries_per_second": 2.0, "query_burst": 3}
    async with open_house(folder, admins=("alice",), changes=changes) as house:
        alice = await house.login("alice")
        bob = await house.login("bob")
        await alice.sync()
        start = trio.current_time()
        await alice.send(*[query] * 5, "PING last")
        times = []
        for _ in range(5):
            await alice.until(end)
            times.append(trio.current_time() - start)
        assert times == pytest.approx([0, 0, 0, 0.5, 1.0])
        assert await alice.line() == ":securechat.internal PONG securechat.internal :last"
        at = trio.current_time()
        await bob.ask(query)
        assert trio.current_time() == at


async def test_each_channel_joined_counts(folder: Path, autojump_clock: MockClock) -> None:
    changes = {**PACED, "joins_per_second": 1.0, "join_burst": 2}
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice")
        start = trio.current_time()
        await alice.send("JOIN #a,#b,,#c", "JOIN #d")
        times = []
        for _ in range(4):
            await alice.until(" 366 ")
            times.append(trio.current_time() - start)
        assert times == pytest.approx([0, 0, 1, 2])
        # Where one is already there is nothing to wait for.
        at = trio.current_time()
        await alice.ask("JOIN #a,#b,#c,#d,#lobby,#A")
        assert trio.current_time() == at


async def test_who_waits_for_its_turn_is_not_silent(
    folder: Path, autojump_clock: MockClock
) -> None:
    changes = {
        **PACED,
        "joins_per_second": 0.1,
        "join_burst": 1,
        "ping_seconds": 15.0,
        "drop_seconds": 25.0,
    }
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice")
        await alice.send("JOIN #a,#b,#c,#d,#e,#f")
        for _ in range(6):
            await alice.until(" 366 ")
        assert set(house.server.directory.users["alice"].rooms) >= {"#a", "#f"}


async def test_in_a_large_channel_nobody_is_told_who_comes_and_goes(
    folder: Path, autojump_clock: MockClock
) -> None:
    names = ("alice", "bob", "carol", "dave")
    async with open_house(folder, names, changes={"announce_members_max": 2}) as house:
        alice = await house.login("alice")
        bob = await house.login("bob")
        assert await alice.sync() == [":bob!~bob@securechat.internal JOIN #lobby"]
        # The third one makes the lobby large.
        carol = await house.login("carol")
        phone = await house.login("carol", "away-notify")
        assert await alice.sync() == []
        assert await bob.sync() == []
        assert any("353" in line and "carol" in line for line in await alice.ask("NAMES #lobby"))
        assert sum(" 352 " in line for line in await alice.ask("WHO #lobby")) == 3
        # What is said, and small channels, are as ever.
        await carol.ask("PRIVMSG #lobby :hello")
        assert await alice.sync() == [":carol!~carol@securechat.internal PRIVMSG #lobby :hello"]
        await bob.sync()
        await alice.ask("JOIN #small")
        await carol.ask("JOIN #small")
        assert await alice.sync() == [":carol!~carol@securechat.internal JOIN #small"]
        # One's own sessions see every step.
        assert [line.split()[1] for line in await phone.sync()][-1] == "366"
        await bob.ask("JOIN #small")
        assert await alice.sync() == []
        assert await bob.ask("PART #small :bye") == [
            ":bob!~bob@securechat.internal PART #small :bye"
        ]
        assert await alice.sync() == []
        # Whose coming was told, when the channel was small, is told to go when it is large.
        await bob.ask("JOIN #small")
        await phone.ask("PART #small")
        assert await bob.sync() == [":carol!~carol@securechat.internal PART #small"]
        assert await carol.sync() == [":carol!~carol@securechat.internal PART #small"]
        assert await alice.sync() == [":carol!~carol@securechat.internal PART #small"]
        await carol.ask("JOIN #small")
        assert await alice.sync() == []
        await bob.ask("PART #small")
        await phone.sync()
        await phone.ask("PART #small")
        await alice.sync()
        await carol.ask("JOIN #small")
        await alice.sync()
        await phone.ask("PART #small")
        assert await carol.sync() == [":carol!~carol@securechat.internal PART #small"]
        assert await alice.sync() == [":carol!~carol@securechat.internal PART #small"]
        # Who goes is told to those in a small channel with them, and to nobody else.
        await carol.ask("JOIN #small")
        await alice.sync()
        await carol.send("QUIT")
        await phone.send("QUIT :night")
        await carol.rest()
        await phone.rest()
        assert await alice.sync() == [":carol!~carol@securechat.internal QUIT :Quit: night"]
        assert await bob.sync() == []
        # The next third one is not told either. That bob goes is told, for that he came was; and as
        # soon as there are two again, everything is.
        dave = await house.login("dave")
        await bob.send("QUIT")
        await bob.rest()
        assert await alice.sync() == [":bob!~bob@securechat.internal QUIT :Quit: "]
        await dave.send("QUIT")
        await dave.rest()
        assert await alice.sync() == [":dave!~dave@securechat.internal QUIT :Quit: "]


@pytest.mark.parametrize("seed", range(5))
async def test_who_is_seen_to_come_to_a_large_channel_is_seen_to_go(
    folder: Path, autojump_clock: MockClock, seed: int
) -> None:
    """A list that a client makes of JOIN, PART, KICK and QUIT alone has nobody who is not there."""
    random = Random(seed)
    names = [f"user{number}" for number in range(8)]
    async with open_house(folder, ["alice", *names], changes={"announce_members_max": 4}) as house:
        alice = await house.login("alice", "no-implicit-names")
        await alice.ask("JOIN #x")
        books = {"#lobby": {"alice"}, "#x": {"alice"}}
        here: dict[str, Person] = {}
        told = 0
        for _ in range(60):
            name = random.choice(names)
            act = random.choice(("JOIN #x", "PART #x", f"KICK #x {name}", "QUIT"))
            if name not in here:
                here[name] = await house.login(name)
            elif act.startswith("KICK"):
                await alice.send(act)
            else:
                await here[name].send(act)
                if act == "QUIT":
                    await here.pop(name).rest()
                else:
                    await here[name].sync()
            for line in map(parse, await alice.sync()):
                nick = line.params[1] if line.command == "KICK" else line.nick
                if line.command == "JOIN":
                    told += 1
                    assert nick not in books[line.params[0]]
                    books[line.params[0]].add(nick)
                elif line.command in {"PART", "KICK"}:
                    books[line.params[0]].discard(nick)
                elif line.command == "QUIT":
                    for listed in books.values():
                        listed.discard(nick)
            for channel, listed in books.items():
                assert listed <= set(house.server.directory.rooms[channel].present)
        assert told


async def test_zero_turns_it_off(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder, changes={"announce_members_max": 0}) as house:
        alice = await house.login("alice")
        await house.login("bob")
        await house.login("carol")
        assert len(await alice.sync()) == 2


async def test_without_a_limit_on_lines_there_is_none_on_queries_and_joins(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Who turns flood control off by its one well-known setting means all of it."""
    changes = {"messages_per_second": 0.0, "query_burst": 1, "join_burst": 1}
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice")
        start = trio.current_time()
        for number in range(20):
            await alice.ask("WHO #lobby", f"JOIN #room{number}")
        assert trio.current_time() - start < 1
