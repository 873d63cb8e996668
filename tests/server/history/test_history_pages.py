"""History against the journal: pages fit together whatever they are asked by, and never grow."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.between import shaky_house
from support.house import House, Person, open_house, password_of
from trio.testing import MockClock

from securechat.errors import StoreUnavailable
from securechat.protocol.message import Message, parse
from securechat.server.commands import history
from securechat.server.history import reading
from securechat.server.sessions.rendering import server_time
from securechat.store.contract import Stored
from securechat.store.credentials.accounts import Accounts, NewAccount

CAPS = "batch draft/chathistory message-tags server-time"
START_MS = 1_790_000_000_000


async def page(person: Person, line: str) -> list[Message]:
    """Ask, and return the messages of the batch that answers."""
    start, *lines, end = [parse(item) for item in await person.ask(line)]
    assert (start.command, start.params[1]) == ("BATCH", "chathistory"), start
    assert (end.command, end.params[0][1:]) == ("BATCH", start.params[0][1:])
    return lines


def ids(messages: list[Message]) -> list[str]:
    return [str((message.tags or {})["msgid"]) for message in messages]


class Talk:
    """A channel in which much was said at few times, with joins, parts and topics between."""

    def __init__(self, house: House, alice: Person, clock: list[int]) -> None:
        self.house = house
        self.alice = alice
        self.clock = clock

    async def go_on(self, seed: int, count: int) -> None:
        rng = random.Random(seed)
        bob = await self.house.login("bob", CAPS)
        await self.alice.ask("JOIN #a", "JOIN #b")
        for number in range(count):
            if rng.random() < 0.4:
                self.clock[0] += rng.choice((1, 1, 700))
            who = rng.choice((self.alice, bob))
            await who.ask(
                rng.choice(
                    (
                        f"PRIVMSG #a :{number}",
                        f"PRIVMSG #a :{number}",
                        f"NOTICE #a :{number}",
                        f"PRIVMSG #b :{number}",
                        f"PRIVMSG bob :{number}",
                        "JOIN #a",
                        "PART #a",
                        f"TOPIC #a :{number}",
                    )
                )
            )
        await self.alice.ask("JOIN #a")
        await bob.ask("JOIN #a")

    async def journal(self, *kinds: str) -> list[Stored]:
        return await self.house.store.history("#a", limit=10_000, kinds=kinds)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have everything read three events at a time."""
    monkeypatch.setattr(reading, "PIECE_EVENTS", 3)
    monkeypatch.setattr(history, "PIECE_EVENTS", 3)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("small_pieces")
async def test_every_page_is_what_the_journal_has_there(
    folder: Path, autojump_clock: MockClock, seed: int
) -> None:
    """IRCv3 chathistory, BEFORE to BETWEEN: excluding the reference, counted from the first one.

    Also for msgids of equal times, and for times that several messages have.
    """
    clock = [START_MS]
    events = seed % 2 == 1
    caps = f"{CAPS} draft/event-playback draft/channel-rename" if events else CAPS
    async with open_house(folder, now_ms=lambda: clock[0]) as house:
        alice = await house.login("alice", caps)
        talk = Talk(house, alice, clock)
        await talk.go_on(seed, 40)
        await alice.sync()
        everything = await talk.journal()
        shown = everything if events else await talk.journal("PRIVMSG", "NOTICE")
        rng = random.Random(seed)
        for _ in range(60):
            one, other = rng.choice(everything), rng.choice(everything)
            size = rng.choice((1, 2, 3, 7, 100))
            ref, is_before, is_after = reference(rng, one)
            ref2, is_before2, is_after2 = reference(rng, other)
            before = [item for item in shown if is_before(item)]
            after = [item for item in shown if is_after(item)]
            expected = {
                f"BEFORE #a {ref}": before[-size:],
                f"AFTER #a {ref}": after[:size],
                f"LATEST #a {ref}": after[-size:],
                "LATEST #a *": shown[-size:],
            }
            forwards = [item for item in shown if is_after(item) and is_before2(item)]
            backwards = [item for item in shown if is_before(item) and is_after2(item)]
            expected[f"BETWEEN #a {ref} {ref2}"] = forwards[:size] or backwards[-size:]
            for asked, wanted in expected.items():
                got = ids(await page(alice, f"CHATHISTORY {asked} {size}"))
                assert got == [item.event.msgid for item in wanted], (asked, size)
            around = ids(await page(alice, f"CHATHISTORY AROUND #a {ref} {size}"))
            rest = [item.event.msgid for item in shown if not is_before(item)]
            older = [item.event.msgid for item in before]
            assert len(around) == min(size, 3, len(shown))
            assert "\n".join(around) in "\n".join([*older, *rest])
            assert size == 1 or not rest or rest[0] in around


