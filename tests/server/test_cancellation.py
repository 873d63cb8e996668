"""A server cancelled at every step: nothing is left behind, and nothing is half done."""

from __future__ import annotations

import shutil
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

import trio
from support.house import MODERN, House, Person, assert_closed, login_lines, open_house
from trio.testing import MockClock

from securechat.errors import ConnectionLost
from securechat.protocol.message import parse
from securechat.server.rooms.directory import Directory
from securechat.store.contract import Event
from securechat.store.database import FILE_NAME
from securechat.store.runner import inline
from securechat.store.sqlite import open_store

# --- cancellation at every step -------------------------------------------------------------------


class AtStep(trio.abc.Instrument):
    """Counts the steps of all tasks, and cancels a scope right before the n-th (0: never)."""

    def __init__(self, scope: trio.CancelScope, at: int) -> None:
        self.scope = scope
        self.at = at
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += 1
        if self.count == self.at:
            self.scope.cancel()


class Client:
    """Plays a part: sends when it has read what it waits for, and reads on to the end."""

    def __init__(self, person: Person, *parts: tuple[str, Sequence[str]]) -> None:
        self.person = person
        self.parts = list(parts)
        self.log: list[str] = []
        self.done = trio.Event()

    async def play(self) -> None:
        try:
            for wait_for, lines in self.parts:
                while wait_for and not (self.log and wait_for in self.log[-1]):
                    self.log.append(await self.person.line())
                await self.person.send(*lines)
        except (EOFError, ConnectionLost):
            pass
        self.done.set()
        self.log += await self.person.rest()


async def talk(folder: Path, at: int) -> tuple[House, list[Client], int]:
    """Let two log in, talk, join, leave and read history; cancel the server at a step."""
    async with trio.open_nursery() as outside:
        with trio.CancelScope() as scope:
            async with open_house(folder, ()) as house:
                # One by SASL with many capabilities, one by PASS with none and a small window.
                alice = Client(
                    await house.visit(),
                    ("", login_lines("alice", MODERN)),
                    (" 422 ", ALICE),
                    ("goodbye", ["PING end"]),
                    ("QUIT", ["AWAY"]),
                    ("305", []),
                )
                bob = Client(
                    await house.visit(capacity=200),
                    ("", ["PASS :bob:the long password of bob", "NICK bob", "USER bob 0 * :Bob"]),
                    (":the last", ["PRIVMSG alice :goodbye"]),
                    ("", ["QUIT :home"]),
                )
                for client in (alice, bob):
                    outside.start_soon(client.play)
                step = AtStep(scope, at)
                trio.lowlevel.add_instrument(step)
                await alice.done.wait()
                trio.lowlevel.remove_instrument(step)
    return house, [alice, bob], step.count


ALICE = [
    "PRIVMSG #lobby :one",
    "JOIN #two",
    "PRIVMSG #two,#lobby,bob :three",
    "TOPIC #two :new",
    "CHATHISTORY LATEST #lobby * 5",
    "PART #two",
    "CAP REQ :-echo-message",
    "PRIVMSG #lobby :the last",
]


def cancel_at(folder: Path, at: int) -> tuple[House, list[Client], int]:
    """Run it all in a run of its own, which does not end before every task has."""
    return trio.run(talk, folder, at, clock=MockClock(autojump_threshold=0))


def test_cancelling_at_every_step_leaves_nothing_behind_and_nothing_half_done(
    folder: Path, logs: list[MutableMapping[str, Any]]
) -> None:
    """No task (or the run would not end), no session, no open wire; whole lines, whole events."""
    trio.run(make_accounts, folder)
    at, steps = 0, 1
    while at < steps:
        at += 1
        copy = folder / str(at)
        copy.mkdir()
        shutil.copy(folder / FILE_NAME, copy)
        house, clients, steps = cancel_at(copy, at)
        assert_closed(house)
        for client in clients:
            assert client.person.buffer.feed(b"\r\n") == []  # no half a line at the end
        trio.run(assert_whole, copy, clients)
        shutil.rmtree(copy)
    assert at > 100
    assert not [entry for entry in logs if entry["log_level"] in {"error", "critical"}]


async def make_accounts(folder: Path) -> None:
    async with open_house(folder, ("alice", "bob")):
        pass


async def assert_whole(folder: Path, clients: Sequence[Client]) -> None:
    """What anybody saw is stored, once and in this order; records and journal agree."""
    async with open_store(folder, runner=inline) as store:
        last = await store.last()
        events: list[Event] = []
        while last is not None and (not events or events[-1].msgid != last.event.msgid):
            events += [stored.event for stored in await anext(store.feed(len(events)))]
        msgids = [event.msgid for event in events]
        assert msgids == sorted(set(msgids))
        for client in clients:
            live = [
                message
                for message in map(parse, client.log)
                if message.command == "PRIVMSG" and "batch" not in message.tags
            ]
            texts = [event.text for event in events if event.kind == "PRIVMSG"]
            for message in live:
                while texts and texts[0] != message.params[1]:
                    texts.pop(0)
                assert texts, f"{message} was seen and is not stored in this order"
                texts.pop(0)
            seen = [message.tags["msgid"] for message in live if "msgid" in message.tags]
            assert set(seen) <= set(msgids)
        directory = Directory()
        await directory.load(store)
        room = directory.room("#two")
        kinds = [event.kind for event in events if event.conversation == "#two"]
        assert (room is not None) == ("JOIN" in kinds)
        if room is not None:
            assert ("alice" in room.members) == ("PART" not in kinds)
            assert room.topic == ("new" if "TOPIC" in kinds else "")
