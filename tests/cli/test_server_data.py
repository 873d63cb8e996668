"""``securechat-server backup``, ``restore`` and ``check``: what they say, and how they end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from click.testing import Result
from rich.console import Console
from support.store_conformance import entries

from securechat.cli import server_data
from securechat.config import SETTINGS
from securechat.server.rooms.room import (
    CHANNEL_RECORD,
    INVITATION_RECORD,
    MEMBER_RECORD,
    Invitation,
    Member,
    Room,
    member_key,
)
from securechat.store.contract import Change
from securechat.store.credentials.accounts import Accounts, NewAccount
from securechat.store.database import FILE_NAME
from securechat.store.lock import sole_server
from securechat.store.runner import inline
from securechat.store.sqlite import open_store

Program = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for setting in SETTINGS.values():
        monkeypatch.delenv(setting.variable, raising=False)
    monkeypatch.delenv("SECURECHAT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    room = Room("#lobby", "#lobby", 1)

    async def make() -> None:
        async with open_store(folder, runner=inline) as store:
            await store.append(entries(range(7)))
            await Accounts(store, by="root").add(NewAccount("alice", "hash"))
            key = member_key(room.id, "alice")
            invitation = Invitation("alice", "1", "bob", 1, opens=True)
            await store.put(
                [
                    Change(CHANNEL_RECORD, room.id, room.to_value()),
                    Change(MEMBER_RECORD, key, Member("alice", "1", 1).to_value()),
                    Change(INVITATION_RECORD, key, invitation.to_value()),
                ]
            )

    trio.run(make)
    return folder


def test_there_and_back_again(run: Program, data: Path, tmp_path: Path) -> None:
    result = run("backup", "chat.db")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("Backed up to chat.db (")
    assert result.stderr.endswith(" kB).\n")
    result = run("restore", "chat.db")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("Restored chat.db to data. What was there before is data/secur")
    result = run("restore", "chat.db", "--data", "new")
    assert result.stderr == "Restored chat.db to new.\n"
    result = run("check")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "All is well: 7 events and 5 records in data.\n"


def test_a_large_copy_is_told_in_megabytes(run: Program, data: Path) -> None:
    with sqlite3.connect(data / FILE_NAME) as connection:
        connection.execute("UPDATE events SET text = ?", ("x" * 400_000,))
    connection.close()
    assert " MB)." in run("backup", "chat.db").stderr


def test_a_copy_is_replaced_only_by_force(run: Program, data: Path) -> None:
    run("backup", "chat.db")
    result = run("backup", "chat.db")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: chat.db exists already: name another file, or replace it with --force.\n"
    )
    assert run("backup", "chat.db", "--force").exit_code == 0


def test_restore_wants_the_server_stopped(run: Program, data: Path) -> None:
    run("backup", "chat.db")
    with sole_server(data):
        result = run("restore", "chat.db")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Another server is running on data: stop it")
    # The others do not.
    with sole_server(data):
        assert run("backup", "other.db").exit_code == 0
        assert run("check").exit_code == 0


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_wrong_usage(run: Program, data: Path, command: str) -> None:
    result = run(command)
    assert result.exit_code == 2
    assert f"FILE is missing: write 'main {command} FILE'." in result.stderr


@pytest.mark.parametrize("arguments", [("backup", "x"), ("check",)])
def test_no_data(run: Program, data: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "--data", "nowhere")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: There is no SecureChat data in nowhere: name its folder with --data.\n"
    )


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE events SET tags = '['", "The tags at position 1 cannot be read."),
        *(
            (
                f"UPDATE records SET value = '{{}}' WHERE kind = '{kind}'",
                f"The record {kind} ",
            )
            for kind in ("account", "audit", "channel", "member", "invitation")
        ),
    ],
)
def test_faults_are_the_output(run: Program, data: Path, statement: str, fault: str) -> None:
    with sqlite3.connect(data / FILE_NAME) as connection:
        connection.execute(statement)
    connection.close()
    result = run("check")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith(fault)
    assert result.stderr == (
        "Error: data is not as it should be: make a copy of it, then restore a backup.\n"
    )


def test_a_terminal_sees_how_far_it_is(
    run: Program, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Console(force_terminal=True, record=True, width=80)
    monkeypatch.setattr(server_data, "console", lambda stderr: screen)
    assert run("backup", "chat.db").exit_code == 0
    assert "Copying" in screen.export_text()
    assert run("check").exit_code == 0
    assert "Checking the search index" in screen.export_text()
