"""WHO, WHOIS, USERHOST and ISON at their limits; what people see is in the transcripts."""

from __future__ import annotations

from pathlib import Path

from support.house import open_house
from trio.testing import MockClock

from securechat.protocol.message import parse

CROWD = [f"{'somebody-with-a-long-name'}{number:03}" for number in range(30)]


async def test_answers_about_many_people_come_in_lines_that_fit(
    folder: Path, autojump_clock: MockClock
) -> None:
    """A line has 512 bytes; ISON and USERHOST may need more than one reply."""
    changes = {"server_name": f"{'s' * 30}.{'t' * 32}"}
    async with open_house(folder, CROWD, changes=changes) as house:
        for name in CROWD:
            person = await house.visit()
            await person.send(f"PASS :{name}:the long password of {name}", f"NICK {name}")
            await person.send(f"USER {'u' * 30} 0 * :{'r' * 100}")
            await person.until(" 366 ")
        everybody = " ".join(CROWD[:15])
        await person.send(f"ISON {everybody}", f"USERHOST {everybody}", "PING end")
        lines = await person.until("PONG")
        told = [parse(line) for line in lines if " 303 " in line or " 302 " in line]
        assert all(len(line.encode()) <= 510 for line in lines)
        isons = [
            name for reply in told if reply.command == "303" for name in reply.params[1].split()
        ]
        assert isons == CROWD[:15]
        hosts = [
            word for reply in told if reply.command == "302" for word in reply.params[1].split()
        ]
        assert [word.partition("=")[0] for word in hosts] == CROWD[:5]


async def test_a_long_answer_waits_for_a_slow_reader(
    folder: Path, autojump_clock: MockClock
) -> None:
    """A small outbox is not overrun by WHO: it is answered in pieces."""
    async with open_house(folder, CROWD, changes={"outbox_bytes_max": 20_000}) as house:
        people = [await house.login(name, "multi-prefix") for name in CROWD]
        await people[0].ask("JOIN #x")
        for _ in range(10):
            await people[0].send("WHO *")
        lines = await people[0].sync()
        assert sum(" 352 " in line for line in lines) == 10 * len(CROWD)
        assert sum(" 315 " in line for line in lines) == 10


async def test_a_bot_is_told_from_people(folder: Path, autojump_clock: MockClock) -> None:
    """IRCv3 bot-mode: the flag in WHO, and 335 in WHOIS."""
    async with open_house(folder) as house:
        alice = await house.login("alice")
        await house.login("bob")
        house.server.directory.users["bob"].bot = True
        await alice.sync()
        assert parse((await alice.ask("WHO bob"))[0]).params[6] == "HB"
        assert parse((await alice.ask("WHO bob %nf"))[0]).params[1:] == ("bob", "HB")
        lines = await alice.ask("WHOIS bob")
        assert [line for line in lines if " 335 " in line] == [
            ":securechat.internal 335 alice bob :is a bot"
        ]


async def test_an_address_is_a_parameter(folder: Path, autojump_clock: MockClock) -> None:
    """Modern IRC Client Protocol, RPL_WHOISACTUALLY: no parameter starts with a colon. Each address
    of several sessions is told once.
    """
    async with open_house(folder) as house:
        alice = await house.login("alice", address="::1")
        await house.login("alice", address="192.0.2.1")
        await house.login("alice", address="192.0.2.1")
        shown = [
            parse(line).params[2] for line in await alice.ask("WHOIS alice") if " 338 " in line
        ]
        assert shown == ["0::1", "192.0.2.1"]
        assert parse((await alice.ask("WHO alice %i"))[0]).params[1:] == ("0::1",)
