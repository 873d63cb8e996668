"""What may be a key and a value of metadata (metadata, "Keys and Values")."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol.message import parse
from securechat.protocol.metadata import (
    CAPABILITY_VALUE,
    KEY_BYTES_MAX,
    VALUE_BYTES_MAX,
    is_key,
    is_value,
    metadata_line,
)


@pytest.mark.parametrize("key", ["a", "display-name", "soju.im/x_1", "0", "k" * KEY_BYTES_MAX])
def test_keys(key: str) -> None:
    assert is_key(key)


@pytest.mark.parametrize(
    "key", ["", "A", "a b", "$url$", "ä", "a\n", "*", ":a", "k" * (KEY_BYTES_MAX + 1), "\u0661"]
)
def test_no_keys(key: str) -> None:
    assert not is_key(key)


@pytest.mark.parametrize("value", ["", " ", "Zoë 🌹", ":x", "v" * VALUE_BYTES_MAX, "a\u200db"])
def test_values(value: str) -> None:
    """Any text, and the empty one, is a value; a family of emoji is joined by U+200D."""
    assert is_value(value)


@pytest.mark.parametrize(
    "value",
    [
        "a\nb",
        "a\rb",
        "a\0b",
        "a\tb",
        "\x1b[2J",
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "\u202eecila",
        "\u2066x",
        "\ud800",
        "v" * (VALUE_BYTES_MAX + 1),
        "é" * (VALUE_BYTES_MAX // 2 + 1),
    ],
)
def test_no_values(value: str) -> None:
    """What breaks a line, drives a terminal, or lets one name read as another."""
    assert not is_value(value)


@given(st.text(max_size=80).filter(is_value))
def test_a_value_comes_back_as_it_was(value: str) -> None:
    message = parse(metadata_line("irc.example", "alice", "status", value))
    assert message.command == "METADATA"
    assert list(message.params) == ["alice", "status", "*", value]


def test_no_value_is_not_an_empty_one() -> None:
    line = metadata_line("irc.example", "alice", "status", None)
    assert line == ":irc.example METADATA alice status *"


def test_the_longest_line_is_whole() -> None:
    """With the longest names of people, channels and servers, and the longest key and value."""
    host, name, channel = "h" * 63, "a" * 32, f"#{'c' * 63}"
    key, value = "k" * KEY_BYTES_MAX, "v" * VALUE_BYTES_MAX
    source = f"{name}!~{'u' * 17}@{host}"
    assert len(metadata_line(source, channel, key, value)) <= 510
    assert len(f":{host} 761 {name} {channel} {key} * :{value}") <= 510


def test_the_capability_tells_the_limits() -> None:
    assert CAPABILITY_VALUE == "max-subs=100,max-keys=50,max-value-bytes=256"
