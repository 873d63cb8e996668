"""The library at the real server: each thing that one side does, the other understands.

Written from the specifications that docs/protocol.md names, and from what a full-screen client and
bots need (docs/bots.md).
"""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from support.at_home import happen, two_at_home
from trio.testing import MockClock

from securechat.client import events
from securechat.client.errors import (
    EditRefused,
    RedactRefused,
)
from securechat.client.events import Reaction


async def test_several_lines_are_one_message(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Multiline: one msgid, live and in the history; long lines go on without a break."""
    long = "word " * 300 + "end"
    text = f"first\n\n  indented\n{long}"
    async with two_at_home(tmp_path) as (alice, bob):
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
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Multiline, "max-lines" and "max-bytes": what the server announces is kept to."""
    lines = [f"line {n}" for n in range(25)]
    changes = {"multiline_lines_max": 10}
    async with two_at_home(tmp_path, changes=changes) as (alice, bob):
        receipt = await alice.say("#lobby", "\n".join(lines))
        assert len(receipt.msgids) == 3
        texts = [(await happen(bob, events.Said)).text for _ in range(3)]
        assert "\n".join(texts).split("\n") == lines


async def test_an_answer_names_what_it_answers(tmp_path: Path, autojump_clock: MockClock) -> None:
    """IRCv3 reply: live, in the history, of one line and of several."""
    async with two_at_home(tmp_path) as (alice, bob):
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


async def test_editing(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with two_at_home(tmp_path) as (alice, bob):
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


async def test_redacting(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with two_at_home(tmp_path) as (alice, bob):
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


async def test_reacting(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with two_at_home(tmp_path) as (alice, bob):
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
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """IRCv3 typing."""
    async with two_at_home(tmp_path) as (alice, bob):
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
