"""What tests of the programs share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click import Command
from click.testing import CliRunner, Result
from support.client_program import PASSWORD
from support.users_program import Terminal, Users

from securechat.cli import server
from securechat.cli.users import main
from securechat.store.credentials.passwords import PROFILES, Profile


def invoked(program: Command, words: Sequence[object], typed: str | bytes = "") -> Result:
    """Run a program here and return its result; what it did not foresee is raised."""
    result = CliRunner().invoke(program, [str(word) for word in words], input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run the server's program; the result has ``exit_code``, ``stdout``, ``stderr``."""
    return lambda *arguments: invoked(server.main, arguments)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a file with alice's password, for its owner alone."""
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_text(f"{PASSWORD}\n")
    return path


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash at little cost, whatever the environment says."""
    monkeypatch.setitem(PROFILES, "standard", Profile("standard", 1, 8, 1))
    monkeypatch.delenv("SECURECHAT_DATA", raising=False)
    monkeypatch.delenv("SECURECHAT_PASSWORD_HASH", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return where the data will be."""
    return tmp_path / "data"


@pytest.fixture
def users(data: Path, cheap_hashes: None) -> Users:
    """Run the program on a data folder; the result has ``exit_code``, ``stdout``, ``stderr``."""

    def run(*arguments: object, typed: str | bytes = "") -> Result:
        return invoked(main, ["--data", data, *arguments], typed)

    return run


@pytest.fixture
def terminal(cheap_hashes: None) -> Iterator[Callable[..., Terminal]]:
    """Start the program on terminals, which are closed at the end."""
    opened: list[Terminal] = []

    def start(*arguments: object, **environment: Any) -> Terminal:
        opened.append(Terminal(*arguments, **environment))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
