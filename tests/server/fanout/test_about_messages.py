"""What is done to messages, shown: who is told of it, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.house import open_house
from trio.testing import MockClock

from securechat.protocol.message import parse
from securechat.server.fanout.about_messages import ago, as_notices
from securechat.server.persistence.ids import Ids
from securechat.store.contract import Event

CAPS = "message-tags echo-message draft/message-edit draft/message-redaction"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1.0, ""),
        (0.9, ""),
        (1.0, " from 1 second ago"),
        (59.9, " from 59 seconds ago"),
        (60.0, " from 1 minute ago"),
        (3599.0, " from 59 minutes ago"),
        (86399.0, " from 23 hours ago"),
        (10 * 86400.0, " from 1 week 3 days ago"),
    ],
)
def test_how_long_ago(seconds: float, words: str) -> None:
    """Message-redaction, "Fallback": relative times are preferable."""
    start = 1_800_000_000_000
    msgid, _ = Ids(lambda: start).next()
    time_ms = start + round(seconds * 1000)
    assert ago(Event("", time_ms, "EDIT", "", "", "", "", parent=msgid)) == words


def test_a_text_is_told_in_as_many_notices_as_it_needs() -> None:
    assert as_notices("one\n\n \ntwo") == ["one", "two"]
    assert [len(piece) for piece in as_notices("x" * 800)] == [350, 350, 100]


async def test_one_of_several_sessions_may_know_less(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Own sessions that do not expect their owner's words are told of no edit of these."""
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        plain = await house.login("alice")
        simple = await house.login("alice", "echo-message")
        bob = await house.login("bob", CAPS)
        lines = await alice.ask("PRIVMSG bob :psst")
        msgid = parse(lines[-1]).tags["msgid"]
        for person in (plain, simple, bob):
            await person.sync()
        await alice.ask(f"REDACT bob {msgid}")
        assert await plain.sync() == []
        assert await simple.sync() == [
            ":securechat.internal NOTICE alice :alice removed a message",
        ]
        (line,) = await bob.sync()
        assert line.endswith(f":alice!~alice@securechat.internal REDACT bob {msgid}")


async def test_a_moderator_outside_gets_the_receipt(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder, moderators=("carol",)) as house:
        alice = await house.login("alice", CAPS)
        await alice.ask("JOIN #club")
        lines = await alice.ask("PRIVMSG #club :spam")
        msgid = parse(lines[-1]).tags["msgid"]
        bob = await house.login("bob", CAPS)
        await bob.ask("JOIN #club")
        lines = await bob.ask("PRIVMSG #club :more spam")
        more = parse(lines[-1]).tags["msgid"]
        carol = await house.login("carol", CAPS)
        # Not even its founder's words can be seen or removed from outside, but a member's can.
        (refusal,) = await carol.ask(f"REDACT #club {msgid}")
        assert " REDACT_FORBIDDEN " in refusal
        (receipt,) = await carol.ask(f"REDACT #club {more} :no spam")
        assert receipt.endswith(f":carol!~carol@securechat.internal REDACT #club {more} :no spam")
        assert (await bob.sync())[-1] == receipt


async def test_a_channel_may_be_renamed_meanwhile(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice", f"{CAPS} draft/channel-rename")
        await alice.ask("JOIN #old")
        (line,) = await alice.ask("PRIVMSG #old :hello")
        msgid = parse(line).tags["msgid"]
        await alice.ask("RENAME #old #new")
        (line,) = await alice.ask(f"@draft/target-msgid={msgid};draft/edit-text=x EDIT #new")
        assert line.endswith(" EDIT #new")
        (line,) = await alice.ask(f"REDACT #new {msgid}")
        assert line.endswith(f" REDACT #new {msgid}")
