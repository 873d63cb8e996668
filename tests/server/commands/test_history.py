"""CHATHISTORY: pages that fit together without a gap, whatever they are asked by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.between import shaky_house
from support.house import House, Person, open_house, password_of
from trio.testing import MockClock

from securechat.errors import StoreUnavailable
from securechat.protocol.message import Message, parse
from securechat.store.credentials.accounts import NewAccount

CAPS = "batch draft/chathistory message-tags server-time"


@asynccontextmanager
async def spoken(folder: Path, count: int = 10, **changes: object) -> AsyncIterator[Person]:
    """Open a house where 0, 1, 2… were said in the lobby, some in the same millisecond."""
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice", CAPS)
        await alice.ask(*[f"PRIVMSG #lobby :{number}" for number in range(count)])
        yield alice


async def page(person: Person, *words: str) -> list[Message]:
    """Ask, and return the messages of the batch that answers."""
    start, *lines, end = [parse(line) for line in await person.ask(" ".join(words))]
    assert (start.command, start.params[1]) == ("BATCH", "chathistory")
    assert (end.command, end.params[0][1:]) == ("BATCH", start.params[0][1:])
    assert {line.tags["batch"] for line in lines} <= {start.params[0][1:]}
    return lines


def texts(messages: list[Message]) -> str:
    return "".join(message.params[1] for message in messages)


async def test_latest(folder: Path, autojump_clock: MockClock) -> None:
    async with spoken(folder) as alice:
        assert texts(await page(alice, "CHATHISTORY LATEST #LOBBY * 3")) == "789"
        assert texts(await page(alice, "chathistory latest #lobby * 999")) == "0123456789"
        three = (await page(alice, "CHATHISTORY LATEST #lobby * 10"))[3]
        by_id = f"msgid={three.tags['msgid']}"
        assert texts(await page(alice, f"CHATHISTORY LATEST #lobby {by_id} 999")) == "456789"
        assert texts(await page(alice, f"CHATHISTORY LATEST #lobby {by_id} 2")) == "89"


@pytest.mark.parametrize("size", [1, 3, 10])
async def test_pages_backwards_and_forwards_leave_no_gap_and_no_double(
    folder: Path, autojump_clock: MockClock, size: int
) -> None:
    async with spoken(folder) as alice:
        newest = await page(alice, f"CHATHISTORY LATEST #lobby * {size}")
        seen = texts(newest)
        while newest:
            msgid = newest[0].tags["msgid"]
            newest = await page(alice, f"CHATHISTORY BEFORE #lobby msgid={msgid} {size}")
            seen = texts(newest) + seen
        assert seen == "0123456789"
        oldest = await page(alice, "CHATHISTORY AFTER #lobby timestamp=2020-01-01T00:00:00.000Z 1")
        seen = texts(oldest)
        while oldest:
            msgid = oldest[-1].tags["msgid"]
            oldest = await page(alice, f"CHATHISTORY AFTER #lobby msgid={msgid} {size}")
            seen += texts(oldest)
        assert seen == "0123456789"


async def test_times_mean_the_gaps_around_their_millisecond(
    folder: Path, autojump_clock: MockClock
) -> None:
    """BEFORE and AFTER a time exclude what has that time (IRCv3 chathistory)."""
    async with spoken(folder) as alice:
        everything = await page(alice, "CHATHISTORY LATEST #lobby * 100")
        times = [message.tags["time"] for message in everything]
        for time in dict.fromkeys(times):
            older = [m.params[1] for m in everything if m.tags["time"] < time]
            newer = [m.params[1] for m in everything if m.tags["time"] > time]
            before = await page(alice, f"CHATHISTORY BEFORE #lobby timestamp={time} 100")
            after = await page(alice, f"CHATHISTORY AFTER #lobby timestamp={time} 100")
            assert [m.params[1] for m in before] == older
            assert [m.params[1] for m in after] == newer


async def test_a_page_is_no_longer_than_the_limit(folder: Path, autojump_clock: MockClock) -> None:
    async with spoken(folder, history_page_max=4) as alice:
        assert texts(await page(alice, "CHATHISTORY LATEST #lobby * 99999999999999")) == "6789"


async def test_without_a_limit_a_page_is_as_long_as_asked(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with spoken(folder, history_page_max=0) as alice:
        assert texts(await page(alice, "CHATHISTORY LATEST #lobby * 9")) == "123456789"


@pytest.mark.parametrize("method", ["history", "locate", "position_at", "get"])
async def test_a_store_that_fails_is_an_answer_and_not_an_end(
    folder: Path, autojump_clock: MockClock, method: str
) -> None:
    """IRCv3 chathistory: MESSAGE_ERROR where no history can be returned due to an error."""
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", CAPS)
        asked = {
            "history": ("LATEST #lobby", "*"),
            "locate": ("AFTER #lobby", "msgid=x"),
            "position_at": ("BEFORE #lobby", "timestamp=2020-01-01T00:00:00.000Z"),
            "get": ("LATEST bob", "*"),
        }
        command, reference = asked[method]
        between.broken[method] = StoreUnavailable("no memory")
        text = "Messages could not be retrieved"
        assert await alice.ask(f"CHATHISTORY {command} {reference} 5") == [
            f":securechat.internal FAIL CHATHISTORY MESSAGE_ERROR {command} :{text}"
        ]
        del between.broken[method]
        await page(alice, "CHATHISTORY LATEST #lobby * 1")


async def test_an_account_made_anew_reads_nothing_of_the_old_ones(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Neither as the one who asks nor as the one who is asked about."""

    async def make_anew(house: House, name: str) -> None:
        await house.accounts.remove(name)
        hashed = await house.hasher.hash(password_of(name))
        await house.accounts.add(NewAccount(name, hashed))

    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        bob = await house.login("bob", CAPS)
        await alice.ask("PRIVMSG bob :secret")
        await bob.sync()
        assert texts(await page(bob, "CHATHISTORY LATEST alice * 9")) == "secret"
        await make_anew(house, "bob")
        await bob.rest()
        bob = await house.login("bob", CAPS)
        assert await page(bob, "CHATHISTORY LATEST alice * 9") == []
        await alice.sync()
        assert await page(alice, "CHATHISTORY LATEST bob * 9") == []
        await bob.ask("PRIVMSG alice :new")
        assert texts(await page(bob, "CHATHISTORY LATEST alice * 9")) == "new"
