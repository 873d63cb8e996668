"""What every foreign client must bring its person through, from the first login to the last quit.

The story is the same for all of them: only how one is set up, and how it writes things, differs.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from support.certified import CertifiedHome, visitor
from support.chatlogs import Transcript
from support.person import Person
from support.screens import Screen
from support.system import Server, running_server

TRANSCRIPTS = Path(__file__).parent.parent / "clients" / "transcripts"


class ForeignClient(Protocol):
    """An IRC client of somebody else's, set up for alice."""

    name: str
    program: str
    """Its name and version, as people say them."""
    server_window: str
    """What leads to the window for what is not about a channel."""
    logged_in: str
    """What it shows when it has logged in; a regular expression."""
    settled: str
    """The line by which it shows in a channel's window that it has asked all there is to ask."""
    settled_after_a_break: str
    """The same after a connection that broke, for a window that it already had."""
    cut_off: str
    """What it shows when the server is gone."""

    def set_up(self, home: CertifiedHome, server: Server) -> AbstractAsyncContextManager[Screen]:
        """Tell it how to connect, and connect."""

    def again(self, home: CertifiedHome) -> AbstractAsyncContextManager[Screen]:
        """Start it by its bare name, as one does every day."""

    async def look_at(self, screen: Screen, window: str) -> None:
        """Show another window."""

    def transcript(self, home: CertifiedHome) -> Transcript:
        """Begin what it will have shown."""


def said(name: str, text: str) -> str:
    return rf"^\S+ <?[ @]?{name}\b>? {text}$"


def came(name: str) -> str:
    return rf" {name}\b.* (joined|arrives)"


def went(name: str) -> str:
    return rf" {name}\b.* (quit|leaves)"


LOBBY = (
    said("bob", "good morning ☕"),
    said("alice", r"hello bob, ça va\?"),
    said("bob", "alice will read this later"),
)
DEV = (said("bob", "it is more quiet here"), said("alice", "so it is"))
"""What history has of the two channels."""


async def live_through_a_day(client: ForeignClient, home: CertifiedHome) -> None:
    """Play the story, and compare what alice saw with what is checked in."""
    await home.add("alice", "bob")
    seen = client.transcript(home)
    async with running_server(home) as server:
        async with client.set_up(home, server) as screen:
            await _first_visit(client, seen, screen, server, home)
        async with visitor(server, home, "bob") as bob:
            await bob.send("PRIVMSG #lobby :alice will read this later")
            await bob.expect("PRIVMSG", "#lobby", "alice will read this later")
            await _leave(bob)
        async with client.again(home) as screen:
            await _coming_back(client, seen, screen)
            seen.step("The server dies. A new one starts, and the client comes back by itself.")
            await client.look_at(screen, client.server_window)
            server.kill()
            await server.ended()
            await seen.notices(screen, client.cut_off)
            async with running_server(home, port=server.port) as new_server:
                await _after_the_break(client, seen, screen, new_server, home)
    seen.compare(TRANSCRIPTS / f"{client.name}.txt")


async def _first_visit(
    client: ForeignClient, seen: Transcript, screen: Screen, server: Server, home: CertifiedHome
) -> None:
    seen.step("Alice connects for the first time. SASL logs her in, and she is in #lobby.")
    await seen.sees("#lobby", client.settled)
    await client.look_at(screen, client.server_window)
    await seen.notices(screen, client.logged_in)
    await client.look_at(screen, "#lobby")

    async with visitor(server, home, "bob") as bob:
        seen.step("Bob comes in, and they talk.")
        await seen.sees("#lobby", came("bob"))
        await bob.send("PRIVMSG #lobby :good morning ☕")
        await seen.sees("#lobby", said("bob", "good morning ☕"))
        await screen.wait_for_text("good morning ☕")
        await _say(seen, screen, bob, "#lobby", "hello bob, ça va?")

        seen.step("Alice joins #dev, where Bob is the operator.")
        await bob.send("JOIN #dev")
        await bob.expect("366", None, "#dev")
        await _join_dev(client, seen, screen, bob)
        await bob.send("PRIVMSG #dev :it is more quiet here")
        await seen.sees("#dev", said("bob", "it is more quiet here"))
        await _say(seen, screen, bob, "#dev", "so it is")

        seen.step("They talk in private.")
        await bob.send("PRIVMSG alice :psst")
        await seen.sees("bob", said("bob", "psst"))
        await client.look_at(screen, "bob")
        await screen.wait_for_text("psst")
        await _say(seen, screen, bob, "bob", "what is it?")

        seen.step("Bob kicks Alice out of #dev. She may join again.")
        await client.look_at(screen, "#dev")
        await bob.send("KICK #dev alice :enough for today")
        await seen.sees("#dev", r"alice\b.*enough for today")
        await screen.wait_for_text("enough for today")
        await _join_dev(client, seen, screen, bob)

        seen.step("Alice quits. While she is away, Bob says something in #lobby.")
        await seen.types(screen, "/quit gone home")
        await bob.expect("QUIT", "Quit: gone home")
        await screen.ended()
        await _leave(bob)


async def _coming_back(client: ForeignClient, seen: Transcript, screen: Screen) -> None:
    seen.step("Alice starts the client again. Both channels are there, with what was said.")
    await seen.sees("#lobby", *LOBBY, client.settled)
    await seen.sees("#dev", *DEV, client.settled)
    await client.look_at(screen, "#lobby")
    await screen.wait_for_text("good morning ☕", "alice will read this later")


async def _after_the_break(
    client: ForeignClient, seen: Transcript, screen: Screen, server: Server, home: CertifiedHome
) -> None:
    await seen.sees("#lobby", *LOBBY, client.settled_after_a_break)
    await seen.sees("#dev", *DEV, client.settled_after_a_break)
    await client.look_at(screen, "#lobby")
    async with visitor(server, home, "bob") as bob:
        await seen.sees("#lobby", came("bob"))
        await _say(seen, screen, bob, "#lobby", "we are back")
        await bob.send("PRIVMSG #lobby :so we are")
        await seen.sees("#lobby", said("bob", "so we are"))
        await _leave(bob)
        await seen.sees("#lobby", went("bob"))
    await seen.types(screen, "/quit")
    await screen.ended()


async def _say(seen: Transcript, screen: Screen, bob: Person, window: str, text: str) -> None:
    """Say something in the window that is shown; bob hears it."""
    await seen.types(screen, text)
    await bob.expect("PRIVMSG", window, text)
    await seen.sees(window, said("alice", text.replace("?", r"\?")))


async def _join_dev(client: ForeignClient, seen: Transcript, screen: Screen, bob: Person) -> None:
    await seen.types(screen, "/join #dev")
    await bob.expect("JOIN", "#dev")
    await seen.sees("#dev", client.settled)
    await client.look_at(screen, "#dev")


async def _leave(person: Person) -> None:
    """Quit, so that everybody is told the same reason."""
    await person.send("QUIT :see you")
    await person.end()
