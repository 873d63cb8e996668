"""``securechat-users``, used as operators use it."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner
from support.users_program import (
    OTHER,
    PASSWORD,
    Users,
    accepts,
    account,
    added,
    hash_of,
)

from securechat.cli.users import main
from securechat.store.credentials.accounts import Accounts
from securechat.store.sqlite import open_store


class TestAdd:
    def test_with_a_password_from_the_input(self, users: Users, data: Path) -> None:
        result = users("add", "Alice", "--password-stdin", typed=f"{PASSWORD}\nmore\n")
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "Added Alice.\n")
        assert accepts(data, "alice", PASSWORD)
        assert stat.S_IMODE(data.stat().st_mode) == 0o700

    @pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nnext line\n"])
    def test_only_the_first_line_counts(self, users: Users, data: Path, end: str) -> None:
        assert users("add", "al", "--password-stdin", typed=PASSWORD + end).exit_code == 0
        assert accepts(data, "al", PASSWORD)

    def test_with_a_generated_one(self, users: Users, data: Path) -> None:
        result = users("add", "bob", "--generate", "--admin")
        assert result.exit_code == 0
        assert result.stderr == "Added bob as an administrator.\nThe password, shown only now:\n"
        assert accepts(data, "bob", result.stdout.removesuffix("\n"))
        found = account(data, "bob")
        assert found is not None
        assert found.admin

    def test_a_name_that_is_taken(self, users: Users) -> None:
        added(users, "Alice")
        result = users("add", "alice", "--generate")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == (
            "Error: An account named Alice exists already: choose another name, or look at it "
            "with 'securechat-users show Alice'.\n"
        )

    @pytest.mark.parametrize("name", ["#lobby", "a", "9lives", "a b", "zoë", "x" * 33, "al!ce"])
    def test_a_name_with_wrong_characters(self, users: Users, data: Path, name: str) -> None:
        result = users("add", name, "--generate")
        assert result.exit_code == 1
        assert "use 2 to 32 letters (a-z), digits, - and _" in result.stderr
        assert not data.exists()

    def test_a_password_that_the_rules_refuse(self, users: Users, data: Path) -> None:
        result = users("add", "alice", "--password-stdin", typed="hunter2\n")
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: The password is too short")
        assert "hunter2" not in result.output
        assert account(data, "alice") is None

    def test_a_password_that_is_no_text(self, users: Users) -> None:
        result = users("add", "alice", "--password-stdin", typed=b"caf\xe9 and something more\n")
        assert result.exit_code == 1
        assert result.stderr == "Error: The password is not UTF-8 text: save it as UTF-8.\n"

    def test_without_a_terminal_to_ask_on(self, users: Users) -> None:
        result = users("add", "alice")
        assert result.exit_code == 2
        assert "use --password-stdin or --generate" in result.stderr

    def test_two_sources_of_a_password(self, users: Users) -> None:
        result = users("add", "alice", "--generate", "--password-stdin")
        assert result.exit_code == 2
        assert "not both" in result.stderr


class TestSettings:
    def test_the_fast_profile(
        self, users: Users, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECURECHAT_PASSWORD_HASH", "fast")
        added(users, "alice")
        assert hash_of(data, "alice").startswith("$argon2id$v=19$m=19456,t=2,p=1$")

    def test_an_unknown_profile(self, users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECURECHAT_PASSWORD_HASH", "none")
        result = users("list")
        assert result.exit_code == 2
        assert "SECURECHAT_PASSWORD_HASH" in result.stderr
        assert "'standard', 'fast'" in result.stderr

    def test_the_data_folder_from_the_environment(
        self, users: Users, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        added(users, "alice")
        monkeypatch.setenv("SECURECHAT_DATA", str(data))
        assert "alice" in CliRunner().invoke(main, ["list"]).stdout

    @pytest.mark.parametrize(
        "command", [["list"], ["show", "al"], ["passwd", "al", "--generate"], ["export"]]
    )
    def test_a_folder_that_is_not_there_is_not_made(
        self, users: Users, data: Path, command: list[str]
    ) -> None:
        result = users(*command)
        assert result.exit_code == 1
        expected = f"There is no SecureChat data in {data}: name its folder with --data."
        assert result.stderr == f"Error: {expected}\n"
        assert not data.exists()

    def test_a_folder_that_cannot_be_used(self, users: Users, data: Path) -> None:
        data.parent.joinpath("data").write_text("")
        assert users("list").exit_code == 2

    def test_the_version(self, users: Users) -> None:
        assert users("--version").stdout.startswith("securechat-users, version ")

    def test_help_names_every_command(self, users: Users) -> None:
        text = users("-h").stdout
        assert len(main.commands) == 14
        for command in main.commands:
            assert re.search(rf"^  {command} ", text, re.MULTILINE)
            assert users(command, "--help").exit_code == 0


class TestPasswd:
    def test_a_new_password(self, users: Users, data: Path) -> None:
        added(users, "Alice")
        result = users("passwd", "alice", "--password-stdin", typed=OTHER)
        assert (result.exit_code, result.stderr) == (0, "Alice has a new password.\n")
        assert accepts(data, "alice", OTHER)
        assert not accepts(data, "alice", PASSWORD)
        result = users("passwd", "alice", "--generate")
        assert accepts(data, "alice", result.stdout.strip())

    def test_an_account_that_is_not_there(self, users: Users) -> None:
        added(users, "alice")
        result = users("passwd", "bob", "--generate")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == (
            "Error: There is no account named bob: 'securechat-users list' shows those there are.\n"
        )

    def test_a_bad_password_changes_nothing(self, users: Users, data: Path) -> None:
        added(users, "alice")
        assert users("passwd", "alice", "--password-stdin", typed="alice").exit_code == 1
        assert accepts(data, "alice", PASSWORD)


class TestLooking:
    def test_list(self, users: Users) -> None:
        added(users, "bob")
        added(users, "Alice", "--admin")
        users("disable", "bob")
        lines = users("list").stdout.splitlines()
        assert re.fullmatch(r"Name   Role    State     Created     Last login", lines[0])
        assert re.fullmatch(r"Alice  admin   active    \d{4}-\d\d-\d\d  never", lines[1])
        assert re.fullmatch(r"bob    member  disabled  \d{4}-\d\d-\d\d  never", lines[2])
        assert all(len(line) <= 80 for line in lines)

    def test_list_of_none(self, users: Users, data: Path) -> None:
        data.mkdir()
        account(data, "nobody")
        result = users("list")
        assert (result.exit_code, result.stdout) == (0, "")
        assert "no accounts yet" in result.stderr
        assert json.loads(users("list", "--json").stdout) == []

    def test_json(self, users: Users) -> None:
        added(users, "Alice", "--admin")
        (listed,) = json.loads(users("list", "--json").stdout)
        assert listed == json.loads(users("show", "alice", "--json").stdout)
        assert listed["name"] == "Alice"
        assert listed["admin"] is True
        assert listed["disabled"] is False
        assert listed["last_login"] is None
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", listed["created"])
        assert "password_hash" not in listed

    def test_show(self, users: Users, data: Path) -> None:
        added(users, "alice")

        async def log_in() -> None:
            async with open_store(data) as store:
                accounts = Accounts(store, now_ms=lambda: 1_700_000_000_000)
                await accounts.note_login(await accounts.named("alice"))

        trio.run(log_in)
        shown = dict(
            re.split(r"\s{2,}", line) for line in users("show", "alice").stdout.splitlines()
        )
        assert shown["Name"] == "alice"
        assert shown["Role"] == "member"
        assert shown["State"] == "active"
        assert shown["Password hash"] == "argon2id m=8,t=1,p=1"
        assert shown["Last login"] == "2023-11-14 22:13:20 UTC"
        assert "2023-11-14" in users("list").stdout
        assert hash_of(data, "alice").rpartition("$")[2] not in users("show", "alice").stdout

    def test_show_of_nobody(self, users: Users) -> None:
        added(users, "alice")
        assert users("show", "bob").exit_code == 1
        assert "starting with a letter" in users("show", "#bob").stderr


class TestStates:
    def test_disable_and_enable(self, users: Users, data: Path) -> None:
        added(users, "Alice")
        before = account(data, "alice")
        assert users("disable", "alice").stderr == "Alice is disabled.\n"
        after = account(data, "alice")
        assert before is not None
        assert after is not None
        assert after.disabled
        assert after.credential != before.credential
        assert users("enable", "alice").stderr == "Alice is enabled.\n"
        assert users("enable", "bob").exit_code == 1

    def test_remove(self, users: Users, data: Path) -> None:
        added(users, "Alice")
        result = users("remove", "alice")
        assert result.exit_code == 2
        assert "--yes" in result.stderr
        result = users("remove", "alice", "--yes")
        assert (result.exit_code, result.stderr) == (0, "Removed Alice.\n")
        assert account(data, "alice") is None
        assert users("remove", "alice", "--yes").exit_code == 1


def test_it_works_while_a_server_has_the_data_open(users: Users, data: Path) -> None:
    async def serve() -> None:
        async with open_store(data) as store:
            added_now = trio.to_thread.run_sync
            await added_now(added, users, "alice")
            records, mark = await store.changed(0)
            assert [one.key for one in records if one.kind == "account"] == ["alice"]
            await added_now(users, "disable", "alice")
            (record, audit), mark = await store.changed(mark)
            assert (record.kind, audit.kind) == ("account", "audit")
            assert record.value is not None
            assert record.value["disabled"] is True
            await added_now(users, "remove", "alice", "--yes")
            records, _ = await store.changed(mark)
            assert ("account", None) in [(one.kind, one.value) for one in records]

    trio.run(serve)
