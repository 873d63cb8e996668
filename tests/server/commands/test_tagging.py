"""TAGMSG: what is kept of it, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.between import shaky_house
from support.house import MODERN, House, Person, open_house
from trio.testing import MockClock

from securechat.errors import StoreUnavailable
from securechat.protocol.message import parse
from securechat.server.commands import tagging
from securechat.server.history.context_lines import CONTEXT_LINES_MAX


async def said(person: Person, text: str, target: str = "#lobby") -> str:
    (line,) = await person.ask(f"PRIVMSG {target} :{text}")
    return parse(line).tags["msgid"]


def react(msgid: str, value: str, target: str = "#lobby", tag: str = "react") -> str:
    return f"@+draft/reply={msgid};+draft/{tag}={value} TAGMSG {target}"


async def kept(house: House, person: Person, line: str) -> bool:
    """Send a TAGMSG; return whether it was kept."""
    (echo,) = await person.ask(line)
    return await house.store.locate(parse(echo).tags["msgid"]) is not None


async def test_only_so_much_is_kept_of_one_message(
    folder: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagging, "REACTIONS_MAX", CONTEXT_LINES_MAX + 2)
    async with open_house(folder) as house:
        alice = await house.login("alice", f"{MODERN} draft/chathistory draft/event-playback")
        msgid = await said(alice, "hello")
        for number in range(CONTEXT_LINES_MAX + 2):
            assert await kept(house, alice, react(msgid, str(number)))
        assert not await kept(house, alice, react(msgid, "one-too-many"))
        lines = await alice.ask("CHATHISTORY LATEST #lobby * 1")
        assert sum(" TAGMSG " in line for line in lines) == CONTEXT_LINES_MAX


async def test_large_tags_are_relayed_and_not_kept(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice", MODERN)
        msgid = await said(alice, "hello")
        assert not await kept(house, alice, react(msgid, "x" * 500))
        assert await kept(house, alice, react(msgid, "x" * 100))


async def test_who_may_speak_and_not_read_reacts_in_passing(
    folder: Path, autojump_clock: MockClock
) -> None:
    """In a channel without +n anybody may speak; its messages are its members' alone."""
    async with open_house(folder) as house:
        alice = await house.login("alice", MODERN)
        await alice.ask("JOIN #open", "MODE #open -n")
        msgid = await said(alice, "hello", "#open")
        bob = await house.login("bob", MODERN)
        assert not await kept(house, bob, react(msgid, "x", "#open"))
        lines = await alice.sync()
        assert " TAGMSG #open" in lines[-1]


async def test_a_bots_reaction_is_marked(folder: Path, autojump_clock: MockClock) -> None:
    """IRCv3 bot-mode: what a bot sends has the tag ``bot``."""
    async with open_house(folder) as house:
        alice = await house.login("alice", MODERN)
        await alice.ask("MODE alice +B")
        msgid = await said(alice, "hello")
        for line in (react(msgid, "x"), "@+typing=active TAGMSG #lobby"):
            (echo,) = await alice.ask(line)
            assert "bot" in parse(echo).tags


async def test_what_cannot_be_looked_up_is_said(folder: Path, autojump_clock: MockClock) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", MODERN)
        msgid = await said(alice, "hello")
        between.broken["about"] = StoreUnavailable("no disk")
        (line,) = await alice.ask(react(msgid, "x"))
        assert " FAIL TAGMSG NOT_STORED " in line
