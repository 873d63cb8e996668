"""Arrivals and departures: what a session is shown first, and what the others see of it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio
from support.between import shaky_house
from support.house import House, Person, open_house, password_of
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.errors import StoreUnavailable
from securechat.protocol.message import parse
from securechat.server.sessions.outbox import BUSY_OUTBOXES, LATER_SECONDS
from securechat.store.credentials.accounts import NewAccount

ALICE = ":alice!~alice@securechat.internal"


async def welcomed(house: House, name: str, caps: str = "", user: str = "") -> list[str]:
    """Log in and return all lines up to the latest messages."""
    person = await house.visit()
    *_, cap_end = lines = [
        "CAP LS 302",
        f"NICK {name}",
        f"USER {user or name} 0 * :{name.title()}",
        f"PASS :{name}:{password_of(name)}",
        *([f"CAP REQ :{caps}"] if caps else []),
        "CAP END",
    ]
    assert cap_end == "CAP END"
    await person.send(*lines)
    await person.until(" 001 ")
    return await person.sync()


# --- who somebody is ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ("al", "~al"),
        ("al@home!x", "~alhomex"),
        ("äöü", "~alice"),
        ("0123456789012345678901234567890", "~01234567890123456"),
    ],
)
async def test_user_names_are_made_fit_for_a_source(
    folder: Path, autojump_clock: MockClock, user: str, shown: str
) -> None:
    """USERLEN, and no character that would end the name in ``nick!user@host``."""
    async with open_house(folder) as house:
        lines = await welcomed(house, "alice", user=user)
        assert f":alice!{shown}@securechat.internal JOIN #lobby" in lines


async def test_a_long_real_name_is_cut(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder) as house:
        person = await house.visit()
        await person.send(
            f"PASS :alice:{password_of('alice')}", "NICK alice", f"USER alice 0 * :{'ü' * 90}"
        )
        await person.until(" 366 ")
        assert house.server.directory.users["alice"].realname == "ü" * 50


async def test_the_name_is_spelled_as_the_account_was_made(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder, ()) as house:
        hashed = await house.hasher.hash(password_of("Zoe"))
        await house.accounts.add(NewAccount("Zoe", hashed))
        person = await house.visit()
        await person.send(f"PASS :zOE:{password_of('Zoe')}", "NICK zoe", "USER z 0 * :Z")
        assert "900" in await person.line()
        assert await person.line() == ":securechat.internal 001 Zoe :Welcome to SecureChat, Zoe"


# --- the latest messages --------------------------------------------------------------------------


async def test_only_so_many_of_the_latest_messages_are_shown(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder, changes={"replay_messages_max": 3}) as house:
        alice = await house.login("alice")
        await alice.ask(*[f"PRIVMSG #lobby :{number}" for number in range(9)], "NOTICE #lobby :n")
        lines = await welcomed(house, "bob", "server-time")
        assert [line[-1] for line in lines if " NOTICE " in line or " PRIVMSG " in line] == [*"78n"]


async def test_none_are_shown_where_that_is_off(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder, changes={"replay_messages_max": 0}) as house:
        alice = await house.login("alice")
        await alice.ask("PRIVMSG #lobby :hello")
        assert not [line for line in await welcomed(house, "bob") if " PRIVMSG " in line]


async def test_a_client_without_times_gets_them_in_the_text(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        await alice.ask("PRIVMSG #lobby :hello", "PRIVMSG #lobby :\x01ACTION waves\x01")
        said = [
            parse(line).params[1] for line in await welcomed(house, "bob") if " PRIVMSG " in line
        ]
        assert [text.replace("\x01ACTION ", "")[0] for text in said] == ["[", "["]
        assert said[0].endswith("Z] hello")
        assert said[1].startswith("\x01ACTION [")
        assert said[1].endswith("Z] waves\x01")


async def test_the_latest_messages_of_every_channel_in_its_own_batch(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        bob = await house.login("bob")
        alice = await house.login("alice")
        await bob.ask("JOIN #one", "JOIN #two", "JOIN #empty")
        await alice.ask("JOIN #one", "PRIVMSG #one :in one", "PRIVMSG #lobby :in the lobby")
        await bob.send("PRIVMSG #two :in two", "QUIT")
        await bob.rest()
        lines = [parse(line) for line in await welcomed(house, "bob", "batch server-time")]
        batches = {
            line.params[0][1:]: line.params[2]
            for line in lines
            if line.command == "BATCH" and line.params[0][0] == "+"
        }
        played = {
            batches[line.tags["batch"]]: line.params[1] for line in lines if "batch" in line.tags
        }
        assert played == {"#lobby": "in the lobby", "#one": "in one", "#two": "in two"}
        assert list(batches.values()) == ["#lobby", "#one", "#two"]


async def test_what_is_said_during_the_replay_comes_after_it_in_order(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Nothing lost, doubled or out of order while the store takes its time."""
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", "echo-message")
        await alice.ask("JOIN #two")
        old = await house.login("bob")
        await old.ask("JOIN #two")
        await old.send("QUIT")
        await alice.ask(*[f"PRIVMSG #lobby :{number}" for number in range(3)], "PRIVMSG #two :3")
        between.closed["history"] = first = trio.Event()
        bob = await house.start_login("bob", "server-time message-tags")
        await bob.until(" 366 bob #two ")
        await alice.ask("PRIVMSG #lobby :4", "PRIVMSG bob :5", "TOPIC #lobby :six")
        await wait_all_tasks_blocked()
        assert bob.unread == []
        between.closed["history"] = second = trio.Event()
        first.set()  # the lobby's messages are there, the other channel's not yet
        await wait_all_tasks_blocked()
        await alice.ask("PRIVMSG #two :7")
        second.set()
        del between.closed["history"]
        await alice.ask("PRIVMSG #lobby :8")
        lines = [parse(line) for line in await bob.sync()]
        got = [line.params[1] for line in lines if line.command in {"PRIVMSG", "TOPIC"}]
        assert got == [*"012345", "six", "7", "8"]
        ids = [line.tags["msgid"] for line in lines if line.command == "PRIVMSG"]
        assert len(set(ids)) == len(ids) == 8


