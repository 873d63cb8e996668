"""BATCH: what many lines cost, how they come out, and what an open batch can hold."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import trio
from support.house import House, Person, open_house
from trio.testing import MockClock

from securechat.protocol.message import Message, parse
from securechat.protocol.multiline import CONCAT_TAG, Piece

CAPS = "batch draft/multiline message-tags draft/chathistory"
PACED = {"messages_per_second": 1.0, "message_burst": 5}


def batch_of(
    pieces: Sequence[Piece], target: str = "#lobby", command: str = "PRIVMSG"
) -> list[str]:
    """Return what a client sends."""
    return [
        f"BATCH +1 draft/multiline {target}",
        *(
            f"@batch=1{f';{CONCAT_TAG}' if piece.goes_on else ''} {command} {target} :{piece.text}"
            for piece in pieces
        ),
        "BATCH -1",
    ]


def compositions(seed: int, count: int = 25) -> Iterator[list[Piece]]:
    """Yield messages that a client may send."""
    dice = random.Random(seed)
    words = ["", "", " ", "hello", "how is ", "ä" * 40, ":", "\x01ACTION waves\x01", "a;b\\ c"]
    for _ in range(count):
        pieces = [Piece(dice.choice(words)) for _ in range(dice.randint(1, 12))]
        pieces = [
            Piece(piece.text, bool(place and piece.text and dice.random() < 0.3))
            for place, piece in enumerate(pieces)
        ]
        if any(piece.text for piece in pieces):
            yield pieces


def composition(lines: Sequence[Message]) -> list[Piece]:
    """Return what a client has got: one message, or the batch of one."""
    if lines[0].command == "BATCH":
        lines = lines[1:-1]
    return [Piece(line.params[1], CONCAT_TAG in line.tags) for line in lines]


async def heard(person: Person) -> list[Message]:
    return [parse(line) for line in await person.sync()]


async def history(person: Person, target: str) -> list[Message]:
    lines = await person.ask(f"CHATHISTORY LATEST {target} * 1")
    return [parse(line) for line in lines]


@pytest.mark.parametrize("target", ["#lobby", "bob"])
@pytest.mark.parametrize("seed", range(3))
async def test_what_was_composed_comes_out_live_and_in_history(
    folder: Path, autojump_clock: MockClock, seed: int, target: str
) -> None:
    """multiline: the same lines, for who knows it; without blank ones for who does not."""
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        bob = await house.login("bob", CAPS)
        phone = await house.login("bob", "message-tags draft/chathistory")
        for person in (alice, bob, phone):
            await person.sync()
        for pieces in compositions(seed):
            assert await alice.ask(*batch_of(pieces, target)) == []
            visible = [piece.text for piece in pieces if piece.text]
            ids = []
            for lines in (await heard(bob), (await history(bob, _other(target)))[1:-1]):
                assert composition(lines) == pieces
                assert [line.tags.get("msgid") for line in lines[1:]] == [None] * (len(lines) - 1)
                ids.append(lines[0].tags["msgid"])
            for lines in (await heard(phone), await history(phone, _other(target))):
                assert [line.params for line in lines] == [(target, text) for text in visible]
                # message-ids: on the first message of a fallback alone.
                assert ["msgid" in line.tags for line in lines] == [
                    number == 0 for number in range(len(lines))
                ]
                ids.append(lines[0].tags["msgid"])
            assert len(set(ids)) == 1


def _other(target: str) -> str:
    return "alice" if target == "bob" else target


async def test_in_history_a_batch_is_within_the_batch(
    folder: Path, autojump_clock: MockClock
) -> None:
    """batch, "Nested batches": the inner one's start and end have the tag of the outer one."""
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        await alice.ask(*batch_of([Piece("one"), Piece("two")]), "PRIVMSG #lobby :three")
        start, begin, one, two, end, three, stop = await history_of(alice, 5)
        outer, inner = start.params[0][1:], begin.params[0][1:]
        assert begin.params == (f"+{inner}", "draft/multiline", "#lobby")
        assert end.params == (f"-{inner}",)
        assert [line.tags["batch"] for line in (begin, end, three)] == [outer] * 3
        assert [line.tags["batch"] for line in (one, two)] == [inner] * 2
        assert stop.params == (f"-{outer}",)


async def history_of(person: Person, count: int) -> list[Message]:
    return [parse(line) for line in await person.ask(f"CHATHISTORY LATEST #lobby * {count}")]


async def test_a_message_costs_by_its_size_and_not_by_its_lines(
    folder: Path, autojump_clock: MockClock
) -> None:
    """multiline: "clients might send an entire batched multiline message all at once"."""
    async with open_house(folder, changes=PACED) as house:
        alice = await house.login("alice", CAPS)
        await trio.sleep(60)
        start = trio.current_time()
        # One for the opening, two for twenty-nine lines; one for the PING.
        await alice.ask(*batch_of([Piece(str(number)) for number in range(29)]))
        assert trio.current_time() == start
        await trio.sleep(60)
        start = trio.current_time()
        # One, ten, and the PING; five of them at once.
        await alice.ask(*batch_of([Piece("x")] * 100))
        assert trio.current_time() - start == pytest.approx(7)
        await trio.sleep(60)
        start = trio.current_time()
        # 8280 bytes in 23 lines: one, four, and the PING.
        await alice.ask(*batch_of([Piece("x" * 360, place > 0) for place in range(23)]))
        assert trio.current_time() - start == pytest.approx(1)


