"""``securechat-users import`` and ``export``: many accounts as CSV."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
from pathlib import Path

import pytest
from support.users_program import (
    HASH,
    OTHER,
    PASSWORD,
    Users,
    accepts,
    added,
)


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
