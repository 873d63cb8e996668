"""Replay: what a device has surely received, and what it is shown when it comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from support.between import shaky_house
from support.house import House, Person, open_house, password_of
from trio.testing import MockClock

from securechat.errors import StoreUnavailable
from securechat.protocol.message import parse
from securechat.server.persistence import devices
from securechat.server.persistence.devices import DEVICE_RECORD, DEVICES_MAX
from securechat.store.contract import Change
from securechat.store.credentials.accounts import NewAccount


async def come(house: House, name: str, device: str = "", caps: str = "") -> Person:
    """Log in with a device's name and return the person, nothing read yet."""
    person = await house.visit()
    person.name = name
    await person.send(
        *([f"CAP REQ :{caps}"] if caps else []),
        f"PASS :{name}{device and '@'}{device}:{password_of(name)}",
        f"NICK {name}",
        f"USER {name} 0 * :{name}",
        *(["CAP END"] if caps else []),
    )
    await person.until(" 001 ")
    return person


async def shown(person: Person) -> list[str]:
    """Return the texts of the messages that came, without the time before them."""
    lines = [parse(line) for line in await person.sync()]
    said = [line.params[1] for line in lines if line.command in {"PRIVMSG", "NOTICE"}]
    return [text.partition("Z] ")[2] or text for text in said]


async def answer_pings(person: Person, seconds: float) -> None:
    """Let time pass, answering each PING with its word; what else comes is kept for later."""
    with trio.move_on_after(seconds):
        while True:
            data = await person.link.receive()
            for line in data.decode().splitlines():
                if line.startswith("PING "):
                    await person.send("PONG " + line.removeprefix("PING "))
                else:
                    person.unread.append(line)


async def test_who_answers_a_ping_has_what_was_sent_before_it(
    folder: Path, autojump_clock: MockClock
) -> None:
    """After a break, what came since the last answered PING is shown again, and nothing before."""
    async with open_house(folder) as house:
        bob = await house.login("bob", "draft/chathistory")
        phone = await come(house, "alice", "phone")
        await phone.sync()
        await bob.ask("PRIVMSG #lobby :received", "PRIVMSG alice :received too")
        await answer_pings(phone, 40)
        await bob.ask("PRIVMSG #lobby :perhaps", "PRIVMSG alice :perhaps too")
        house.wires[-1].reset()
        await bob.sync()
        phone = await come(house, "alice", "phone")
        assert await shown(phone) == ["perhaps", "perhaps too"]


@pytest.mark.parametrize("breaks", [1, 3])
@pytest.mark.parametrize("device", ["phone", ""])
async def test_a_device_whose_first_sessions_break_off_misses_nothing(
    folder: Path, autojump_clock: MockClock, breaks: int, device: str
) -> None:
    """Nothing is known that it received; so all that came since it first came is shown.

    And, as if it came for the first time, at least the latest messages of each conversation. All
    sessions without a device's name are one device for direct messages alone.
    """
    async with open_house(folder, changes={"replay_messages_max": 3}) as house:
        bob = await house.login("bob", "draft/chathistory")
        names = ("#lobby", "alice") if device else ("alice",)

        async def say(*texts: str) -> None:
            await bob.ask(*[f"PRIVMSG {name} :{text}" for name in names for text in texts])

        await say("a", "b", "c", "d")
        expected = ["b", "c", "d"]
        for number in range(breaks):
            phone = await come(house, "alice", device)
            assert await shown(phone) == expected * len(names)
            house.wires[-1].reset()
            await bob.sync()
            if number == 0:
                await say("e")
                expected = ["c", "d", "e"]
        await say(*"fghij")
        phone = await come(house, "alice", device)
        assert await shown(phone) == [*"efghij"] * len(names)
        await answer_pings(phone, 40)
        house.wires[-1].reset()
        await say("k")
        phone = await come(house, "alice", device)
        assert await shown(phone) == ["k"] * len(names)


