"""A disk that is full or fails: a FAIL for every message that is not stored, never an echo.

docs/safety.md fault 24. Both ways of breaking the disk are the system's own: a small file system
that is really full, where this machine lets the tests mount one, and a limit on the size of files
(RLIMIT_FSIZE), past which every write fails, as it does on a disk that is broken.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from support.person import Line, Person, converse, user
from support.system import NO_FLOOD_LIMIT, PATIENCE_SECONDS, Home, Server, running_server

DISK_MIB = 4
MESSAGES_MAX = 20000
PIPELINED = 20
SETTINGS = NO_FLOOD_LIMIT | {"history_page_max": 0}


async def answer(person: Person) -> Line:
    """Return the next echo or FAIL."""
    with trio.fail_after(PATIENCE_SECONDS):
        while True:
            line = await person.line()
            if line.command in ("PRIVMSG", "FAIL"):
                return line


async def say(person: Person, first: int) -> list[Line]:
    """Say some numbers and return the answers, one each."""
    numbers = range(first, first + PIPELINED)
    await person.send(*(f"PRIVMSG #lobby :{number}" for number in numbers))
    return [await answer(person) for _ in numbers]


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines if line.command == "PRIVMSG"]


def check_not_stored(line: Line) -> None:
    """IRCv3 ``standard-replies``: command, code, context, text."""
    assert line.command == "FAIL"
    assert line.params[:3] == ("PRIVMSG", "NOT_STORED", "#lobby")


@pytest.fixture
def small_disk(home: Home) -> Iterator[Path]:
    """Put the data on a file system of its own, of few MiB."""
    home.data.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() or mount is None or unmount is None:
        pytest.skip("mounting a small file system needs root")
    size = f"size={DISK_MIB}m,mode=700"
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", size, "tmpfs", str(home.data)],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.decode().strip()}")
    yield home.data
    subprocess.run([unmount, "--lazy", str(home.data)], check=True)


def fill(folder: Path) -> Path:
    """Use up what the file system has left."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


async def test_a_full_disk_gives_fail_and_no_echo_until_there_is_room(
    home: Home, small_disk: Path
) -> None:
    await home.add("alice", "bob", "carol")
    async with (
        running_server(home, SETTINGS, error="events not stored") as server,
        user(server, "alice") as alice,
        user(server, "bob") as bob,
    ):
        stored = texts(await say(alice, 0))
        ballast = fill(small_disk)
        for number in range(PIPELINED, MESSAGES_MAX, PIPELINED):
            answers = await say(alice, number)
            stored += texts(answers)
            if answers[-1].command == "FAIL":
                check_not_stored(answers[-1])
                assert "nobody has seen it" in answers[-1].text
                break
        else:
            pytest.fail("the disk was never full")
        # Who is there goes on, who comes gets in, and what was said can be read.
        assert await bob.ping() < PATIENCE_SECONDS
        async with user(server, "carol") as carol:
            assert texts(await carol.history()) == stored
        ballast.unlink()
        await converse(alice, bob, "there is room again")
        stored.append("there is room again")
        assert texts(await bob.history()) == stored
        assert texts(bob.seen)[: len(stored)] == stored
        fill(small_disk)
        assert await server.stop() == 0
    (small_disk / "ballast").unlink()
    async with running_server(home, SETTINGS) as server, user(server, "bob") as bob:
        assert texts(await bob.history())[: len(stored)] == stored


def limit_files(server: Server, size: int) -> None:
    """Have every write past ``size`` bytes of a file fail from now on (-1: none)."""
    if sys.platform != "linux":
        pytest.skip("only Linux changes another process's limits")
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, hard))


async def test_a_failing_disk_gives_fail_and_no_echo_until_it_works_again(home: Home) -> None:
    await home.add("alice", "bob")
    async with (
        running_server(home, SETTINGS, error="events not stored") as server,
        user(server, "alice") as alice,
        user(server, "bob") as bob,
    ):
        stored = texts(await say(alice, 0))
        assert len(stored) == PIPELINED
        limit_files(server, 0)
        for line in await say(alice, PIPELINED):
            check_not_stored(line)
        assert texts(await bob.history()) == stored
        limit_files(server, -1)
        await converse(alice, bob, "that was close")
        assert texts(await bob.history()) == [*stored, "that was close"]
    async with running_server(home, SETTINGS) as server, user(server, "bob") as bob:
        assert texts(await bob.history()) == [*stored, "that was close"]
