"""Messages of several lines, as a text to keep and as what is gathered from a batch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol.framing import BadLine, Fault
from securechat.protocol.message import Message
from securechat.protocol.multiline import (
    CONCAT_TAG,
    Gathering,
    Limits,
    Piece,
    combined,
    fitted,
    is_multiline,
    joined,
    pieces_of,
)

ALICE = "alice!~alice@securechat.internal"

texts = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=40)
compositions = st.lists(st.tuples(texts, st.booleans()), min_size=1).map(
    lambda items: [
        Piece(text, goes_on and place > 0) for place, (text, goes_on) in enumerate(items)
    ]
)


@given(compositions)
def test_a_composition_is_kept_as_it_was(pieces: list[Piece]) -> None:
    """multiline: servers keep "the line composition sent by the client"."""
    assert pieces_of(joined(pieces)) == pieces


@given(compositions)
def test_the_combined_value_joins_lines_but_where_one_goes_on(pieces: list[Piece]) -> None:
    """multiline: "joined by a single line feed unless the draft/multiline-concat tag is sent"."""
    expected = pieces[0].text
    for piece in pieces[1:]:
        expected += piece.text if piece.goes_on else "\n" + piece.text
    assert combined(joined(pieces)) == expected


def test_one_line_is_not_several() -> None:
    assert not is_multiline("hello")
    assert is_multiline("hello\nyou")
    assert is_multiline("hello\ryou")


@given(
    st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"])), st.integers(4, 30)
)
def test_what_is_fitted_is_whole_and_has_no_piece_that_is_too_long(value: str, most: int) -> None:
    text = fitted(value, most)
    assert combined(text) == value
    assert all(len(piece.text.encode()) <= most for piece in pieces_of(text))
    # A piece that goes on is never blank: nobody may send that.
    assert all(piece.text for piece in pieces_of(text) if piece.goes_on)


def test_what_is_fitted_breaks_behind_a_space() -> None:
    """multiline, "Splitting long lines": the space stays at the end of the line."""
    assert pieces_of(fitted("how is everyone?", 8)) == [
        Piece("how is "),
        Piece("everyone", goes_on=True),
        Piece("?", goes_on=True),
    ]


def test_only_what_belongs_to_a_batch_is_expected() -> None:
    gathering = Gathering("a1", ALICE, Limits(100, 10))
    assert gathering.expects("@batch=a1 PRIVMSG #lobby :x")
    assert gathering.expects("@draft/multiline-concat;batch=a1 PRIVMSG #lobby :x")
    assert gathering.expects("batch -a1")
    assert not gathering.expects("@batch=a12 PRIVMSG #lobby :x")
    assert not gathering.expects("@label=x PRIVMSG #lobby :batch=a1")
    assert not gathering.expects("PRIVMSG #lobby :@batch=a1")
    assert not gathering.expects(BadLine(Fault.TOO_LONG))
    gathering.failed = True
    assert not gathering.expects("@batch=a1 PRIVMSG #lobby :x")


def _line(text: str, *, goes_on: bool = False) -> Message:
    tags = {"batch": "1"} | ({CONCAT_TAG: ""} if goes_on else {})
    return Message("PRIVMSG", ("#lobby", text), tags=tags)


def _gathering(bytes_max: int, lines_max: int) -> Gathering:
    return Gathering("1", ALICE, Limits(bytes_max, lines_max), target="#lobby")


def test_bytes_are_those_of_the_combined_value() -> None:
    """multiline: a line feed that joins two lines is one byte; none is added to the last line."""
    gathering = _gathering(8, 10)
    assert gathering.add(_line("äb")) is None  # 3
    assert gathering.add(_line("cd")) is None  # 1 + 2
    assert gathering.add(_line("ef", goes_on=True)) is None  # 2
    assert gathering.text == "äb\ncd\ref"
    refusal = gathering.add(_line("g", goes_on=True))
    assert refusal is not None
    assert refusal.params == ("BATCH", "MULTILINE_MAX_BYTES", "8")


def test_lines_that_go_on_count_as_lines() -> None:
    """multiline: "All lines contribute towards the max-lines limit"."""
    gathering = _gathering(100, 2)
    assert gathering.add(_line("")) is None
    assert gathering.finish() is not None
    assert gathering.add(_line("a")) is None
    assert gathering.finish() is None
    refusal = gathering.add(_line("b", goes_on=True))
    assert refusal is not None
    assert refusal.params == ("BATCH", "MULTILINE_MAX_LINES", "2")


@pytest.mark.parametrize("size", [510, 511])
def test_a_line_has_to_fit_when_it_is_relayed(size: int) -> None:
    room = size - len(f":{ALICE} PRIVMSG #lobby :")
    refusal = _gathering(1000, 10).add(_line("x" * room))
    assert (refusal is None) == (size <= 510)


def test_limits_are_announced() -> None:
    """multiline, "Capabilities": max-bytes is required, max-lines recommended."""
    assert Limits(16384, 100).value == "max-bytes=16384,max-lines=100"
