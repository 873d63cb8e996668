"""Masks of bans: how they are completed, compared and matched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol.banmasks import fits, is_mute, normal_mask, same_mask, split_extban

BOB = ("Bob!~bob@chat.example", "bob")


@pytest.mark.parametrize(
    ("given_mask", "whole"),
    [
        ("bob", "bob!*@*"),
        ("bob!x", "bob!x@*"),
        ("x@y", "*!x@y"),
        ("@y", "*!*@y"),
        ("!x", "*!x@*"),
        ("!@", "*!*@*"),
        ("bob!x@y", "bob!x@y"),
        ("*", "*!*@*"),
        ("*@2001:db8::1", "*!*@2001:db8::1"),
        ("a:Bob", "a:Bob"),
        ("ACCOUNT:b*", "ACCOUNT:b*"),
        ("m:bob", "m:bob!*@*"),
        ("mute:account:bob", "mute:account:bob"),
    ],
)
def test_what_is_left_out_is_filled_in(given_mask: str, whole: str) -> None:
    """Modern IRC Client Protocol, "Ban Channel Mode"; IRCv3 account-extban."""
    assert normal_mask(given_mask) == whole
    assert normal_mask(whole) == whole


@pytest.mark.parametrize(
    "bad", ["", "a b", ":x", "ü" * 101, "a:", "m:", "m:m:x", "mute:mute:x", "q:bob", "realname:x"]
)
def test_what_is_no_mask(bad: str) -> None:
    with pytest.raises(ValueError, match=r"^[A-Z]"):
        normal_mask(bad)


@given(st.text("abc!@*?:m ", max_size=12))
def test_a_completed_mask_stays_as_it_is(text: str) -> None:
    try:
        whole = normal_mask(text)
    except ValueError:
        return
    assert normal_mask(whole) == whole
    assert same_mask(whole, whole.upper())


@pytest.mark.parametrize(
    ("mask", "fitting"),
    [
        ("bob!*@*", True),
        ("BOB!*@CHAT.*", True),
        ("b?b!*@*", True),
        ("b?!*@*", False),
        ("*!bob@*", False),
        ("a:bob", True),
        ("account:B*", True),
        ("account:bobby", False),
        ("m:account:bob", True),
        ("mute:*!~bob@*", True),
        ("m:carol!*@*", False),
        ("[Bb]ob!*@*", False),
    ],
)
def test_whom_a_mask_means(mask: str, fitting: bool) -> None:
    """Account-extban: "Servers MUST support matching exact account names"."""
    assert fits(mask, *BOB) is fitting


def test_the_same_by_another_name() -> None:
    assert same_mask("a:Bob", "ACCOUNT:bob")
    assert same_mask("m:a:bob", "mute:account:BOB")
    assert not same_mask("a:bob", "m:a:bob")
    assert not same_mask("bob!*@*", "bob!*@x")
    assert (is_mute("m:x"), is_mute("mute:x"), is_mute("a:m"), is_mute("m")) == (
        True,
        True,
        False,
        False,
    )
    assert split_extban("x!y@a:b") == ("", "x!y@a:b")
