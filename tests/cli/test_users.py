"""``securechat-users``, used as operators use it."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import select
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import argon2
import pytest
import trio
from click.testing import CliRunner, Result

from securechat.cli.users import main
from securechat.store.credentials.accounts import Account, Accounts
from securechat.store.credentials.passwords import PROFILES, Profile
from securechat.store.sqlite import open_store

PASSWORD = "my cat sits on the mat"
OTHER = "the dog sits there too"
#: A hash of the fast profile, of no password that anybody knows.
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo"

Users = Callable[..., Result]


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILES, "standard", Profile("standard", 1, 8, 1))
    monkeypatch.delenv("SECURECHAT_DATA", raising=False)
    monkeypatch.delenv("SECURECHAT_PASSWORD_HASH", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def users(data: Path) -> Users:
    """Run the program on a data folder; the result has ``exit_code``, ``stdout``, ``stderr``."""

    def run(*arguments: object, typed: str | bytes = "") -> Result:
        words = ["--data", str(data), *map(str, arguments)]
        result = CliRunner().invoke(main, words, input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def added(users: Users, name: str, *options: str) -> None:
    result = users("add", name, "--password-stdin", *options, typed=f"{PASSWORD}\n")
    assert result.exit_code == 0, result.stderr


def account(data: Path, name: str) -> Account | None:
    async def read() -> Account | None:
        async with open_store(data) as store:
            return await Accounts(store).get(name)

    return trio.run(read)


def hash_of(data: Path, name: str) -> str:
    found = account(data, name)
    assert found is not None
    return found.password_hash


def accepts(data: Path, name: str, password: str) -> bool:
    try:
        return argon2.PasswordHasher().verify(hash_of(data, name), password)
    except argon2.exceptions.VerifyMismatchError:
        return False


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


class TestImport:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "people.csv"

    def test_people(self, users: Users, data: Path, file: Path) -> None:
        file.write_text(
            "name,password,admin\n"
            f"alice,{PASSWORD},yes\n"
            f'bob,"{OTHER}, really",\n'
            "\n"
            f"carol,{OTHER},FALSE\n"
        )
        result = users("import", file)
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == "Added 3 accounts.\n"
        assert accepts(data, "bob", f"{OTHER}, really")
        admins = [one["name"] for one in json.loads(users("list", "--json").stdout) if one["admin"]]
        assert admins == ["alice"]

    def test_from_the_input_as_a_spreadsheet_writes_it(self, users: Users, data: Path) -> None:
        text = f"\ufeffName,Password\r\nzoe,{PASSWORD}\r\n"
        assert users("import", "-", typed=text).stderr == "Added 1 account.\n"
        assert accepts(data, "zoe", PASSWORD)

    def test_every_mistake_is_listed_and_nothing_stored(
        self, users: Users, data: Path, file: Path
    ) -> None:
        added(users, "alice")
        file.write_text(
            "name,password,password_hash,admin,disabled\n"
            f"good,{PASSWORD},,no,\n"
            f"alice,{PASSWORD},,no,\n"
            f"Good,{PASSWORD},,no,\n"
            "9x,hunter2,,no,\n"
            "dave,,,no,\n"
            f'erin,{PASSWORD},"{HASH}",no,\n'
            "frank,,$2b$12$abcdefghijkl,no,\n"
            f"gina,{PASSWORD},,perhaps,\n"
            f"hugo,{PASSWORD},,no,no,and more\n"
        )
        result = users("import", file)
        assert result.exit_code == 1
        lines = result.stderr.splitlines()
        assert lines[0] == "Error: Nothing was imported."
        expected = [
            "line 3: An account named alice exists already: leave out its line.",
            "line 4: The name Good is on line 2 already.",
            "line 5: '9x' cannot be an account's name",
            "line 5: The password is too short",
            "line 6: Exactly one of password and password_hash must be filled in.",
            "line 7: Exactly one of password and password_hash must be filled in.",
            "line 8: The password_hash cannot be taken: this is not an argon2id hash.",
            "line 9: The column admin takes yes or no only.",
            "line 10: There are more cells than columns.",
        ]
        assert len(lines) == 1 + len(expected)
        for line, beginning in zip(lines[1:], expected, strict=True):
            assert line.startswith(beginning)
        assert "hunter2" not in result.output
        assert [one["name"] for one in json.loads(users("list", "--json").stdout)] == ["alice"]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "alice,my cat sits on the mat\n",
            "name\nalice\n",
            "password\nx\n",
            "name,name,password\n",
            "name;password\nalice;x\n",
            "name,pasword\n",
        ],
    )
    def test_a_wrong_heading(self, users: Users, file: Path, text: str) -> None:
        file.write_text(text)
        result = users("import", file)
        assert result.exit_code == 1
        assert "first line must name the columns" in result.stderr
        assert "cat" not in result.stderr

    def test_what_is_no_csv(self, users: Users, file: Path) -> None:
        file.write_text(f'name,password\nalice,"{PASSWORD}\n')
        assert re.match(r"Error: Line \d is not CSV: ", users("import", file).stderr)
        file.write_bytes(b"name,password\nzo\xeb,x\n")
        assert "is not UTF-8 text" in users("import", file).stderr
        file.unlink()
        result = users("import", file)
        assert (result.exit_code, "No such file" in result.stderr) == (1, True)

    def test_an_empty_list(self, users: Users, file: Path) -> None:
        file.write_text("name,password\n")
        assert users("import", file).stderr == "Added 0 accounts.\n"


class TestExport:
    def test_it_can_be_imported_elsewhere(self, users: Users, data: Path, tmp_path: Path) -> None:
        users(
            "--password-hash", "fast", "add", "Alice", "--password-stdin", "--admin", typed=PASSWORD
        )
        users("import", "-", typed=f'name,password_hash,disabled\nbob,"{HASH}",yes\n')
        file = tmp_path / "out.csv"
        result = users("export", file)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert users("export").stdout == file.read_text()
        rows = list(csv.DictReader(io.StringIO(file.read_text())))
        columns = ["name", "password_hash", "role", "disabled", "suspended"]
        assert [list(row) for row in rows] == [columns] * 2
        other = tmp_path / "other"
        result = users("--data", other, "import", file)
        assert result.stderr == "Added 2 accounts.\n"
        assert accepts(other, "alice", PASSWORD)
        assert users("--data", other, "export").stdout == file.read_text()

    def test_a_file_that_is_there_is_left_alone(self, users: Users, tmp_path: Path) -> None:
        added(users, "alice")
        file = tmp_path / "out.csv"
        file.write_text("mine")
        result = users("export", file)
        assert (result.exit_code, file.read_text()) == (1, "mine")
        assert "exists already" in result.stderr


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


# --- on a terminal ----------------------------------------------------------------------------


class Terminal:
    """The program on a pseudo-terminal, 80 columns wide."""

    def __init__(self, *arguments: object, **environment: str) -> None:
        ours, theirs = pty.openpty()
        self._fd = ours
        self.shown = self._unread = ""
        program = "import sys; from securechat.cli.users import main; main()"
        self._child = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "80"} | environment,
        )
        os.close(theirs)

    def expect(self, text: str) -> None:
        """Read on until the program has shown a text after the one expected last."""
        while text not in self._unread:
            ready, _, _ = select.select([self._fd], [], [], 20)
            assert ready, f"{text!r} was not shown, only {self._unread!r}"
            self._read()
        self._unread = self._unread.partition(text)[2]

    def _read(self) -> bool:
        """Read what there is; say whether the program still has the terminal."""
        try:
            chunk = os.read(self._fd, 4096).decode()
        except OSError:  # Linux says so when the other side is closed
            chunk = ""
        self.shown += chunk
        self._unread += chunk
        return bool(chunk)

    def type(self, line: str) -> None:
        os.write(self._fd, f"{line}\n".encode())

    def finish(self) -> int:
        """Read everything else and return the exit status."""
        while self._read():
            pass
        return self._child.wait(20)

    def close(self) -> None:
        os.close(self._fd)
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait(20)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: object, **environment: Any) -> Terminal:
        opened.append(Terminal(*arguments, **environment))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


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
