"""The library at the real server: each thing that one side does, the other understands.

Written from the specifications that docs/protocol.md names, and from what a full-screen client and
bots need (docs/bots.md).
"""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
from support.at_home import Line, at_home, happen
from support.house import open_house
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.client import Receipt, events
from securechat.client.errors import (
    EditRefused,
    HistoryUnavailable,
    NoAnswer,
    NotConfirmed,
    NotSent,
    RedactRefused,
    Refused,
)
from securechat.client.events import Reaction


async def test_several_lines_are_one_message(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    """Multiline: one msgid, live and in the history; long lines go on without a break."""
    long = "word " * 300 + "end"
    text = f"first\n\n  indented\n{long}"
    async with (
        open_house(tmp_path) as house,
        at_home(house, "alice") as alice,
        at_home(house, "bob") as bob,
    ):
        receipt = await alice.say("#lobby", text)
        assert len(receipt.msgids) == 1
        said = await happen(bob, events.Said)
        assert (said.text, said.msgid, said.own) == (text, receipt.msgid, False)
        own = await happen(alice, events.Said)
        assert (own.text, own.msgid, own.own) == (text, receipt.msgid, True)
        (kept,) = await bob.history("#lobby")
        assert (kept.text, kept.msgid, kept.sender) == (text, receipt.msgid, "alice")
        (found,) = await bob.search("indented")
        assert (found.text, found.msgid) == (text, receipt.msgid)


async def test_more_than_a_message_holds_is_several(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    """Multiline, "max-lines" and "max-bytes": what the server announces is kept to."""
    lines = [f"line {n}" for n in range(25)]
    changes = {"multiline_lines_max": 10}
    async with (
        open_house(tmp_path, changes=changes) as house,
        at_home(house, "alice") as alice,
        at_home(house, "bob") as bob,
    ):
        receipt = await alice.say("#lobby", "\n".join(lines))
        assert len(receipt.msgids) == 3
        texts = [(await happen(bob, events.Said)).text for _ in range(3)]
        assert "\n".join(texts).split("\n") == lines


async def test_an_answer_names_what_it_answers(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    """IRCv3 reply: live, in the history, of one line and of several."""
    async with (
        open_house(tmp_path) as house,
        at_home(house, "alice") as alice,
        at_home(house, "bob") as bob,
    ):
        question = await alice.say("#lobby", "well, Bob?")
        asked = await happen(bob, events.Said)
        assert asked.mention
        assert asked.reply_to == ""
        await bob.say("#lobby", "yes", reply_to=question.msgid)
        await bob.say("#lobby", "and\nno", reply_to=question.msgid)
        for text in ("yes", "and\nno"):
            said = await happen(alice, events.Said, sender="bob")
            assert (said.text, said.reply_to, said.mention) == (text, question.msgid, False)
        kept = await alice.history("#lobby")
        assert [one.reply_to for one in kept] == ["", question.msgid, question.msgid]


async def test_editing(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    async with (
        open_house(tmp_path) as house,
        at_home(house, "alice") as alice,
        at_home(house, "bob") as bob,
    ):
        receipt = await alice.say("#lobby", "anex ample")
        await alice.edit("#lobby", receipt.msgid, "an example\nof two lines, bob; done")
        edited = await happen(bob, events.Edited)
        assert (edited.conversation, edited.msgid, edited.sender, edited.own, edited.mention) == (
            "#lobby",
            receipt.msgid,
            "alice",
            False,
            True,
        )
        assert edited.text == "an example\nof two lines, bob; done"
        assert (await happen(alice, events.Edited)).own
        (kept,) = await bob.history("#lobby")
        assert kept.text == edited.text
        assert kept.edited == edited.time
        with pytest.raises(EditRefused, match="not authorised") as refused:
            await bob.edit("#lobby", receipt.msgid, "mine")
        assert refused.value.code == "EDIT_FORBIDDEN"
        with pytest.raises(ValueError, match="needs characters"):
            await alice.edit("#lobby", receipt.msgid, "\n")
        with pytest.raises(ValueError, match="3700 bytes"):
            await alice.edit("#lobby", receipt.msgid, "x" * 3701)


async def test_redacting(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    async with (
        open_house(tmp_path) as house,
        at_home(house, "alice") as alice,
        at_home(house, "bob") as bob,
    ):
        receipt = await alice.say("bob", "our secret")
        with pytest.raises(RedactRefused, match="not authorised"):
            await bob.redact("alice", receipt.msgid)
        await alice.redact("bob", receipt.msgid, "on second thoughts")
        redacted = await happen(bob, events.Redacted)
        assert (redacted.conversation, redacted.msgid, redacted.by, redacted.reason) == (
            "alice",
            receipt.msgid,
            "alice",
            "on second thoughts",
        )
        (kept,) = await bob.history("alice")
        assert kept.redacted
        assert kept.text == ""
        with pytest.raises(RedactRefused, match="does not exist") as refused:
            await alice.redact("bob", receipt.msgid)
        assert (refused.value.command, refused.value.code) == ("REDACT", "UNKNOWN_MSGID")


async def test_reacting(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    async with (
        open_house(tmp_path) as house,
        at_home(house, "alice") as alice,
        at_home(house, "bob") as bob,
    ):
        receipt = await alice.say("#lobby", "They won!")
        await bob.react("#lobby", receipt.msgid, "🎉")
        await alice.react("#lobby", receipt.msgid, "🎉")
        await bob.react("#lobby", receipt.msgid, ":)")
        await bob.react("#lobby", receipt.msgid, ":)")  # again: it changes nothing
        await bob.unreact("#lobby", receipt.msgid, ":)")
        told = [await happen(alice, events.Reacted) for _ in range(4)]
        assert [(one.nick, one.text, one.removed, one.own) for one in told] == [
            ("bob", "🎉", False, False),
            ("alice", "🎉", False, True),
            ("bob", ":)", False, False),
            ("bob", ":)", True, False),
        ]
        assert {one.msgid for one in told} == {receipt.msgid}
        (kept,) = await alice.history("#lobby")
        assert kept.reactions == (Reaction("🎉", ("bob", "alice")),)
        # A reaction can be removed by its own msgid; to whom knows it, it was taken back.
        await alice.redact("#lobby", told[1].change)
        gone = await happen(bob, events.Reacted, removed=True, nick="alice")
        assert (gone.msgid, gone.text) == (receipt.msgid, "🎉")
        (kept,) = await alice.history("#lobby")
        assert kept.reactions == (Reaction("🎉", ("bob",)),)


async def test_typing_is_told_no_more_often_than_every_3_seconds(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    """IRCv3 typing."""
    async with (
        open_house(tmp_path) as house,
        at_home(house, "alice") as alice,
        at_home(house, "bob") as bob,
    ):
        alice.typing("#lobby", "done")  # was not typing: says nothing
        for _ in range(7):
            alice.typing("#lobby", "active")
            await trio.sleep(1)
        alice.typing("#lobby", "paused")
        alice.typing("#lobby", "done")
        alice.typing("#lobby", "done")
        alice.typing("bob", "active")
        states = [await happen(bob, events.Typing) for _ in range(6)]
        assert [one.state for one in states] == [
            *("active", "active", "active", "paused", "done", "active")
        ]
        assert [one.conversation for one in states] == ["#lobby"] * 5 + ["alice"]
        assert {one.nick for one in states} == {"alice"}
        # A message ends it, so the next key is told at once.
        alice.typing("#lobby", "active")
        await alice.say("#lobby", "there")
        alice.typing("#lobby", "active")
        assert (await happen(bob, events.Typing)).state == "active"
        assert (await happen(bob, events.Typing)).state == "active"


async def test_markers_are_every_sessions(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
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
    tmp_path: Path,
    autojump_clock: MockClock,
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


async def test_a_channel_that_is_renamed_goes_on(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
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


async def test_a_rename_during_a_break(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
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


async def test_profiles(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
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


async def test_who_is_watched(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
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


async def test_what_is_known_of_members(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
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


async def test_history_from_any_place(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    """IRCv3 chathistory; events that are no messages take no message's place."""
    async with (
        open_house(tmp_path, changes={"history_page_max": 5}) as house,
        at_home(house, "alice") as alice,
    ):
        msgids = []
        for n in range(12):
            receipt = await alice.say("#lobby", f"text {n}")
            msgids.append(receipt.msgid)
            for topic in ("a", "b", "c"):
                alice.set_topic("#lobby", f"{topic} {n}")

        async def texts(**where: object) -> list[int]:
            found = await alice.history("#lobby", **where)  # type: ignore[arg-type]
            return [int(one.text.removeprefix("text ")) for one in found]

        assert await texts(limit=4) == [8, 9, 10, 11]
        assert await texts() == list(range(12))
        assert await texts(before=msgids[4], limit=3) == [1, 2, 3]
        assert await texts(before=msgids[4]) == [0, 1, 2, 3]
        assert await texts(before=msgids[0]) == []
        assert await texts(after=msgids[4], limit=3) == [5, 6, 7]
        assert await texts(after=msgids[10]) == [11]
        assert 6 in await texts(around=msgids[6], limit=5)
        whole = await alice.history("#lobby")
        assert await texts(after=whole[0].time - timedelta(seconds=1), limit=1) == [0]
        with pytest.raises(ValueError, match="one of"):
            await texts(before=msgids[0], after=msgids[1])
        with pytest.raises(ValueError, match="1 at least"):
            await texts(limit=0)
        with pytest.raises(HistoryUnavailable, match="could not be retrieved"):
            await alice.history("#nowhere")


async def test_conversations(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    names = ("alice", "bob", "carol", "dave", "erin")
    seconds = itertools.count(1_800_000_000)
    async with (
        open_house(
            tmp_path,
            names,
            changes={"history_page_max": 2},
            now_ms=lambda: next(seconds) * 1000,
        ) as house,
        at_home(house, "alice") as alice,
    ):
        await alice.join("#quiet")
        for name in ("bob", "carol", "dave", "erin"):
            await alice.say(name, "hello")
        last = await alice.say("#lobby", "all")
        found = await alice.conversations()
        assert [(one.name, one.channel) for one in found] == [
            ("#lobby", True),
            ("erin", False),
            ("dave", False),
            ("carol", False),
            ("bob", False),
            ("#quiet", True),
        ]
        assert found[0].latest == last.time
        assert found[-1].latest is None


async def test_more_conversations_in_a_millisecond_than_a_page_holds_end_all_the_same(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    """CHATHISTORY TARGETS pages by time alone (IRCv3 ``chathistory``)."""
    names = ("alice", "bob", "carol", "dave", "erin")
    times = itertools.chain([1_800_000_000_000], itertools.repeat(1_800_000_001_000))
    async with (
        open_house(
            tmp_path, names, changes={"history_page_max": 2}, now_ms=lambda: next(times)
        ) as house,
        at_home(house, "alice") as alice,
    ):
        for name in ("bob", "carol", "dave", "erin"):
            await alice.say(name, "hello")
        found = await alice.conversations()
        assert len(found) >= 3  # the lobby, and what one page holds


async def test_nothing_that_needs_an_answer_hangs_without_a_connection(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    async with open_house(tmp_path) as house:
        line = Line(house)
        async with at_home(house, "alice", line=line) as alice:
            line.open = False
            line.cut()
            await happen(alice, events.Disconnected)
            with pytest.raises(NoAnswer, match="Not connected"):
                await alice.edit("#lobby", "x", "y")
            with pytest.raises(NoAnswer):
                await alice.set_profile("status", "x")
            with pytest.raises(NoAnswer):
                await alice.add_token("laptop")
            with pytest.raises(NoAnswer):
                await alice.ping()
            alice.typing("#lobby", "active")


async def test_a_break_before_the_answer(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    async with open_house(tmp_path) as house:
        line = Line(house)
        async with at_home(house, "alice", line=line) as alice:
            receipt = await alice.say("#lobby", "hi")
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def _edit() -> None:
                    with pytest.raises(NoAnswer, match="unknown whether"):
                        await alice.edit("#lobby", receipt.msgid, "ho")

                line.die()
                await trio.sleep(1)
                line.cut()


@pytest.mark.parametrize("change", ["edit", "redact"])
async def test_a_line_that_was_changed_before_its_sender_came_back_is_not_said_again(
    tmp_path: Path,
    autojump_clock: MockClock,
    change: str,
) -> None:
    """docs/bots.md, "What is promised": it is unknown, and that is told."""
    async with open_house(tmp_path) as house, at_home(house, "alice") as phone:
        line = Line(house)
        async with at_home(house, "alice", line=line) as alice:
            line.die()  # what alice says arrives; no answer comes
            first = alice.speak("#lobby", "anex ample")
            second = alice.speak("#lobby", "and another")
            said = await happen(phone, events.Said, text="anex ample")
            await happen(phone, events.Said, text="and another")
            if change == "edit":
                await phone.edit("#lobby", said.msgid, "an example")
            else:
                await phone.redact("#lobby", said.msgid)
            line.cut()
            with pytest.raises(NotConfirmed, match="edited or removed"):
                await first.receipt(math.inf)
            receipt = await second.receipt(math.inf)
            await alice.say("#lobby", "the end")
            kept = await phone.history("#lobby")
            text = "an example" if change == "edit" else ""
            assert [one.text for one in kept] == [text, "and another", "the end"]
            assert kept[1].msgid == receipt.msgid


async def test_lag(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    async with open_house(tmp_path) as house, at_home(house, "alice") as alice:
        assert alice.lag is not None
        assert await alice.ping() >= 0
        assert alice.lag < 1


async def test_lines_typed_offline_wait_without_limit(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    async with open_house(tmp_path) as house, at_home(house, "bob") as bob:
        line = Line(house)
        async with at_home(house, "alice", line=line) as alice:
            line.open = False
            line.cut()
            sayings = [alice.speak("#lobby", f"offline {n}") for n in range(5)]
            taken_back = alice.speak("#lobby", "no, not that")
            receipts: list[Receipt] = []

            async def settle() -> None:
                receipts.extend([await saying.receipt(math.inf) for saying in sayings])

            async with trio.open_nursery() as nursery:
                nursery.start_soon(settle)
                await trio.sleep(3600)
                assert receipts == []
                taken_back.cancel()
                with pytest.raises(NotSent, match="taken back"):
                    await taken_back.receipt(math.inf)
                line.open = True
                alice.retry_now()
            kept = await bob.history("#lobby")
            assert [one.text for one in kept] == [f"offline {n}" for n in range(5)]
            assert [one.msgid for one in receipts] == [one.msgid for one in kept]


async def test_the_wait_before_the_next_attempt_can_be_ended(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    async with open_house(tmp_path) as house:
        line = Line(house)
        async with at_home(house, "alice", line=line, random=lambda: 1.0) as alice:
            line.open = False
            line.cut()
            for _ in range(8):
                broken = await happen(alice, events.Disconnected)
            assert broken.retry_in == 60
            line.open = True
            start = trio.current_time()
            alice.retry_now()
            await happen(alice, events.CaughtUp)
            assert trio.current_time() - start < 1
            alice.retry_now()  # nothing waits: nothing happens
            await wait_all_tasks_blocked()
            assert alice.connected


@pytest.mark.parametrize("dead", [True, False])
async def test_after_a_sleep_the_connection_is_looked_at(
    tmp_path: Path, autojump_clock: MockClock, dead: bool
) -> None:
    """A machine that slept: its clock went on, Trio's did not. Dead links are found in seconds."""
    slept = timedelta(0)
    start = trio.current_time()

    def now() -> datetime:
        return (
            datetime(2030, 1, 1, tzinfo=UTC)
            + slept
            + timedelta(seconds=trio.current_time() - start)
        )

    async with open_house(tmp_path) as house:
        line = Line(house)
        async with at_home(house, "alice", line=line, now=now) as alice:
            await trio.sleep(7)
            if dead:
                line.die()
            slept = timedelta(hours=8)
            woke = trio.current_time()
            await trio.sleep(16)
            if dead:
                broken = await happen(alice, events.Disconnected)
                assert "slept" in broken.reason
                await happen(alice, events.CaughtUp)
                assert trio.current_time() - woke < 20
            else:
                assert alice.connected
                assert len(line.wires) == 1


async def test_after_a_sleep_no_attempt_waits(
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    slept = timedelta(0)
    start = trio.current_time()

    def now() -> datetime:
        return (
            datetime(2030, 1, 1, tzinfo=UTC)
            + slept
            + timedelta(seconds=trio.current_time() - start)
        )

    async with open_house(tmp_path) as house:
        line = Line(house)
        async with at_home(house, "alice", line=line, now=now, random=lambda: 1.0) as alice:
            line.open = False
            line.cut()
            while (await happen(alice, events.Disconnected)).retry_in < 60:
                pass
            line.open = True
            slept = timedelta(hours=8)
            woke = trio.current_time()
            await happen(alice, events.CaughtUp)
            assert trio.current_time() - woke < 10


@pytest.mark.parametrize("dead", [True, False])
async def test_after_a_process_was_stopped_the_connection_is_looked_at(
    tmp_path: Path, autojump_clock: MockClock, dead: bool
) -> None:
    """SIGSTOP and SIGCONT: every clock went on, and every deadline is past at once."""
    async with open_house(tmp_path, changes={"drop_seconds": 0}) as house:
        line = Line(house)
        async with at_home(house, "alice", line=line) as alice:
            await trio.sleep(7)
            if dead:
                line.die()
            autojump_clock.jump(3600)
            woke = trio.current_time()
            await trio.sleep(15)
            await alice.say("#lobby", "here again")
            assert trio.current_time() - woke < 20
            assert len(line.wires) == (2 if dead else 1)
