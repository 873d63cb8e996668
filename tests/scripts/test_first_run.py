"""What `make run` makes before the server starts, as a person and as a service meets it."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "first_run.py"
USERS = Path(sys.executable).with_name("securechat-users")

if not SCRIPT.exists():
    pytest.skip("scripts/ is not in a wheel", allow_module_level=True)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start in an empty folder, with cheap hashes and a login name of our own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECURECHAT_PASSWORD_HASH", "fast")
    monkeypatch.setenv("LOGNAME", "alice")


def first_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def on_terminal(*dialogue: tuple[str, str]) -> tuple[int, str]:
    """Run it on a terminal: wait for each prompt, type its answer; return status and what it shows.

    Nothing can be typed ahead, because asking for a password discards what was.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, SCRIPT], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = ""
    for prompt, answer in dialogue:
        start = len(shown)
        while prompt not in shown[start:]:
            shown += read_some(ours)
        os.write(ours, answer.encode() + b"\n")
    while chunk := read_some(ours):
        shown += chunk
    os.close(ours)
    return process.wait(timeout=60), shown


def read_some(terminal: int) -> str:
    """Return what the terminal shows next; nothing at the end."""
    ready, _, _ = select.select([terminal], [], [], 60)
    assert ready, "it shows nothing more and does not end"
    try:
        return os.read(terminal, 4096).decode()
    except OSError:
        return ""  # Linux's way of saying that the other side of a terminal is closed


def accounts(data: str = "data") -> list[tuple[str, bool]]:
    command: list[str | Path] = [USERS, "--data", data, "list", "--json"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [(account["name"], account["admin"]) for account in json.loads(listed.stdout)]


def test_a_service_gets_certificates_and_an_administrator() -> None:
    result = first_run()
    assert result.returncode == 0, result.stderr
    assert Path("certs/server.pem").exists()
    assert Path("certs/ca.pem").exists()
    assert "Made certs/server.pem" in result.stderr
    assert accounts() == [("admin", True)]
    password = result.stdout.strip()
    assert len(password) >= 15
    assert password not in result.stderr


def test_a_second_run_changes_nothing_and_says_nothing() -> None:
    assert first_run().returncode == 0
    before = Path("certs/server.pem").read_bytes()
    again = first_run()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert Path("certs/server.pem").read_bytes() == before
    assert accounts() == [("admin", True)]


def test_it_looks_where_the_server_will() -> None:
    result = first_run("--data", "there", "--cert", "own/server.pem", "--key", "own/server.key")
    assert result.returncode == 0, result.stderr
    assert Path("own/server.pem").exists()
    assert accounts("there") == [("admin", True)]
    assert not Path("data").exists()
    assert not Path("certs").exists()


def test_certificates_of_the_operators_own_are_left_alone() -> None:
    result = first_run("--cert", "fullchain.pem", "--key", "privkey.pem")
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["data"]


@pytest.mark.parametrize("argument", ["--print-config", "--help", "announce"])
def test_nothing_is_made_where_no_server_will_start(argument: str) -> None:
    result = first_run(argument)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert list(Path().iterdir()) == []


def test_a_wrong_setting_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECURECHAT_PROT", "1")
    result = first_run()
    assert result.returncode == 1
    assert result.stderr == (
        "Error: SECURECHAT_PROT is not a setting; the nearest is SECURECHAT_PORT.\n"
    )


def test_a_person_chooses_the_name_and_gets_a_password() -> None:
    status, shown = on_terminal(("alice]", "no good"), ("alice]", "bob"), ("[Y/n]", ""))
    assert status == 0, shown
    assert "Its name [alice]" in shown
    assert "'no good' cannot be an account's name" in shown
    assert "The password, shown only now:" in shown
    assert accounts() == [("bob", True)]


def test_a_person_may_take_the_login_name_and_think_up_a_password() -> None:
    status, shown = on_terminal(
        ("Its name", ""),
        ("[Y/n]", "n"),
        ("Password for alice", "short"),
        ("Repeat", "short"),
        ("Password for alice", "four words in a row"),
        ("Repeat", "four words in a row"),
    )
    assert status == 0, shown
    assert "four words" not in shown
    assert accounts() == [("alice", True)]


def test_a_login_name_that_cannot_name_an_account_is_not_proposed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOGNAME", "Jörg")
    status, shown = on_terminal(("Its name", ""), ("[Y/n]", ""))
    assert status == 0, shown
    assert "Its name [admin]" in shown
