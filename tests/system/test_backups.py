"""Backups while people chat, restoring them, and databases of older versions."""

from __future__ import annotations

import sqlite3

import pytest
import trio
from support.person import user
from support.system import NO_FLOOD_LIMIT, Home, run_program, running_server

SAID = 300


async def succeed(*arguments: object) -> str:
    result = await run_program("securechat-server", *map(str, arguments))
    text = result.stderr.decode()
    assert (result.returncode, result.stdout) == (0, b""), text
    return text


@pytest.mark.slow
async def test_a_backup_of_a_busy_server_is_one_moments_state(home: Home) -> None:
    await home.add("alice", "bob")
    copy = home.folder / "copy.db"
    async with (
        running_server(home, NO_FLOOD_LIMIT) as server,
        user(server, "alice") as alice,
        user(server, "bob") as bob,
    ):
        said = [f"number {number}" for number in range(SAID)]

        async def talk() -> None:
            for text in said:
                await alice.send(f"PRIVMSG #lobby :{text}")
                await alice.expect("PRIVMSG", "#lobby", text)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk)
            await bob.expect("PRIVMSG", "#lobby", said[20])
            await succeed("backup", "--data", home.data, copy)
        result = await run_program("securechat-server", "restore", "--data", home.data, copy)
        assert result.returncode == 1
        assert result.stderr.decode().startswith("Error: Another server is running on ")
        assert "All is well" in await succeed("check", "--data", home.data)
    text = await succeed("restore", "--data", home.data, copy)
    assert "What was there before is" in text
    pages = {"history_page_max": SAID}
    async with running_server(home, pages) as server, user(server, "bob") as bob:
        heard = [line.text for line in await bob.history()]
        assert len(heard) > 20
        assert heard == said[: len(heard)]
        # What was restored is a server's data like any other.
        await bob.send("PRIVMSG #lobby :and so on")
        await bob.expect("PRIVMSG", "#lobby", "and so on")
    assert "All is well" in await succeed("check", "--data", home.data)


async def test_a_database_of_an_older_version_learns_to_shrink(home: Home) -> None:
    await home.add("alice")
    file = sqlite3.connect(home.data / "securechat.db", isolation_level=None)
    file.execute("PRAGMA auto_vacuum = NONE")
    file.execute("VACUUM")
    file.close()
    async with running_server(home) as server, user(server, "alice") as alice:
        await alice.ping()
        rows = server.rows("database rewritten, it gives disk space back from now on")
        assert len(rows) == 1
    async with running_server(home) as server, user(server, "alice"):
        assert not server.rows("database rewritten, it gives disk space back from now on")


async def test_a_database_in_use_learns_that_at_another_start(home: Home) -> None:
    await home.add("alice")
    file = sqlite3.connect(home.data / "securechat.db", isolation_level=None)
    file.execute("PRAGMA auto_vacuum = NONE")
    file.execute("VACUUM")
    file.execute("SELECT count(*) FROM events").fetchone()
    async with running_server(home) as server, user(server, "alice") as alice:
        await alice.ping()
        (row,) = server.rows(
            "database gives no disk space back, trying at the next start", level="warning"
        )
        assert "locked" in row["reason"]
    file.close()
