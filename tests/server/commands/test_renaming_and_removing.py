"""Channels that are renamed or removed, and what meets them on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trio
from support.between import shaky_house
from support.house import open_house
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.errors import StoreRefused
from securechat.protocol.message import parse

NAMES = ("alice", "bob", "carol", "dave")


def virtual_ms() -> int:
    """Return a time of day that passes as Trio's clock does."""
    return 1_790_000_000_000 + round(trio.current_time() * 1000)


async def test_what_is_said_while_a_channel_is_renamed_is_said_in_the_new_one(
    folder: Path, autojump_clock: MockClock
) -> None:
    """A client that has seen RENAME knows the new name alone (channel-rename)."""
    async with shaky_house(folder, NAMES) as (house, between):
        alice = await house.login("alice", "draft/channel-rename echo-message")
        bob = await house.login("bob", "draft/channel-rename")
        await alice.ask("JOIN #old")
        await bob.ask("JOIN #old")
        await alice.sync()
        async with between.storing(alice, "RENAME #old #new"):
            await bob.send("PRIVMSG #old :one", "PRIVMSG @#old :two")
            await wait_all_tasks_blocked()
        await bob.sync()
        lines = [parse(line) for line in await alice.sync()]
        assert [(line.command, line.params[0]) for line in lines] == [
            ("RENAME", "#old"),
            ("PRIVMSG", "#new"),
            ("PRIVMSG", "@#new"),
        ]


async def test_a_new_channel_with_an_old_name_has_a_history_of_its_own(
    folder: Path, autojump_clock: MockClock
) -> None:
    caps = "draft/chathistory"
    for start in range(2):
        async with open_house(folder) as house:
            alice, bob = await house.login("alice", caps), await house.login("bob", caps)
            if start == 0:
                await alice.ask("JOIN #x", "PRIVMSG #x :first", "MODE #x +s", "RENAME #x #y")
                await bob.ask("JOIN #x", "PRIVMSG #x :second")
            await alice.sync()
            for person, name, text in ((alice, "#y", "first"), (bob, "#x", "second")):
                lines = await person.ask(f"CHATHISTORY LATEST {name} * 10")
                assert [parse(line).params for line in lines] == [(name, text)]
            rooms = house.server.directory.rooms
            assert (rooms["#y"].id, rooms["#x"].id) == ("#x", "#x 2")


async def test_what_meets_the_removal_of_a_channel(folder: Path, autojump_clock: MockClock) -> None:
    """A message comes to nobody and its sender is told; who joins makes a new channel."""
    names = (*NAMES, "erin")
    async with shaky_house(folder, names) as (house, between):
        alice, bob = await house.login("alice"), await house.login("bob")
        carol, erin = await house.login("carol"), await house.login("erin")
        await alice.ask("JOIN #x")
        await bob.ask("JOIN #x")
        await carol.ask("JOIN #x")
        await alice.ask("MODE #x -n+o bob")
        for person in (bob, carol, erin):
            await person.sync()
        other = await house.login("dave")
        async with between.storing(other, "PRIVMSG #lobby :first"):
            for person, line in (
                (alice, "DROP #x #x"),
                (bob, "PRIVMSG #x :too late"),
                (carol, "NOTICE #x :too late"),
                (erin, "JOIN #x"),
                (other, "PRIVMSG @#x :too late"),
            ):
                await person.send(line)
                await wait_all_tasks_blocked()
            await bob.send("TOPIC #x :too late")
            await carol.send("PART #x")
        left = "PART #x :alice removed this channel"
        me = "securechat.internal"
        assert (await bob.sync())[-3:] == [
            f":bob!~bob@{me} {left}",
            f":{me} 403 bob #x :No such channel",
            f":{me} 403 bob #x :No such channel",
        ]
        assert (await carol.sync())[-2:] == [
            f":carol!~carol@{me} {left}",
            f":{me} 403 carol #x :No such channel",
        ]
        assert (await other.sync())[-1] == f":{me} 403 dave @#x :No such channel"
        assert (await erin.sync())[-2:] == [
            f":{me} 353 erin = #x :@erin",
            f":{me} 366 erin #x :End of NAMES list",
        ]
    async with open_house(folder) as house:
        room = house.server.directory.rooms["#x"]
        assert (room.id, list(room.members), room.topic) == ("#x 2", ["erin"], "")


async def test_a_removal_that_could_not_be_stored_was_not_done(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder, NAMES) as (house, between):
        alice = await house.login("alice")
        await alice.ask("JOIN #x")
        between.before.append(StoreRefused("disk full"))
        (answer,) = await alice.ask("DROP #x #x")
        assert answer.startswith(":securechat.internal FAIL DROP NOT_STORED #x :")
        assert any(" 353 " in line for line in await alice.ask("NAMES #x"))


async def test_nothing_expires_in_a_channel_that_is_being_removed(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Its record would be written again."""
    async with shaky_house(folder, NAMES, now_ms=virtual_ms) as (house, between):
        alice = await house.login("alice")
        await alice.ask("JOIN #x", "BAN #x bob 30s")
        gate = between.closed["append"] = trio.Event()
        await alice.send("DROP #x #x")
        await trio.sleep(40)
        gate.set()
        await alice.sync()
        await trio.sleep(5)
        assert await house.store.get("channel", "#x") is None


async def test_a_channel_is_renamed_only_so_often(folder: Path, autojump_clock: MockClock) -> None:
    """channel-rename, "Security Considerations": CANNOT_RENAME while it cools down."""

    options: dict[str, Any] = {
        "admins": ("dave",),
        "changes": {"rename_cooldown_seconds": 60.0},
        "now_ms": virtual_ms,
    }
    refused = (
        ":securechat.internal FAIL RENAME CANNOT_RENAME #b #c "
        ":This channel has been renamed recently: wait a little"
    )
    async with open_house(folder, NAMES, **options) as house:
        alice = await house.login("alice", "draft/channel-rename")
        await alice.ask("JOIN #a")
        assert await alice.ask("RENAME #a #A") == [
            ":alice!~alice@securechat.internal RENAME #a #A :"
        ]
        assert await alice.ask("RENAME #a #b") == [
            ":alice!~alice@securechat.internal RENAME #A #b :"
        ]
        assert await alice.ask("RENAME #b #c") == [refused]
        assert len(await alice.ask("RENAME #b #B")) == 1
        assert house.server.directory.rooms["#b"].name == "#B"
        await alice.ask("RENAME #b #b")
        await trio.sleep(58)
    async with open_house(folder, NAMES, **options) as house:
        alice = await house.login("alice", "draft/channel-rename")
        assert await alice.ask("RENAME #b #c") == [refused]
        # An administrator undoes what was done; that counts as well.
        dave = await house.login("dave")
        await dave.send("RENAME #b #e")
        await dave.sync()
        assert "CANNOT_RENAME" in (await alice.ask("RENAME #e #f"))[-1]
        await trio.sleep(60)
        assert " RENAME #e #f " in (await alice.ask("RENAME #e #f"))[-1]
