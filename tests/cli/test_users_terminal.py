"""``securechat-users`` on a terminal: what is asked, what is not shown, and what fits."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.users_program import (
    OTHER,
    PASSWORD,
    Terminal,
    Users,
    accepts,
    account,
    added,
)


def test_a_password_is_asked_for_twice_and_not_shown(
    terminal: Callable[..., Terminal], data: Path
) -> None:
    screen = terminal("--data", data, "--password-hash", "fast", "add", "alice")
    screen.expect("Password for alice: ")
    screen.type("too short")
    screen.expect("Repeat for confirmation: ")
    screen.type("too short")
    screen.expect("Error: The password is too short")
    screen.expect("Password for alice: ")
    screen.type(PASSWORD)
    screen.expect("Repeat for confirmation: ")
    screen.type(OTHER)
    screen.expect("do not match")
    screen.expect("Password for alice: ")
    screen.type(PASSWORD)
    screen.expect("Repeat for confirmation: ")
    screen.type(PASSWORD)
    assert screen.finish() == 0
    assert "Added alice." in screen.shown
    assert PASSWORD not in screen.shown
    assert accepts(data, "alice", PASSWORD)


def test_asking_again(users: Users, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("securechat.cli.users._can_ask", lambda: True)
    result = users("add", "alice", typed="short\nshort\n" + f"{PASSWORD}\n" * 2)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "Error: The password is too short" in result.stderr
    assert accepts(data, "alice", PASSWORD)
    assert users("remove", "alice", typed="n\n").exit_code == 1
    assert users("remove", "alice", typed="y\n").exit_code == 0


def test_removing_asks_first(terminal: Callable[..., Terminal], users: Users, data: Path) -> None:
    added(users, "alice")
    screen = terminal("--data", data, "remove", "alice")
    screen.expect("Remove the account alice? [y/N]: ")
    screen.type("n")
    assert screen.finish() == 1
    assert account(data, "alice") is not None
    screen = terminal("--data", data, "remove", "alice")
    screen.expect("[y/N]: ")
    screen.type("y")
    assert screen.finish() == 0
    assert account(data, "alice") is None


def test_the_list_on_a_terminal_is_a_table_within_80_columns(
    terminal: Callable[..., Terminal], users: Users, data: Path
) -> None:
    added(users, "a" * 32)
    screen = terminal("--data", data, "list", NO_COLOR="1")
    assert screen.finish() == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", screen.shown).splitlines()
    assert any("───" in line for line in lines)
    assert any(line.split()[:2] == ["a" * 32, "member"] for line in lines)
    assert max(map(len, lines)) <= 80


def test_importing_shows_a_bar(
    terminal: Callable[..., Terminal], data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    rows = [f"user{number},{PASSWORD}\n" for number in range(5)]
    file.write_text("name,password\n" + "".join(rows))
    screen = terminal("--data", data, "--password-hash", "fast", "import", file)
    assert screen.finish() == 0
    assert "Hashing passwords" in screen.shown
    assert "Added 5 accounts." in screen.shown
