"""Channels that are changed by several at once, and channels of earlier versions."""

from __future__ import annotations

import itertools
from pathlib import Path

from support.between import Between, shaky_house
from support.house import House, Person, open_house
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.errors import StoreRefused
from securechat.protocol.message import parse
from securechat.server.rooms.directory import Directory
from securechat.server.rooms.room import Invitation, Room
from securechat.store.contract import Change
from securechat.store.credentials.accounts import NewAccount

NAMES = ("alice", "bob", "carol", "dave")


async def at_once(house: House, between: Between, *steps: tuple[Person, str]) -> None:
    """Have commands of several people posted while one commit runs."""
    other = await house.login("dave")
    async with between.storing(other, "PRIVMSG #lobby :first"):
        for person, line in steps:
            await person.send(line)
            await wait_all_tasks_blocked()
    await wait_all_tasks_blocked()
    for person, _ in steps:
        await person.sync()
    await other.send("QUIT")
    await other.rest()


async def test_of_two_changes_at_once_none_is_lost(folder: Path, autojump_clock: MockClock) -> None:
    """Also not from the record, as a restart shows."""
    async with shaky_house(folder, NAMES) as (house, between):
        desk, phone = await house.login("alice"), await house.login("alice")
        await desk.ask("JOIN #x")
        await at_once(
            house,
            between,
            (desk, "MODE #x +b one"),
            (phone, "MODE #x +b two"),
            (desk, "TOPIC #x :words"),
            (phone, "MODE #x +k rose"),
        )
    async with open_house(folder) as house:
        room = house.server.directory.rooms["#x"]
        assert [item.mask for item in room.modes.listed("b")] == ["one!*@*", "two!*@*"]
        assert (room.topic, room.modes.key) == ("words", "rose")


async def test_a_channel_has_one_founder_also_where_two_make_it(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder, NAMES) as (house, between):
        alice, bob = await house.login("alice"), await house.login("bob")
        await at_once(house, between, (alice, "JOIN #new"), (bob, "JOIN #New"))
        room = house.server.directory.rooms["#new"]
        assert [room.prefix_of(key) for key in ("alice", "bob")] == ["@", ""]
        assert room.founder == house.server.directory.users["alice"].account_id


async def test_a_role_is_not_given_to_who_is_leaving(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder, NAMES) as (house, between):
        alice, bob = await house.login("alice"), await house.login("bob")
        await alice.ask("JOIN #x")
        await bob.ask("JOIN #x")
        await alice.sync()
        async with between.storing(bob, "PART #x"):
            await alice.send("MODE #x +o bob")
            await wait_all_tasks_blocked()
        lines = await alice.sync()
        assert [parse(line).command for line in lines] == ["PART", "441"]
    async with open_house(folder) as house:
        assert set(house.server.directory.rooms["#x"].members) == {"alice"}


async def test_a_limit_holds_where_many_come_at_once(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder, NAMES) as (house, between):
        alice, bob, carol = [await house.login(name) for name in ("alice", "bob", "carol")]
        await alice.ask("JOIN #x", "MODE #x +l 2")
        await at_once(house, between, (bob, "JOIN #x"), (carol, "JOIN #x"))
        assert list(house.server.directory.rooms["#x"].members) == ["alice", "bob"]


async def test_a_name_is_taken_once_where_one_makes_and_another_renames(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder, NAMES) as (house, between):
        alice, bob = await house.login("alice"), await house.login("bob")
        await alice.ask("JOIN #old")
        await at_once(house, between, (alice, "RENAME #old #new"), (bob, "JOIN #new"))
        rooms = house.server.directory.rooms
        assert list(rooms["#new"].members) == ["alice", "bob"]
        assert "#old" not in rooms
        await at_once(house, between, (bob, "JOIN #third"), (alice, "RENAME #new #third"))
        assert list(rooms["#third"].members) == ["bob"]
        assert list(rooms["#new"].members) == ["alice", "bob"]


async def test_records_of_the_first_version_still_count(
    folder: Path, autojump_clock: MockClock
) -> None:
    """They have no founder and no modes: what was true then is true now."""
    async with open_house(folder) as house:
        account = await house.accounts.get("alice")
        assert account is not None
        old = Room("#Old", "#old", 5, "words", "alice", 6).to_value()
        for name in ("founder", "modes", "former"):
            del old[name]
        member = {"name": "alice", "account_id": account.id, "since_ms": 5, "role": "o"}
        await house.store.put(
            [Change("channel", "#old", old), Change("member", "#old alice", member)]
        )
    async with open_house(folder) as house:
        alice, bob = await house.login("alice"), await house.login("bob")
        await alice.sync()
        answer = await alice.ask("MODE #old")
        assert parse(answer[0]).params == ("alice", "#Old", "+n")
        await bob.ask("JOIN #old")
        await alice.ask("MODE #old +v bob")
        assert house.server.directory.rooms["#old"].prefix_of("bob") == "+"


