"""Names: spelling, folding, and the pairs of direct conversations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol.names import (
    ACCOUNT_LENGTH_MAX,
    CHANNEL_BYTES_MAX,
    RESERVED_NAMES,
    check_account_name,
    conversation_with,
    fold,
    is_channel,
    is_channel_name,
    partner_in,
)

account_names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{1,31}", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Dan", "dan"),
        ("DAN-_09", "dan-_09"),
        ("[]\\^{}|~", "[]\\^{}|~"),
        ("\u00c9TIENNE", "\u00c9tienne"),
        ("\u212aELVIN", "\u212aelvin"),
        ("\u0130", "\u0130"),
        ("", ""),
    ],
)
def test_only_a_to_z_fold(name: str, folded: str) -> None:
    """Modern IRC, "CASEMAPPING": ``ascii`` makes a to z of A to Z and touches nothing else."""
    assert fold(name) == folded


@given(st.text())
def test_folding_twice_is_folding_once_and_keeps_the_length(name: str) -> None:
    assert fold(fold(name)) == fold(name)
    assert len(fold(name)) == len(name)


@given(account_names)
def test_account_names(name: str) -> None:
    if fold(name) in RESERVED_NAMES:
        with pytest.raises(ValueError, match="reserved"):
            check_account_name(name)
    else:
        check_account_name(name)
        assert not is_channel(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "1a",
        "-a",
        "_a",
        "a" * (ACCOUNT_LENGTH_MAX + 1),
        "al ice",
        "alice\n",
        "alice!",
        "#alice",
        "al.ice",
        "al*ce",
        "\u00e9tienne",
        "al\u0131ce",
        "\u212aelvin",
        "alice\u0661",
    ],
)
def test_what_cannot_name_an_account(name: str) -> None:
    with pytest.raises(ValueError, match=r"use 2 to 32 letters \(a-z\), digits, - and _"):
        check_account_name(name)


@pytest.mark.parametrize("name", ["NickServ", "SERVER", "anonymous"])
def test_names_that_would_read_as_somebody_else(name: str) -> None:
    with pytest.raises(ValueError, match="reserved: choose another name"):
        check_account_name(name)


def test_the_longest_account_name() -> None:
    check_account_name("a" * ACCOUNT_LENGTH_MAX)


@pytest.mark.parametrize(
    "name",
    [
        "#a",
        "##",
        "#lobby",
        "#Caf\u00e9",
        "#a:b",
        "#" + "x" * (CHANNEL_BYTES_MAX - 1),
        "#" + "\u00e9" * 31,
        "#\U0001f469\u200d\U0001f680",
    ],
)
def test_channel_names(name: str) -> None:
    """Modern IRC, "Channels": nearly everything can be in a name."""
    assert is_channel_name(name)
    assert is_channel(name)
    assert len(name.encode()) <= CHANNEL_BYTES_MAX == 64


@pytest.mark.parametrize(
    "name",
    [
        "",
        "#",
        "lobby",
        "&lobby",
        " #lobby",
        "#a b",
        "#a,b",
        "#a\x07",
        "#a\0",
        "#a\r\n",
        "#a\x7f",
        "#a\x85",
        "#a\x9b31m",
        "#a\udcff",
        "#" + "x" * CHANNEL_BYTES_MAX,
        "#" + "\u00e9" * 32,
    ],
)
def test_what_cannot_name_a_channel(name: str) -> None:
    """Modern IRC, "Channels": no space, comma or BELL; no other control character here either.

    U+009B starts escape sequences in terminals. Half a surrogate pair comes from a command line
    that is not UTF-8.
    """
    assert not is_channel_name(name)


@given(account_names, account_names)
def test_a_conversation_is_one_from_both_sides(one: str, other: str) -> None:
    key = conversation_with(one, other)
    assert key == conversation_with(other.upper(), one.lower())
    assert partner_in(key, one) == fold(other)
    assert partner_in(key, other.swapcase()) == fold(one)


def test_a_conversation_with_oneself() -> None:
    key = conversation_with("Alice", "aLICE")
    assert key == "alice alice"
    assert partner_in(key, "alice") == "alice"


@pytest.mark.parametrize("key", ["#lobby", "", "bob carol", "alice bob carol", "alice"])
def test_a_stranger_has_no_partner(key: str) -> None:
    assert partner_in(key, "alice") is None
