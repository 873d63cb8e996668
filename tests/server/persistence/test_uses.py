"""When tokens were used last, and TOKEN where something is in its way."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from support.between import shaky_house
from support.house import House, Person, open_house
from trio.testing import MockClock

from securechat.errors import StoreRefused
from securechat.server.persistence.uses import NOTE_SECONDS, PAUSE_SECONDS
from securechat.store.credentials.tokens import Token

START_MS = 1_790_000_000_000


def now_ms() -> int:
    return START_MS + round(trio.current_time() * 1000)


async def new_token(person: Person, name: str = "phone") -> str:
    (line,) = await person.ask(f"TOKEN ADD :{name}")
    return line.rpartition(":")[2]


async def the_token(house: House) -> Token:
    alice = await house.accounts.named("alice")
    (token,) = await house.server.tokens.of(alice.key, alice.id)
    return token


@pytest.mark.usefixtures("hours")
async def test_a_use_is_noted_at_the_login_every_hour_and_at_the_end(
    folder: Path, autojump_clock: MockClock
) -> None:
    changes = {"ping_seconds": 0.0, "drop_seconds": 0.0}
    async with open_house(folder, ["alice"], changes=changes, now_ms=now_ms) as house:
        secret = await new_token(await house.login("alice"))
        assert (await the_token(house)).used_ms == 0
        phone = await house.login("alice", password=secret)
        await trio.sleep(PAUSE_SECONDS)
        at_login = (await the_token(house)).used_ms
        assert 0 <= now_ms() - at_login <= 2 * PAUSE_SECONDS * 1000
        await trio.sleep(NOTE_SECONDS - 60)
        assert (await the_token(house)).used_ms == at_login
        await trio.sleep(62)
        noted = (await the_token(house)).used_ms
        assert 0 <= now_ms() - noted <= 62_000
        assert noted > at_login
        await trio.sleep(600)
        await phone.send("QUIT")
        await phone.rest()
        await trio.sleep(2 * PAUSE_SECONDS)
        assert (await the_token(house)).used_ms >= noted + 600_000 - 2000


async def test_a_use_of_the_last_moment_outlives_the_stop(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder, ["alice"], now_ms=now_ms) as house:
        secret = await new_token(await house.login("alice"))
        await trio.sleep(60)
        await house.login("alice", password=secret)
        await trio.sleep(60)
        stopped_ms = now_ms()
    async with open_house(folder, ["alice"], now_ms=now_ms) as house:
        assert (await the_token(house)).used_ms >= stopped_ms


async def test_a_full_disk_makes_no_token_and_revokes_none(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice")
        secret = await new_token(alice)
        between.broken["put"] = StoreRefused("the disk is full")
        for command in ("ADD :another", "REVOKE *"):
            (line,) = await alice.ask(f"TOKEN {command}")
            assert line.startswith(":securechat.internal FAIL TOKEN NOT_STORED :")
        del between.broken["put"]
        assert (await the_token(house)).name == "phone"
        phone = await house.login("alice", password=secret)
        assert await phone.sync() == []


async def test_no_more_tokens_than_the_setting_says(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder, changes={"tokens_per_account_max": 1}) as house:
        alice = await house.login("alice")
        await new_token(alice)
        (line,) = await alice.ask("TOKEN ADD :another")
        assert " FAIL TOKEN TOO_MANY_TOKENS ADD :The account has 1 tokens" in line
        await new_token(await house.login("bob"))


async def test_a_labeled_revocation_of_ones_own_token_is_answered(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Labeled-response: every labeled command has its answer, also the last one."""
    async with open_house(folder) as house:
        secret = await new_token(await house.login("alice"))
        phone = await house.login("alice", "batch labeled-response", password=secret)
        await phone.send("@label=last TOKEN REVOKE *")
        assert await phone.rest() == [
            "@label=last :securechat.internal TOKEN REVOKE *",
            "ERROR :Closing link: This device's token was revoked: log in again",
        ]