async def test_that_a_device_came_first_is_known_after_a_crash(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        phone = await come(house, "alice", "phone")
        await phone.sync()
        record = await house.store.get(DEVICE_RECORD, "alice phone")
        assert record is not None
        assert record.value is not None
        assert record.value["new"]


async def test_an_answer_to_another_ping_shows_nothing(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        bob = await house.login("bob", "draft/chathistory")
        phone = await come(house, "alice", "phone")
        await phone.sync()
        await phone.send("QUIT")
        await phone.rest()
        phone = await come(house, "alice", "phone")
        await bob.ask("PRIVMSG #lobby :one")
        await trio.sleep(40)
        await phone.ask("PONG received-0", "PONG here")
        await bob.ask("PRIVMSG #lobby :two")
        house.wires[-1].reset()
        await bob.sync()
        assert await shown(await come(house, "alice", "phone")) == ["one", "two"]


async def test_without_a_device_direct_messages_come_once(
    folder: Path, autojump_clock: MockClock
) -> None:
    """The latest messages of the channels come at each login, as they always did."""
    async with open_house(folder) as house:
        bob = await house.login("bob", "draft/chathistory")
        await bob.ask("PRIVMSG alice :while away", "PRIVMSG #lobby :hello")
        for expected in (["hello", "while away"], ["hello"]):
            alice = await come(house, "alice")
            assert await shown(alice) == expected
            await alice.send("QUIT")
            await alice.rest()


async def test_own_words_are_shown_to_those_who_expect_them(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Another client would show what one wrote oneself as the other's words."""
    async with open_house(folder) as house:
        alice = await house.login("alice", "draft/chathistory")
        await alice.ask("PRIVMSG bob :my own words")
        assert await shown(await come(house, "alice", "old")) == []
        for caps in ("echo-message", "znc.in/self-message"):
            new = await come(house, "alice", caps[:3], caps)
            assert await shown(new) == ["my own words"]


async def test_a_device_that_was_away_for_long_gets_the_latest_and_is_told(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder, changes={"catch_up_messages_max": 3}) as house:
        bob = await house.login("bob", "draft/chathistory")
        for count in (0, 3, 4):
            await bob.ask(*[f"PRIVMSG #lobby :{number}" for number in range(count)])
            phone = await come(house, "alice", "phone")
            lines = await shown(phone)
            if count == 4:
                note = "Only the latest 3 messages of #lobby are shown"
                assert lines == [*"123", note]
            else:
                assert lines == [*"012"][:count]
            await phone.send("QUIT")
            await phone.rest()


async def test_what_could_not_be_read_is_shown_the_next_time(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        bob = await house.login("bob", "draft/chathistory")
        phone = await come(house, "alice", "phone")
        await phone.sync()
        await phone.send("QUIT")
        await phone.rest()
        await bob.ask("PRIVMSG #lobby :hello")
        for method in ("history", "scan"):
            between.broken[method] = StoreUnavailable("no memory")
            phone = await come(house, "alice", "phone")
            assert (await shown(phone))[-1].endswith("could not be read")
            await phone.send("QUIT")
            await phone.rest()
            del between.broken[method]
        between.broken["get"] = StoreUnavailable("no memory")
        del between.broken["get"]
        assert await shown(await come(house, "alice", "phone")) == ["hello"]


async def test_marks_that_cannot_be_written_are_written_later(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        phone = await come(house, "alice", "phone")
        between.broken["put"] = StoreUnavailable("full")
        await phone.sync()
        await phone.send("QUIT")
        await phone.rest()
        await trio.sleep(2 * devices.WRITE_SECONDS)
        assert await house.store.get(DEVICE_RECORD, "alice phone") is None
        del between.broken["put"]
        await trio.sleep(2 * devices.WRITE_SECONDS)
        assert await house.store.get(DEVICE_RECORD, "alice phone") is not None


async def test_only_so_many_devices_are_remembered(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder) as house:
        value = {"account_id": "x", "position": 1}
        changes = [
            Change(DEVICE_RECORD, f"alice {number}", value | {"seen_ms": number})
            for number in range(DEVICES_MAX)
        ]
        await house.store.put(changes)
        phone = await come(house, "alice", "phone")
        await phone.sync()
        await phone.send("QUIT")
        await phone.rest()
        await trio.sleep(2 * devices.WRITE_SECONDS)
        kept = {record.key for record in await house.store.scan(DEVICE_RECORD, "alice ")}
        assert kept == {"alice phone", *(f"alice {number}" for number in range(1, DEVICES_MAX))}


async def test_a_device_of_an_account_made_anew_is_new(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        bob = await house.login("bob", "draft/chathistory")
        phone = await come(house, "alice", "phone")
        await bob.ask("PRIVMSG alice :not for the next one")
        await phone.sync()
        await phone.send("QUIT")
        await phone.rest()
        await house.accounts.remove("alice")
        hashed = await house.hasher.hash(password_of("alice"))
        await house.accounts.add(NewAccount("alice", hashed))
        await bob.ask("PRIVMSG #lobby :hello")
        assert await shown(await come(house, "alice", "phone")) == ["hello"]
        await bob.ask("PRIVMSG alice :for this one")
        names = {record.key for record in await house.store.scan("dialog")}
        assert names == {"alice bob", "bob alice"}


@pytest.mark.parametrize("caps", ["", "labeled-response batch server-time"])
async def test_who_joins_is_shown_what_was_said_there(
    folder: Path, autojump_clock: MockClock, caps: str
) -> None:
    """Each message once: before the JOIN by replay, after it live; labeled or not."""
    async with open_house(folder, changes={"replay_messages_max": 2}) as house:
        bob = await house.login("bob", "draft/chathistory")
        await bob.ask("JOIN #a", *[f"PRIVMSG #a :{number}" for number in range(3)])
        alice = await come(house, "alice", "", caps)
        await alice.sync()
        await alice.send("@label=x JOIN #a", "JOIN #a")
        await bob.ask("PRIVMSG #a :3")
        # What is delivered together with the JOIN, or while it is labeled, comes first.
        assert await shown(alice) in ([*"123"], [*"312"])
        await alice.ask("PART #a")
        house.server.settings.__dict__["replay_messages_max"] = 0
        await alice.send("JOIN #a")
        assert await shown(alice) == []


async def test_where_what_was_said_cannot_be_read_one_joins_all_the_same(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice")
        between.broken["history"] = StoreUnavailable("no memory")
        assert (await alice.ask("JOIN #a"))[-2:] == [
            ":securechat.internal 366 alice #a :End of NAMES list",
            ":securechat.internal NOTICE alice :The latest messages of #a could not be read",
        ]


async def test_a_direct_message_that_cannot_be_looked_up_is_refused(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", "message-tags")
        between.broken["get"] = StoreUnavailable("no memory")
        lines = await alice.ask("PRIVMSG bob :a", "NOTICE bob :b", "@+x=y TAGMSG bob")
        assert [line.split(" ")[1:4] for line in lines] == [
            ["FAIL", "PRIVMSG", "NOT_STORED"],
            ["FAIL", "NOTICE", "NOT_STORED"],
            ["FAIL", "TAGMSG", "NOT_STORED"],
        ]


async def test_a_bot_that_cannot_be_noted_is_one_until_it_goes(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice")
        between.broken["put"] = StoreUnavailable("full")
        fail = ":securechat.internal FAIL MODE NOT_STORED alice B"
        assert await alice.ask("MODE alice +B") == [
            f"{fail} :It holds now, but could not be stored for your next login",
            ":alice!~alice@securechat.internal MODE alice +B",
        ]


async def test_what_zncs_clients_ask_for_may_not_be_readable(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", "znc.in/playback")
        between.broken["history"] = StoreUnavailable("no memory")
        (line,) = await alice.ask("PRIVMSG *playback :PLAY *")
        assert line.endswith("What was said cannot be read now. Try again later.")


@pytest.mark.parametrize("time", ["-1", "nan", "inf", "1e30", "x", "--"])
async def test_no_time_breaks_zncs_playback(
    folder: Path, autojump_clock: MockClock, time: str
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice", "znc.in/playback")
        for words in (f"* {time}", f"* 0 {time}"):
            (line,) = await alice.ask(f"PRIVMSG *playback :PLAY {words}")
            assert "seconds since 1970" in line
