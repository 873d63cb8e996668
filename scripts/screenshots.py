"""``make screenshots``: the pictures in the README, taken of the real programs.

A server of its own, a few people who talk through the client library, and alice, whose terminal is
photographed: one at 80x24, one at 160x50. Everything lives in a temporary folder and on loopback.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
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
CHANNELS = ("#books", "#garden", "#music", "#ops")
PATIENCE_SECONDS = 60
QUIET_SECONDS = 1.5


async def _talk(people: dict[str, Client]) -> None:
    """Say what was said before alice comes."""
    bob, carol, dave, erin, frank = (people[name] for name in PEOPLE)
    for one in people.values():
        for channel in CHANNELS:
            await one.join(channel)
    bob.set_topic("#lobby", "Summer party on Saturday at six · bring a chair")
    carol.set_topic("#ops", "On call: erin · status.example.org is green")
    frank.set_away("on the train")
    for one, name in ((bob, "Bob Hart"), (carol, "Carol Wu"), (erin, "Erin Ó Briain")):
        await one.set_profile("display-name", name)
    await erin.say("#ops", "deploy 214 is out, error rate flat")
    await dave.say("#garden", "tomatoes are in, the cat has opinions")
    await dave.say("#garden", "and somebody has to water them on Sunday")
    await carol.say("#music", "rehearsal moved to Thursday, 19:30")
    await frank.say("#books", "chapter nine is where it gets good")
    for name, text in (
        ("bob", "morning all ☕"),
        ("erin", "good morning! the new server room is 4 degrees cooler than the old one"),
        ("erin", "which is to say: it is a cellar now"),
        ("frank", "the train is late again, so I have time to read everything you wrote"),
        ("carol", "all of it? then you know who broke the coffee machine"),
        ("erin", "it was like that when I came"),
        ("frank", "I know who repaired it, which is better: erin, with a paper clip"),
        ("carol", "then coffee is on the house, and the house is `#lobby`"),
    ):
        await people[name].say("#lobby", text)
    await dave.say("#lobby", "waves from the station", action=True)
    await bob.say("#lobby", "restoring last night's backup took 40 seconds:")
    await bob.say(
        "#lobby",
        "```\n$ securechat-server restore backup.tar\n"
        "1204113 messages, 38 accounts, 12 channels\nchecked: every message is there\n```",
    )
    glasses = await frank.say("#lobby", "40 seconds? I spent longer looking for my glasses")
    await erin.react("#lobby", glasses.msgid, "😂")
    await carol.react("#lobby", glasses.msgid, "😂")
    await dave.react("#lobby", glasses.msgid, "👓")
    party = await carol.say("#lobby", "who brings what on Saturday? https://example.org/party")
    salad = await dave.say("#lobby", "salad is mine", reply_to=party.msgid)
    for one, sign in ((erin, "🎉"), (bob, "🎉"), (frank, "👍")):
        await one.react("#lobby", salad.msgid, sign)
    await dave.say("#lobby", "and I can pick up two people at the station, 14:10")


async def _talk_on(people: dict[str, Client]) -> None:
    """Say what comes after alice was there, and is new to her therefore."""
    bob, carol, dave, erin, frank = (people[name] for name in PEOPLE)
    grill = await erin.say("#lobby", "the grill is in our cellar, it only needs somebody strong")
    await bob.say("#lobby", "alice, do you still have the long table?")
    await frank.say("#lobby", "is `#garden` invited too?")
    fire = await carol.say("#lobby", "of course, all of them 🌻", reply_to=grill.msgid)
    await carol.edit("#lobby", fire.msgid, "of course, everybody is 🌻")
    await bob.say("#ops", "alice: the certificate is good until March")
    await erin.say("#ops", "rolling it tonight, nobody will notice")
    await dave.say("alice", "psst, the cake is in the oven")


async def _talk_live(people: dict[str, Client]) -> None:
    """Say what comes while alice looks."""
    await people["carol"].say("#lobby", "alice: and the guitar? 🎸")
    people["dave"].typing("#lobby", "active")


async def _talk_later(people: dict[str, Client]) -> None:
    """Say what comes after alice has left again."""
    song = await people["dave"].say("#lobby", "without the guitar it is only a salad")
    await people["carol"].react("#lobby", song.msgid, "😂")
    await people["erin"].react("#lobby", song.msgid, "😂")
    await people["bob"].say("#lobby", "alice, see you at six!")


@asynccontextmanager
async def _people(cafile: Path, port: int) -> AsyncIterator[dict[str, Client]]:
    async with AsyncExitStack() as stack:
        people = {}
        for name in PEOPLE:
            client = connect("localhost", port, account=name, password=PASSWORD, cafile=cafile)
            people[name] = await stack.enter_async_context(client)
        yield people


async def _alice_was_there(folder: Path, port: int, people: dict[str, Client]) -> None:
    """Have alice read some of it and answer, so that the rest is new to her."""
    async with connect(
        "localhost", port, account="alice", password=PASSWORD, cafile=folder / "ca.pem"
    ) as alice:
        for channel in CHANNELS:
            await alice.join(channel)
        await _talk(people)
        await alice.say("#lobby", "I have chairs for eight, and drinks")
        alice.mark_read("#lobby", datetime.now(UTC))
        await alice.ping()  # the answers come in order: it is marked then
    await _talk_on(people)


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
        await terminal.wait_for("everybody is")
        yield terminal


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
        await _alice_was_there(folder, server.port, people)
        async with _alice(folder, server.port, 160, 50) as terminal:
            await _talk_live(people)
            await _take("wide", terminal)
        await _talk_later(people)
        async with _alice(folder, server.port, 80, 24) as terminal:
            await _take("small", terminal)


async def _take(name: str, terminal: Terminal) -> None:
    await terminal.write("yes, and I can carry the grill")
    # A picture is of what is there when nothing more comes: there is no event for that.
    await trio.sleep(QUIET_SECONDS)
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
