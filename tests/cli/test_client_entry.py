"""The way in: trust, tokens, profiles, and the first run, at a terminal and without one.

docs/client.md; the fingerprint is compared as a person does it, with what the server prints.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.client_program import PASSWORD, Person, Served, run
from support.tls_servers import Authority

from securechat.certificates.pem import colon_form, fingerprint
from securechat.client.methods.tokens import CAPABILITY


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path) as running:
        running.chat.capabilities += f" {CAPABILITY} labeled-response"
        yield running


@pytest.fixture
def place(served: Served) -> str:
    return f"localhost:{served.port}"


def passwords_sent(served: Served) -> int:
    return sum(line.startswith("AUTHENTICATE ") for line in served.chat.received) // 2


def first_run(served: Served, place: str) -> None:
    """Do what somebody does who starts the program for the first time."""
    with Person(["--plain"]) as alice:
        alice.sees("No server is remembered yet.")
        alice.sees("Server (HOST or HOST:PORT): ")
        alice.types("::1\r")
        alice.sees("write an IPv6 address in brackets")
        alice.sees("Server (HOST or HOST:PORT): ")
        alice.types(f"{place}\r")
        alice.sees("Account")
        alice.types("alice\r")
        alice.sees(f"Nothing here vouches for the server at {place}. It shows this:")
        alice.sees(fingerprint(served.pair.der))
        alice.sees(colon_form(fingerprint(served.pair.der))[:48])
        alice.sees("Is it the same? (yes/no): ")
        assert served.chat.received == []
        alice.types("yes\r")
        alice.sees("Remembered in ")
        alice.sees("Password of alice at localhost: ")
        alice.types("wonderland-rabbid\r")
        alice.sees("The server does not accept this password for alice.")
        alice.sees("Password of alice at localhost: ")
        alice.types(f"{PASSWORD}\r")
        alice.sees("A device token is kept in")
        alice.sees("Name for this profile (- for none) [localhost]: ")
        alice.types("work\r")
        alice.sees("Remembered as the profile work")
        alice.sees("#lobby>")
        alice.types("hello\r")
        alice.sees("<alice> hello")
        alice.types("\x04")
        alice.leaves_in_order(0)
        assert PASSWORD not in alice.seen.getvalue()


def test_the_first_run_and_the_second(served: Served, place: str, nobodys_home: Path) -> None:
    first_run(served, place)
    settings = (nobodys_home / "client.toml").read_text()
    assert settings == (
        'default_profile = "work"\n\n'
        f'[profiles.work]\nhost = "localhost"\nport = {served.port}\naccount = "alice"\n'
    )
    kept = nobodys_home / "data" / "securechat" / "tokens.json"
    assert json.loads(kept.read_text())[f"alice@localhost:{served.port}"]["token"][:4] == "sct_"
    assert PASSWORD not in kept.read_text()
    with Person(["--plain"]) as alice:
        alice.sees("#lobby>")
        alice.types("\x04")
        alice.leaves_in_order(0)
        assert "Password" not in alice.seen.getvalue()
        assert "yes" not in alice.seen.getvalue()
    result = run("--profile", "work", "--json", "--send", "#lobby", "from a script")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["event"] == "receipt"
    assert served.chat.kept[-1].text == "from a script"
    assert len(served.chat.tokens) == 1


def test_no_to_the_question(served: Served, place: str, nobodys_home: Path) -> None:
    for answer in ("no", "y", "ye"):
        with Person([f"alice@{place}", "--plain"]) as alice:
            alice.sees("(yes/no): ")
            alice.types(f"{answer}\r")
            alice.sees("Error: Not connected: nothing was sent to the server and nothing is remem")
            alice.leaves_in_order(1)
    with Person([f"alice@{place}"]) as alice:
        alice.sees("(yes/no): ")
        alice.types("\x04")  # not Ctrl-C, which Python's input() loses just before it reads
        alice.sees("Aborted!")
        alice.leaves_in_order(1)
    assert served.chat.received == []
    assert not (nobodys_home / "known_servers").exists()


def test_nobody_is_asked_without_a_terminal(served: Served, place: str, secret: Path) -> None:
    for flags in (["--plain"], ["--json"], ["--send", "#lobby", "x"], ["--search", "x"]):
        result = run(f"alice@{place}", *flags, "--password-file", str(secret), stdin="hello\n")
        assert result.returncode == 1
        assert "vouches" in result.stderr or "does not vouch" in result.stderr
        assert "at a terminal, compare its fingerprint" in result.stderr
        assert (result.stdout, result.stderr.count("\n")) == ("", 1)
    with Person([f"alice@{place}", "--json"]) as alice:
        alice.sees("Password of alice")
        alice.types("x\r")
        alice.sees("at a terminal, compare its fingerprint")
        alice.leaves_in_order(1)
    assert served.chat.received == []


def test_another_key_is_refused_until_the_old_one_is_forgotten(
    served: Served, place: str, secret: Path
) -> None:
    first_run(served, place)
    said = len(served.chat.received)
    served.call(served.shows, Authority().issue("localhost"))
    arguments = [f"alice@{place}", "--password-file", str(secret), "--send", "#lobby", "again"]
    result = run(*arguments)
    assert result.returncode == 1
    assert "ANOTHER KEY" in result.stderr
    assert fingerprint(served.pair.der) in result.stderr
    command = re.search(r"securechat-client (trust forget \S+)", result.stderr)
    assert command is not None
    with Person(["--plain"]) as alice:
        alice.sees("ANOTHER KEY")
        alice.leaves_in_order(1)
    assert len(served.chat.received) == said
    assert run(*command[1].split()).returncode == 0
    with Person(["--plain"]) as alice:
        alice.sees("(yes/no): ")
        alice.types("yes\r")
        alice.sees("#lobby>")
        alice.types("\x04")
        alice.leaves_in_order(0)
    assert run(*arguments).returncode == 0


def test_without_a_default_the_account_is_asked_for_and_no_profile_wanted(
    served: Served, place: str, nobodys_home: Path
) -> None:
    with Person(["--plain", "--no-token"]) as alice:
        alice.sees("Server (HOST or HOST:PORT): ")
        alice.types("a b\r")
        alice.sees("is not a host name")
        alice.sees("Server (HOST or HOST:PORT): ")
        alice.types(f"alice@{place}\r")
        alice.sees("(yes/no): ")
        alice.types("YES\r")
        alice.sees("Password of alice at localhost: ")
        alice.types(f"{PASSWORD}\r")
        alice.sees("Name for this profile (- for none) [localhost]: ")
        alice.types("-\r")
        alice.sees("#lobby>")
        alice.types("\x04")
        alice.leaves_in_order(0)
    assert not (nobodys_home / "client.toml").exists()


@pytest.mark.parametrize("terminal", ["dumb", "xterm"])
def test_where_there_is_no_full_screen_it_is_lines(
    served: Served, secret: Path, terminal: str
) -> None:
    """TERM=dumb is what Emacs and screen readers say: no full screen there."""
    flags = ["--plain"] if terminal == "xterm" else []
    with Person(
        [*served.arguments, "--password-file", str(secret), *flags], TERM=terminal
    ) as alice:
        alice.sees("#lobby>")
        alice.types("\x04")
        alice.leaves_in_order(0)


def test_a_revoked_token_leads_back_to_the_password(served: Served, place: str) -> None:
    first_run(served, place)
    served.call(served.chat.tokens.clear)
    with Person(["--plain"]) as alice:
        alice.sees("does not accept the token of this device for alice any more: log in")
        alice.sees("Password of alice at localhost: ")
        alice.types(f"{PASSWORD}\r")
        alice.sees("A device token is kept in")
        alice.sees("#lobby>")
        alice.types("\x04")
        alice.leaves_in_order(0)
    served.call(served.chat.tokens.clear)
    result = run("--send", "#lobby", "x")
    assert (result.returncode, "log in by the password" in result.stderr) == (1, True)
    result = run("--send", "#lobby", "x")
    assert (result.returncode, "or log in once at a terminal" in result.stderr) == (2, True)


def test_a_token_revoked_meanwhile(served: Served, place: str) -> None:
    """The session ends, the screen is put back, and the password is asked for."""
    first_run(served, place)
    with Person(["--plain"]) as alice:
        alice.sees("#lobby>")
        served.call(served.chat.tokens.clear)
        served.call(served.chat.break_all_gently)
        alice.sees("Password of alice at localhost: ")
        alice.types(f"{PASSWORD}\r")
        alice.sees("#lobby>")
        alice.types("\x04")
        alice.leaves_in_order(0)


@pytest.mark.parametrize("how", ["--no-token", "tokens = false", "none offered"])
def test_without_tokens(served: Served, how: str, nobodys_home: Path) -> None:
    flags = [how] if how.startswith("--") else []
    if how == "tokens = false":
        (nobodys_home / "client.toml").write_text(how)
    if how == "none offered":
        served.chat.capabilities = served.chat.capabilities.replace(CAPABILITY, "")
    with Person([*served.arguments, "--plain", *flags]) as alice:
        alice.sees("Password of alice at 127.0.0.1: ")
        alice.types(f"{PASSWORD}\r")
        alice.sees("#lobby>")
        alice.types("\x04")
        alice.leaves_in_order(0)
        assert "token" not in alice.seen.getvalue()
    assert served.chat.tokens == {}


def test_a_server_that_refuses_a_token(served: Served) -> None:
    served.chat.answer_labelled("TOKEN", "FAIL TOKEN TOO_MANY_TOKENS ADD :There are 20 already")
    with Person([*served.arguments, "--plain"]) as alice:
        alice.sees("Password of alice at 127.0.0.1: ")
        alice.types(f"{PASSWORD}\r")
        alice.sees(
            "No device token is kept, the password is asked for again: There are 20 already."
        )
        alice.sees("#lobby>")


def test_a_password_is_asked_for_three_times_at_most(served: Served) -> None:
    with Person([*served.arguments, "--plain"]) as alice:
        for _ in range(3):
            alice.sees("Password of alice at 127.0.0.1: ")
            alice.types("wonderland-rabbid\r")
        alice.sees("Error: The server does not accept this password for alice.")
        alice.leaves_in_order(1)
    assert passwords_sent(served) == 3


def test_scripts_get_no_tokens(served: Served, secret: Path) -> None:
    result = run(*served.arguments, "--password-file", str(secret), "--send", "bob", "x\n\ny")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert [kept.text for kept in served.chat.kept] == ["x", "y"]
    result = run(
        *served.arguments, "--password-stdin", "--send", "nobody", "x", stdin=f"{PASSWORD}\n"
    )
    assert result.returncode == 1
    assert result.stderr == "Error: Not sent to nobody: No such nick/channel\n"
    assert served.chat.tokens == {}


def test_sending_to_a_channel_joins_it(served: Served, secret: Path) -> None:
    password = ["--password-file", str(secret)]
    assert run(*served.arguments, *password, "--send", "#ops", "deploy done").returncode == 0
    assert [(kept.target, kept.text) for kept in served.chat.kept] == [("#ops", "deploy done")]
    result = run(*served.arguments, *password, "--send", "#forbidden", "x")
    assert (result.returncode, "Cannot join #forbidden" in result.stderr) == (1, True)


def test_an_address_is_remembered_only_when_asked(
    served: Served, secret: Path, nobodys_home: Path
) -> None:
    settings = nobodys_home / "client.toml"
    script = [*served.arguments, "--password-file", str(secret), "--send", "#lobby", "x"]
    assert run(*script).returncode == 0
    assert not settings.exists()
    assert run(*script, "--remember", "by-ca").returncode == 0
    assert f'ca = "{served.folder / "ca.pem"}"' in settings.read_text()
    result = run("--password-file", str(secret), "--send", "#lobby", "by the profile")
    assert (result.returncode, result.stderr) == (0, "")


def test_wrong_usage(served: Served, secret: Path, nobodys_home: Path) -> None:
    def refused(*arguments: str) -> tuple[int, str]:
        result = run(*arguments, "--password-file", str(secret))
        return result.returncode, result.stderr

    status, said = refused()
    assert (status, "Say where to connect" in said) == (2, True)
    status, said = refused("alice@h", "--profile", "x")
    assert (status, "exclude each other" in said) == (2, True)
    status, said = refused("--profile", "x")
    assert (status, "There is no profile 'x'" in said) == (1, True)
    assert "securechat-client alone makes the first one" in said  # errors name a next step
    status, said = refused("alice@h", "--remember", "a b")
    assert (status, "cannot be a profile's name" in said) == (2, True)
    status, said = refused("alice@h", "--send", "#a", "x", "--channel", "#b")
    assert (status, "--send goes with neither" in said) == (2, True)
    settings = nobodys_home / "client.toml"
    settings.write_text(
        '[profiles.a]\nhost = "h"\naccount = "x"\n[profiles.b]\nhost = "h"\naccount = "y"\n'
    )
    status, said = refused()
    assert (status, "--profile with a, b" in said) == (2, True)
    settings.write_text("nonsense = 1")
    status, said = refused("alice@h")
    assert (status, f"{settings}: nonsense is no setting" in said) == (1, True)