async def test_an_account_made_again_is_another_one(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Founder, roles and invitations belong to the account that had the name before."""
    async with open_house(folder) as house:
        alice, bob = await house.login("alice"), await house.login("bob")
        await alice.ask("JOIN #x,#z", "MODE #x +i", "MODE #z +i", "INVITE bob #z")
        await bob.ask("JOIN #y")
        for name in ("alice", "bob"):
            account = await house.accounts.get(name)
            assert account is not None
            await house.accounts.remove(name)
            await house.accounts.add(NewAccount(name, account.password_hash))
    async with open_house(folder) as house:
        alice, bob = await house.login("alice"), await house.login("bob")
        await alice.sync()
        for person, channel in ((alice, "#x"), (bob, "#z")):
            (line,) = await person.ask(f"JOIN {channel}")
            assert parse(line).command == "473"
        await bob.ask("JOIN #y")
        assert house.server.directory.rooms["#y"].prefix_of("bob") == ""


async def test_lists_are_full_at_maxlist(folder: Path, autojump_clock: MockClock) -> None:
    """Modern IRC Client Protocol, "MAXLIST parameter"; 478 past it."""
    async with open_house(folder) as house:
        alice = await house.login("alice")
        await alice.ask("JOIN #x")
        for start in range(0, 100, 10):
            masks = " ".join(f"n{number}" for number in range(start, start + 10))
            await alice.ask(f"MODE #x +{'b' * 10} {masks}")
        (line,) = await alice.ask("MODE #x +b onemore")
        assert parse(line).params[:3] == ("alice", "#x", "b")
        assert parse(line).command == "478"
        assert len(await alice.ask("MODE #x +b n5", "MODE #x -b n5", "MODE #x +b onemore")) == 2


async def test_long_changes_come_in_lines_that_fit(folder: Path, autojump_clock: MockClock) -> None:
    """A line has 512 bytes (Modern IRC Client Protocol, "Messages")."""
    async with open_house(folder) as house:
        alice = await house.login("alice")
        await alice.ask("JOIN #x")
        masks = [letter * 40 for letter in "abcdefghijk"]
        lines = await alice.ask(f"MODE #x +{'b' * 11} {' '.join(masks)}")
        assert len(lines) > 1
        assert all(len(line.encode()) <= 510 for line in lines)
        shown = [mask for line in lines for mask in parse(line).params[2:]]
        assert shown == [f"{mask}!*@*" for mask in masks]
    async with open_house(folder) as house:
        assert len(house.server.directory.rooms["#x"].modes.listed("b")) == 11


async def test_a_ban_after_the_invitation_counts(folder: Path, autojump_clock: MockClock) -> None:
    """Who is banned by name later is no longer welcome; an earlier ban gives way."""
    for later, code in ((1000, "474"), (-1000, "JOIN")):
        async with open_house(folder) as house:
            alice, bob = await house.login("alice"), await house.login("bob")
            await alice.ask(f"JOIN #x{later}", f"MODE #x{later} +kb rose bob")
            await alice.ask(f"INVITE bob #x{later}")
            await bob.sync()
            room = house.server.directory.rooms[f"#x{later}"]
            old = room.invited["bob"]
            ban_ms = room.modes.listed("b")[0].time_ms
            room.invited["bob"] = Invitation(
                old.name, old.account_id, old.by, ban_ms - later, old.opens
            )
            assert parse((await bob.ask(f"JOIN #x{later}"))[0]).command == code


async def test_a_kick_that_cannot_be_stored_changes_nothing(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder, NAMES) as (house, between):
        alice, bob = await house.login("alice"), await house.login("bob")
        await alice.ask("JOIN #x")
        await bob.ask("JOIN #x")
        await alice.sync()
        between.before.append(StoreRefused("the disk is full"))
        (line,) = await alice.ask("KICK #x bob")
        assert parse(line).params[:3] == ("KICK", "NOT_STORED", "#x")
        assert await bob.sync() == []
        assert "bob" in house.server.directory.rooms["#x"].members
        assert len(await alice.ask("KICK #x bob")) == 1


async def test_a_restart_changes_no_time(folder: Path, autojump_clock: MockClock) -> None:
    """RPL_CREATIONTIME, RPL_TOPICWHOTIME and RPL_BANLIST tell of the event, before and after."""
    clock = itertools.count(1_790_000_000_000, 1000)
    async with open_house(folder, NAMES, now_ms=lambda: next(clock)) as house:
        alice, bob = await house.login("alice"), await house.login("bob")
        await alice.ask("JOIN #x", "TOPIC #x :words", "MODE #x +be carol *!*@x", "BAN #x dave 5d")
        await alice.ask("MODE #x +lv-t 9 alice", "INVITE carol #x")
        await bob.ask("JOIN #x")
        await alice.ask("RENAME #x #y", "MODE #y +b one")
        room = house.server.directory.rooms["#y"]
        assert room.created_ms < room.topic_ms < room.renamed_ms
        loaded = Directory()
        await loaded.load(house.store)
        again = loaded.rooms["#y"]
        assert again.to_value() == room.to_value()
        assert (again.members, again.invited) == (room.members, room.invited)
        asked = ["MODE #y", "TOPIC #y", "MODE #y b"]
        before = await alice.ask(*asked)
    async with open_house(folder) as house:
        assert await (await house.login("alice")).ask(*asked) == before
