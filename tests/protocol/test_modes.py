"""Channel modes: the table, reading and writing MODE, and what settings become."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol.modes import (
    CHANGES_MAX,
    CHANNEL_MODES,
    NEW_CHANNEL,
    ChannelModes,
    Kind,
    Listed,
    ModeChange,
    chanmodes,
    format_changes,
    letters,
    parse_changes,
)

WORDS = st.text("abcxyz*!@:0123456789", min_size=1, max_size=20).filter(lambda w: w[0] != ":")


@st.composite
def changes(draw: st.DrawFn) -> ModeChange:
    """Return a change that is well-formed."""
    mode = draw(st.sampled_from(CHANNEL_MODES))
    adding = draw(st.booleans())
    if mode.kind is Kind.FLAG or (mode.kind is Kind.LIMIT and not adding):
        return ModeChange(adding, mode.letter)
    if mode.kind is Kind.LIMIT:
        return ModeChange(adding, mode.letter, str(draw(st.integers(1, 999))))
    return ModeChange(adding, mode.letter, draw(WORDS))


def test_the_table_as_it_is_announced() -> None:
    """Modern IRC Client Protocol, "CHANMODES parameter"."""
    assert chanmodes() == "beI,k,l,imnst"
    assert letters(Kind.ROLE) == "ohv"


@pytest.mark.parametrize(
    ("words", "wanted", "unknown"),
    [
        ([], [], []),
        (["+"], [], []),
        (["nt"], [(True, "n", None), (True, "t", None)], []),
        (["+o-v", "a", "b"], [(True, "o", "a"), (False, "v", "b")], []),
        (["+l-l", "5", "6"], [(True, "l", "5"), (False, "l", None)], []),
        (["-k+k", "a", "b"], [(False, "k", "a"), (True, "k", "b")], []),
        (["-k"], [(False, "k", None)], []),
        (["bb", "m"], [(True, "b", "m"), (True, "b", None)], []),
        (["+xnyx"], [(True, "n", None)], ["x", "y"]),
        (["+n", "left", "over"], [(True, "n", None)], []),
    ],
)
def test_reading_mode_strings(
    words: list[str], wanted: list[tuple[bool, str, str | None]], unknown: list[str]
) -> None:
    """Modern IRC Client Protocol, "Channel mode": parameters by the type of each mode."""
    assert parse_changes(words) == ([ModeChange(*change) for change in wanted], unknown)


@given(st.lists(changes(), max_size=40), st.integers(60, 400))
def test_what_is_written_reads_back_and_fits(made: list[ModeChange], room: int) -> None:
    lines = format_changes(made, room)
    assert [change for line in lines for change in parse_changes(line.split(" "))[0]] == made
    for line in lines:
        assert len(line.encode()) <= room
        assert line.count(" ") <= CHANGES_MAX


@given(st.lists(changes(), max_size=30))
def test_settings_survive_their_record(made: list[ModeChange]) -> None:
    modes = NEW_CHANNEL
    for change in made:
        if change.kind is not Kind.ROLE:
            modes = modes.changed(change, "alice", 5)
    assert ChannelModes.from_value(modes.to_value()) == modes


def test_settings_step_by_step() -> None:
    """Each change gives new settings; the old ones stay as they are."""
    modes = ChannelModes()
    secret = modes.changed(ModeChange(True, "s"), "alice", 1)
    assert (modes.hidden, secret.hidden) == (False, True)
    assert secret.changed(ModeChange(False, "s"), "alice", 2) == modes
    limited = modes.changed(ModeChange(True, "l", "12"), "a", 1).changed(
        ModeChange(True, "k", "rose"), "a", 1
    )
    assert limited.words(key_shown=True) == ["+nkl", "rose", "12"]
    assert limited.words(key_shown=False) == ["+nkl", "*", "12"]
    assert limited.changed(ModeChange(False, "l"), "a", 1).limit == 0
    banned = modes.changed(ModeChange(True, "b", "bob!*@*"), "alice", 7)
    assert banned.entry("b", "BOB!*@*") == Listed("bob!*@*", "alice", 7)
    assert banned.changed(ModeChange(False, "b", "BOB!*@*"), "a", 8).listed("b") == ()
    assert banned.entry("e", "bob!*@*") is None
