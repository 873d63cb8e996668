"""RETENTION where the server has limits of its own; transcripts/retention.txt has the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.between import shaky_house
from support.house import open_house
from trio.testing import MockClock

from securechat.errors import StoreRefused

LIMITS = {"keep_days": 90, "keep_messages": 10_000}


@pytest.mark.parametrize("wanted", ["91d", "10001", "90d 10001", "91d 10000"])
async def test_a_channel_cannot_keep_more_than_the_server(
    folder: Path, autojump_clock: MockClock, wanted: str
) -> None:
    async with open_house(folder, admins=["alice"], changes=LIMITS) as house:
        alice = await house.login("alice")
        (answer,) = await alice.ask(f"RETENTION #lobby {wanted}")
        assert answer == (
            f":securechat.internal FAIL RETENTION TOO_MUCH #lobby {wanted} :The server keeps no "
            "more than that: Retention: messages are deleted after 90 days, and all but the "
            "latest 10000"
        )
        assert not house.server.lobby.to_value()["keep_seconds"]


async def test_what_holds_is_told(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder, admins=["alice"], changes=LIMITS) as house:
        alice = await house.login("alice")
        both = "Retention: messages are deleted after 90 days, and all but the latest"
        assert await alice.ask("RETENTION #lobby") == [
            f":securechat.internal NOTICE alice :#lobby: {both} 10000 (as the server says)"
        ]
        shown = f":alice!~alice@securechat.internal NOTICE #lobby :{both} 500"
        assert await alice.ask("RETENTION #lobby 500") == [shown]
        assert await alice.ask("RETENTION #lobby") == [
            f":securechat.internal NOTICE alice :#lobby: {both} 500 (as this channel says)"
        ]
        assert await alice.ask("RETENTION #lobby 500") == []
        assert await alice.ask("RETENTION #lobby off") == [shown.replace(" 500", " 10000")]


async def test_what_cannot_be_stored_is_not_set(folder: Path, autojump_clock: MockClock) -> None:
    async with shaky_house(folder, admins=["alice"]) as (house, between):
        alice = await house.login("alice")
        between.before.append(StoreRefused("the disk is full"))
        (answer,) = await alice.ask("RETENTION #lobby 90d")
        assert " FAIL RETENTION NOT_STORED " in answer
        assert not house.server.lobby.keeping.seconds
