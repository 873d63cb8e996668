"""Delivery: who gets what, in which form, and in which order."""

from __future__ import annotations

from pathlib import Path

from support.between import shaky_house
from support.house import MODERN, open_house
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.protocol.message import parse
from securechat.store.contract import Change, Entry, Event

ALICE = ":alice!~alice@securechat.internal"


async def test_everybody_sees_the_same_order(folder: Path, autojump_clock: MockClock) -> None:
    names = ("alice", "bob", "carol", "dave")
    async with open_house(folder, names) as house:
        people = [await house.login(name, "echo-message") for name in names]
        for person in people:
            await person.sync()
        for round_ in range(5):
            for person in people:
                await person.send(*[f"PRIVMSG #lobby :{person.name} {round_}.{n}" for n in (1, 2)])
        await wait_all_tasks_blocked()
        seen = [await person.sync() for person in people]
        assert len(seen[0]) == 40
        assert all(lines == seen[0] for lines in seen)
        stored = await house.store.history("#lobby", limit=100, kinds=("PRIVMSG",))
        texts = [item.event.text for item in stored]
        assert [line.partition(" :")[2] for line in seen[0]] == texts


async def test_each_shape_gets_its_own_bytes_of_one_message(
    folder: Path, autojump_clock: MockClock
) -> None:
    names = ("alice", "bob", "carol", "dave", "erin")
    caps = {"bob": "server-time", "carol": "message-tags", "dave": "account-tag", "erin": MODERN}
    async with open_house(folder, names) as house:
        alice = await house.login("alice")
        people = {name: await house.login(name, want) for name, want in caps.items()}
        for person in people.values():
            await person.sync()
        await alice.ask("PRIVMSG #lobby :hello")
        tags = {}
        for name, person in people.items():
            (line,) = await person.sync()
            tags[name] = set(parse(line).tags)
        assert tags == {
            "bob": {"time"},
            "carol": {"msgid"},
            "dave": {"account"},
            "erin": {"time", "msgid", "account"},
        }


async def test_messages_to_different_rooms_keep_the_senders_order(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice", "echo-message")
        bob = await house.login("bob")
        for person in (alice, bob):
            await person.ask("JOIN #two")
        await alice.sync()
        await alice.send(
            "PRIVMSG #lobby :1",
            "PRIVMSG #lobby :2",
            "PRIVMSG #two :3",
            "NOTICE bob :4",
            "PRIVMSG #lobby :5",
        )
        for lines in (await alice.sync(), await bob.sync()):
            assert [line[-1] for line in lines] == ["1", "2", "3", "4", "5"]


async def test_a_senders_own_messages_are_left_out_of_what_others_said_between(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Without echo-message, even where one group of the journal holds several senders' messages."""
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice")
        bob = await house.login("bob")
        await alice.sync()
        async with between.storing(alice, "PRIVMSG #lobby :a1"):
            for person, texts in ((alice, ("a2",)), (bob, ("b1", "b2")), (alice, ("a3",))):
                await person.send(*[f"PRIVMSG #lobby :{text}" for text in texts])
                await wait_all_tasks_blocked()
        assert [line[-2:] for line in await alice.sync()] == ["b1", "b2"]
        assert [line[-2:] for line in await bob.sync()] == ["a1", "a2", "a3"]


async def test_what_is_sent_to_somebody_who_leaves_meanwhile_is_kept(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", "echo-message")
        bob = await house.login("bob")
        await alice.sync()
        async with between.storing(alice, "PRIVMSG bob :too late"):
            await bob.send("QUIT")
            await bob.rest()
        assert await alice.sync() == [
            ":bob!~bob@securechat.internal QUIT :Quit: ",
            f"{ALICE} PRIVMSG bob :too late",
        ]
        bob = await house.login("bob", "draft/chathistory")
        assert f"{ALICE} PRIVMSG bob :too late" in await bob.ask("CHATHISTORY LATEST alice * 1")


async def test_who_joins_sees_what_is_said_from_then_on(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        bob = await house.login("bob")
        await alice.ask("JOIN #two")
        await bob.ask("JOIN #two")
        await alice.send("PRIVMSG #two :1", "PART #two", "JOIN #two", "PRIVMSG #two :2")
        await bob.send("PART #two", "PRIVMSG #two :3")
        await wait_all_tasks_blocked()
        lines = [line for line in await bob.sync() if " PRIVMSG " in line]
        assert lines[0] == f"{ALICE} PRIVMSG #two :1"
        assert not any(line.endswith("3") for line in await alice.sync())


async def test_who_leaves_before_a_join_is_stored_is_a_member_all_the_same(
    folder: Path, autojump_clock: MockClock
) -> None:
    """What the record says holds at the next login, and not only after the next start."""
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice")
        bob = await house.login("bob")
        async with between.storing(alice, "JOIN #slow"):
            next(iter(house.server.directory.users["alice"].sessions)).end("Gone")
            await alice.rest()
            assert set(house.server.directory.users) == {"bob"}
        await bob.sync()
        alice = await house.login("alice")
        assert set(house.server.directory.users["alice"].rooms) == {"#lobby", "#slow"}


async def test_events_that_another_process_appended_are_delivered_too(
    folder: Path, autojump_clock: MockClock
) -> None:
    """What is served comes from the feed, never from what this process posted."""
    async with open_house(folder) as house:
        alice = await house.login("alice")
        time_ms = house.server.now_ms() + 1000
        source = "robot!~robot@securechat.internal"

        def event(
            number: int, kind: str, conversation: str, *, target: str = "", text: str = ""
        ) -> Event:
            name = target or conversation
            return Event(f"~{number}", time_ms, kind, "robot", source, conversation, name, text)

        await house.store.append(
            [
                Entry(event(1, "PRIVMSG", "#lobby", text="beep")),
                Entry(event(2, "PRIVMSG", "alice robot", target="alice", text="boop")),
                Entry(event(3, "PRIVMSG", "#unknown", text="nobody hears")),
                Entry(event(4, "JOIN", "#made", target="#Made", text="o")),
                Entry(event(5, "PART", "#made", target="#Made")),
                Entry(event(6, "PART", "#unknown")),
                Entry(event(7, "TOPIC", "#unknown", text="?")),
                Entry(event(8, "TOPIC", "#lobby", text="by a robot")),
            ]
        )
        await wait_all_tasks_blocked()
        assert await alice.sync() == [
            f":{source} PRIVMSG #lobby :beep",
            f":{source} PRIVMSG alice :boop",
            f":{source} TOPIC #lobby :by a robot",
        ]
        assert house.server.directory.rooms["#made"].name == "#Made"
        assert not house.server.directory.rooms["#made"].members


async def test_a_start_delivers_nothing_old(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        await alice.ask("PRIVMSG #lobby :yesterday", "TOPIC #lobby :old")
    async with open_house(folder) as house:
        bob = await house.login("bob", "draft/chathistory")
        await wait_all_tasks_blocked()
        assert await bob.sync() == []
        assert house.server.directory.rooms["#lobby"].topic == "old"


async def test_records_of_what_is_gone_are_passed_over_at_the_start(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        member = {"name": "alice", "account_id": "x", "since_ms": 1, "role": ""}
        await house.store.put([Change("member", "#nowhere alice", member)])
    async with open_house(folder) as house:
        assert set(house.server.directory.rooms) == {"#lobby"}
