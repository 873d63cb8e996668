"""Metadata: limits, large channels, what cannot be stored, and what goes with an account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.between import shaky_house
from support.house import House, Person, open_house
from trio.testing import MockClock

from securechat.errors import StoreRefused, StoreUnavailable
from securechat.protocol.metadata import KEYS_MAX, SUBSCRIPTIONS_MAX
from securechat.server.persistence import metadata as under_test
from securechat.server.persistence.metadata import METADATA_RECORD
from securechat.store.credentials.accounts import NewAccount

SERVER = ":securechat.internal"
CAPS = "draft/metadata-2 batch"


async def login(house: House, name: str, *keys: str, caps: str = CAPS) -> Person:
    """Log in and subscribe to keys."""
    person = await house.login(name, caps)
    if keys:
        await person.ask(f"METADATA * SUB {' '.join(keys)}")
    return person


async def test_no_more_keys_than_announced(folder: Path, autojump_clock: MockClock) -> None:
    """metadata, "METADATA SET": LIMIT_REACHED; a key that is there may still change or go."""
    async with open_house(folder) as house:
        alice = await login(house, "alice")
        lines = await alice.ask(*(f"METADATA * SET k{number} :v" for number in range(KEYS_MAX)))
        assert all(" 761 " in line for line in lines)
        text = f"There may be {KEYS_MAX} keys at most"
        assert await alice.ask("METADATA * SET more :v") == [
            f"{SERVER} FAIL METADATA LIMIT_REACHED * :{text}"
        ]
        assert await alice.ask("METADATA * SET k0 :w") == [f"{SERVER} 761 alice * k0 * :w"]
        await alice.ask("METADATA * SET k0")
        assert await alice.ask("METADATA * SET more :v") == [f"{SERVER} 761 alice * more * :v"]


async def test_no_more_subscriptions_than_announced(
    folder: Path, autojump_clock: MockClock
) -> None:
    """metadata, "METADATA SUB": the first key that was not taken, and none after it."""
    async with open_house(folder) as house:
        alice = await login(house, "alice")
        keys = [f"key{number}" for number in range(SUBSCRIPTIONS_MAX - 1)]
        for start in range(0, len(keys), 40):
            await alice.ask(f"METADATA * SUB {' '.join(keys[start : start + 40])}")
        text = f"You may subscribe to {SUBSCRIPTIONS_MAX} keys at most"
        assert await alice.ask("METADATA * SUB last key1 next") == [
            f"{SERVER} 770 alice last",
            f"{SERVER} FAIL METADATA TOO_MANY_SUBS key1 :{text}",
        ]
        lines = await alice.ask("METADATA * SUBS")
        listed = [word for line in lines[1:-1] for word in line.split()[4:]]
        assert listed == [*keys, "last"]
        assert len(lines) > 3
        assert all(len(line.partition(" ")[2]) <= 510 for line in lines)
        # A session that ends leaves nothing behind.
        await alice.send("QUIT")
        await alice.rest()
        again = await login(house, "alice")
        assert len(await again.ask("METADATA * SUBS")) == 2


async def test_changes_have_a_pace(folder: Path, autojump_clock: MockClock) -> None:
    """metadata, "METADATA SET": RATE_LIMITED with the seconds to wait."""
    changes = {
        "metadata_change_burst": 2,
        "metadata_changes_per_second": 0.1,
        "messages_per_second": 100.0,
    }
    async with open_house(folder, changes=changes) as house:
        alice = await login(house, "alice")
        other = await login(house, "alice")
        await alice.ask("METADATA * SET a :1", "METADATA * SET a :2")
        text = "Too many changes: try again in 10 seconds"
        for session in (alice, other, alice):
            assert await session.ask("METADATA * SET a :3") == [
                f"{SERVER} FAIL METADATA RATE_LIMITED * a 10 :{text}"
            ]
        autojump_clock.jump(10)
        assert await alice.ask("METADATA * SET a :3") == [f"{SERVER} 761 alice * a * :3"]


@pytest.mark.parametrize("most", ["SYNC_PEOPLE_MAX", "SYNC_LINES_MAX"])
async def test_a_large_channel_is_told_later(
    folder: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, most: str
) -> None:
    """metadata, "Postponed synchronization"; SYNC then tells everything."""
    monkeypatch.setattr(under_test, most, 1)
    async with open_house(folder) as house:
        alice = await login(house, "alice", caps="")
        bob = await login(house, "bob", caps="")
        carol = await login(house, "carol", "color")
        for person in (alice, bob):
            await person.ask("METADATA * SET color :red", "JOIN #garden")
        lines = await carol.ask("JOIN #garden")
        assert lines[-1] == f"{SERVER} 774 carol #garden 4"
        lines = await carol.ask("METADATA #garden SYNC")
        assert [line.partition(" ")[2] for line in lines[1:-1]] == [
            f"{SERVER} METADATA alice color * :red",
            f"{SERVER} METADATA bob color * :red",
        ]
        if most == "SYNC_PEOPLE_MAX":
            lines = await carol.ask("METADATA * SUB avatar")
            assert lines == [
                f"{SERVER} 770 carol avatar",
                f"{SERVER} 774 carol #lobby 4",
                f"{SERVER} 774 carol #garden 4",
            ]


async def test_the_other_sessions_are_told_where_they_are(
    folder: Path, autojump_clock: MockClock
) -> None:
    """A JOIN concerns all sessions of an account, and so does what is told behind it."""
    async with open_house(folder) as house:
        alice = await login(house, "alice")
        await alice.ask("JOIN #garden", "METADATA #garden SET avatar :rose")
        bob = await login(house, "bob", "avatar")
        phone = await login(house, "bob", "avatar")
        plain = await login(house, "bob", "avatar", caps="")
        lines = await bob.ask("JOIN #garden")
        assert lines[-2].endswith(f"{SERVER} METADATA #garden avatar * :rose")
        lines = await phone.sync()
        assert lines[-2].endswith(f"{SERVER} METADATA #garden avatar * :rose")
        assert not any("METADATA" in line for line in await plain.sync())
        assert await bob.ask("JOIN #garden") == []


async def test_in_a_large_channel_nobody_is_introduced(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Where coming is not told (``announce_members_max``), neither is what comes with it."""
    async with open_house(folder, changes={"announce_members_max": 1}) as house:
        alice = await login(house, "alice")
        await alice.ask("METADATA * SET color :red")
        await alice.send("QUIT")
        await alice.rest()
        bob = await login(house, "bob", "color")
        carol = await login(house, "carol", "color")
        await carol.ask("MONITOR + alice")
        await bob.sync()
        await login(house, "alice")
        assert not any("METADATA" in line for line in await bob.sync())
        assert f"{SERVER} METADATA alice color * :red" in await carol.sync()


