"""One connection's pace: floods are slowed, and nothing of them is dropped."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from support.house import open_house
from trio.testing import MockClock

# --- the pace -------------------------------------------------------------------------------------

PACE = {"messages_per_second": 5.0, "message_burst": 20}


async def test_a_flood_is_slowed_and_nothing_of_it_is_dropped(
    folder: Path, autojump_clock: MockClock
) -> None:
    """A burst of 20, then 5 a second."""
    async with open_house(folder, changes=PACE) as house:
        alice = await house.login("alice", "echo-message")
        bob = await house.login("bob")
        await alice.sync()
        await trio.sleep(60)
        start = trio.current_time()
        await alice.send(*[f"PRIVMSG #lobby :{number}" for number in range(120)])
        times = []
        for number in range(120):
            assert (await bob.line()).endswith(f"PRIVMSG #lobby :{number}")
            times.append(trio.current_time() - start)
        assert times[19] == 0
        assert times[20] == pytest.approx(0.2)
        assert times[119] == pytest.approx(20.0)
        for number in range(120):
            assert (await alice.line()).endswith(f"PRIVMSG #lobby :{number}")


async def test_a_flood_longer_than_the_ping_deadline_is_no_silence(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Whoever pasted a book is slow to be heard, not gone."""
    async with open_house(folder, changes=PACE) as house:
        alice = await house.login("alice")
        bob = await house.login("bob", "echo-message")
        await alice.send(*[f"NOTICE bob :{number}" for number in range(1500)])
        heard = 0
        while heard < 1500:
            line = await bob.line()
            assert line == f":alice!~alice@securechat.internal NOTICE bob :{heard}"
            heard += 1
            if heard % 100 == 0:
                await bob.send("PONG x")


async def test_a_flood_before_login_is_slowed_too(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder, changes=PACE) as house:
        guest = await house.visit()
        await guest.send(*[f"PING {number}" for number in range(70)])
        for number in range(70):
            assert await guest.line() == f":securechat.internal PONG securechat.internal :{number}"
        assert trio.current_time() == pytest.approx(10.0)


async def test_history_has_a_budget_of_its_own(folder: Path, autojump_clock: MockClock) -> None:
    """16 requests at once, then one a second, for one session; others are not slowed."""
    changes = {"history_requests_per_second": 1.0, "history_request_burst": 16}
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice", "batch draft/chathistory")
        bob = await house.login("bob", "batch draft/chathistory")
        start = trio.current_time()
        await alice.send(*["CHATHISTORY LATEST #lobby * 1"] * 20)
        times = []
        for _ in range(20):
            await alice.until("BATCH -")
            times.append(trio.current_time() - start)
        assert times == pytest.approx([0] * 16 + [1, 2, 3, 4])
        at = trio.current_time()
        await bob.ask("CHATHISTORY LATEST #lobby * 1")
        assert trio.current_time() == at


async def test_a_long_batch_of_lines_lets_others_have_a_turn(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice")
        answers = await alice.ask(*["PING x"] * 200)
        assert len(answers) == 200
