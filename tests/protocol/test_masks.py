"""Masks: what matches what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol.masks import is_mask, matches


@pytest.mark.parametrize(
    ("mask", "text", "expected"),
    [
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a*c", "ac", True),
        ("a*c", "abcbc", True),
        ("a*c", "acb", False),
        ("*", "", True),
        ("A*", "alice", True),
        ("[ab]", "a", False),
        ("[ab]", "[AB]", True),
        ("a\\*", "a*", True),
        ("a\\*", "ab", False),
        ("\\?", "?", True),
        ("\\?", "x", False),
        ("a\\b", "a\\b", True),
        ("\u00c4*", "\u00e4", False),
        ("x*", "x\n", True),
    ],
)
def test_what_a_mask_matches(mask: str, text: str, *, expected: bool) -> None:
    """Modern IRC Client Protocol, "Wildcard Expressions"; case mapping ascii."""
    assert matches(mask, text) is expected


@given(st.text())
def test_without_wildcards_a_text_matches_itself(text: str) -> None:
    if not is_mask(text):
        assert matches(text, text)
    assert matches("*", text)


def test_many_wildcards_take_no_time() -> None:
    """A mask is a stranger's: its cost is bounded."""
    assert not matches("*a" * 100 + "b", "a" * 400)
