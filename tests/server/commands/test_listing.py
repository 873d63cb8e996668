"""LIST: conditions on age, and long lists; what people see is in the transcripts."""

from __future__ import annotations

from pathlib import Path

from support.house import open_house
from trio.testing import MockClock

from securechat.protocol.message import parse

MINUTE_MS = 60_000


async def test_conditions_on_age(folder: Path, autojump_clock: MockClock) -> None:
    """Modern IRC Client Protocol, ISUPPORT ``ELIST``: C and T, in minutes; no topic has no age."""
    async with open_house(folder) as house:
        alice = await house.login("alice")
        for minutes, name in ((5, "#new"), (60, "#hour"), (600, "#old")):
            await alice.ask(f"JOIN {name}", f"TOPIC {name} :about {name}")
            room = house.server.directory.rooms[name]
            room.created_ms -= minutes * MINUTE_MS
            room.topic_ms -= minutes * MINUTE_MS
        house.server.lobby.created_ms -= 60_000 * MINUTE_MS

        async def listed(conditions: str) -> list[str]:
            lines = [parse(line) for line in await alice.ask(f"LIST {conditions}")]
            return [line.params[1] for line in lines if line.command == "322"]

        assert await listed("C>30") == ["#hour", "#lobby", "#old"]
        assert await listed("C<30") == ["#new"]
        assert await listed("c>30,C<300") == ["#hour"]
        assert await listed("T>30") == ["#hour", "#old"]
        assert await listed("t<300,!*w") == ["#hour"]
        assert await listed("*o* C>300") == ["#lobby", "#old"]
        assert await listed("#OLD,#new,#nowhere T<30") == ["#new"]
        assert await listed("T>x") == []


async def test_a_long_list_ends_nobody(folder: Path, autojump_clock: MockClock) -> None:
    """Modern IRC Client Protocol, ISUPPORT ``SAFELIST``."""
    changes = {"outbox_bytes_max": 40_000, "channels_per_account_max": 0}
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice", "no-implicit-names")
        names = [f"#{number:03}{'x' * 60}" for number in range(450)]
        for name in names:
            await alice.ask(f"JOIN {name}")
        bob = await house.login("bob", "batch labeled-response", capacity=1000)
        await alice.sync()
        for room in house.server.directory.rooms.values():
            room.topic = "t" * 300
        lines = [parse(line) for line in await bob.ask("LIST", "@label=x LIST >0")]
        listed = [line.params[1] for line in lines if line.command == "322"]
        assert listed == 2 * [*names, "#lobby"]
        rest = [line.command for line in lines if line.command != "322"]
        assert rest == ["321", "323", "BATCH", "321", "323", "BATCH"]
