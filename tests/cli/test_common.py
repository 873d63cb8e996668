"""How every program fails, and how tables look."""

from __future__ import annotations

import errno
from typing import Any

import click
import pytest
import trio
from click.testing import CliRunner

from securechat.cli import common
from securechat.errors import StoreRefused, UserError


def failing(error: BaseException, cls: type[click.Command] = common.Program) -> Any:
    @click.command(cls=cls)
    def program() -> None:
        raise error

    return CliRunner().invoke(program)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UserError("Do this."), "Do this."),
        (StoreRefused("the disk is full"), "the disk is full"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.csv"), "a.csv: No such file"),
        (OSError(errno.ENOSPC, "No space left"), "No space left"),
        (OSError("just words"), "just words"),
        (UserError(), "UserError"),
        (ExceptionGroup("", [UserError("first"), OSError("second")]), "first"),
        (ExceptionGroup("", [ExceptionGroup("", [UserError("deep")])]), "deep"),
    ],
)
def test_a_failure_is_one_sentence(error: BaseException, sentence: str) -> None:
    result = failing(error)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {sentence}\n"
    assert result.stdout == ""


@pytest.mark.parametrize(
    "bug", [KeyError("bug"), ExceptionGroup("", [UserError("no"), KeyError("bug")])]
)
def test_a_bug_stays_loud(bug: BaseException) -> None:
    assert failing(bug).exception is bug


@click.command(cls=common.Program)
@click.argument("name")
@click.argument("place", required=False)
@click.option("--send", nargs=2, metavar="TARGET TEXT")
@click.option("--days", type=int, required=True, metavar="NUMBER")
@click.option("-j", "--json", is_flag=True)
def strict(**_: object) -> None:
    """Take what the options above say."""


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "NAME is missing: write 'strict NAME --days NUMBER'."),
        ("bob", "--days NUMBER is missing: write 'strict NAME --days NUMBER'."),
        ("bob --days", "--days needs a value: write --days NUMBER."),
        (
            "bob --days 3 --send #lobby",
            "--send needs 2 values: write --send TARGET TEXT, and what has spaces in quotes.",
        ),
        ("bob --days 3 --json=yes", "--json takes no value: write it alone."),
    ],
)
def test_wrong_usage_says_what_to_write(typed: str, sentence: str) -> None:
    result = CliRunner().invoke(strict, typed.split())
    assert result.exit_code == 2
    usage, _, said = result.stderr.partition("Error: ")
    assert usage.startswith("Usage: strict ")
    assert said == f"{sentence}\n"


def test_the_commands_of_a_group_say_what_to_write() -> None:
    @click.group(cls=common.ProgramGroup)
    def group() -> None:
        """Have commands."""

    @group.command()
    @click.argument("name")
    def show(name: str) -> None:
        """Show it."""

    result = CliRunner().invoke(group, ["show"])
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: NAME is missing: write 'group show NAME'.\n")


def test_interrupted() -> None:
    for error in (KeyboardInterrupt(), BaseExceptionGroup("", [KeyboardInterrupt()])):
        result = failing(error)
        assert result.exit_code == 1
        assert "Aborted!" in result.stderr


def test_exiting_from_within_a_nursery() -> None:
    assert failing(BaseExceptionGroup("", [SystemExit(3), UserError("no")])).exit_code == 3


def test_a_closed_pipe_ends_quietly() -> None:
    for error in (
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        ExceptionGroup("", [BrokenPipeError(errno.EPIPE, "Broken pipe")]),
    ):
        result = failing(error)
        assert result.exit_code == 1
        assert result.stderr == ""


def test_a_group_of_commands() -> None:
    @click.group(cls=common.ProgramGroup)
    def program() -> None:
        pass

    @program.command()
    def fail() -> None:
        raise UserError("Do this.")

    result = CliRunner().invoke(program, ["fail"])
    assert (result.exit_code, result.stderr) == (1, "Error: Do this.\n")


def test_run() -> None:
    async def fine() -> int:
        await trio.lowlevel.checkpoint()
        return 3

    async def failing() -> None:
        async with trio.open_nursery():
            raise UserError("Do this.")

    assert common.run(fine) == 3
    with pytest.raises(click.ClickException, match=r"Do this\."):
        common.run(failing)


ROWS = [("alice", "admin"), ("bob", "")]


def test_a_table_elsewhere_is_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    common.print_table(("Name", "Role"), ROWS)
    assert capsys.readouterr().out == "Name   Role\nalice  admin\nbob\n"


def test_a_table_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    common.print_table(("Name", "Role"), [("[red]x", "y" * 60)])
    out = capsys.readouterr().out
    assert "─" in out
    assert "[red]x" in out  # data is not markup
    assert out.count("y") == 60  # nothing is cut off
    assert "\x1b[1m" in out


def test_no_color(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The NO_COLOR convention: set and not empty, it means no colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    common.console().print("hello", style="red")
    assert "\x1b[31m" not in capsys.readouterr().out


def test_long_sentences_are_folded_between_words_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Issue 5, "Beautiful": the first words that somebody sees are not cut in the middle."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "24")
    row = "  SHA-256  " + "a" * 64
    text = f"Whoever runs yours can tell you its name and your account.\n{row}"
    assert common.folded(text) == (
        f"Whoever runs yours can tell you its name\nand your account.\n{row}"
    )
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    assert common.folded(text) == text
