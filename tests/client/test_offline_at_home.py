"""Without a connection, and after one: what waits, what fails, and sleep.

Written from the specifications that docs/protocol.md names, and from what a full-screen client and
bots need (docs/bots.md).
"""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import pytest
import trio
from support.at_home import Line, Sleeper, at_home, happen
from support.house import open_house
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.client import Receipt, events
from securechat.client.errors import (
    NoAnswer,
    NotConfirmed,
    NotSent,
)


async def test_nothing_that_needs_an_answer_hangs_without_a_connection(
    tmp_path: Path, autojump_clock: MockClock
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


async def test_a_break_before_the_answer(tmp_path: Path, autojump_clock: MockClock) -> None:
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


async def test_lag(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house, at_home(house, "alice") as alice:
        assert alice.lag is not None
        assert await alice.ping() >= 0
        assert alice.lag < 1


async def test_lines_typed_offline_wait_without_limit(
    tmp_path: Path, autojump_clock: MockClock
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
    tmp_path: Path, autojump_clock: MockClock
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
    machine = Sleeper()
    async with open_house(tmp_path) as house:
        line = Line(house)
        async with at_home(house, "alice", line=line, now=machine.now) as alice:
            await trio.sleep(7)
            if dead:
                line.die()
            machine.slept = timedelta(hours=8)
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


async def test_after_a_sleep_no_attempt_waits(tmp_path: Path, autojump_clock: MockClock) -> None:
    machine = Sleeper()
    async with open_house(tmp_path) as house:
        line = Line(house)
        async with at_home(house, "alice", line=line, now=machine.now, random=lambda: 1.0) as alice:
            line.open = False
            line.cut()
            while (await happen(alice, events.Disconnected)).retry_in < 60:
                pass
            line.open = True
            machine.slept = timedelta(hours=8)
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
