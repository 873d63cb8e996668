"""The server on a real terminal: a line typed there is announced, Ctrl-C stops it."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator

import pytest
from support.person import user
from support.system import Home, running_server

# Makes standard input the terminal that controls a new session, as a login does (setsid(2)).
LOG_IN = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
IN_A_SESSION = (sys.executable, "-c", LOG_IN)
CTRL_C, CTRL_D = b"\x03", b"\x04"


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Return the two ends of a terminal: the keyboard's and the program's."""
    keyboard, program = pty.openpty()
    yield keyboard, program
    os.close(keyboard)
    os.close(program)


async def test_what_is_typed_at_the_console_reaches_everybody(
    home: Home, terminal: tuple[int, int]
) -> None:
    keyboard, program = terminal
    await home.add("alice", "bob")
    async with (
        running_server(home, through=IN_A_SESSION, stdin=program) as server,
        user(server, "alice") as alice,
        user(server, "bob") as bob,
    ):
        os.write(keyboard, "tea is ready ☕\n\n".encode())
        for person in (alice, bob):
            await person.expect("NOTICE", person.name, "tea is ready ☕")
        os.write(keyboard, CTRL_D)
        await alice.ping()
        os.write(keyboard, CTRL_C)
        assert "The server is stopping" in await alice.end()
        assert await server.ended() == 0


async def test_closing_the_window_stops_it_gracefully(home: Home) -> None:
    """Otherwise it would go on where nobody sees it, and the next one would find its port taken."""
    keyboard, program = pty.openpty()
    try:
        await home.add("alice")
        async with (
            running_server(home, through=IN_A_SESSION, stdin=program) as server,
            user(server, "alice") as alice,
        ):
            os.close(keyboard)
            assert "The server is stopping" in await alice.end()
            assert await server.ended() == 0
    finally:
        os.close(program)