async def test_what_fails_is_paid_for_too(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder, changes=PACED) as house:
        alice = await house.login("alice", CAPS)
        await trio.sleep(60)
        start = trio.current_time()
        lines = batch_of([Piece("x")] * 100)[:-1]
        await alice.send(*lines, "@batch=1 PRIVMSG #lobby :one too many")
        refusal = await alice.until("FAIL")
        assert "MULTILINE_MAX_LINES 100" in refusal[-1]
        # One, ten for those that were taken, and the last one.
        assert trio.current_time() - start >= 5
        # From now on each line is a line like any other.
        start = trio.current_time()
        await alice.ask(*["@batch=1 PRIVMSG #lobby :ignored"] * 10)
        assert trio.current_time() - start == pytest.approx(11)


async def test_the_limits_are_settings(folder: Path, autojump_clock: MockClock) -> None:
    """multiline, "Capabilities": the value says what holds."""
    changes = {"multiline_bytes_max": 512, "multiline_lines_max": 3}
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice", CAPS)
        (line,) = [line for line in await alice.ask("CAP LS 302") if "multiline" in line]
        assert " draft/multiline=max-bytes=512,max-lines=3" in line
        fail = ":securechat.internal FAIL BATCH"
        assert await alice.ask(*batch_of([Piece("a")] * 4)) == [
            f"{fail} MULTILINE_MAX_LINES 3 :Multiline batch max-lines exceeded"
        ]
        assert await alice.ask(*batch_of([Piece("a" * 256)] * 2)) == [
            f"{fail} MULTILINE_MAX_BYTES 512 :Multiline batch max-bytes exceeded"
        ]
        assert await alice.ask(*batch_of([Piece("a" * 256), Piece("a" * 255)])) == []


async def test_nothing_tears_a_message_apart(folder: Path, autojump_clock: MockClock) -> None:
    """What others say meanwhile comes before or behind it, for old clients above all."""
    async with open_house(folder) as house:
        people = [await house.login(name, "batch draft/multiline") for name in ("alice", "bob")]
        carol = await house.login("carol")
        async with trio.open_nursery() as nursery:
            for person in people:
                nursery.start_soon(_talk, person)
        texts = [line.partition(" :")[2] for line in await carol.sync()]
        said = iter(texts)
        count = 0
        for text in said:
            name, what = text.split(" ")
            if what == "1":
                assert [next(said), next(said)] == [f"{name} 2", f"{name} 3"]
                count += 1
            else:
                assert what == "alone"
        assert count == 2 * 20
        assert len(texts) == 2 * 20 * 4


async def _talk(person: Person) -> None:
    name = person.name
    for _ in range(20):
        pieces = [Piece(f"{name} 1"), Piece(f"{name} 2"), Piece(f"{name} 3")]
        await person.ask(*batch_of(pieces), f"PRIVMSG #lobby :{name} alone")


async def test_slow_mode_counts_a_message_once(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        await alice.ask("JOIN #garden", "SLOWMODE #garden 30")
        bob = await house.login("bob", CAPS)
        await bob.ask("JOIN #garden")
        pieces = [Piece("one"), Piece("two")]
        assert await bob.ask(*batch_of(pieces, "#garden")) == []
        (refusal,) = await bob.ask(*batch_of(pieces, "#garden"))
        assert "FAIL PRIVMSG SLOW_MODE #garden" in refusal


async def test_a_labeled_message_of_lines_and_its_other_answer(
    folder: Path, autojump_clock: MockClock
) -> None:
    """labeled-response: two answers are a batch, and the message is a batch within it."""
    async with open_house(folder) as house:
        alice = await house.login("alice", f"{CAPS} labeled-response echo-message")
        bob = await house.login("bob")
        await bob.ask("AWAY :out")
        await alice.sync()
        lines = batch_of([Piece("one"), Piece("two")], "bob")
        answers = [parse(line) for line in await alice.ask(f"@label=x {lines[0]}", *lines[1:])]
        assert [line.command for line in answers].count("BATCH") == 4
        assert answers[0].tags == {"label": "x"}
        outer = answers[0].params[0][1:]
        inner = [line for line in answers if line.params[-1] in {"one", "two"}]
        assert len({line.tags["batch"] for line in inner}) == 1
        others = [line for line in answers[1:-1] if line not in inner]
        assert {line.tags["batch"] for line in others} == {outer}


async def test_the_end_of_a_connection_forgets_its_batch(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        bob = await house.login("bob")
        await bob.sync()
        await alice.ask(*batch_of([Piece("one")])[:-1])
        await alice.send("QUIT")
        await alice.rest()
        assert [line for line in await bob.sync() if "PRIVMSG" in line] == []
        await trio.sleep(60)
        assert await stored_texts(house) == []


async def stored_texts(house: House) -> list[str]:
    found = await house.store.history("#lobby", limit=100, kinds=("PRIVMSG",))
    return [item.event.text for item in found]


async def test_without_a_deadline_a_batch_stays_open(
    folder: Path, autojump_clock: MockClock
) -> None:
    changes = {"multiline_seconds": 0.0, "drop_seconds": 0.0, "ping_seconds": 0.0}
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice", CAPS)
        lines = batch_of([Piece("one"), Piece("two")])
        await alice.ask(*lines[:-1])
        await trio.sleep(100)
        assert await alice.ask(lines[-1]) == []
        assert await stored_texts(house) == ["one\ntwo"]
