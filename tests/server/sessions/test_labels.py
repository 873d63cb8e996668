"""Labeled responses among what others cause: one order for all of it."""

from __future__ import annotations

from pathlib import Path

import trio
from hypothesis import given
from hypothesis import strategies as st
from support.house import open_house
from trio.testing import MockClock

from securechat.server.sessions.labels import in_order, labeled


def test_no_answer_comes_before_what_was_held_back() -> None:
    """Nothing was held back before an answer; what came all the same is behind the ACK."""
    lines = labeled("a", [], "server")
    assert in_order(lines, [], [b"x"]) == [b"@label=a :server ACK\r\n", b"x"]


def test_a_batch_starts_with_its_first_answer_and_ends_with_its_last() -> None:
    """labeled-response, "Batching": others' lines may stand inside, without the batch's tag."""
    lines = [":server BATCH +1 labeled-response", "one", "two", ":server BATCH -1"]
    assert in_order(lines, [1, 2], [b"a", b"b", b"c"]) == [
        b"a",
        b":server BATCH +1 labeled-response\r\n",
        b"one\r\n",
        b"b",
        b"two\r\n",
        b":server BATCH -1\r\n",
        b"c",
    ]


def test_where_not_all_can_be_sent_at_once_the_others_come_first() -> None:
    """Behind the beginning, whose order stays; so nothing of theirs waits behind an answer."""
    lines = [":server BATCH +1 labeled-response", *"12345", ":server BATCH -1"]
    others = [b"a", b"b", b"c"]
    pieces = in_order(lines, [0, 1, 1, 2, 2], others, exact=4)
    assert [piece.decode().strip()[-3:] for piece in pieces] == [
        "nse", "1", "a", "2", "b", "c", "3", "4", "5", " -1"
    ]  # fmt: skip


@given(st.lists(st.booleans(), max_size=20))
def test_everything_keeps_its_order(happened: list[bool]) -> None:
    """Each answer stands behind as much of the others' as when it was gathered."""
    places = [happened[:at].count(False) for at, own in enumerate(happened) if own]
    answers = [f"own {number}" for number in range(len(places))]
    others = [b"other %d" % number for number in range(happened.count(False))]
    pieces = in_order(labeled("a", answers, "server"), places, others)
    shown = [b"own" in piece for piece in pieces if b"own" in piece or b"other" in piece]
    assert shown == happened
    assert [piece for piece in pieces if piece.startswith(b"other")] == others


async def test_a_long_labeled_answer_lets_no_line_of_others_overtake_another(
    folder: Path, autojump_clock: MockClock
) -> None:
    """What was said while the command ran, and what is said while its answer waits for room."""
    changes = {
        "messages_per_second": 1000.0,
        "message_burst": 1000,
        "joins_per_second": 1.0,
        "join_burst": 10,
        "outbox_bytes_max": 16000,
    }
    caps = "batch labeled-response away-notify"
    async with open_house(folder, changes=changes) as house:
        bob = await house.login("bob")
        alice = await house.login("alice", caps, capacity=1000)
        await bob.ask(*[f"PRIVMSG alice :{'x' * 380}" for _ in range(25)])
        await alice.send("@label=L JOIN " + ",".join(f"#room{number}" for number in range(20)))
        for number in range(12):
            await trio.sleep(1)
            await bob.ask(f"AWAY :{number}")
        for number in range(12, 20):
            await bob.ask(f"AWAY :{number}")
        lines = await alice.sync()
        said = [line.partition(":bob!~bob@securechat.internal AWAY :") for line in lines]
        assert [int(text) for _, found, text in said if found] == list(range(20))
        start, end = (
            next(at for at, line in enumerate(lines) if f" BATCH {sign}" in line) for sign in "+-"
        )
        batch = lines[start].split(" BATCH +")[1].split()[0]
        answers = [at for at, line in enumerate(lines) if line.startswith(f"@batch={batch} ")]
        assert (min(answers), max(answers), len(answers)) == (start + 1, end - 1, 60)
