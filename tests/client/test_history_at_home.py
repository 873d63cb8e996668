"""History and conversations, asked for at the real server.

Written from the specifications that docs/protocol.md names, and from what a full-screen client and
bots need (docs/bots.md).
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

import pytest
from support.at_home import at_home
from support.house import open_house
from trio.testing import MockClock

from securechat.client.errors import (
    HistoryUnavailable,
)


async def test_history_from_any_place(tmp_path: Path, autojump_clock: MockClock) -> None:
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
            found = await alice.history("#lobby", **where)  # type: ignore[arg-type]  # any place
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


async def test_conversations(tmp_path: Path, autojump_clock: MockClock) -> None:
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
    tmp_path: Path, autojump_clock: MockClock
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
