"""A private channel cannot be found through any door: docs/safety.md, fault 20.

An outsider, a former member, one who was kicked, one who is banned and a moderator of the server
ask about a channel that is private (``+s`` or ``+i``) and about one that does not exist. They get
the same answers, byte for byte but for the name, and the same again when the private one is
removed. Whatever happens in it, they are sent nothing. ``support/doors.py`` is the table.

JOIN, and RENAME to a name that is taken, differ as they must: names are unique. They tell no more.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.doors import DOORS, JOINING, NO_DOOR, blind_doors, command_of
from support.house import EVERYTHING, House, Person, login_lines, open_house
from trio.testing import MockClock

from securechat.protocol.message import parse
from securechat.server.commands.table import COMMANDS

HIDDEN, NOTHING = "#hidden", "#absent"
NOW_MS = 1_790_000_000_000
# What nothing has as its msgid, as long as a real one.
NO_MSGID = "-" * 22

ASKERS: Mapping[str, str] = {
    "olga": "an outsider",
    "paul": "a former member",
    "kim": "one who was kicked",
    "ben": "one who is banned",
    "mona": "a moderator of the server, who was never in it",
}
MEMBERS = ("alice", "mia")
FORMER = ("paul", "kim", "ben")

# Some of their doors lead nowhere even for a member: @#channel has no history, a person's
# subscriptions are not a channel's, there is no administrator there, an EDIT needs its tags, and
# the lobby is not renamed.
PARTLY_OPEN = {"CHATHISTORY", "SEARCH", "PRIVMSG", "METADATA", "WHO", "EDIT", "RENAME"}

CHANGING = re.compile(r"(?<=batch=)[0-9a-f]{8}|(?<=BATCH [+-])[0-9a-f]{8}|(?<=time=)[^; ]+")


@dataclass
class Scene:
    """A house with a private channel, and everybody in their places."""

    house: House
    members: dict[str, Person]
    askers: dict[str, Person]
    modes: str
    msgids: dict[str, str] = field(default_factory=dict)
    """By who wrote it; ``gone`` was removed."""

    async def ask(self, name: str, door: str, channel: str) -> list[str]:
        """Return what somebody is answered, without what changes from one answer to the next."""
        person = self.askers.get(name) or self.members[name]
        real = channel == HIDDEN
        words = {
            "c": channel,
            "me": name,
            "id": self.msgids["alice"] if real else NO_MSGID,
            "own": self.msgids.get(name, NO_MSGID) if real else NO_MSGID,
            "gone": self.msgids["gone"] if real else NO_MSGID,
        }
        await person.sync()
        lines = await person.ask(*door.format_map(words).split("\n"))
        return [self._plain(line, channel) for line in lines]

    def _plain(self, line: str, channel: str) -> str:
        own = re.search(r"(?<=msgid=)[^; ]+", line)
        if own is not None and own[0] not in {*self.msgids.values(), NO_MSGID}:
            # What was relayed to who asked has a msgid of its own.
            line = line.replace(own[0], "NEW")
        for msgid in (*self.msgids.values(), NO_MSGID):
            line = line.replace(msgid, "MSGID")
        return CHANGING.sub("X", line).replace(channel, "#CHANNEL")

    async def settle(self) -> None:
        """Have everybody take in everything."""
        for _ in range(2):
            for person in (*self.members.values(), *self.askers.values()):
                await person.sync()


def msgid_of(lines: list[str], text: str) -> str:
    [line] = [line for line in lines if line.endswith(text)]
    return parse(line).tags["msgid"]


@asynccontextmanager
async def scene(
    folder: Path, caps: str, modes: str = "+s", history: str = "joined"
) -> AsyncIterator[Scene]:
    """Let a channel have a past with everybody but the outsiders, and then close it."""
    async with open_house(
        folder, (*MEMBERS, *ASKERS), moderators=("mona",), now_ms=lambda: NOW_MS
    ) as house:
        members = {name: await house.login(name, EVERYTHING) for name in MEMBERS}
        askers = {name: await house.login(name, caps) for name in ASKERS}
        alice, mia = members["alice"], members["mia"]
        here = Scene(house, members, askers, modes)
        await alice.ask("PRIVMSG #lobby :hello everybody", f"JOIN {HIDDEN}")
        await alice.ask(f"HISTORY {HIDDEN} {history}", f"TOPIC {HIDDEN} :whisper here")
        await alice.ask(f"METADATA {HIDDEN} SET display-name :whispering")
        for person in (mia, *(askers[name] for name in FORMER)):
            await person.ask(f"JOIN {HIDDEN}")
        await mia.sync()
        for person in (alice, *(askers[name] for name in FORMER)):
            text = f"whisper of {person.name}"
            await person.ask(f"PRIVMSG {HIDDEN} :{text}")
            here.msgids[person.name] = msgid_of(await mia.sync(), text)
        said = await alice.ask(
            f"PRIVMSG {HIDDEN} :whisper that goes", f"PRIVMSG @{HIDDEN} :whisper"
        )
        here.msgids["gone"] = msgid_of(said, "that goes")
        await alice.ask(f"REDACT {HIDDEN} {here.msgids['gone']} :no")
        mine = here.msgids["alice"]
        await alice.ask(f"@draft/target-msgid={mine};draft/edit-text=whisper\\sagain EDIT {HIDDEN}")
        await alice.ask(f"@+draft/reply={mine};+draft/react=x TAGMSG {HIDDEN}")
        await askers["paul"].ask(f"PART {HIDDEN} :bye")
        await alice.ask(f"KICK {HIDDEN} kim :out", f"BAN {HIDDEN} ben", f"KICK {HIDDEN} ben :out")
        await alice.ask(f"MODE {HIDDEN} {modes}", f"PRIVMSG {HIDDEN} :whisper on")
        await here.settle()
        yield here


async def compare(here: Scene, doors: tuple[str, ...]) -> None:
    """Hold every answer about the private channel to the one about nothing, and to what remains."""
    before: dict[tuple[str, str], list[str]] = {}
    wrong: list[str] = []
    for name, who in ASKERS.items():
        for door in doors:
            hidden = await here.ask(name, door, HIDDEN)
            nothing = await here.ask(name, door, NOTHING)
            before[name, door] = hidden
            if hidden != nothing:
                wrong.append(f"{who}: {door!r}\n  hidden:  {hidden}\n  nothing: {nothing}")
            if any("whisper" in line.replace(door, "") for line in hidden if "text=" not in door):
                wrong.append(f"{who}: {door!r} tells {hidden}")
    dropped = await here.members["alice"].ask(f"DROP {HIDDEN} {HIDDEN}")
    assert any("is removed" in line for line in dropped), dropped
    await here.settle()
    for (name, door), hidden in before.items():
        removed = await here.ask(name, door, HIDDEN)
        if hidden != removed:
            wrong.append(f"{ASKERS[name]}: {door!r}\n  hidden:  {hidden}\n  removed: {removed}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("history", ["joined", "all"])
@pytest.mark.parametrize("modes", ["+s", "+i", "+s-n", "+sik key"])
async def test_every_door_is_as_if_there_were_nothing(
    folder: Path, autojump_clock: MockClock, modes: str, history: str
) -> None:
    """With all capabilities, so that every command answers."""
    async with scene(folder, EVERYTHING, modes, history) as here:
        doors = tuple(door for door in DOORS if door != "RENAME #lobby {c}")
        await compare(here, doors)


async def test_every_door_for_the_plainest_client(folder: Path, autojump_clock: MockClock) -> None:
    async with scene(folder, "") as here:
        await compare(here, DOORS)


async def test_no_command_at_all_can_be_made_to_tell(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Every command of the table, given the name in any place.

    Not of those whose text everybody is shown: these change what the others are answered. And not
    TOKEN, whose answer is another secret each time and knows no channel.
    """
    commands = sorted(COMMANDS.keys() - JOINING - {"QUIT", "AWAY", "SETNAME", "TOKEN"})
    async with scene(folder, EVERYTHING) as here:
        await compare(here, tuple(door for name in commands for door in blind_doors(name)))


