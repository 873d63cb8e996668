"""``securechat-client trust`` and ``logout``, beside the address that may stand in their place.

docs/client.md, "Whom the client trusts" and "Device tokens".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result
from support.client_program import PASSWORD, Person, Served

from securechat.cli.client import main
from securechat.cli.client_place import Place
from securechat.client.kept.settings_file import remember_profile
from securechat.client.kept.tokenstore import TokenStore
from securechat.client.methods.tokens import CAPABILITY, DeviceToken
from securechat.client.trust import KnownServer, KnownServers

DAY = date(2026, 11, 28)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path) as running:
        running.chat.capabilities += f" {CAPABILITY} labeled-response"
        yield running


def program(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_help_lists_options_and_commands() -> None:
    result = program("--help")
    assert result.exit_code == 0
    assert "Usage: main [OPTIONS] [[ACCOUNT@]HOST[:PORT]]" in result.output
    assert "--send TARGET TEXT" in result.output
    assert "trust   List or forget the servers that somebody here said yes to." in result.output
    assert "Usage: main trust [OPTIONS] COMMAND" in program("trust", "--help").output
    assert "Usage: main trust forget [OPTIONS] HOST[:PORT]" in (
        program("trust", "forget", "-h").output
    )
    assert "Usage: main logout [OPTIONS] [PROFILE]" in program("logout", "--help").output


def test_hosts_and_accounts_of_these_names_can_be_reached(
    monkeypatch: pytest.MonkeyPatch, secret: Path
) -> None:
    places: list[Place] = []

    async def enter(entry: object, *rest: object, **more: object) -> bool:
        places.append(entry.place)  # type: ignore[attr-defined]  # an Entry, by its use
        return True

    monkeypatch.setattr("securechat.cli.client_entry.Entry.run", enter)
    for address in ("x@trust", "trust@logout", "logout@h", "trust:6697"):
        assert program(address, "--password-file", str(secret)).exit_code == 0
    assert program("--password-file", str(secret), "trust").exit_code == 0
    reached = [(place.account, place.host) for place in places]
    assert reached[:3] == [("x", "trust"), ("trust", "logout"), ("logout", "h")]
    assert {host for _, host in reached[3:]} == {"trust"}


def test_trust_list_and_forget(nobodys_home: Path) -> None:
    known = KnownServers()
    result = program("trust", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"No server is remembered in {known.path}.\n"
    known.remember(KnownServer("chat.example", 6697, "ab" * 32, DAY))
    known.remember(KnownServer("::1", 7000, "cd" * 32, DAY))
    with known.path.open("a") as file:
        file.write("other.example \x1b[2J\n")
    result = program("trust", "list")
    assert "chat.example" in result.stdout
    assert "[::1]:7000" in result.stdout
    assert "2026-11-28" in result.stdout
    assert "ab" * 32 in result.stdout
    assert "Line 5 of" in result.stderr
    assert "\x1b" not in result.output
    result = program("trust", "forget", "chat.example:7000")
    assert (result.exit_code, "trust list shows" in result.stderr) == (1, True)
    result = program("trust", "forget", "CHAT.example")
    assert result.exit_code == 0
    assert result.stderr == "Forgot CHAT.example. The next connection asks again.\n"
    assert program("trust", "forget", "[::1]:7000").exit_code == 0
    assert program("trust", "forget", "other.example").exit_code == 0
    assert known.path.read_text().startswith("# Servers")
    assert (known.all(), known.complaints()) == ((), ())
    assert program("trust", "forget", "::1").exit_code == 2


# --- logout ------------------------------------------------------------------------------------


def log_in(served: Served) -> str:
    """Log in as a person does; return the login that a token is kept for."""
    with Person([*served.arguments, "--plain", "--remember", "work"]) as alice:
        alice.sees("Password of alice at 127.0.0.1: ")
        alice.types(f"{PASSWORD}\r")
        alice.sees("A device token is kept in")
        alice.sees("#lobby>")
        alice.types("\x04")
        alice.leaves_in_order(0)
    return f"alice@127.0.0.1:{served.port}"


def kept(login: str) -> DeviceToken | None:
    return trio.run(TokenStore().get, login)


@pytest.mark.parametrize("profile", [[], ["work"], ["address"]])
def test_logout_forgets_and_revokes(served: Served, profile: list[str]) -> None:
    login = log_in(served)
    assert kept(login) is not None
    if profile == ["address"]:
        profile = [login]
        pin = KnownServer("127.0.0.1", served.port, _pin(served), DAY)
        KnownServers().remember(pin)
    result = program("logout", *profile)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "is forgotten and revoked" in result.stderr
    assert kept(login) is None
    assert served.chat.tokens == {}
    result = program("logout", *profile)
    assert result.exit_code == 1
    assert f"Error: No device token of {login} is kept on this machine, so" in result.stderr
    assert "securechat-users token list" in result.stderr  # errors name a next step


def _pin(served: Served) -> str:
    from securechat.client.trust import pin_of

    return pin_of(served.pair.der)


def test_a_token_that_is_worth_nothing_is_just_forgotten(served: Served) -> None:
    login = log_in(served)
    served.call(served.chat.tokens.clear)
    assert program("logout").exit_code == 0
    assert kept(login) is None


def test_a_server_that_does_not_revoke(served: Served) -> None:
    login = log_in(served)
    served.chat.answer_labelled("TOKEN", "FAIL TOKEN INTERNAL_ERROR REVOKE :The disk is full")
    result = program("logout")
    assert result.exit_code == 1
    assert "forgotten here, but not revoked. The disk is full. Whoever has a copy" in result.stderr
    assert kept(login) is None


def test_a_server_that_is_away(served: Served, nobodys_home: Path) -> None:
    login = log_in(served)
    remember_profile(Place("alice", "127.0.0.1", 1).as_profile("away"))
    trio.run(TokenStore().put, "alice@127.0.0.1:1", DeviceToken("1", "sct_x"))
    result = program("logout", "away")
    assert (result.exit_code, "but not revoked. Cannot reach" in result.stderr) == (1, True)
    assert kept("alice@127.0.0.1:1") is None
    assert kept(login) is not None


def test_logout_of_what_is_not_known() -> None:
    assert program("logout", "work").exit_code == 1
    assert "Say where to connect" in program("logout").stderr
