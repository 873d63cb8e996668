"""Markers, renamed channels, profiles and members, at the real server.

Written from the specifications that docs/protocol.md names, and from what a full-screen client and
bots need (docs/bots.md).
"""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import pytest
from support.at_home import Line, at_home, happen
from support.house import open_house
from trio.testing import MockClock

from securechat.client import events
from securechat.client.errors import (
    Refused,
)


async def test_markers_are_every_sessions(tmp_path: Path, autojump_clock: MockClock) -> None:
    """IRCv3 read-marker."""
    async with (
        open_house(tmp_path) as house,
        at_home(house, "alice") as alice,
        at_home(house, "alice") as phone,
        at_home(house, "bob") as bob,
    ):
        assert (await happen(phone, events.Marked)).until is None
        said = await bob.say("#lobby", "Alice: news")
        await bob.say("alice", "psst")
        (lobby, direct) = await alice.unread()
        assert (lobby.conversation, lobby.unread, lobby.mentions, lobby.most) == (
            "#lobby",
            1,
            1,
            1000,
        )
        assert (direct.conversation, direct.unread, direct.mentions) == ("bob", 1, 0)
        alice.mark_read("#lobby", said.time)
        marked = await happen(phone, events.Marked)
        assert (marked.conversation, marked.until) == ("#lobby", said.time)
        (lobby,) = await alice.unread("#lobby")
        assert (lobby.unread, lobby.mentions) == (0, 0)
        with pytest.raises(Refused, match="nothing by this name") as refused:
            await alice.unread("#nowhere")
        assert refused.value.code == "INVALID_TARGET"
    async with open_house(tmp_path) as house, at_home(house, "alice") as alice:
        assert (await happen(alice, events.UnreadCounted, conversation="#lobby")).unread == 0
        assert (await happen(alice, events.UnreadCounted, conversation="bob")).unread == 1