async def test_the_doors_are_doors(folder: Path, autojump_clock: MockClock) -> None:
    """A member is answered otherwise about the channel than about nothing: the doors lead there."""
    async with scene(folder, EVERYTHING) as here:
        doors = [door for door in DOORS if "{c}" in door and command_of(door) != "PART"]
        walled_up = {
            command_of(door)
            for door in doors
            if await here.ask("mia", door, HIDDEN) == await here.ask("mia", door, NOTHING)
        }
        open_ = {command_of(door) for door in doors} - walled_up
    # These take people and their own subjects, so a channel's name leads nowhere.
    people = {"WHOIS", "WHOWAS", "ISON", "USERHOST", "MONITOR", "KILL", "SUSPEND", "UNSUSPEND"}
    assert walled_up - {"HELP", "HELPOP"} - people == PARTLY_OPEN
    assert {"NAMES", "TOPIC", "MODE", "TAGMSG", "REDACT", "MARKREAD", "UNREAD"} <= open_


def test_no_command_is_forgotten() -> None:
    """A new command has to be put into the table of doors, or among those that have none."""
    with_door = {command_of(door) for door in DOORS}
    assert with_door | JOINING | NO_DOOR == COMMANDS.keys()
    assert not with_door & NO_DOOR
    taking = {
        name
        for name, row in COMMANDS.items()
        if re.search(r"channel|target|<mask|attribute", row.usage)
    }
    assert not taking & NO_DOOR, "these take a channel"


