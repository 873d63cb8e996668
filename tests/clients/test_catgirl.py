"""catgirl on a terminal, set up by what docs/clients.md tells to write."""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from support.certified import CertifiedHome, needs
from support.chatlogs import Transcript
from support.daily_life import live_through_a_day
from support.screens import Screen, on_a_screen
from support.system import PASSWORD, Server, running_server

needs("catgirl", "dpkg-query", "tmux")
pytestmark = pytest.mark.clients

# The program itself cannot tell its version.
PACKAGE = subprocess.run(
    ["dpkg-query", "--show", "--showformat", "${Version}", "catgirl"],
    check=True,
    capture_output=True,
).stdout.decode()

# It ends when the connection does, and reports failure then, but success after /quit.
LOOP = "until catgirl home; do sleep 1; done"


@asynccontextmanager
async def catgirl(
    home: CertifiedHome, server: Server, trust: str, command: str = LOOP
) -> AsyncIterator[Screen]:
    """Set catgirl up and connect; ``trust`` is the line about the certificate."""
    file = home.folder / ".config" / "catgirl" / "home"
    file.parent.mkdir(parents=True)
    file.touch(0o600)
    lines = ["host = localhost", f"port = {server.port}", "nick = alice", trust, "log"]
    file.write_text("\n".join([*lines, f"sasl-plain = alice:{PASSWORD}", ""]))
    # It makes folders of its own, but not this one.
    (home.folder / ".local" / "share").mkdir(parents=True)
    async with on_a_screen(home.folder, "sh", "-c", command) as screen:
        yield screen


class Catgirl:
    """catgirl as docs/clients.md sets it up, with logs."""

    name = "catgirl"
    program = f"catgirl {PACKAGE.split('-')[0]}"
    server_window = "<network>"
    logged_in = "You arrive in SecureChat"
    settled = "alice arrives"
    settled_after_a_break = settled
    cut_off = "Connection refused"

    def set_up(self, home: CertifiedHome, server: Server) -> AbstractAsyncContextManager[Screen]:
        return catgirl(home, server, f"trust = {home.ca}")

    def again(self, home: CertifiedHome) -> AbstractAsyncContextManager[Screen]:
        return on_a_screen(home.folder, "sh", "-c", LOOP)

    async def look_at(self, screen: Screen, window: str) -> None:
        await screen.type(f"/window {window}")

    def transcript(self, home: CertifiedHome) -> Transcript:
        logs = home.folder / ".local" / "share" / "catgirl" / "log" / "SecureChat"

        def files(window: str) -> list[Path]:
            return sorted(logs.glob(f"{window}/*.log"))

        return Transcript(self.program, files, lambda line: re.sub(r"^\[\S+\]", "hh:mm", line))


async def test_daily_life_with_catgirl(home: CertifiedHome) -> None:
    await live_through_a_day(Catgirl(), home)


async def test_catgirl_refuses_a_server_that_it_was_told_nothing_about(home: CertifiedHome) -> None:
    await home.add("alice")
    command = "catgirl home; exec sleep 100"
    async with running_server(home) as server, catgirl(home, server, "", command) as screen:
        await screen.wait_for_text("certificate verif")
        await server.logged("TLS handshake failed")
        assert server.rows("logged in") == []


async def test_catgirl_refuses_a_server_with_a_certificate_of_another_authority(
    home: CertifiedHome, tmp_path_factory: pytest.TempPathFactory
) -> None:
    await home.add("alice")
    other = CertifiedHome(tmp_path_factory.mktemp("other"))
    command = "catgirl home; exec sleep 100"
    async with (
        running_server(home) as server,
        catgirl(home, server, f"trust = {other.ca}", command) as screen,
    ):
        await screen.wait_for_text("certificate verif")
        await server.logged("TLS handshake failed")
        assert server.rows("logged in") == []
