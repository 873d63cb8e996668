"""Somebody at the full-screen client: the real program on a pty, and a real server to talk to."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support.person import MODERN, Person, user
from support.system import (
    NO_CONNECTION_LIMITS,
    NO_FLOOD_LIMIT,
    PASSWORD,
    Home,
    Server,
    authority,
    running_server,
)
from support.terminals import Terminal, on_a_terminal

CALM: dict[str, object] = {**NO_FLOOD_LIMIT, **NO_CONNECTION_LIMITS, "outbox_bytes_max": 0}
START = "from securechat.cli.client import main; main()"


@dataclass(frozen=True)
class Flat:
    """A server with alice's and bob's accounts, and a folder with what alice logs in by."""

    folder: Path
    server: Server

    @property
    def environment(self) -> dict[str, str]:
        """Return what keeps the client's files in the folder (XDG Base Directory)."""
        return {"HOME": str(self.folder), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}

    def command(self, *arguments: str, before: str = "") -> list[str | Path]:
        """Return how alice's client is started; ``before`` is Python that runs in it first."""
        return [
            *(sys.executable, "-c", f"{before}\n{START}", f"alice@localhost:{self.server.port}"),
            *("--ca", self.folder / "ca.pem", "--password-file", self.folder / "password"),
            *arguments,
        ]


def write_password(folder: Path, password: str = PASSWORD) -> None:
    """Write the file that alice's client reads her password from."""
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password + "\n", encoding="utf-8")


@asynccontextmanager
async def flat(home: Home, settings: Mapping[str, object] = CALM) -> AsyncIterator[Flat]:
    """Run a server for the length of the block; alice and bob have accounts."""
    authority().cert_pem.write_to_path(home.folder / "ca.pem")
    write_password(home.folder)
    await home.add("alice", "bob")
    async with running_server(home, settings) as server:
        yield Flat(home.folder, server)


@asynccontextmanager
async def client(
    at: Flat,
    *arguments: str,
    columns: int = 100,
    rows: int = 30,
    before: str = "",
    environment: Mapping[str, str] = {},
    extended: bool = False,
) -> AsyncIterator[Terminal]:
    """Run alice's client for the length of the block; it may not have drawn anything yet."""
    async with on_a_terminal(
        *at.command(*arguments, before=before),
        columns=columns,
        rows=rows,
        environment={**at.environment, **environment},
        folder=at.folder,
        extended=extended,
    ) as terminal:
        yield terminal


@asynccontextmanager
async def two_talk(
    home: Home, *, columns: int = 100, rows: int = 30, caps: Sequence[str] = MODERN
) -> AsyncIterator[tuple[Flat, Terminal, Person]]:
    """Run a server, alice's client, logged in, and bob at a small client of his own."""
    async with (
        flat(home) as at,
        user(at.server, "bob", caps=caps) as bob,
        client(at, columns=columns, rows=rows) as terminal,
    ):
        await terminal.wait_for("#lobby")
        await bob.expect("JOIN", "#lobby")
        yield at, terminal, bob
