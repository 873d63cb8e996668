"""``securechat-users`` for moderation: roles, suspensions and the audit log."""

from __future__ import annotations

import json
import os
import pwd
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.users_program import HASH, PASSWORD, Users

from securechat.cli import users_csv, users_data
from securechat.cli.users import main


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cheap_hashes: None) -> Users:
    # The cheap hashes of these tests may be imported too.
    monkeypatch.setattr(users_csv, "check_hash", lambda _hash: None)

    def run(*arguments: str, typed: str = "", code: int = 0, data: str = "data") -> Result:
        words = ["--data", str(tmp_path / data), *arguments]
        result = CliRunner().invoke(main, words, input=typed)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    run("add", "Alice", "--password-stdin", typed=PASSWORD)
    run("add", "mona", "--moderator", "--password-stdin", typed=PASSWORD)
    return run


def shown(users: Users, name: str) -> dict[str, object]:
    described: dict[str, object] = json.loads(users("show", name, "--json").stdout)
    return described


def test_roles(users: Users) -> None:
    assert [one["role"] for one in json.loads(users("list", "--json").stdout)] == [
        "member",
        "moderator",
    ]
    assert users("role", "alice", "moderator").stderr == "Alice is a moderator.\n"
    assert shown(users, "alice")["role"] == "moderator"
    assert users("role", "alice", "admin").stderr == "Alice is an admin.\n"
    assert shown(users, "alice")["admin"] is True
    assert users("role", "alice", "member").stderr == "Alice is a member.\n"
    assert "no account named bob" in users("role", "bob", "admin", code=1).stderr
    assert "admin" in users("role", "alice", "king", code=2).stderr
    both = users("add", "bob", "--admin", "--moderator", "--generate", code=2)
    assert "Use --admin or --moderator, not both." in both.stderr
    added = users("add", "bob", "--moderator", "--generate")
    assert added.stderr.startswith("Added bob as a moderator.\n")
    assert re.search(r"^mona +moderator +active", users("list").stdout, re.MULTILINE)


