"""Channels: limits, many names, long topics; what people see is in the transcripts."""

from __future__ import annotations

from pathlib import Path

from support.between import shaky_house
from support.house import open_house, password_of
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.protocol.message import parse
from securechat.store.credentials.accounts import NewAccount


async def test_so_many_channels_and_no_more(folder: Path, autojump_clock: MockClock) -> None:
    """CHANLIMIT, and 405 past it."""
    async with open_house(folder, changes={"channels_per_account_max": 3}) as house:
        alice = await house.login("alice")
        lines = await alice.ask("JOIN #one,#two,#three")
        assert lines[-1] == (
            ":securechat.internal 405 alice #three :You have joined too many channels"
        )
        await alice.ask("PART #one")
        assert any(" JOIN #three" in line for line in await alice.ask("JOIN #three"))


async def test_no_limit_of_channels(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder, changes={"channels_per_account_max": 0}) as house:
        alice = await house.login("alice")
        await alice.ask(*[f"JOIN #{number}" for number in range(120)])
        assert len(house.server.directory.users["alice"].rooms) == 121


async def test_names_of_a_crowd_come_in_lines_that_fit(
    folder: Path, autojump_clock: MockClock
) -> None:
    """A line has 512 bytes (Modern IRC Client Protocol, "Messages")."""
    names = [f"{'somebody-with-a-long-name'}{number:02}" for number in range(30)]
    async with open_house(folder, names) as house:
        people = [await house.login(name) for name in names]
        await people[0].sync()
        lines = await people[0].ask("NAMES #lobby")
        assert len(lines) > 2
        assert all(len(line.encode()) <= 510 for line in lines)
        assert [name for line in lines[:-1] for name in parse(line).params[-1].split()] == names


async def test_a_topic_fits_its_line_also_with_the_longest_names(
    folder: Path, autojump_clock: MockClock
) -> None:
    name, room = "a" * 32, "#" + "c" * 63
    async with open_house(folder, ()) as house:
        hashed = await house.hasher.hash(password_of(name))
        await house.accounts.add(NewAccount(name, hashed))
        alice = await house.login(name)
        await alice.ask(f"JOIN {room}")
        for limit in (390, 0):
            object.__setattr__(house.server.settings, "topic_bytes_max", limit)
            (line,) = await alice.ask(f"TOPIC {room} :{'ü' * 200}")
            assert 508 <= len(line.encode()) <= 510
            assert house.server.directory.rooms[room].topic == parse(line).params[-1]
            answer = await alice.ask(f"TOPIC {room}")
            assert all(len(one.encode()) <= 510 for one in answer)


async def test_two_who_make_a_channel_at_once_are_both_in_it(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        people = [await house.login(name) for name in ("alice", "bob")]
        carol = await house.login("carol")
        async with between.storing(carol, "PRIVMSG #lobby :first"):
            for person in people:
                await person.send("JOIN #New")
                await wait_all_tasks_blocked()
        for person in people:
            await person.sync()
        assert list(house.server.directory.rooms["#new"].present) == ["alice", "bob"]
    async with open_house(folder) as house:
        assert set(house.server.directory.rooms["#new"].members) == {"alice", "bob"}


async def test_from_two_sessions_at_once_one_join_and_one_part_count(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        desk, phone = await house.login("alice"), await house.login("alice")
        bob = await house.login("bob")
        await bob.ask("JOIN #x")
        await desk.sync()
        await phone.sync()
        for command, word in (("JOIN #x", "JOIN"), ("PART #x", "PART")):
            async with between.storing(bob, "NOTICE bob :first"):
                for person in (desk, phone):
                    await person.send(command)
                    await wait_all_tasks_blocked()
            await wait_all_tasks_blocked()
            for person in (desk, phone, bob):
                assert sum(f" {word} " in line for line in await person.sync()) == 1


async def test_away_texts_are_cut_where_a_limit_says_so(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder, changes={"away_bytes_max": 5}) as house:
        alice = await house.login("alice")
        await alice.ask("AWAY :far away")
        assert house.server.directory.users["alice"].away == "far a"
    async with open_house(folder, changes={"away_bytes_max": 0}) as house:
        alice = await house.login("alice")
        await alice.ask("AWAY :far away")
        assert house.server.directory.users["alice"].away == "far away"
