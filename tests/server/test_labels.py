"""Labeled responses among what others cause: one order for all of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from securechat.server.labels import in_order, labeled


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