async def test_who_shares_no_channel_is_not_told(folder: Path, autojump_clock: MockClock) -> None:
    """Everybody shares the lobby: outside of it are those who are not here."""
    async with open_house(folder, moderators=["carol"]) as house:
        alice = await login(house, "alice")
        await alice.ask("METADATA * SET color :red", "METADATA * SET status :busy")
        await alice.send("QUIT")
        await alice.rest()
        bob = await login(house, "bob", "color", "status")
        carol = await login(house, "carol")
        await bob.sync()
        assert await carol.ask("METADATA alice SET color") == [
            f"{SERVER} 766 carol alice color :key not set"
        ]
        assert await bob.sync() == []
        await bob.ask("MONITOR + alice")
        await carol.ask("METADATA alice CLEAR")
        assert await bob.sync() == [":carol!~carol@securechat.internal METADATA alice status *"]


async def test_labels(folder: Path, autojump_clock: MockClock) -> None:
    """labeled-response: a batch has the label at its start; one line has it itself."""
    async with open_house(folder) as house:
        alice = await login(house, "alice", caps=f"{CAPS} labeled-response")
        assert await alice.ask("@label=1 METADATA * SET color :red") == [
            f"@label=1 {SERVER} 761 alice * color * :red"
        ]
        lines = await alice.ask("@label=2 METADATA * LIST")
        assert lines[0].startswith(f"@label=2 {SERVER} BATCH +")
        assert len(lines) == 3
        assert await alice.ask("@label=3 METADATA * SET other") == [
            f"@label=3 {SERVER} FAIL METADATA KEY_NOT_SET * other :The key is not set"
        ]