# --- what has to tell ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modes", "name", "answer"),
    [
        ("+i", "olga", "473 olga #hidden :Cannot join channel (+i)"),
        ("+i", "paul", "473 paul #hidden :Cannot join channel (+i)"),
        ("+i", "ben", "473 ben #hidden :Cannot join channel (+i)"),
        ("+sik key", "mona", "473 mona #hidden :Cannot join channel (+i)"),
        ("+s", "ben", "474 ben #hidden :Cannot join channel (+b)"),
        ("+sk key", "kim", "475 kim #hidden :Cannot join channel (+k)"),
        ("+sl 1", "olga", "471 olga #hidden :Cannot join channel (+l)"),
    ],
)
async def test_a_refused_join_tells_that_the_name_is_taken_and_no_more(
    folder: Path, autojump_clock: MockClock, modes: str, name: str, answer: str
) -> None:
    """Modern IRC Client Protocol, "JOIN message": names are unique, so this has to be refused."""
    async with scene(folder, EVERYTHING, modes) as here:
        person = here.askers[name]
        await person.sync()
        assert await person.ask(f"JOIN {HIDDEN}") == [f":securechat.internal {answer}"]


async def test_a_name_that_is_taken_cannot_be_taken(
    folder: Path, autojump_clock: MockClock
) -> None:
    """IRCv3 channel-rename, "Errors": CHANNEL_NAME_IN_USE tells no more than JOIN does."""
    async with scene(folder, EVERYTHING) as here:
        paul = here.askers["paul"]
        await paul.ask("JOIN #mine")
        [line] = await paul.ask(f"RENAME #mine {HIDDEN}")
        assert line == (
            ":securechat.internal FAIL RENAME CHANNEL_NAME_IN_USE #mine #hidden "
            ":The channel name is already taken"
        )


# --- what comes without being asked for ---------------------------------------------------------


