"""SEARCH beyond what the transcripts show: times, limits, failures, budgets, long answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from support.between import shaky_house
from support.house import MODERN, Person, open_house
from trio.testing import MockClock

from securechat.errors import StoreUnavailable
from securechat.protocol.message import parse

CAPS = f"{MODERN} soju.im/search labeled-response"
START_MS = 1_790_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def texts(lines: Sequence[str]) -> list[str]:
    """Return the texts in one batch of a search's answer."""
    first, *found, last = map(parse, lines)
    assert (first.command, first.params[1:]) == ("BATCH", ("soju.im/search",))
    reference = first.params[0].removeprefix("+")
    assert (last.command, last.params) == ("BATCH", (f"-{reference}",))
    assert all(message.tags["batch"] == reference for message in found)
    return [message.params[1] for message in found]


async def say(person: Person, *said: str, to: str = "#lobby") -> None:
    await person.ask(*(f"PRIVMSG {to} :{text}" for text in said))


def at(seconds: int) -> str:
    time = datetime.fromtimestamp(START_MS / 1000 + seconds, UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S.000Z}"


async def test_times_include_both_ends(autojump_clock: MockClock, folder: Path) -> None:
    """soju.im/search: "at or after this time", "at or before this time"; after: from there on."""

    def now_ms() -> int:
        return START_MS + round((trio.current_time() - start) * 1000)

    start = trio.current_time()
    async with open_house(folder, now_ms=now_ms) as house:
        alice = await house.login("alice", CAPS)
        start = trio.current_time()
        for number in range(6):
            await trio.sleep_until(start + 10 * number)
            await say(alice, f"word {number}")

        async def found(attributes: str) -> list[str]:
            lines = texts(await alice.ask(f"SEARCH text=word;{attributes}"))
            return [text.removeprefix("word ") for text in lines]

        assert await found(f"after={at(20)}") == ["2", "3", "4", "5"]
        assert await found(f"before={at(20)}") == ["0", "1", "2"]
        assert await found(f"after={at(11)};before={at(39)}") == ["2", "3"]
        assert await found(f"after={at(10)};before={at(30)};limit=2") == ["1", "2"]
        assert await found(f"before={at(30)};limit=2") == ["2", "3"]
        assert await found("limit=2") == ["4", "5"]
        assert await found(f"after={at(1000)}") == []
        assert await found(f"after={at(30)};before={at(10)}") == []


async def test_limits(autojump_clock: MockClock, folder: Path) -> None:
    async with open_house(folder, changes={"history_page_max": 5}) as house:
        alice = await house.login("alice", CAPS)
        await say(alice, *"123456789")
        assert texts(await alice.ask("SEARCH in=#lobby;limit=1000")) == list("56789")
        assert texts(await alice.ask("SEARCH in=#lobby")) == list("56789")
        assert texts(await alice.ask("SEARCH in=#lobby;limit=2")) == list("89")
        for limit in ("", "x", "-1", "0", "²"):
            (line,) = await alice.ask(f"SEARCH limit={limit}")
            assert "FAIL SEARCH INVALID_PARAMS limit :Invalid parameters" in line


async def test_a_long_answer_to_a_slow_reader(autojump_clock: MockClock, folder: Path) -> None:
    """The answer waits for the client, and does not fill what may wait for it."""
    changes = {"outbox_bytes_max": 20_000, "history_page_max": 0}
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice", CAPS)
        bob = await house.login("bob", CAPS, capacity=2000)
        for start in range(0, 400, 20):
            await say(alice, *(f"{n} {'x' * 300}" for n in range(start, start + 20)))
            await bob.sync()
        await bob.send("SEARCH in=#lobby;limit=400")
        lines = await bob.until("BATCH -")
        assert len(texts(lines[-402:])) == 400


async def test_a_labeled_search(folder: Path) -> None:
    """labeled-response: the batch that is the whole answer has the label."""
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        await say(alice, "needle")
        lines = await alice.ask("@label=x SEARCH text=needle")
        assert parse(lines[0]).tags["label"] == "x"
        assert texts(lines) == ["needle"]


async def test_escapes_of_tags(folder: Path) -> None:
    """message-tags, "Escaping values": ``\\:`` is a semicolon, ``\\s`` a space."""
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        await say(alice, "one; two", "one two")
        assert texts(await alice.ask(r'SEARCH text="one\:\stwo"')) == ["one; two", "one two"]
        assert texts(await alice.ask(r"SEARCH :text=one two;limit=1")) == ["one two"]


@pytest.mark.parametrize("method", ["search", "scan"])
async def test_what_cannot_be_read(autojump_clock: MockClock, folder: Path, method: str) -> None:
    """soju.im/search: INTERNAL_ERROR; and nothing of the reason is for clients."""
    async with shaky_house(folder) as (house, store):
        alice = await house.login("alice", CAPS)
        store.broken[method] = StoreUnavailable("search.db is locked")
        (line,) = await alice.ask("SEARCH text=x")
        assert line.endswith(
            "FAIL SEARCH INTERNAL_ERROR "
            ":The search could not be run: try again later, or search for less"
        )
        store.broken.clear()
        assert texts(await alice.ask("SEARCH text=x")) == []


async def test_a_budget_of_its_own(autojump_clock: MockClock, folder: Path) -> None:
    changes = {"messages_per_second": 5.0, "searches_per_second": 0.5, "search_burst": 3}
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice", CAPS)
        start = trio.current_time()
        await alice.ask(*["SEARCH text=x"] * 3)
        assert trio.current_time() - start < 1
        await alice.ask(*["SEARCH text=x"] * 3)
        assert 5 <= trio.current_time() - start <= 8


async def test_what_is_for_some_of_a_channel_is_not_found(folder: Path) -> None:
    """As in history: what goes to the operators alone is kept apart."""
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        bob = await house.login("bob", CAPS)
        await alice.ask("JOIN #club")
        await bob.ask("JOIN #club")
        await say(alice, "among operators", to="@#club")
        await say(alice, "for all", to="#club")
        await bob.sync()
        assert texts(await bob.ask("SEARCH in=#club")) == ["for all"]
        assert texts(await bob.ask("SEARCH text=among")) == []


async def test_an_account_made_again_finds_nothing_of_the_one_before(
    autojump_clock: MockClock, folder: Path
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        bob = await house.login("bob", CAPS)
        await say(alice, "private", to="bob")
        await bob.sync()
        await house.accounts.remove("bob")
        await bob.rest()
    await trio.sleep(1)
    async with open_house(folder) as house:
        bob = await house.login("bob", CAPS)
        assert texts(await bob.ask("SEARCH text=private")) == []
        assert texts(await bob.ask("SEARCH text=private;in=alice")) == []