def test_a_suspension(users: Users) -> None:
    result = users("suspend", "alice", "2h", "--reason", "spam, and more")
    assert (result.stdout, result.stderr) == ("", "Alice is suspended for 2 hours.\n")
    described = shown(users, "alice")
    assert (described["state"], described["suspended"]) == ("suspended", True)
    assert described["suspension_reason"] == "spam, and more"
    assert described["suspended_by"] == users_data.operator()
    lines = users("show", "alice").stdout
    assert re.search(r"^State +suspended\n", lines, re.MULTILINE)
    assert re.search(r"^Until +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n", lines, re.MULTILINE)
    assert re.search(r"^Reason +spam, and more\n", lines, re.MULTILINE)
    assert re.search(r"^Alice +member +suspended", users("list").stdout, re.MULTILINE)
    assert users("unsuspend", "alice").stderr == "Alice is not suspended.\n"
    assert shown(users, "alice")["state"] == "active"
    assert users("suspend", "alice").stderr == "Alice is suspended until you lift it.\n"
    assert re.search(r"^Until +further notice\n", users("show", "alice").stdout, re.MULTILINE)
    users("disable", "alice")
    assert shown(users, "alice")["state"] == "disabled"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("suspend", "bob"), 1, "There is no account named bob: 'securechat-users list' shows"),
        (("unsuspend", "bob"), 1, "There is no account named bob: 'securechat-users list' shows"),
        (("suspend", "alice", "2x"), 2, "'2x' is no duration: a duration is a number and"),
        (("suspend", "alice", "0"), 2, "'0' is no duration"),
        (("suspend", "alice", "--reason", "x" * 201), 2, "at most 200 bytes"),
        (("suspend", "alice", "--reason", "two\nlines"), 2, "one line"),
        (("audit", "--since", "noon"), 2, "'noon' is no time: write 2026-11-22"),
        (("audit", "--limit", "0"), 2, "--limit"),
        (("audit", "--limit"), 2, "--limit needs a value: write --limit NUMBER."),
        (("role", "alice"), 2, "write 'main role NAME {admin|moderator|member}'."),
        (("suspend",), 2, "NAME is missing: write 'main suspend NAME'."),
    ],
)
def test_mistakes(users: Users, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    result = users(*arguments, code=code)
    assert sentence in " ".join(result.stderr.split())
    assert shown(users, "alice")["state"] == "active"


def test_the_audit_log(users: Users) -> None:
    users("suspend", "alice", "1d", "--reason", "spam")
    users("remove", "alice", "--yes")
    by = users_data.operator()
    entries = json.loads(users("audit", "--json").stdout)
    assert [(one["act"], one["target"], one["detail"]) for one in entries] == [
        ("add account", "Alice", "member"),
        ("add account", "mona", "moderator"),
        ("suspend", "Alice", ""),
        ("remove account", "Alice", ""),
    ]
    assert {one["by"] for one in entries} == {by}
    assert (entries[2]["reason"], entries[0]["until"]) == ("spam", None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entries[2]["until"])
    latest = users("audit", "--json", "--limit", "2")
    assert json.loads(latest.stdout) == entries[2:]
    assert latest.stderr == "There are earlier entries than these 2: --limit shows more.\n"
    lines = users("audit", "--limit", "1").stdout.splitlines()
    assert lines[0].split() == ["Time", "By", "Act", "Whom", "Where", "What", "Until", "Reason"]
    assert re.match(rf"\S+ \S+ UTC +{by} +remove account +Alice", lines[1])
    for since in ("1h", "2001-02-03", "2001-02-03T04:05:06Z", "2001-02-03T04:05:06+01:00"):
        assert json.loads(users("audit", "--json", "--since", since).stdout) == entries
    later = users("audit", "--since", "2999-01-01")
    assert (later.stdout, later.stderr) == ("", "The audit log has nothing to show.\n")


def test_roles_and_suspensions_are_exported_and_imported(users: Users) -> None:
    users("suspend", "alice", "1d")
    exported = users("export").stdout
    assert users("import", "-", typed=exported, data="other").stderr == "Added 2 accounts.\n"
    assert users("export", data="other").stdout == exported
    users("suspend", "alice")
    assert ",member,no,yes\n" in users("export").stdout
    users("unsuspend", "alice")
    assert ",member,no,no\n" in users("export").stdout


def test_columns_of_an_import(users: Users) -> None:
    heading = "name,password_hash,admin,role,suspended\n"
    rows = [
        f'bob,"{HASH}",yes,,',
        f'carol,"{HASH}",,Moderator,YES',
        f'dave,"{HASH}",yes,admin,2999-01-01',
    ]
    users("import", "-", typed=heading + "\n".join(rows))
    found = {one["name"]: one for one in json.loads(users("list", "--json").stdout)}
    assert [found[name]["role"] for name in ("bob", "carol", "dave")] == [
        "admin",
        "moderator",
        "admin",
    ]
    assert (found["bob"]["suspended"], found["carol"]["suspended"]) == (False, True)
    assert found["dave"]["suspended_until"] == "2999-01-01T00:00:00Z"
    wrong = [
        f'erin,"{HASH}",,king,',
        f'fred,"{HASH}",no,admin,',
        f'gina,"{HASH}",,,soon',
    ]
    lines = users("import", "-", typed=heading + "\n".join(wrong), code=1).stderr.splitlines()
    assert lines[1:] == [
        "line 2: The column role takes admin, moderator or member only.",
        "line 3: The columns role and admin contradict each other.",
        "line 4: The column suspended takes no, yes, or a time such as 2026-11-22T20:26:00Z.",
    ]


def test_a_person_of_the_machine_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_user_id: int) -> object:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert users_data.operator() == f"securechat-users:{os.getuid()}"
