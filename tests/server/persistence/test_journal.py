"""The journal's writer: what is not stored is seen by nobody, and each post is answered once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from support.between import Between, shaky_house
from support.house import House
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.errors import Conflict, StoreError, StoreRefused, StoreUnavailable
from securechat.server.commands.table import PENDING_MAX
from securechat.server.persistence.journal import RETRY_SECONDS
from securechat.server.rooms.room import CHANNEL_RECORD

FULL = StoreRefused("the disk is full")
GONE = StoreUnavailable("the disk does not answer")
ALICE = ":alice!~alice@securechat.internal"


def not_stored(kind: str, target: str, *, certain: bool = True) -> str:
    text = (
        "It could not be stored and nobody has seen it. Try again later."
        if certain
        else "It could not be stored for certain. Look at the history before sending it again."
    )
    return f":securechat.internal FAIL {kind} NOT_STORED {target} :{text}"


def settled(house: House) -> bool:
    """Tell whether nobody waits for an answer."""
    return not any(session.pending for session in house.server.sessions) and not (
        house.server.journal._origins
    )


async def texts(house: House) -> list[str]:
    """Return what is stored of the lobby."""
    found = await house.store.history("#lobby", limit=1000, kinds=("PRIVMSG",))
    return [stored.event.text for stored in found]


async def test_a_full_disk_is_told_to_the_sender_and_never_echoed(
    folder: Path, autojump_clock: MockClock
) -> None:
    """docs/safety.md, fault 24: a full disk gives FAIL, never an echo; the server goes on."""
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", "echo-message")
        bob = await house.login("bob")
        await alice.sync()
        between.before += [FULL]
        assert await alice.ask("PRIVMSG #lobby :lost") == [not_stored("PRIVMSG", "#lobby")]
        assert await bob.sync() == []
        assert settled(house)
        assert await alice.ask("PRIVMSG #lobby :kept") == [f"{ALICE} PRIVMSG #lobby :kept"]
        assert await bob.sync() == [f"{ALICE} PRIVMSG #lobby :kept"]
        assert await texts(house) == ["kept"]
        assert between.appends == 2  # a refusal is certain: it is not tried again


async def test_every_message_of_a_refused_group_is_answered(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", "echo-message")
        bob = await house.login("bob")
        await alice.sync()
        async with between.storing(bob, "PRIVMSG alice :zero"):
            await alice.send("PRIVMSG #lobby,bob :one", "NOTICE #lobby :two")
            await bob.send("PRIVMSG alice :three")
            await wait_all_tasks_blocked()
            between.before += [FULL, FULL]
        assert await alice.sync() == [
            not_stored("PRIVMSG", "#lobby"),
            not_stored("PRIVMSG", "bob"),
            not_stored("NOTICE", "#lobby"),
        ]
        assert await bob.sync() == [not_stored("PRIVMSG", "alice")] * 2
        assert settled(house)


@pytest.mark.parametrize("failures", range(1, len(RETRY_SECONDS) + 1))
async def test_an_unknown_outcome_is_asked_about_again(
    folder: Path, autojump_clock: MockClock, failures: int
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", "echo-message")
        between.before += [GONE] * failures
        start = trio.current_time()
        assert await alice.ask("PRIVMSG #lobby :slow") == [f"{ALICE} PRIVMSG #lobby :slow"]
        assert trio.current_time() - start == pytest.approx(sum(RETRY_SECONDS[:failures]))
        assert await texts(house) == ["slow"]
        assert settled(house)


async def test_stored_though_the_answer_was_lost_is_seen_once(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Appending again is idempotent by msgid: promise 1 of the store's contract."""
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", "echo-message")
        bob = await house.login("bob")
        await alice.sync()
        between.after += [GONE, GONE]
        assert await alice.ask("PRIVMSG #lobby :once") == [f"{ALICE} PRIVMSG #lobby :once"]
        assert await bob.sync() == [f"{ALICE} PRIVMSG #lobby :once"]
        assert await texts(house) == ["once"]
        assert settled(house)


