"""``make screenshots``: the pictures in the README, taken of the real programs.

A server of its own, a few people who talk through the client library, and alice, whose terminal is
photographed: one at 80x24, one at 160x50. Everything lives in a temporary folder and on loopback.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import trio
from support.system import (
    NO_CONNECTION_LIMITS,
    NO_FLOOD_LIMIT,
    PASSWORD,
    PROGRAMS,
    Home,
    authority,
    running_server,
)
from support.terminals import Terminal, on_a_terminal

from scripts.screen_svg import draw
from securechat.client import Client, connect

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
PEOPLE = ("bob", "carol", "dave", "erin", "frank")
PATIENCE_SECONDS = 60
QUIET_SECONDS = 1.5


async def _talk(people: dict[str, Client]) -> None:
    """Say what is in the pictures."""
    bob, carol, dave, erin, frank = (people[name] for name in PEOPLE)
    for one in people.values():
        for channel in ("#garden", "#music", "#ops"):
            await one.join(channel)
    bob.set_topic("#lobby", "Summer party on Saturday · bring a chair")
    carol.set_topic("#ops", "On call: erin · status.example.org is green")
    frank.set_away("on the train")
    await erin.say("#ops", "deploy 214 is out, error rate flat")
    await bob.say("#ops", "alice: the backup of Monday restored fine in 40 seconds")
    await dave.say("#garden", "tomatoes are in, the cat has opinions")
    await carol.say("#music", "rehearsal moved to Thursday, 19:30")
    await bob.say("#lobby", "morning all ☕")
    await carol.say("#lobby", "good morning! who brings the grill on Saturday?")
    asked = await carol.say(
        "#lobby", "I have a list: https://example.org/party (salad is still open)"
    )
    salad = await dave.say("#lobby", "salad is mine", reply_to=asked.msgid)
    await dave.say("#lobby", "and I can pick up two people at the station, 14:10")
    await erin.react("#lobby", salad.msgid, "🎉")
    await bob.react("#lobby", salad.msgid, "🎉")
    await frank.react("#lobby", salad.msgid, "👍")
    await erin.say("#lobby", "the grill is in our cellar, I only need somebody strong")
    await bob.say("#lobby", "alice, do you still have the long table?")
    await frank.say("#lobby", "is `#garden` invited too?")
    await carol.say("#lobby", "of course 🌻")


async def _talk_on(people: dict[str, Client]) -> None:
    """Say what comes while alice looks."""
    bob, carol, _, erin, _ = (people[name] for name in PEOPLE)
    await bob.say("alice", "psst, the cake is in the oven")
    await erin.say("#ops", "rolling the certificates tonight, nobody will notice")
    await carol.say("#lobby", "alice: and the guitar? 🎸")
    people["dave"].typing("#lobby", "active")


@asynccontextmanager
async def _people(cafile: Path, port: int) -> AsyncIterator[dict[str, Client]]:
    async with AsyncExitStack() as stack:
        people = {}
        for name in PEOPLE:
            client = connect("localhost", port, account=name, password=PASSWORD, cafile=cafile)
            people[name] = await stack.enter_async_context(client)
        yield people


@asynccontextmanager
async def _alice(folder: Path, port: int, columns: int, rows: int) -> AsyncIterator[Terminal]:
    command = (
        *(PROGRAMS / "securechat-client", f"alice@localhost:{port}"),
        *("--ca", folder / "ca.pem", "--password-file", folder / "password"),
    )
    home = {"HOME": str(folder)}
    async with on_a_terminal(
        *command, columns=columns, rows=rows, environment=home, folder=folder
    ) as terminal:
        await terminal.wait_for("of course")
        yield terminal


async def _settled() -> None:
    # A picture is of what is there when nothing more comes: there is no event for that.
    await trio.sleep(QUIET_SECONDS)


async def _photograph(folder: Path) -> None:
    home = Home(folder)
    authority().cert_pem.write_to_path(folder / "ca.pem")
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    await home.add("alice", *PEOPLE)
    PICTURES.mkdir(exist_ok=True)
    limits = {**NO_FLOOD_LIMIT, **NO_CONNECTION_LIMITS}
    async with (
        running_server(home, limits) as server,
        _people(folder / "ca.pem", server.port) as people,
    ):
        async with connect(
            "localhost", server.port, account="alice", password=PASSWORD, cafile=folder / "ca.pem"
        ) as alice:
            for channel in ("#garden", "#music", "#ops"):
                await alice.join(channel)
        await _talk(people)
        for name, columns, rows in (("wide", 160, 50), ("small", 80, 24)):
            async with _alice(folder, server.port, columns, rows) as terminal:
                if name == "wide":
                    await _talk_on(people)
                await terminal.write("I can carry it, if somebody helps")
                await _settled()
                picture = draw(terminal.screen, "securechat-client alice@chat.example.org")
                (PICTURES / f"client-{name}.svg").write_text(picture, encoding="utf-8")


async def main() -> None:
    """Take both pictures; fail where that takes too long."""
    with tempfile.TemporaryDirectory() as folder, trio.fail_after(PATIENCE_SECONDS):
        await _photograph(Path(folder))
    names = sorted(path.name for path in PICTURES.iterdir())
    print(f"Taken: {', '.join(names)} in docs/pictures")


if __name__ == "__main__":
    trio.run(main)
    sys.exit(0)
