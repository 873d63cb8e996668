"""``kill -9``: no acknowledged message is lost, doubled or out of order."""

from __future__ import annotations

import random

import pytest
import trio
from support.observers import journal_of
from support.person import SIMPLE, Ended, Line, Person, user
from support.promises import Acknowledged, Seen, Stretch, violations
from support.system import (
    NO_CONNECTION_LIMITS,
    NO_FLOOD_LIMIT,
    PATIENCE_SECONDS,
    Home,
    running_server,
)

from securechat.store.sqlite import open_store

SETTINGS = (
    NO_CONNECTION_LIMITS
    | NO_FLOOD_LIMIT
    | {"history_page_max": 0, "outbox_bytes_max": 0, "replay_messages_max": 5}
)
PIPELINED = 20
ECHOES_MAX = 400


async def send_forever(person: Person, start: int) -> None:
    """Say numbers, many to a write, until the server is gone."""
    number = start
    try:
        while True:
            numbers = range(number, number + PIPELINED)
            await person.send(*(f"PRIVMSG #lobby :{number}" for number in numbers))
            number += PIPELINED
    except Ended:
        pass


async def hear(person: Person, enough: int, on_enough: trio.Event) -> list[Line]:
    """Return all messages up to the end of the connection; tell when enough have come."""
    heard: list[Line] = []
    while True:
        try:
            line = await person.line()
        except Ended:
            return heard
        if line.command == "PRIVMSG":
            heard.append(line)
            if len(heard) == enough:
                on_enough.set()


async def burst_until_killed(home: Home, echoes: int) -> tuple[list[Line], list[Line], list[Line]]:
    """Start the server, read what it kept, and kill it in the middle of a burst.

    Returns what it had kept from before, what the sender's echoes acknowledged and what another
    member saw.
    """
    acknowledged: list[Line] = []
    seen: list[Line] = []
    enough = trio.Event()
    async with (
        running_server(home, SETTINGS) as server,
        user(server, "alice") as alice,
        user(server, "bob") as bob,
    ):
        kept = await alice.history()

        async def listen_as_alice() -> None:
            acknowledged.extend(await hear(alice, echoes, enough))

        async def listen_as_bob() -> None:
            seen.extend(await hear(bob, 0, enough))

        with trio.fail_after(PATIENCE_SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_forever, alice, len(kept))
                nursery.start_soon(listen_as_alice)
                nursery.start_soon(listen_as_bob)
                await enough.wait()
                server.kill()
                await server.ended()
    return kept, acknowledged, seen


def check(kept: list[Line], promised: list[Line]) -> None:
    """Hold the whole history to what was promised up to now."""
    # Every message said the number of messages before it: none is missing, doubled or moved.
    assert [line.text for line in kept] == [str(number) for number in range(len(kept))]
    # Whatever somebody saw has kept its place, its msgid and its time.
    for line in promised:
        stored = kept[int(line.text)]
        assert (stored.msgid, stored.tags["time"]) == (line.msgid, line.tags["time"])


def seen(lines: list[Line]) -> list[Seen]:
    return [
        Seen(line.msgid, line.command, line.source.partition("!")[0], line.text) for line in lines
    ]


def live(client: str, lines: list[Line]) -> Stretch:
    """Return what came to a client up to the death: between its ends nothing may be missing."""
    return Stretch(client, "live, up to the death", "#lobby", seen(lines), after=None, until=None)


async def check_by_database(
    home: Home, echoes: list[Line], stretches: list[Stretch], whole: list[Line]
) -> None:
    """Hold all that was seen and acknowledged in all rounds to what the database has."""
    async with open_store(home.data) as store:
        journal = await journal_of(store, ["#lobby"])
    by_history = Stretch("bob", "by history", "#lobby", seen(whole), settled=True)
    found = violations(
        journal,
        acknowledged=[Acknowledged("alice", "#lobby", item) for item in seen(echoes)],
        stretches=[*stretches, by_history],
    )
    assert not found, "\n".join(found)


async def kill_in_bursts(home: Home, rounds: int) -> None:
    chance = random.Random(rounds)
    await home.add("alice", "bob")
    promised: list[Line] = []
    echoes: list[Line] = []
    stretches: list[Stretch] = []
    for _ in range(rounds):
        kept, acknowledged, heard = await burst_until_killed(home, chance.randint(1, ECHOES_MAX))
        check(kept, promised)
        assert acknowledged
        for view in (acknowledged, heard):
            numbers = [int(line.text) for line in view]
            assert numbers == list(range(len(kept), len(kept) + len(view)))
        promised += acknowledged + heard
        echoes += acknowledged
        stretches += [live("alice", acknowledged), live("bob", heard)]
    async with running_server(home, SETTINGS) as server, user(server, "bob") as bob:
        whole = await bob.history()
    check(whole, promised)
    await check_by_database(home, echoes, stretches, whole)


async def test_kill_9_in_a_burst_loses_and_doubles_nothing(home: Home) -> None:
    """docs/safety.md fault 24 and the promises for messages 1 and 2, by the checker of these."""
    await kill_in_bursts(home, rounds=10)


@pytest.mark.slow
async def test_kill_9_in_a_burst_fifty_times(home: Home) -> None:
    """The same, as often as the issue asks for."""
    await kill_in_bursts(home, rounds=50)


async def test_after_a_restart_the_history_is_still_there(home: Home) -> None:
    """For a client that asks (``draft/chathistory``), and replayed to one that cannot."""
    await home.add("alice", "bob")
    said = [f"message {number}" for number in range(10)]
    async with running_server(home, SETTINGS) as server, user(server, "alice") as alice:
        await alice.send(*(f"PRIVMSG #lobby :{text}" for text in said))
        await alice.send("TOPIC #lobby :what stays", "PRIVMSG bob :for your eyes")
        await alice.expect("PRIVMSG", "#lobby", said[-1])
        await alice.ping()
        port = server.port
    async with running_server(home, SETTINGS, port=port) as server:
        async with user(server, "bob") as bob:
            kept = await bob.history()
            assert [line.text for line in kept] == said
            assert [line.msgid for line in kept] == [
                line.msgid for line in alice.seen if line.command == "PRIVMSG"
            ][: len(said)]
            assert "what stays" in {line.text for line in bob.seen if line.command == "332"}
            later = await bob.history("AFTER", f"msgid={kept[6].msgid}")
            assert [line.text for line in later] == said[7:]
        async with user(server, "bob", caps=SIMPLE) as bob:
            replayed = [await bob.expect("PRIVMSG", "#lobby") for _ in range(5)]
            texts = [line.text for line in replayed]
            assert all(text.endswith(end) for text, end in zip(texts, said[-5:], strict=True))