async def test_what_stays_unknown_is_told_as_unknown(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", "echo-message")
        between.before += [GONE] * (len(RETRY_SECONDS) + 1)
        assert await alice.ask("PRIVMSG #lobby :perhaps") == [
            not_stored("PRIVMSG", "#lobby", certain=False)
        ]
        assert settled(house)
        assert await alice.ask("PRIVMSG #lobby :again") == [f"{ALICE} PRIVMSG #lobby :again"]
        assert await texts(house) == ["again"]
    assert any(entry["event"] == "events not stored" for entry in logs)


async def test_joins_parts_and_topics_that_are_not_stored_change_nothing(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice")
        await alice.ask("JOIN #old")
        for line in ("JOIN #new", "PART #old", "TOPIC #old :x"):
            between.before += [FULL]
            command, target = line.split(" ")[:2]
            assert await alice.ask(line) == [not_stored(command, target)]
        directory = house.server.directory
        assert set(directory.rooms) == {"#lobby", "#old"}
        assert set(directory.users["alice"].rooms) == {"#lobby", "#old"}
        assert directory.rooms["#old"].topic == ""
        assert settled(house)


async def test_a_conflict_is_told_to_whom_it_concerns_only(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", "echo-message")
        bob = await house.login("bob", "echo-message")
        await alice.sync()
        await bob.sync()
        gate = between.closed["append"] = trio.Event()
        between.before += [Conflict(CHANNEL_RECORD, "#lobby")]
        await bob.send("PRIVMSG #lobby :in the first group")
        await wait_all_tasks_blocked()
        await alice.send("TOPIC #lobby :somebody else was quicker")
        await bob.send("PRIVMSG #lobby :in the same group")
        await wait_all_tasks_blocked()
        gate.set()
        # The conflict met the first group: nobody in it meant to change the lobby's record.
        lines = await bob.sync()
        assert [line for line in lines if "PRIVMSG" in line] == [
            ":bob!~bob@securechat.internal PRIVMSG #lobby :in the first group",
            ":bob!~bob@securechat.internal PRIVMSG #lobby :in the same group",
        ]
        between.before += [Conflict(CHANNEL_RECORD, "#lobby")]
        await alice.sync()
        assert await alice.ask("TOPIC #lobby :quicker again") == [not_stored("TOPIC", "#lobby")]
        assert settled(house)


async def test_while_one_commit_runs_the_next_group_gathers(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice")
        bob = await house.login("bob")
        async with between.storing(alice, "PRIVMSG #lobby :first"):
            await alice.send(*[f"PRIVMSG #lobby :{number}" for number in range(50)])
            await bob.send(*[f"PRIVMSG #lobby :{number}" for number in range(50)])
            await wait_all_tasks_blocked()
            assert between.appends == 1
        await alice.sync()
        await bob.sync()
        assert between.appends == 2
        assert len(await texts(house)) == 101


async def test_a_session_reads_no_further_than_so_many_messages_ahead_of_their_commit(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice")
        async with between.storing(
            alice, *[f"NOTICE #lobby :{number}" for number in range(PENDING_MAX + 100)]
        ):
            (session,) = house.server.sessions
            assert session.pending == PENDING_MAX
        await alice.sync()
        assert session.pending == 0
        found = await house.store.history("#lobby", limit=10_000, kinds=("NOTICE",))
        assert [stored.event.text for stored in found] == [
            str(number) for number in range(PENDING_MAX + 100)
        ]


@pytest.mark.parametrize("error", [FULL, GONE])
async def test_answers_keep_the_order_of_the_commands_whatever_fails(
    folder: Path, autojump_clock: MockClock, error: StoreError
) -> None:
    """A PONG means that everything before its PING was committed and delivered, or reported."""
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", "echo-message")
        between.before += [error] * (1 if error is FULL else len(RETRY_SECONDS) + 1)
        await alice.send(
            "PRIVMSG #lobby :a", "PING 1", "PRIVMSG #lobby :b", "NONSENSE", "PRIVMSG nobody :c"
        )
        lines = await alice.sync()
        words = [line.split(" ")[1] for line in lines]
        assert words == ["FAIL", "PONG", "PRIVMSG", "421", "401"]


async def test_the_clock_going_back_over_a_restart_reorders_nothing(
    folder: Path, autojump_clock: MockClock
) -> None:
    """docs/safety.md, fault 25: a clock jump."""
    from dataclasses import replace

    async with shaky_house(folder) as (house, _):
        alice = await house.login("alice")
        await alice.ask("PRIVMSG #lobby :one")
    async with shaky_house(folder) as (house, _):
        journal = house.server.journal
        journal._ids = type(journal._ids)(lambda: 1000, last_ms=journal._ids._ms)
        alice = await house.login("alice")
        await alice.ask("PRIVMSG #lobby :two", "PRIVMSG #lobby :three")
        events = [replace(stored.event) for stored in await house.store.history("#lobby", limit=10)]
    assert [event.text for event in events] == ["one", "two", "three"]
    assert [event.msgid for event in events] == sorted({event.msgid for event in events})
    assert [event.time_ms for event in events] == sorted(event.time_ms for event in events)


def test_between_is_a_store() -> None:
    """The stand-in keeps to the contract's shape."""
    from securechat.store.contract import Store

    def takes(store: Store) -> Store:
        return store

    assert takes(Between.__new__(Between)) is not None