async def test_two_who_set_the_same_at_once(folder: Path, autojump_clock: MockClock) -> None:
    """Neither undoes what the other has set."""
    async with open_house(folder) as house:
        alice = await login(house, "alice")
        phone = await login(house, "alice")
        for number in range(10):
            await alice.send(f"METADATA * SET a{number} :1")
            await phone.send(f"METADATA * SET p{number} :1")
        await alice.sync()
        await phone.sync()
        lines = await alice.ask("METADATA * LIST")
        assert len(lines) == 22
        record = await house.store.get(METADATA_RECORD, "alice")
        assert record is not None
        assert record.value is not None
        assert len(record.value["values"]) == 20  # type: ignore[arg-type]  # JSON


async def test_what_cannot_be_stored_has_not_changed(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await login(house, "alice")
        bob = await login(house, "bob", "color")
        await alice.ask("METADATA * SET color :red")
        await bob.sync()
        between.broken["put"] = StoreUnavailable("disk is full")
        text = (
            "It could not be stored for certain. Look whether it was done before you do it again."
        )
        for line in ("METADATA * SET color :blue", "METADATA * SET color", "METADATA * CLEAR"):
            assert await alice.ask(line) == [f"{SERVER} FAIL METADATA NOT_STORED :{text}"]
        del between.broken["put"]
        assert await bob.sync() == []
        lines = await alice.ask("METADATA * LIST")
        assert lines[1].endswith(":red")
        between.broken["get"] = StoreUnavailable("busy")
        text = "This could not be looked up. Try again later."
        assert await alice.ask("METADATA carol LIST") == [
            f"{SERVER} FAIL METADATA INTERNAL_ERROR carol :{text}"
        ]


async def test_it_goes_with_the_account(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder) as house:
        alice = await login(house, "alice")
        await alice.ask("METADATA * SET color :red")
        account = await house.accounts.remove("alice")
        assert await house.store.scan(METADATA_RECORD) == []
        await alice.rest()
        bob = await login(house, "bob")
        assert await bob.ask("METADATA alice LIST") == [
            f"{SERVER} FAIL METADATA INVALID_TARGET alice :Invalid target"
        ]
        await house.accounts.add(NewAccount("alice", account.password_hash))
        assert len(await bob.ask("METADATA alice LIST")) == 2


async def test_moderators_leave_administrators_alone(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    """Whether or not the administrator is here; another administrator may."""
    names = ["alice", "bob", "carol", "dave"]
    async with open_house(folder, names, admins=["alice", "dave"], moderators=["carol"]) as house:
        alice = await login(house, "alice")
        await alice.ask("METADATA * SET color :red")
        await alice.send("QUIT")
        await alice.rest()
        carol = await login(house, "carol")
        (line,) = await carol.ask("METADATA alice CLEAR")
        assert "KEY_NO_PERMISSION alice *" in line
        dave = await login(house, "dave")
        assert len(await dave.ask("METADATA alice CLEAR")) == 3


async def test_a_join_that_is_not_stored_shows_nothing(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await login(house, "alice")
        await alice.ask("JOIN #garden", "METADATA #garden SET avatar :rose")
        bob = await login(house, "bob", "avatar")
        between.before.append(StoreRefused("disk is full"))
        (line,) = await bob.ask("JOIN #garden")
        assert "FAIL JOIN NOT_STORED #garden" in line
