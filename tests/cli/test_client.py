"""``securechat-client``: arguments, exit status, pipes, and the prompt on a real terminal (pty)."""

from __future__ import annotations

import getpass
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from support.client_program import PASSWORD, PROGRAM, Person, Served, run

from securechat.cli import client_entry, client_work
from securechat.cli.client import main
from securechat.cli.client_entry import Entry
from securechat.cli.client_place import Address, parse_address
from securechat.client.lineclient.stdio import StdStreams
from securechat.errors import UserError


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path) as running:
        yield running


# --- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("chat.example", Address("", "chat.example", 6697)),
        ("alice@chat.example", Address("alice", "chat.example", 6697)),
        ("alice@chat.example:7000", Address("alice", "chat.example", 7000)),
        ("[::1]", Address("", "::1", 6697)),
        ("alice@[fe80::1]:1", Address("alice", "fe80::1", 1)),
        ("10.0.0.1:65535", Address("", "10.0.0.1", 65535)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "names no host"),
        ("alice@", "names no host"),
        ("alice@:6697", "names no host"),
        ("@host", "no account before the @"),
        ("::1", "in brackets"),
        ("alice@fe80::1", "in brackets, as [fe80::1]"),
        ("[::1", "[ADDRESS]:PORT"),
        ("[::1]x", "[ADDRESS]:PORT"),
        ("host:", "the port is a number"),
        ("[::1]:", "the port is a number"),
        ("host:0", "the port is a number"),
        ("host:65536", "the port is a number"),
        ("host:irc", "the port is a number"),
        ("host:٣", "the port is a number"),
    ],
)
def test_what_is_no_address(text: str, sentence: str) -> None:
    with pytest.raises(click.BadParameter) as refused:
        parse_address(text)
    assert sentence in refused.value.message
    assert CliRunner().invoke(main, [text]).exit_code == 2


@pytest.mark.parametrize("name", ["a,b", "#a b", "#", "x" * 64])
def test_what_is_no_channel(name: str) -> None:
    result = CliRunner().invoke(main, ["host", "--channel", name])
    assert result.exit_code == 2
    assert "cannot be a channel's name" in result.stderr


def test_wrong_usage(tmp_path: Path, secret: Path) -> None:
    result = run("alice@h", "--password-stdin", "--password-file", str(secret))
    assert (result.returncode, "exclude each other" in result.stderr) == (2, True)
    result = run("alice@h", "--password-file", str(tmp_path / "missing"))
    assert (result.returncode, "does not exist" in result.stderr) == (2, True)
    result = run("alice@h")
    assert result.returncode == 2
    assert "There is no terminal to ask for the password on" in result.stderr


def test_the_login_name_is_the_account_unless_given(
    monkeypatch: pytest.MonkeyPatch, secret: Path
) -> None:
    accounts: list[str] = []

    async def chat(entry: Entry, *rest: object, **more: object) -> bool:
        accounts.append(entry.place.account)
        return True

    monkeypatch.setattr(Entry, "run", chat)
    monkeypatch.setattr(getpass, "getuser", lambda: "robin")
    runner = CliRunner()
    assert runner.invoke(main, ["h", "--password-file", str(secret)]).exit_code == 0

    def nobody() -> str:
        raise KeyError("uid")

    monkeypatch.setattr(getpass, "getuser", nobody)
    result = runner.invoke(main, ["h", "--password-file", str(secret)])
    assert (result.exit_code, "ACCOUNT@HOST" in result.output) == (2, True)
    assert accounts == ["robin"]