async def test_leaving_during_the_replay_leaves(folder: Path, autojump_clock: MockClock) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice")
        between.closed["history"] = trio.Event()
        bob = await house.start_login("bob")
        await bob.until(" 366 ")
        house.wires[-1].reset()
        for _ in range(4):
            await trio.sleep(40)
            await alice.sync()
        assert set(house.server.directory.users) == {"alice"}


async def test_messages_that_cannot_be_read_are_no_reason_to_keep_somebody_out(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        between.broken["history"] = StoreUnavailable("no memory")
        lines = await welcomed(house, "alice")
        assert lines[-1] == (
            ":securechat.internal NOTICE alice :The latest messages of #lobby could not be read"
        )
        assert set(house.server.directory.users) == {"alice"}


async def test_a_member_of_many_busy_channels_is_shown_more_than_the_outbox_holds_at_once(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder, changes={"outbox_bytes_max": 30_000}) as house:
        bob = await house.login("bob")
        for number in range(8):
            await bob.ask(f"JOIN #{number}")
            await bob.ask(*[f"PRIVMSG #{number} :{text:400}" for text in range(9)])
        await bob.send("QUIT")
        await bob.rest()
        lines = await welcomed(house, "bob")
        assert sum(len(line) for line in lines) > 30_000
        assert len([line for line in lines if " PRIVMSG #" in line]) == 72
        assert set(house.server.directory.users) == {"bob"}


# --- several sessions, coming and going -----------------------------------------------------------


async def test_the_last_of_several_sessions_to_leave_takes_the_user_along(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        bob = await house.login("bob")
        sessions = [await house.login("alice") for _ in range(3)]
        assert await bob.sync() == [f"{ALICE} JOIN #lobby"]
        for person in sessions[:2]:
            await person.send("QUIT")
            await person.rest()
            assert await bob.sync() == []
        sessions[2].link.close()
        await wait_all_tasks_blocked()
        assert await bob.sync() == [f"{ALICE} QUIT :Connection closed"]


async def test_a_join_from_one_session_reaches_a_session_that_is_just_arriving(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        desk = await house.login("alice")
        async with between.storing(desk, "JOIN #x"):
            phone = await house.login("alice")
        expected = [
            f"{ALICE} JOIN #x",
            ":securechat.internal 353 alice = #x :@alice",
            ":securechat.internal 366 alice #x :End of NAMES list",
        ]
        await wait_all_tasks_blocked()
        assert await desk.sync() == expected
        assert await phone.sync() == expected


async def test_a_bot_that_comes_again_is_one_from_its_join_on(
    folder: Path, autojump_clock: MockClock
) -> None:
    """IRCv3 bot-mode: what a bot sends has the tag ``bot``; here also after a restart."""
    for restarted in (False, True):
        async with open_house(folder) as house:
            bob = await house.login("bob", "message-tags")
            if not restarted:
                alice = await house.login("alice")
                await alice.ask("MODE alice +B")
                await alice.send("QUIT")
                await alice.rest()
            await house.login("alice")
            joins = [line for line in await bob.sync() if " JOIN #lobby" in line]
            assert "bot" in parse(joins[-1]).tags


async def test_an_account_made_anew_inherits_no_channels(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        await alice.ask("JOIN #secret")
        await house.accounts.remove("alice")
        assert (await alice.rest())[-1] == "ERROR :Closing link: Your account was removed"
        hashed = await house.hasher.hash(password_of("alice"))
        await house.accounts.add(NewAccount("alice", hashed))
        lines = await welcomed(house, "alice")
        assert not [line for line in lines if "#secret" in line]


async def test_an_account_made_anew_at_once_displaces_what_is_left_of_the_old_one(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Before the watcher has looked: the old sessions go, the new one has nothing of theirs."""
    async with open_house(folder) as house:
        old = await house.login("alice")
        bob = await house.login("bob")
        await old.ask("JOIN #secret")
        await bob.ask("JOIN #secret")
        await house.accounts.remove("alice")
        hashed = await house.hasher.hash(password_of("alice"))
        await house.accounts.add(NewAccount("alice", hashed))
        lines = await welcomed(house, "alice")
        assert not [line for line in lines if "#secret" in line]
        assert (await old.rest())[-1] == "ERROR :Closing link: Your account was removed"
        assert await bob.sync() == [
            f"{ALICE} QUIT :Your account was removed",
            f"{ALICE} JOIN #lobby",
        ]
        await trio.sleep(1)
        assert list(house.server.directory.users["alice"].rooms) == ["#lobby"]
        assert len(house.server.directory.users["alice"].sessions) == 1


async def test_those_who_share_several_channels_see_one_quit(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        people: list[Person] = [await house.login(name) for name in ("alice", "bob")]
        for person in people:
            await person.ask("JOIN #one", "JOIN #two")
        await people[0].send("QUIT :bye")
        await people[0].rest()
        quits = [line for line in await people[1].sync() if "QUIT" in line]
        assert quits == [f"{ALICE} QUIT :Quit: bye"]


async def test_lines_in_the_log_tell_who_came_and_went(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        await alice.send("QUIT")
        await alice.rest()
    told = [(entry["event"], entry.get("account")) for entry in logs]
    assert ("logged in", "alice") in told
    assert ("session ended", "alice") in told
    assert password_of("alice") not in str(logs)


async def test_a_crowd_is_shown_who_comes_and_goes_in_a_moment(
    folder: Path, autojump_clock: MockClock
) -> None:
    """In one send with what comes meanwhile, and before what is said after it."""
    crowd = [f"user{number}" for number in range(BUSY_OUTBOXES)]
    async with open_house(folder, [*crowd, "alice"]) as house:
        people = [await house.login(name) for name in crowd]
        for person in people:
            await person.sync()
        start = trio.current_time()
        alice = await house.login("alice")
        join = ":alice!~alice@securechat.internal JOIN #lobby"
        assert await people[0].line() == join
        assert trio.current_time() - start <= LATER_SECONDS
        await alice.send("PRIVMSG #lobby :here", "QUIT")
        await alice.rest()
        for person in people:
            lines = await person.until(" QUIT ")
            said = [":alice!~alice@securechat.internal PRIVMSG #lobby :here"]
            assert lines[:-1] == (said if person is people[0] else [join, *said])
        assert trio.current_time() - start <= 2 * LATER_SECONDS


async def test_a_crowd_that_leaves_at_once_does_not_hold_up_those_who_chat(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Departures are spread over the scheduler's ticks: others have their turns in between."""
    names = ["alice", *(f"guest{number}" for number in range(30))]
    async with open_house(folder, names) as house:
        alice = await house.login("alice")
        guests = [await house.login(name) for name in names[1:]]
        await alice.sync()
        present = house.server.lobby.present
        left: list[int] = []

        async def look() -> None:
            while len(present) > 1:
                left.append(len(present))
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            for guest in guests:
                guest.link.close()
        steps = [before - after for before, after in pairwise([*left, len(present)])]
        assert max(steps) <= 2
        quits = [line for line in await alice.sync() if " QUIT " in line]
        assert len(quits) == 30