def reference(
    rng: random.Random, stored: Stored
) -> tuple[str, Callable[[Stored], bool], Callable[[Stored], bool]]:
    """Return a reference to an event, and what is before and after that."""
    if rng.random() < 0.5:
        at = stored.position
        return (
            f"msgid={stored.event.msgid}",
            lambda item: item.position < at,
            lambda item: item.position > at,
        )
    ms = stored.event.time_ms + rng.choice((0, 0, 1))
    text = f"timestamp={server_time(ms)}"
    return text, lambda item: item.event.time_ms < ms, lambda item: item.event.time_ms > ms


async def test_a_page_without_a_limit_never_passes_what_the_outbox_holds(
    folder: Path, autojump_clock: MockClock
) -> None:
    """An answer larger than the outbox goes out in pieces, to a client that reads slowly too."""
    changes = {"history_page_max": 0, "outbox_bytes_max": 40_000}
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice", CAPS)
        for start in range(0, 300, 50):
            lines = [f"PRIVMSG #lobby :{n} {'x' * 380}" for n in range(start, start + 50)]
            await alice.ask(*lines)
        slow = await house.login("bob", CAPS, capacity=2000)
        for command in ("LATEST #lobby *", "AFTER #lobby timestamp=2020-01-01T00:00:00.000Z"):
            got = await page(slow, f"CHATHISTORY {command} 100000")
            assert [message.params[1].split(" ")[0] for message in got] == [
                str(number) for number in range(300)
            ]


async def test_everybody_reads_the_lobby_from_the_first_day_on(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Nobody joins it: where channels are read from the join on, the account's beginning counts."""
    clock = [START_MS]
    changes = {"history_from": "joined"}
    async with open_house(folder, changes=changes, now_ms=lambda: clock[0]) as house:
        alice = await house.login("alice", CAPS)
        await alice.ask("PRIVMSG #lobby :before")
        clock[0] += 1
        hashed = await house.hasher.hash(password_of("zoe"))
        await Accounts(house.store, now_ms=lambda: clock[0]).add(NewAccount("zoe", hashed))
        await alice.ask("PRIVMSG #lobby :after")
        zoe = await house.login("zoe", CAPS)
        got = await page(zoe, "CHATHISTORY LATEST #lobby * 9")
        assert [message.params[1] for message in got] == ["after"]
        await alice.sync()
        got = await page(alice, "CHATHISTORY LATEST #lobby * 9")
        assert [message.params[1] for message in got] == ["before", "after"]
        (line,) = await alice.ask("HISTORY #lobby")
        assert line.endswith(":#lobby: History: members read from their last join on")


@pytest.mark.usefixtures("small_pieces")
async def test_an_answer_that_breaks_off_is_closed_and_said_to_be_broken(
    folder: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IRCv3 batch: every batch that was opened is closed; chathistory: MESSAGE_ERROR."""
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", CAPS)
        await alice.ask(*[f"PRIVMSG #lobby :{number}" for number in range(9)])
        read, reads = between.history, 0

        async def history(*what: Any, **where: Any) -> list[Stored]:
            nonlocal reads
            reads += 1
            if reads == 3:
                raise StoreUnavailable("no memory")
            return await read(*what, **where)

        monkeypatch.setattr(between, "history", history)
        asked = "CHATHISTORY AFTER #lobby timestamp=2020-01-01T00:00:00.000Z 9"
        lines = [parse(line) for line in await alice.ask(asked)]
        assert [line.command for line in lines] == ["BATCH", *["PRIVMSG"] * 6, "BATCH", "FAIL"]
        assert lines[-1].params[:3] == ("CHATHISTORY", "MESSAGE_ERROR", "AFTER")


async def test_a_join_of_the_past_looks_like_one(folder: Path, autojump_clock: MockClock) -> None:
    """IRCv3 extended-join: two parameters more; what the account's owner was called is not kept."""
    async with open_house(folder) as house:
        alice = await house.login("alice", f"{CAPS} draft/event-playback extended-join")
        await alice.ask("JOIN #a")
        (join,) = await page(alice, "CHATHISTORY LATEST #a * 9")
        assert (join.command, join.params) == ("JOIN", ("#a", "alice", "alice"))
