"""irssi on a terminal, set up by what docs/clients.md tells to type."""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from support.certified import CertifiedHome, needs, visitor
from support.chatlogs import Transcript
from support.daily_life import live_through_a_day
from support.screens import Screen, on_a_screen
from support.system import PASSWORD, Server, running_server

from securechat.certificates import colon_form

needs("irssi", "tmux")
pytestmark = pytest.mark.clients

VERSION = subprocess.run(["irssi", "--version"], check=True, capture_output=True).stdout.decode()

BY_CA = "-tls_verify -tls_cafile ~/ca.pem"


@asynccontextmanager
async def irssi(
    home: CertifiedHome, server: Server, trust: str, *settings: str
) -> AsyncIterator[Screen]:
    """Set irssi up and connect; ``trust`` are the options about the certificate."""
    async with on_a_screen(home.folder, "irssi") as screen:
        await screen.wait_for_text(r"\[\(status\)\]")
        # Lines that come quickly would be taken for a paste, and be asked about.
        await screen.type("/set paste_verify_line_count 0")
        await screen.wait_for_text("paste_verify_line_count 0")
        await screen.type(
            f'/network add -sasl_username alice -sasl_password "{PASSWORD}"'
            " -sasl_mechanism PLAIN home",
            f"/server add {trust} -auto -network home localhost {server.port}",
            "/set cmd_queue_speed 10msec",  # not for people: do not spread commands over seconds
            *settings,
            "/save",
            "/connect home",
        )
        yield screen


class Irssi:
    """irssi as docs/clients.md sets it up, with logs."""

    name = "irssi"
    program = " ".join(VERSION.split()[:2])
    server_window = "1"
    logged_in = "SASL authentication succeeded"
    settled = r"#\w+ was synced in"
    settled_after_a_break = settled
    cut_off = "Connection lost to localhost"

    def set_up(self, home: CertifiedHome, server: Server) -> AbstractAsyncContextManager[Screen]:
        settings = (
            "/set autolog on",
            "/set server_reconnect_time 1s",  # not for people: come back at once
            "/set user_name alice",  # else who runs the test is in the transcript
        )
        return irssi(home, server, BY_CA, *settings)

    def again(self, home: CertifiedHome) -> AbstractAsyncContextManager[Screen]:
        return on_a_screen(home.folder, "irssi")

    async def look_at(self, screen: Screen, window: str) -> None:
        # At once, as it knows no longer which window was that of a channel that one is not in.
        await screen.type(f"/window goto {window}")
        await screen.wait_for_text(rf"^\[({re.escape(window)}|\(status\))\]")

    def transcript(self, home: CertifiedHome) -> Transcript:
        logs = home.folder / "irclogs" / "home"
        return Transcript(self.program, lambda window: logs.glob(f"{window}.log"), self._tidy)

    @staticmethod
    def _tidy(line: str) -> str:
        if line.startswith("--- "):
            return ""
        line = re.sub(r"^\d\d:\d\d", "hh:mm", line)
        line = re.sub(r"synced in \d+ secs", "synced in n secs", line)
        return re.sub(r"\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}", "DATE", line)


async def test_daily_life_with_irssi(home: CertifiedHome) -> None:
    await live_through_a_day(Irssi(), home)


async def test_irssi_from_connecting_to_quitting(home: CertifiedHome) -> None:
    await home.add("alice", "bob")
    async with running_server(home) as server, irssi(home, server, BY_CA) as screen:
        await screen.wait_for_text("SASL authentication succeeded", "Act: 2")
        await screen.press("M-2")
        async with visitor(server, home, "bob") as bob:
            await screen.wait_for_text(r"bob \[\S+\] has joined #lobby")
            await bob.send("PRIVMSG #lobby :good morning ☕")
            await screen.wait_for_text("< bob> good morning ☕")
            await screen.type("hello bob, ça va?")
            await bob.expect("PRIVMSG", "#lobby", "hello bob, ça va?")
            await screen.wait_for_text(r"< alice> hello bob, ça va\?")

            await screen.type("/topic tea at four")
            await bob.expect("TOPIC", "#lobby", "tea at four")
            await screen.wait_for_text("alice changed the topic of #lobby to: tea at four")

            await bob.send("JOIN #dev")
            await bob.expect("366", None, "#dev")
            await screen.type("/join #dev")
            await screen.wait_for_text(r"\[Users #dev\]", r"\[@bob\]")
            await bob.send("PRIVMSG #dev :it is more quiet here")
            await screen.wait_for_text("<@bob> it is more quiet here")

            await screen.type("/query bob", "psst")
            await bob.expect("PRIVMSG", "bob", "psst")
            await bob.send("PRIVMSG alice :what is it?")
            await screen.wait_for_text(r"<bob> what is it\?")

            await screen.type("/whois bob")
            await screen.wait_for_text(
                r"channels +: (#lobby @#dev|@#dev #lobby)$",
                "account +: bob$",
                "is using a secure connection$",
            )
            await screen.type("/away gone for lunch")
            await screen.wait_for_text(r"alice\S* \(zZzZ\)")
            await bob.send("PRIVMSG alice :still there?")
            await bob.expect("301", "bob", "alice", "gone for lunch")
            await screen.type("/away")
            await screen.wait_for_text(r"<bob> still there\?", r"\[alice(\(\+i\))?\]")

        await screen.press("M-2")
        await screen.type("/clear")
        await screen.wait_for_text(r"\A(?s:(?!good morning).)*\Z")
        server.kill()
        await server.ended()
        await screen.wait_for_text(r"\[\] \[2\]")
        async with (
            running_server(home, port=server.port) as again,
            visitor(again, home, "bob") as bob,
        ):
            await screen.type("/connect home")
            await screen.wait_for_text(
                "< bob> good morning ☕", r"< alice> hello bob, ça va\?", "Topic .*: tea at four"
            )
            await screen.type("we are back")
            await bob.expect("PRIVMSG", "#lobby", "we are back")
            await screen.type("/quit gone home")
            await bob.expect("QUIT", "Quit: gone home")
            await screen.ended()


def by_fingerprint(fingerprint: str) -> str:
    return f"-tls -notls_verify -tls_pinned_cert {colon_form(fingerprint)}"


async def test_irssi_that_was_told_the_fingerprint_only(home: CertifiedHome) -> None:
    await home.add("alice")
    async with (
        running_server(home) as server,
        irssi(home, server, by_fingerprint(home.fingerprint)) as screen,
    ):
        await screen.wait_for_text("SASL authentication succeeded", "Act: 2")


async def test_irssi_refuses_a_server_with_another_fingerprint(home: CertifiedHome) -> None:
    await home.add("alice")
    async with (
        running_server(home) as server,
        irssi(home, server, by_fingerprint(home.fingerprint[::-1])) as screen,
    ):
        await screen.wait_for_text("Pinned certificate mismatch", "Connection lost")
        await server.logged("connection ended")
        assert server.rows("logged in") == []


async def test_irssi_refuses_a_server_that_it_was_told_nothing_about(home: CertifiedHome) -> None:
    await home.add("alice")
    async with running_server(home) as server, irssi(home, server, "-tls") as screen:
        await screen.wait_for_text("Could not verify", "Connection lost")
        await server.logged("connection ended")
        assert server.rows("logged in") == []