async def live_on(here: Scene) -> None:
    """Have everything happen in the private channel that can."""
    alice, mia = here.members["alice"], here.members["mia"]
    await alice.sync()
    said = await alice.ask(f"PRIVMSG {HIDDEN} :whisper on", f"NOTICE {HIDDEN} :whisper more")
    first, second = (parse(line).tags["msgid"] for line in said)
    kept = here.msgids
    await mia.ask(
        f"PRIVMSG @{HIDDEN} :whisper up",
        f"@+draft/reply={first};+draft/react=x TAGMSG {HIDDEN}",
        f"@+typing=active TAGMSG {HIDDEN}",
        f"MARKREAD {HIDDEN} timestamp=2030-01-01T00:00:00.000Z",
        f"BATCH +1 draft/multiline {HIDDEN}",
        f"@batch=1 PRIVMSG {HIDDEN} :whisper",
        f"@batch=1 PRIVMSG {HIDDEN} :whisper",
        "BATCH -1",
    )
    done = await alice.ask(
        f"@draft/target-msgid={first};draft/edit-text=whisper\\snew EDIT {HIDDEN}",
        # Also what the former members wrote themselves.
        *(f"REDACT {HIDDEN} {msgid} :whisper" for msgid in (second, kept["paul"], kept["ben"])),
        f"@+draft/reply={kept['kim']};+draft/react=x TAGMSG {HIDDEN}",
        f"TOPIC {HIDDEN} :whisper now",
        f"METADATA {HIDDEN} SET display-name :whispers",
        f"METADATA {HIDDEN} SET homepage :whisper.example",
        f"METADATA {HIDDEN} CLEAR",
        f"MODE {HIDDEN} +o mia",
        f"MODE {HIDDEN} +bvk *!*@whisper mia key",
        f"MUTE {HIDDEN} olga",
        f"UNBAN {HIDDEN} ben",
        f"BAN {HIDDEN} ben",
        f"SLOWMODE {HIDDEN} 1s",
        f"HISTORY {HIDDEN} all",
        f"RETENTION {HIDDEN} 90d",
        f"RENAME {HIDDEN} #whispers :whisper",
        f"RENAME #whispers {HIDDEN}",
        "JOIN #whisper2",
        "MODE #whisper2 +s",
    )
    refused = [line for line in done if " FAIL " in line or re.search(r" 4\d\d alice ", line)]
    assert not refused, refused
    await mia.ask(f"PART {HIDDEN} :whisper")
    await alice.ask(f"MODE {HIDDEN} -ki key", f"INVITE mia {HIDDEN}")
    await mia.ask(f"JOIN {HIDDEN}")
    await alice.ask(f"KICK {HIDDEN} mia :whisper")
    await mia.ask(f"JOIN {HIDDEN}")


@pytest.mark.parametrize("modes", ["+s", "+sik key"])
async def test_nothing_of_what_happens_there_is_sent_outside(
    folder: Path, autojump_clock: MockClock, modes: str
) -> None:
    """Not to who subscribed to everything, nor to who was there before."""
    async with scene(folder, EVERYTHING, modes) as here:
        for person in here.askers.values():
            await person.ask("METADATA * SUB display-name homepage", "MONITOR + alice,mia,#hidden")
        await here.settle()
        await live_on(here)
        for name, person in here.askers.items():
            assert await person.sync() == [], ASKERS[name]
        await here.members["alice"].ask(f"DROP {HIDDEN} {HIDDEN} :whisper")
        for name, person in here.askers.items():
            assert await person.sync() == [], ASKERS[name]


async def test_coming_and_going_is_told_inside_alone(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Where the lobby does not tell who comes (announce_members_max), a private channel's QUIT,
    AWAY and SETNAME are seen by its members and by nobody else who shares the lobby."""
    async with open_house(
        folder, (*MEMBERS, *ASKERS), changes={"announce_members_max": 2}
    ) as house:
        askers = [await house.login(name, EVERYTHING) for name in ASKERS]
        mia, alice = [await house.login(name, EVERYTHING) for name in ("mia", "alice")]
        await alice.ask(f"JOIN {HIDDEN}", f"MODE {HIDDEN} +s")
        await mia.ask(f"JOIN {HIDDEN}")
        for person in (*askers, mia):
            await person.sync()
        await alice.send("QUIT :whisper")
        await alice.rest()
        assert [parse(line).command for line in await mia.sync()] == ["QUIT"]
        await house.login("alice", EVERYTHING)
        assert [parse(line).command for line in await mia.sync()] == ["JOIN", "MODE"]
        for person in askers:
            assert await person.sync() == [], person.name


@pytest.mark.parametrize("device", ["", "phone"])
@pytest.mark.parametrize("caps", ["", "message-tags server-time batch", EVERYTHING])
async def test_a_login_tells_nothing_of_what_one_is_not_in(
    folder: Path, autojump_clock: MockClock, caps: str, device: str
) -> None:
    """Neither the welcome, nor replay to who cannot ask, nor markers, counts and metadata."""
    async with scene(folder, caps) as here:
        for person in here.askers.values():
            await person.send("QUIT")
            await person.rest()
        await live_on(here)
        for name, who in ASKERS.items():
            person = await here.house.visit()
            await person.send(*login_lines(name, caps, device=device))
            lines = [*await person.until(" 422 "), *await person.sync()]
            assert any(" 001 " in line for line in lines), who
            assert caps or any("hello everybody" in line for line in lines), who
            assert not [line for line in lines if "hidden" in line or "whisper" in line], who
