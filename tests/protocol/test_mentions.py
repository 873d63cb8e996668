"""Whether a text names an account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol.mentions import mentions


@pytest.mark.parametrize(
    "text",
    [
        "alice",
        "Alice: are you there?",
        "hello ALICE!",
        "(@alice)",
        "I saw alice's cat",
        "alice, bob",
        "- alice -",
        "well -alice- then",
        "alice-",
        "first line\nalice",
        "\x02alice\x02",
        "malice towards alice",
    ],
)
def test_named(text: str) -> None:
    assert mentions(text, "Alice")


@pytest.mark.parametrize(
    "text",
    ["", "malice", "alice2", "alice_", "_alice", "alice-jane", "jane-alice", "élalice", "al ice"],
)
def test_not_named(text: str) -> None:
    """A part of another account's name, or of another word, names nobody."""
    assert not mentions(text, "alice")


@given(st.text(), st.text())
def test_what_stands_apart_counts(before: str, after: str) -> None:
    assert mentions(f"{before} al-1 {after}", "al-1")
