"""The full-screen client as a person has it: the real program on a terminal, and a real server.

What is on the screen is what is looked at; keys are pressed as
xterm sends them (ctlseqs).
"""

from __future__ import annotations

import re

from support.full_screen import CALM, client, flat, two_talk, write_password
from support.person import MODERN, user
from support.system import Home, running_server

from securechat.client.tui.themes import load


async def test_two_people_talk(home: Home) -> None:
    async with two_talk(home) as (_, terminal, bob):
        await bob.send("PRIVMSG #lobby :good morning")
        await terminal.wait_for("good morning", "bob")
        await terminal.write("hello bob, välkommen ☕")
        await terminal.press("enter")
        await bob.expect("PRIVMSG", "#lobby", "hello bob, välkommen ☕")
        await terminal.wait_for("hello bob, välkommen ☕")


async def test_what_was_said_before_is_there(home: Home) -> None:
    async with flat(home) as at, user(at.server, "bob") as bob:
        await bob.send("PRIVMSG #lobby :said while you were away")
        await bob.ping()
        async with client(at) as terminal:
            await terminal.wait_for("said while you were away")


async def test_a_direct_message_makes_a_conversation_of_its_own(home: Home) -> None:
    async with two_talk(home) as (_, terminal, bob):
        await bob.send("PRIVMSG alice :psst, only for you")
        await terminal.wait_until(
            lambda: bool(re.search(r"bob.*1", terminal.text)), "bob with a badge"
        )
        await terminal.press("meta a")
        await terminal.wait_for("psst, only for you")
        await terminal.write("I hear you")
        await terminal.press("enter")
        await bob.expect("PRIVMSG", "alice")
        await bob.expect("PRIVMSG", None, "I hear you") if bob.seen[
            -1
        ].text != "I hear you" else None


async def test_a_pasted_newline_sends_nothing_by_itself(home: Home) -> None:
    """Bracketed paste: several lines are asked about before they are said."""
    async with two_talk(home) as (_, terminal, bob):
        await terminal.paste("first line\nsecond line\nthird line")
        await terminal.wait_for("first line", "third line")
        await bob.ping()
        assert not [line for line in bob.seen if line.command == "PRIVMSG"]


async def test_the_help_names_the_keys(home: Home) -> None:
    async with two_talk(home, rows=50) as (_, terminal, _bob):
        await terminal.press("f1")
        await terminal.wait_for("Ctrl-K", "Alt-A")
        await terminal.press("esc")
        await terminal.wait_gone("Alt-A")


async def test_a_wrong_password_is_a_sentence_on_a_terminal_as_it_was(home: Home) -> None:
    async with flat(home) as at:
        write_password(at.folder, "not the password at all")
        async with client(at) as terminal:
            assert await terminal.ended() == 1
            await terminal.wait_for("does not accept this password")
            assert "Traceback" not in terminal.text
            assert terminal.modes() == terminal.modes_before


async def test_the_server_restarts_and_the_screen_is_what_the_server_has(home: Home) -> None:
    async with two_talk(home) as (at, terminal, bob):
        await bob.send("PRIVMSG #lobby :before the restart")
        await terminal.wait_for("before the restart")
        port = at.server.port
        assert await at.server.stop() == 0
        await terminal.wait_for(r"(?i)connect|offline|again")
        await terminal.write("typed while it was away")
        await terminal.press("enter")
        await terminal.wait_for("typed while it was away")
        async with running_server(home, CALM, port=port) as again, user(again, "bob") as new_bob:
            await new_bob.send("PRIVMSG #lobby :back again")
            await terminal.wait_for("back again", "typed while it was away")
            said = [line.text for line in await new_bob.history() if line.command == "PRIVMSG"]
            assert said.count("typed while it was away") == 1


async def test_the_automatic_theme_follows_the_terminal(home: Home) -> None:
    """Private mode 2031: a terminal whose colours become light says so, and dark again."""
    light, dark = (load(name).surfaces["log"].removeprefix("#") for name in ("light", "dark"))
    async with two_talk(home) as (_, terminal, _bob):
        await terminal.wait_until(lambda: b"\x1b[?2031h" in terminal.raw, "that it asked")

        def ground() -> str:
            return str(terminal.screen.buffer[15][60].bg)

        await terminal.wait_until(lambda: ground() == dark, "a dark ground")
        await terminal.write("\x1b[?997;2n")
        await terminal.wait_until(lambda: ground() == light, "a light ground")
        await terminal.write("\x1b[?997;1n")
        await terminal.wait_until(lambda: ground() == dark, "a dark ground")


async def test_who_people_are_and_whether_they_are_here(home: Home) -> None:
    """A display name stands behind the nick (metadata-2); MONITOR tells who comes and goes."""
    async with flat(home) as at, client(at, columns=140) as terminal:
        await terminal.wait_for("#lobby")
        async with user(at.server, "bob", caps=(*MODERN, "draft/metadata-2")) as bob:
            await bob.send("METADATA * SET display-name :Bob Hart")
            await terminal.wait_for("bob  Bob Hart")
            await bob.send("PRIVMSG alice :psst")
            await terminal.wait_for("• bob")
            await terminal.press("meta a")
            await terminal.wait_for("bob  Bob Hart", "psst")
            await bob.send("AWAY :tea")
            await terminal.wait_for("◦ bob", "away tea")
            await bob.send("QUIT :bye")
            await terminal.wait_for("· bob", "offline")
