"""Search with the programs: the client's output, and an index that was cut off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.person import user
from support.system import NO_FLOOD_LIMIT, PASSWORD, Home, Server, authority, run_program
from support.system import running_server as running

from securechat.store.search.check import disagreements


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    await home.add("alice", "bob")
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    return home


async def search(home: Home, server: Server, *arguments: str, account: str = "alice") -> list[str]:
    """Return what ``securechat-client --search`` prints."""
    done = await run_program(
        "securechat-client",
        f"{account}@localhost:{server.port}",
        *("--ca", home.folder / "ca.pem", "--password-stdin"),
        *arguments,
        stdin=f"{PASSWORD}\n",
    )
    assert done.returncode == 0, done.stderr
    if not done.stdout:
        assert done.stderr == b"Nothing was found.\n"
    return done.stdout.decode().splitlines()


async def test_what_the_client_prints(home: Home) -> None:
    async with running(home) as server:
        async with user(server, "bob") as bob:
            await bob.send("PRIVMSG #lobby :the lost key", "PRIVMSG alice :\x01ACTION has it\x01")
            await bob.send("PRIVMSG #lobby :bell \x07 and key")
            await bob.send("PING done")
            await bob.expect("PONG")
        (line,) = await search(home, server, "--search", "LOST key")
        assert line.endswith("[#lobby] <bob> the lost key")
        (line,) = await search(home, server, "--search", "", "--in", "bob")
        assert line.endswith(" * bob has it")
        (line,) = await search(home, server, "--search", "key", "--limit", "1")
        assert line.endswith("<bob> bell ␇ and key")
        (line,) = await search(home, server, "--search", "lost", "--from", "bob", "--json")
        told = json.loads(line)
        assert (told["event"], told["text"], told["sender"]) == ("said", "the lost key", "bob")
        (line,) = await search(
            home, server, "--search", "key", "--after", "2020-01-01", "--limit", "1"
        )
        assert line.endswith("the lost key")
        assert await search(home, server, "--search", "key", "--before", "2020-01-01") == []
        done = await run_program(
            "securechat-client",
            f"alice@localhost:{server.port}",
            *("--ca", home.folder / "ca.pem", "--password-stdin"),
            *("--search", "key", "--in", "#nowhere"),
            stdin=f"{PASSWORD}\n",
        )
        assert done.returncode == 1
        assert done.stderr == b"Error: There is no such conversation that you can read\n"
        assert not done.stdout


async def test_an_index_that_was_cut_off_by_kill_9(home: Home) -> None:
    """Whatever the server was at when it died, the next one finds all and agrees."""
    said = 0
    for _ in range(2):
        async with running(home, NO_FLOOD_LIMIT) as server, user(server, "alice") as alice:
            for _ in range(40):
                numbers = range(said, said + 50)
                await alice.send(*(f"PRIVMSG #lobby :number n{n}" for n in numbers))
                said += 50
            await alice.send("PING done")
            await alice.expect("PONG")
            server.kill()
            await server.ended()
        assert disagreements(home.data) == []
    async with running(home, NO_FLOOD_LIMIT) as server:
        (line,) = await search(home, server, "--search", f"n{said - 1}")
        assert line.endswith(f"number n{said - 1}")
        (line,) = await search(home, server, "--search", "n0")
        assert line.endswith("number n0")
        # Another program that uses the same data does not touch the index.
        before = (home.data / "search.db").stat().st_mtime_ns  # noqa: ASYNC240 - no wait
        done = await run_program("securechat-users", "--data", home.data, "list")
        assert done.returncode == 0
        assert (home.data / "search.db").stat().st_mtime_ns == before  # noqa: ASYNC240 - no wait
    assert disagreements(home.data) == []
