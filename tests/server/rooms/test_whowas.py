"""Whowas: bounded memory of who left."""

from __future__ import annotations

from securechat.server.rooms.room import User
from securechat.server.rooms.whowas import Whowas


def user(name: str) -> User:
    return User(name, name.lower(), "id", 0, f"~{name}", name.title(), "host", "", 0)


def test_the_latest_comes_first_and_the_oldest_gives_way() -> None:
    """Modern IRC Client Protocol, "WHOWAS message": searched backward."""
    memory = Whowas(entries_max=3)
    for now_ms, name in enumerate(("Ann", "Bob", "Ann", "Cy")):
        memory.remember(user(name), now_ms)
    assert [entry.left_ms for entry in memory.entries("aNN")] == [2]
    assert [entry.left_ms for entry in memory.entries("bob")] == [1]
    assert list(memory.entries("dan")) == []
    memory.remember(user("Ann"), 4)
    assert [entry.left_ms for entry in memory.entries("ann")] == [4, 2]
    assert list(memory.entries("bob")) == []