async def test_what_is_marked_without_a_connection_is_marked_with_the_next(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with (
        open_house(tmp_path) as house,
        at_home(house, "bob") as bob,
    ):
        line = Line(house)
        async with at_home(house, "alice", line=line) as alice:
            said = await bob.say("#lobby", "news")
            line.open = False
            line.cut()
            await happen(alice, events.Disconnected)
            alice.mark_read("#lobby", said.time)
            alice.mark_read("#lobby", said.time - timedelta(days=1))
            line.open = True
            alice.retry_now()
            marked = await happen(alice, events.Marked, until=said.time)
            assert marked.conversation == "#lobby"


async def test_a_channel_that_is_renamed_goes_on(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with (
        open_house(tmp_path) as house,
        at_home(house, "alice") as alice,
        at_home(house, "bob", channels=["#gardn"]) as bob,
    ):
        await alice.join("#gardn")
        await bob.join("#gardn")
        first = await alice.say("#gardn", "the first words")
        alice.rename("#gardn", "#garden", "a letter was missing")
        renamed = await happen(bob, events.ChannelRenamed)
        assert (renamed.old, renamed.new, renamed.by, renamed.reason) == (
            "#gardn",
            "#garden",
            "alice",
            "a letter was missing",
        )
        assert [one.name for one in bob.channels] == ["#lobby", "#garden"]
        await alice.edit("#garden", first.msgid, "the first word")
        assert (await happen(bob, events.Edited)).conversation == "#garden"
        await bob.say("#garden", "well done")


async def test_a_rename_during_a_break(tmp_path: Path, autojump_clock: MockClock) -> None:
    """channel-rename: who comes back by the old name is told the new one; nothing is missed."""
    async with open_house(tmp_path) as house, at_home(house, "alice") as alice:
        line = Line(house)
        await alice.join("#gardn")
        async with at_home(house, "bob", line=line, channels=["#gardn"]) as bob:
            await bob.join("#gardn")
            await alice.say("#gardn", "one")
            await happen(bob, events.Said, text="one")
            line.open = False
            line.cut()
            await happen(bob, events.Disconnected)
            saying = bob.speak("#gardn", "three")
            alice.rename("#gardn", "#garden")
            await happen(alice, events.ChannelRenamed)
            await alice.say("#garden", "two")
            line.open = True
            bob.retry_now()
            told = []
            async for event in bob:
                told.append(event)
                if isinstance(event, events.CaughtUp):
                    break
            receipt = await saying.receipt(math.inf)
            assert any(isinstance(event, events.ChannelRenamed) for event in told)
            assert not any(isinstance(event, events.HistoryGap) for event in told)
            said = [event for event in told if isinstance(event, events.Said)]
            assert [(one.conversation, one.text) for one in said] == [
                ("#garden", "two"),
                ("#garden", "three"),
            ]
            texts = [one.text for one in await alice.history("#garden")]
            assert texts == ["one", "two", "three"]
            assert receipt.msgid == (await alice.history("#garden"))[-1].msgid


async def test_profiles(tmp_path: Path, autojump_clock: MockClock) -> None:
    """IRCv3 metadata."""
    async with (
        open_house(tmp_path) as house,
        at_home(house, "alice") as alice,
    ):
        line = Line(house)
        async with at_home(house, "bob", line=line) as bob:
            await alice.set_profile("display-name", "Alice A.")
            assert alice.profile("ALICE") == {"display-name": "Alice A."}
            assert bob.profile("alice") == {}
            await bob.subscribe("display-name", "status")
            told = await happen(bob, events.ProfileChanged)
            assert (told.target, told.key, told.value) == ("alice", "display-name", "Alice A.")
            await alice.set_profile("status", "")
            assert (await happen(bob, events.ProfileChanged)).value == ""
            await alice.set_profile("status", None)
            assert (await happen(bob, events.ProfileChanged)).value is None
            with pytest.raises(Refused, match="Invalid key"):
                await alice.set_profile("$no$", "x")
            line.cut()
            await happen(bob, events.CaughtUp)
            await alice.set_profile("status", "here")
            assert (await happen(bob, events.ProfileChanged, key="status")).value == "here"
            assert bob.profile("alice") == {"display-name": "Alice A.", "status": "here"}


async def test_who_is_watched(tmp_path: Path, autojump_clock: MockClock) -> None:
    """MONITOR, over a reconnect too."""
    async with open_house(tmp_path) as house:
        line = Line(house)
        async with at_home(house, "alice", line=line) as alice:
            alice.watch("bob", "carol")
            assert not (await happen(alice, events.PresenceChanged, nick="bob")).online
            async with at_home(house, "bob"):
                assert (await happen(alice, events.PresenceChanged, nick="bob")).online
                line.cut()
                assert (await happen(alice, events.PresenceChanged, nick="bob")).online
            assert not (await happen(alice, events.PresenceChanged, nick="bob")).online
            alice.unwatch("bob")


async def test_what_is_known_of_members(tmp_path: Path, autojump_clock: MockClock) -> None:
    """WHOX, away-notify, extended-join, bot-mode, MODE."""
    async with open_house(tmp_path) as house, at_home(house, "bob") as bob:
        bob.set_away("lunch")
        bob.set_bot()
        await happen(bob, events.ModeChanged)
        async with at_home(house, "alice", channels=["#den"]) as alice:
            await happen(alice, events.MembersChanged, channel="#lobby")
            members = {one.name: one.members for one in alice.channels}["#lobby"]
            known = members["bob"]
            assert (known.nick, known.account, known.away, known.bot) == ("bob", "bob", True, True)
            assert members["alice"].away is False
            bob.set_away()
            await happen(alice, events.AwayChanged, nick="bob", text=None)
            assert members["bob"].away is False
            said = await bob.say("#lobby", "beep")
            assert (await happen(alice, events.Said, msgid=said.msgid)).bot
            await alice.join("#den")
            await bob.join("#den")
            await happen(alice, events.Joined, nick="bob", channel="#den")
            joined = alice.member("#den", "bob")
            assert joined is not None
            assert (joined.away, joined.bot, joined.prefix) == (False, True, "")
            alice.set_mode("#den", "+vh", "bob", "bob")
            await happen(alice, events.ModeChanged, target="#den")
            given = alice.member("#den", "bob")
            assert given is not None
            assert (given.prefix, given.signs) == ("%", "%+")
            alice.set_mode("#den", "-h", "bob")
            await happen(alice, events.ModeChanged, target="#den", modes="-h bob")
            left = alice.member("#den", "bob")
            assert left is not None
            assert left.prefix == "+"
            assert alice.member("#den", "nobody") is None
            assert alice.member("#nowhere", "bob") is None
