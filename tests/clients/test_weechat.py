"""WeeChat on a terminal, set up by what docs/clients.md tells to type."""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from support.certified import CertifiedHome, needs, visitor
from support.chatlogs import Transcript
from support.daily_life import live_through_a_day
from support.screens import Screen, on_a_screen
from support.system import PASSWORD, Server, run_program, running_server

needs("weechat", "tmux")
pytestmark = pytest.mark.clients

VERSION = subprocess.run(["weechat", "--version"], check=True, capture_output=True).stdout.decode()
TLS = "ssl" if int(VERSION.split(".")[0]) < 4 else "tls"

BY_CA = "/set weechat.network.gnutls_ca_user ~/ca.pem"


@asynccontextmanager
async def weechat(
    home: CertifiedHome,
    server: Server,
    trust: str = "",
    *settings: str,
    password: str = PASSWORD,
) -> AsyncIterator[Screen]:
    """Set WeeChat up and connect; ``trust`` is what is typed about the certificate."""
    async with on_a_screen(home.folder, "weechat") as screen:
        await screen.wait_for_text(r"WeeChat \d")
        # Lines that come quickly would be taken for a paste, and be asked about.
        await screen.type("/set weechat.look.paste_max_lines -1")
        await screen.wait_for_text("paste_max_lines = -1")
        await screen.type(
            f"/secure set home {password}",
            f"/server add home localhost/{server.port} -{TLS}",
            "/set irc.server.home.sasl_mechanism plain",
            "/set irc.server.home.sasl_username alice",
            "/set irc.server.home.sasl_password ${sec.data.home}",
            "/set irc.server.home.autoconnect on",
            # Not for people: come back at once, and do not spread commands over seconds.
            "/set irc.server.home.autoreconnect_delay 1",
            "/set irc.server.home.anti_flood_prio_high 0",
            *filter(None, [trust]),
            *settings,
            "/save",
            "/connect home",
        )
        yield screen


