"""Our own client on a terminal: what two people see, through the death of their server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from support.certified import CertifiedHome, needs, visitor
from support.screens import Screen, on_a_screen
from support.system import PASSWORD, PROGRAMS, Server, running_server

needs("tmux")
pytestmark = pytest.mark.clients


@asynccontextmanager
async def client(home: CertifiedHome, server: Server, *flags: str) -> AsyncIterator[Screen]:
    """Log in as alice; the password is typed and not seen."""
    address = f"alice@localhost:{server.port}"
    program = PROGRAMS / "securechat-client"
    async with on_a_screen(home.folder, program, address, "--ca", home.ca, *flags) as screen:
        await screen.wait_for_text("^Password of alice at localhost:")
        await screen.type(PASSWORD)
        yield screen


async def test_our_client_from_logging_in_to_quitting(home: CertifiedHome) -> None:
    await home.add("alice", "bob")
    async with running_server(home) as server, client(home, server, "--plain") as screen:
        await screen.wait_for_text("-- in #lobby: alice$", "^#lobby>$")
        async with visitor(server, home, "bob") as bob:
            await screen.wait_for_text("-- bob joined #lobby$")
            await screen.type("hello bob, ça va?")
            await bob.expect("PRIVMSG", "#lobby", "hello bob, ça va?")
            await screen.wait_for_text(r"<alice> hello bob, ça va\?$")

            await screen.write("I was just")
            await screen.wait_for_text("^#lobby> I was just$")
            await bob.send("PRIVMSG #lobby :good morning ☕")
            await screen.wait_for_text("<bob> good morning ☕$", "^#lobby> I was just$")
            await screen.type(" saying")
            await bob.expect("PRIVMSG", "#lobby", "I was just saying")

            await screen.type("/topic tea at four")
            await bob.expect("TOPIC", "#lobby", "tea at four")
            await screen.type("/join #dev")
            await screen.wait_for_text("-- in #dev: @alice$", "^#dev>$")
            await screen.type("/msg bob psst")
            await bob.expect("PRIVMSG", "bob", "psst")
            await bob.send("PRIVMSG alice :what is it?")
            await screen.wait_for_text(r"\[bob\] <bob> what is it\?$")
            await screen.type("/join #lobby", "/jion #lobby")
            await screen.wait_for_text(r"did you mean /join\?$", "^#lobby>$")

        server.kill()
        await server.ended()
        await screen.wait_for_text("-- disconnected: .*trying again in")
        await screen.type("said to nobody")
        async with (
            running_server(home, port=server.port) as again,
            visitor(again, home, "bob") as bob,
        ):
            text = await screen.wait_for_text("-- connected again", "<alice> said to nobody$")
            assert text.count("<bob> good morning ☕") == 1
            assert text.count("<alice> said to nobody") == 1
            said = [line.text for line in await bob.history() if line.command == "PRIVMSG"]
            assert said[-1] == "said to nobody"
            await screen.type("/quit gone home")
            await bob.expect("QUIT", "Quit: gone home")
            await screen.ended()


async def test_the_full_screen_in_tmux(home: CertifiedHome) -> None:
    """A multiplexer answers few questions: drawn, typed in, left, and the screen given back."""
    await home.add("alice", "bob")
    async with running_server(home) as server, client(home, server) as screen:
        await screen.wait_for_text("# lobby", "Message #lobby", "F1 help")
        async with visitor(server, home, "bob") as bob:
            await bob.send("PRIVMSG #lobby :good morning ☕")
            await screen.wait_for_text("bob  good morning ☕")
            await screen.type("hello bob, ça va?")
            await bob.expect("PRIVMSG", "#lobby", "hello bob, ça va?")
            await screen.press("C-k")
            await screen.write("lob")
            await screen.press("C-g", "F1")
            await screen.wait_for_text("quick switcher|go to", "Alt-A")
            await screen.press("F1")
            await screen.type("/quit gone home")
            await bob.expect("QUIT", "Quit: gone home")
            await screen.ended()
