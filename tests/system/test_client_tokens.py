"""The client's device token against the real server: made, used, revoked here and there.

Docs: docs/client.md, "Device tokens". The real program, on a terminal, with a home of its own.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from support.full_screen import CALM, START, Flat, flat
from support.person import user
from support.system import PASSWORD, Home, run_program, running_server
from support.terminals import Terminal, on_a_terminal

ENDED_SECONDS_MAX = 1.5  # the promise is 1; the rest is for a slow machine


@asynccontextmanager
async def at_the_prompt(at: Flat, *arguments: str) -> AsyncIterator[Terminal]:
    """Run the client as a person does, who has no password file."""
    async with on_a_terminal(
        *(sys.executable, "-c", START, *arguments),
        columns=120,
        rows=30,
        environment=at.environment,
        folder=at.folder,
    ) as terminal:
        yield terminal


async def tokens_of(at: Flat) -> list[dict[str, str]]:
    """Return alice's tokens as the server's operator sees them."""
    data = at.server.home.data
    listed = await run_program(
        "securechat-users", "--data", data, "token", "list", "alice", "--json"
    )
    assert listed.returncode == 0, listed.stderr
    rows: list[dict[str, str]] = json.loads(listed.stdout)
    return rows


async def log_in_first(at: Flat, *more: str) -> None:
    """Log in by the password, which is typed, and leave."""
    async with at_the_prompt(at, *address(at), *more) as terminal:
        await terminal.wait_for("Password of alice")
        await terminal.write(f"{PASSWORD}\r")
        await terminal.wait_for("#lobby")
        await terminal.write("/quit\r")
        assert await terminal.ended() == 0


def address(at: Flat) -> tuple[str, str, str]:
    return (f"alice@localhost:{at.server.port}", "--ca", str(at.folder / "ca.pem"))


@pytest.mark.parametrize(
    ("more", "gone"),
    [((), "Not connected"), (("--plain",), "token was revoked")],
    ids=["full screen", "plain"],
)
async def test_a_token_is_made_used_and_revoked_by_the_operator(
    home: Home, more: tuple[str, ...], gone: str
) -> None:
    """docs/safety.md fault 23: out within a second; then it asks for the password, and says why."""
    async with flat(home, CALM) as at:
        await log_in_first(at, *more)
        (token,) = await tokens_of(at)
        async with at_the_prompt(at, *address(at), *more) as terminal:
            await terminal.wait_for("#lobby")
            assert "Password" not in terminal.text
            data = at.server.home.data
            done = await run_program(
                *("securechat-users", "--data", data, "token", "revoke", "alice", token["id"])
            )
            assert done.returncode == 0, done.stderr
            with trio.fail_after(ENDED_SECONDS_MAX):
                await terminal.wait_for(gone)
            await terminal.wait_for("Password of alice")
            assert "does not accept the token of this device" in terminal.text
            assert terminal.raw.rfind(b"\x1b[?1049h") <= terminal.raw.rfind(b"\x1b[?1049l")
            await terminal.write(f"{PASSWORD}\r")
            await terminal.wait_until(
                lambda: b"A device token is kept" in terminal.raw, "another token"
            )
            terminal.send_signal(signal.SIGTERM)
            await terminal.ended()
        (new,) = await tokens_of(at)
        assert new["id"] != token["id"]


@pytest.mark.parametrize("by", ["--ca", "certs/ca.pem"])
async def test_it_starts_where_the_server_cannot_be_reached_yet(home: Home, by: str) -> None:
    """Nothing is to be asked, so the screen is there at once, and what is typed is sent later."""
    async with flat(home, CALM) as at:
        where: tuple[str, ...] = address(at)
        if by == "certs/ca.pem":  # then whether to ask would be found out at the server
            (at.folder / "certs").mkdir()
            shutil.copy(at.folder / "ca.pem", at.folder / "certs")
            where = where[:1]
        await log_in_first(at)
        port = at.server.port
        assert await at.server.stop() == 0
        async with at_the_prompt(at, *where) as terminal:
            await terminal.wait_for("Not connected", "again in|connecting")
            await terminal.write("/quit\r")
            assert await terminal.ended() == 0
        async with at_the_prompt(at, *where) as terminal:
            await terminal.wait_for("Not connected")
            async with running_server(home, CALM, port=port) as again, user(again, "bob") as bob:
                await terminal.wait_for("#lobby")
                await bob.send("PRIVMSG #lobby :good morning")
                await terminal.wait_for("good morning")
                assert "Not connected" not in terminal.text
                await terminal.write("good morning to you\r")
                await bob.expect("PRIVMSG", "#lobby", "good morning to you")
                await terminal.write("/quit\r")
                assert await terminal.ended() == 0


async def test_a_token_that_was_revoked_meanwhile_is_said_on_the_terminal_as_it_was(
    home: Home,
) -> None:
    async with flat(home, CALM) as at:
        await log_in_first(at)
        data = at.server.home.data
        done = await run_program(
            *("securechat-users", "--data", data, "token", "revoke", "alice", "--all")
        )
        assert done.returncode == 0, done.stderr
        async with at_the_prompt(at, *address(at)) as terminal:
            await terminal.wait_for("Password of alice")
            assert "does not accept the token of this device" in terminal.text
            assert terminal.raw.rfind(b"\x1b[?1049h") <= terminal.raw.rfind(b"\x1b[?1049l")
            await terminal.write(f"{PASSWORD}\r")
            await terminal.wait_for("#lobby")


async def test_the_session_that_asked_for_the_token_ends_with_it_too(home: Home) -> None:
    """docs/safety.md fault 23: a device that is lost on its first day is shut out all the same."""
    async with flat(home, CALM) as at, at_the_prompt(at, *address(at), "--plain") as terminal:
        await terminal.wait_for("Password of alice")
        await terminal.write(f"{PASSWORD}\r")
        await terminal.wait_for("alice joined #lobby", "#lobby>")
        (token,) = await tokens_of(at)
        data = at.server.home.data
        done = await run_program(
            *("securechat-users", "--data", data, "token", "revoke", "alice", token["id"])
        )
        assert done.returncode == 0, done.stderr
        with trio.fail_after(ENDED_SECONDS_MAX):
            await terminal.wait_for("token was revoked")


async def test_logging_out_revokes_the_token_on_the_server(home: Home) -> None:
    async with flat(home, CALM) as at:
        await log_in_first(at)
        assert len(await tokens_of(at)) == 1
        kept = [path for path in at.folder.rglob("tokens.json") if path.is_file()]
        assert [path.stat().st_mode & 0o777 for path in kept] == [0o600]
        assert PASSWORD not in kept[0].read_text()
        (at.folder / "certs").mkdir()
        (at.folder / "ca.pem").rename(at.folder / "certs" / "ca.pem")
        async with at_the_prompt(at, "logout", address(at)[0]) as terminal:
            await terminal.wait_for("is forgotten and revoked")
            assert await terminal.ended() == 0
        assert await tokens_of(at) == []
        async with at_the_prompt(at, address(at)[0]) as terminal:
            await terminal.wait_for("Password of alice")
