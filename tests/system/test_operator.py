"""What an operator does while people chat: stop, announce, replace certificates, end accounts."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Awaitable, Callable

import pytest
import trio
from support.person import SIMPLE, Ended, Person, connect_tcp, converse, tls_connection, user
from support.system import PASSWORD, Home, run_program, running_server

NEW_PASSWORD = "a new and longer passphrase"
ENDED_SECONDS_MAX = 1.5  # the promise is 1; the rest is for a slow machine


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_gracefully(home: Home, number: signal.Signals) -> None:
    """Everybody gets ERROR, whatever was said is kept and seen, the exit status is 0."""
    await home.add("alice", "bob", "carol")
    async with (
        running_server(home) as server,
        user(server, "alice") as alice,
        user(server, "bob") as bob,
        user(server, "carol", caps=SIMPLE) as carol,
        tls_connection(server) as undecided,
        await connect_tcp(server),
    ):
        await undecided.send("CAP LS 302")
        await undecided.expect("CAP", None, "LS")
        said = [f"one more thing {number}" for number in range(15)]
        await alice.send(*(f"PRIVMSG #lobby :{text}" for text in said))
        await alice.expect("PRIVMSG", "#lobby", said[0])
        server.send_signal(number)
        for person in (alice, bob, carol, undecided):
            assert "The server is stopping" in await person.end()
        assert await server.ended() == 0
        assert server.rows()[-1]["event"] == "stopped"
    echoes = [line.text for line in alice.seen if line.command == "PRIVMSG"]
    assert [line.text for line in bob.seen if line.command == "PRIVMSG"] == echoes
    async with running_server(home) as server, user(server, "bob") as bob:
        assert [line.text for line in await bob.history()] == echoes


async def announce(home: Home, *words: str) -> subprocess.CompletedProcess[bytes]:
    return await run_program("securechat-server", "announce", "--data", home.data, *words)


async def test_an_announcement_reaches_everybody(home: Home) -> None:
    await home.add("alice", "bob")
    text = "the server moves at noon"
    async with (
        running_server(home) as server,
        user(server, "alice") as alice,
        user(server, "bob", caps=SIMPLE) as bob,
    ):
        result = await announce(home, *text.split())
        assert result.returncode == 0, result.stderr
        for person in (alice, bob):
            notice = await person.expect("NOTICE", person.name, text)
            assert notice.source == "securechat.internal"
        assert len(server.rows("announced", sessions=2)) == 1


async def test_an_announcement_without_a_server_says_so(home: Home) -> None:
    """And it does not reach whoever comes later."""
    await home.add("alice")
    result = await announce(home, "too early")
    assert result.returncode == 1
    assert result.stderr.decode() == (
        f"Error: No server is running on {home.data}, so nobody was told: name another folder "
        "with --data.\n"
    )
    async with running_server(home) as server, user(server, "alice") as alice:
        await alice.ping()
        assert "NOTICE" not in {line.command for line in alice.seen}


async def test_an_announcement_without_data_says_so(home: Home) -> None:
    result = await announce(home, "hello")
    assert result.returncode == 1
    assert result.stderr.decode().startswith("Error: There is no SecureChat data in ")
    assert not home.data.exists()


async def users(home: Home, *arguments: str, stdin: str = "") -> None:
    result = await run_program("securechat-users", "--data", home.data, *arguments, stdin=stdin)
    assert result.returncode == 0, result.stderr


async def disable(home: Home) -> None:
    await users(home, "disable", "bob")


async def remove(home: Home) -> None:
    await users(home, "remove", "bob", "--yes")


async def change_password(home: Home) -> None:
    await users(home, "passwd", "bob", "--password-stdin", stdin=f"{NEW_PASSWORD}\n")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (disable, "Your account was disabled"),
        (remove, "Your account was removed"),
        (change_password, "Your password was changed"),
    ],
)
async def test_a_login_that_no_longer_holds_ends_the_live_sessions(
    home: Home, change: Callable[[Home], Awaitable[None]], reason: str
) -> None:
    """docs/safety.md fault 23: within one second, all of them, and nobody else's."""
    await home.add("alice", "bob")
    async with (
        running_server(home) as server,
        user(server, "alice") as alice,
        user(server, "bob") as desk,
        user(server, "bob", caps=SIMPLE) as phone,
    ):
        await change(home)
        started = trio.current_time()

        async def see_the_end(person: Person) -> None:
            assert await person.end() == f"Closing link: {reason}"

        async with trio.open_nursery() as nursery:
            nursery.start_soon(see_the_end, desk)
            nursery.start_soon(see_the_end, phone)
        assert trio.current_time() - started < ENDED_SECONDS_MAX
        await alice.expect("QUIT")
        await alice.ping()
        with pytest.raises(Ended, match="904"):
            async with user(server, "bob", password=PASSWORD):
                pass
        if change is change_password:
            async with user(server, "bob", password=NEW_PASSWORD) as bob:
                await converse(bob, alice, "back with a new password")


async def test_an_account_made_while_the_server_runs_can_log_in_at_once(home: Home) -> None:
    async with running_server(home) as server:
        await users(home, "add", "dora", "--password-stdin", stdin=f"{NEW_PASSWORD}\n")
        async with user(server, "dora", password=NEW_PASSWORD) as dora:
            await dora.ping()


async def test_an_administrator_replaces_certificates_from_a_client(home: Home) -> None:
    """Modern IRC Client Protocol, "REHASH message": it may include TLS certificates."""
    await users(home, "add", "root", "--admin", "--password-stdin", stdin=f"{NEW_PASSWORD}\n")
    async with running_server(home) as server, user(server, "root", password=NEW_PASSWORD) as root:
        home.issue(home.folder / "other.pem", home.key)
        await root.send("REHASH")
        await root.expect("382", "root", home.cert.name)
        await root.expect("FAIL", "REHASH", "NOT_READ")
        (home.folder / "other.pem").replace(home.cert)
        await root.send("REHASH")
        await root.expect("382", "root", home.cert.name)
        await server.logged("certificate replaced")


async def test_certificates_are_replaced_while_people_chat(home: Home) -> None:
    """docs/safety.md fault 22: a bad one is refused and the old one serves on, the log says so."""
    await home.add("alice", "bob")
    async with running_server(home) as server, user(server, "alice") as alice:
        home.issue(home.folder / "other.pem", home.key)
        server.send_signal(signal.SIGHUP)
        (row,) = await server.logged("certificate not replaced, the old one serves on")
        assert row["level"] == "warning"
        async with user(server, "bob") as bob:
            await converse(alice, bob, "with the old certificate")
        (home.folder / "other.pem").replace(home.cert)
        server.send_signal(signal.SIGHUP)
        await server.logged("certificate replaced")
        async with user(server, "bob") as bob:
            await converse(alice, bob, "with the new certificate")