@pytest.fixture
def passwords(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return where the passwords go that would be sent; no connection is made."""
    out: list[str] = []

    def connect(*place: object, password: str, **how: object) -> None:
        out.append(password)
        raise UserError("That is far enough.")

    monkeypatch.setattr(client_entry, "connect", connect)
    return out


def test_password_files(passwords: list[str], tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.write_text("pass word \r\nsecond line\n")
    open_to_all.chmod(0o644)
    runner = CliRunner()
    result = runner.invoke(main, ["a@h", "--password-file", str(open_to_all)])
    assert "far enough" in result.stderr
    assert f"chmod 600 {open_to_all}" in result.stderr
    assert passwords == ["pass word "]
    empty = tmp_path / "empty"
    empty.touch(0o600)
    result = runner.invoke(main, ["a@h", "--password-file", str(empty)])
    assert (result.exit_code, "no password in" in result.stderr) == (1, True)


def test_the_password_is_asked_for_on_the_terminal(
    passwords: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "typed"

    monkeypatch.setattr(getpass, "getpass", ask)
    monkeypatch.setattr(os, "open", lambda *arguments: os.dup(0))
    assert "far enough" in CliRunner().invoke(main, ["alice@h"]).stderr
    assert passwords == ["typed"]
    assert asked == ["Password of alice at h: "]


# --- pipes -------------------------------------------------------------------------------------


def test_a_line_is_piped_in(served: Served, secret: Path) -> None:
    result = run(*served.arguments, "--plain", "--password-file", str(secret), stdin="done\n")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1].endswith(" <alice> done")
    assert [kept.text for kept in served.chat.kept] == ["done"]


def test_the_password_and_the_lines_on_standard_input(served: Served) -> None:
    stdin = f"{PASSWORD}\none\ntwo\n/msg nobody hi\n"
    result = run(*served.arguments, "--password-stdin", "--json", stdin=stdin)
    assert result.returncode == 1
    assert "nobody: No such nick/channel" in result.stderr
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["text"] for event in told if event["event"] == "said"] == ["one", "two"]
    assert [event["event"] for event in told][-1] == "failed"
    assert PASSWORD not in result.stdout + result.stderr


def test_in_this_process(
    served: Served, secret: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same without a process of its own, so that coverage sees it."""
    lines = tmp_path / "lines"
    lines.write_text("hello\n")
    out = tmp_path / "out"
    with lines.open() as stdin, out.open("w") as stdout:
        streams = StdStreams(stdin.fileno(), stdout.fileno())
        monkeypatch.setattr(client_work, "StdStreams", lambda: streams)
        result = CliRunner().invoke(
            main, [*served.arguments, "--channel", "dev", "--password-file", str(secret)]
        )
    assert result.exit_code == 0
    assert "[#dev]" not in out.read_text()
    assert served.chat.kept[0].target == "#dev"


def test_failures_are_one_sentence(served: Served, tmp_path: Path, secret: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.touch(0o600)
    wrong.write_text("guess\n")
    [address, *trusting] = served.arguments
    cases = [
        ([address, *trusting, "--channel", "forbidden"], secret, "Cannot join #forbidden"),
        ([address, *trusting], wrong, "does not accept this password for alice"),
        ([address, "--ca", str(secret)], secret, "ca.pem"),
        (["alice@127.0.0.1:1"], secret, "port 1: connection refused. Is the server running, and"),
        ([address], secret, "Get ca.pem from the person who runs it"),
    ]
    for arguments, password_file, sentence in cases:
        result = CliRunner().invoke(main, [*arguments, "--password-file", str(password_file)])
        assert result.exit_code == 1
        assert sentence in result.stderr
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
    assert served.chat.kept == []


def test_what_a_server_says_is_made_harmless(served: Served) -> None:
    served.chat.refuse = lambda message: (
        ":s 904 * :\x1b[31mno" if message.params == ("PLAIN",) else None
    )
    result = run(*served.arguments, "--password-stdin", stdin="x\n")
    assert (result.returncode, "\x1b" in result.stderr) == (1, False)
    assert "␛[31mno" in result.stderr


def test_a_reader_that_goes_away(served: Served, secret: Path) -> None:
    command = [*PROGRAM, *served.arguments, "--password-file", str(secret)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write("hello\n" * 10)
        process.stdin.close()
        assert process.wait(20) == 1
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_without_a_word(served: Served, secret: Path, number: int) -> None:
    command = [*PROGRAM, *served.arguments, "--password-file", str(secret)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while "in #lobby" not in process.stdout.readline():
            pass
        process.send_signal(number)
        assert process.wait(20) == 1
        assert process.stderr.read() == ""


# --- a terminal --------------------------------------------------------------------------------


def test_a_conversation_at_a_terminal(served: Served) -> None:
    """The password is not shown, what comes in does not tear what is typed, Ctrl-D leaves."""
    served.chat.keep("bob", "#lobby", "said yesterday")
    with Person([*served.arguments, "--plain"]) as alice:
        alice.sees("Password of alice at 127.0.0.1: ")
        alice.types(f"{PASSWORD}\r")
        alice.sees("<bob> said yesterday")
        alice.sees("#lobby>")
        alice.types("half a li")
        alice.sees("half a li")
        served.call(served.chat.say, "bob", "#lobby", "in between")
        alice.sees("<bob> in between")
        alice.sees("#lobby> half a li")
        alice.types("ne\r")
        alice.sees("<alice> half a line")
        alice.types("/nick\r")
        alice.sees("There is no command /nick")
        alice.types("\x04")
        alice.leaves_in_order(0)
        assert PASSWORD not in alice.seen.getvalue()
    assert [kept.text for kept in served.chat.kept][-1] == "half a line"


@pytest.mark.parametrize("how", ["/quit\r", "\x03", signal.SIGTERM, signal.SIGINT])
def test_leaving_puts_the_terminal_back(served: Served, secret: Path, how: str | int) -> None:
    with Person([*served.arguments, "--plain", "--password-file", str(secret)]) as alice:
        alice.sees("#lobby>")
        if isinstance(how, str):
            alice.types(how)
        else:
            alice.process.send_signal(how)
        alice.leaves_in_order(0)


def test_a_login_that_ends_puts_the_terminal_back(served: Served, secret: Path) -> None:
    with Person([*served.arguments, "--plain", "--password-file", str(secret)]) as alice:
        alice.sees("#lobby>")
        served.chat.accounts["alice"] = "changed meanwhile"
        served.call(served.chat.break_all_gently)
        alice.sees("Error: The server does not accept this password for alice.")
        alice.leaves_in_order(1)


def test_a_hangup_ends_it(served: Served, secret: Path) -> None:
    alice = Person(["--plain", *served.arguments, "--password-file", str(secret)])
    alice.sees("#lobby>")
    alice.process.send_signal(signal.SIGHUP)
    os.close(alice.leader)
    os.close(alice.follower)
    alice.process.wait(20)