class WeeChat:
    """WeeChat as docs/clients.md sets it up, with logs, which it writes anyway."""

    name = "weechat"
    program = f"WeeChat {VERSION.strip()}"
    server_window = "irc.server.home"
    logged_in = "SASL authentication successful"
    settled = r"Channel created on"
    settled_after_a_break = "#"
    cut_off = "irc: disconnected from server"

    def set_up(self, home: CertifiedHome, server: Server) -> AbstractAsyncContextManager[Screen]:
        settings = (
            "/set logger.file.flush_delay 0",
            # Else who runs the test is in the transcript.
            "/set irc.server.home.username alice",
            "/set irc.server.home.realname Alice",
        )
        return weechat(home, server, BY_CA, *settings)

    def again(self, home: CertifiedHome) -> AbstractAsyncContextManager[Screen]:
        return on_a_screen(home.folder, "weechat")

    async def look_at(self, screen: Screen, window: str) -> None:
        await screen.type(f"/buffer {window}")

    def transcript(self, home: CertifiedHome) -> Transcript:
        def logs(window: str) -> Iterable[Path]:
            return home.folder.rglob(f"irc.home.{window}.weechatlog")

        return Transcript(self.program, logs, self._tidy)

    @staticmethod
    def _tidy(line: str) -> str:
        line = re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "hh:mm", line)
        line = re.sub(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d", "DATE", line)
        return " ".join(line.split())


async def test_daily_life_with_weechat(home: CertifiedHome) -> None:
    await live_through_a_day(WeeChat(), home)


async def test_weechat_from_connecting_to_quitting(home: CertifiedHome) -> None:
    await home.add("alice", "bob")
    async with running_server(home) as server, weechat(home, server, BY_CA) as screen:
        await screen.wait_for_text("#lobby: 1 nick")
        async with visitor(server, home, "bob") as bob:
            await screen.wait_for_text(r"bob \[bob\] .* has joined #lobby")
            await bob.send("PRIVMSG #lobby :good morning ☕")
            await screen.wait_for_text(r"bob \| good morning ☕")
            await screen.type("hello bob, ça va?")
            await bob.expect("PRIVMSG", "#lobby", "hello bob, ça va?")
            await screen.wait_for_text(r"alice \| hello bob, ça va\?")

            await screen.type("/topic tea at four")
            await bob.expect("TOPIC", "#lobby", "tea at four")
            await screen.wait_for_text("alice has .*topic .*tea at four")

            await bob.send("JOIN #dev")
            await bob.expect("366", None, "#dev")
            await screen.type("/join #dev")
            await screen.wait_for_text("#dev: 2 nicks")
            await bob.send("PRIVMSG #dev :it is more quiet here")
            await screen.wait_for_text(r"bob \| it is more quiet here")

            await screen.type("/query bob psst")
            await bob.expect("PRIVMSG", "bob", "psst")
            await bob.send("PRIVMSG alice :what is it?")
            await screen.wait_for_text(r"bob \| what is it\?")

            await screen.type("/buffer irc.server.home", "/whois bob")
            await screen.wait_for_text(
                "certificate is trusted",
                r"\[bob\] (#lobby @#dev|@#dev #lobby)$",
                r"\[bob\] is logged in as bob$",
                r"\[bob\] is using a secure connection$",
            )
            await screen.type("/away gone for lunch")
            await screen.wait_for_text("marked as being away")
            await bob.send("PRIVMSG alice :still there?")
            await bob.expect("301", "bob", "alice", "gone for lunch")
            await screen.type("/away", "/buffer bob")
            await screen.wait_for_text(r"bob \| still there\?")

        await screen.type("/buffer #lobby", "/buffer clear")
        await screen.wait_for_text("2:#lobby", r"\A(?s:(?!good morning).)*\Z")
        server.kill()
        await server.ended()
        async with (
            running_server(home, port=server.port) as again,
            visitor(again, home, "bob") as bob,
        ):
            await screen.wait_for_text(
                r"bob \| good morning ☕", r"alice \| hello bob, ça va\?", "│tea at four"
            )
            await screen.type("we are back")
            await bob.expect("PRIVMSG", "#lobby", "we are back")
            await screen.type("/quit gone home")
            await bob.expect("QUIT", "Quit: gone home")
            await screen.ended()


def by_fingerprint(fingerprint: str) -> str:
    return f"/set irc.server.home.{TLS}_fingerprint {fingerprint}"


async def test_weechat_that_was_told_the_fingerprint_only(home: CertifiedHome) -> None:
    await home.add("alice")
    async with (
        running_server(home) as server,
        weechat(home, server, by_fingerprint(home.fingerprint)) as screen,
    ):
        await screen.wait_for_text("#lobby: 1 nick")


async def test_weechat_refuses_a_server_with_another_fingerprint(home: CertifiedHome) -> None:
    await home.add("alice")
    async with (
        running_server(home) as server,
        weechat(home, server, by_fingerprint(home.fingerprint[::-1])) as screen,
    ):
        await screen.wait_for_text("fingerprint does NOT match")
        await server.logged("connection ended")
        assert server.rows("logged in") == []


async def test_weechat_refuses_a_server_that_it_was_told_nothing_about(home: CertifiedHome) -> None:
    await home.add("alice")
    async with running_server(home) as server, weechat(home, server) as screen:
        await screen.wait_for_text("certificate is NOT trusted")
        await server.logged("connection ended")
        assert server.rows("logged in") == []


async def test_weechat_logs_in_by_a_token_until_it_is_revoked(home: CertifiedHome) -> None:
    """docs/clients.md, "A token in place of the password"."""
    await home.add("alice")

    async def token(*arguments: str) -> str:
        result = await run_program("securechat-users", "--data", home.data, "token", *arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout.decode().strip()

    async with running_server(home) as server:
        phone = await token("add", "alice", "--name", "phone")
        async with weechat(home, server, BY_CA, password=phone) as screen:
            await screen.wait_for_text("#lobby: 1 nick")
            await screen.type("/buffer irc.server.home", "/quote TOKEN LIST")
            await screen.wait_for_text("TOKEN LIST [0-9a-f]{8}", ":phone")
            await token("revoke", "alice", "--all")
            await screen.wait_for_text("token was revoked", "SASL authentication failed")


async def test_weechat_asks_for_a_token(home: CertifiedHome) -> None:
    """docs/clients.md, "A token in place of the password": it is shown in the server's window."""
    await home.add("alice")
    async with running_server(home) as server, weechat(home, server, BY_CA) as screen:
        await screen.wait_for_text("#lobby: 1 nick")
        await screen.type("/buffer irc.server.home", "/quote TOKEN ADD :phone")
        await screen.wait_for_text("TOKEN ADD [0-9a-f]{8} phone", ":sct_")
