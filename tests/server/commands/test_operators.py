"""OPER, KILL, WALLOPS and REHASH beyond what the transcripts show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.between import shaky_house
from support.house import open_house
from trio.testing import MockClock

from securechat.errors import StoreUnavailable
from securechat.store.audit import audit_page


async def test_rehash_says_what_went_wrong(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    """Modern IRC Client Protocol, "REHASH message": 382, then why nothing was replaced."""
    answers: list[str | None] = [None, "The certificate is not readable."]
    async with open_house(folder, admins=("carol",)) as house:
        house.server.rehash = lambda: answers.pop(0)
        carol = await house.login("carol")
        started = ":securechat.internal 382 carol server.pem :Rehashing"
        assert await carol.ask("REHASH") == [started]
        assert await carol.ask("REHASH") == [
            started,
            ":securechat.internal FAIL REHASH NOT_READ :The certificate is not readable.",
        ]
    assert [entry["problem"] for entry in logs if entry["event"] == "rehashed"] == [
        None,
        "The certificate is not readable.",
    ]


async def test_what_one_killed_oneself_with_is_the_last_command(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder, admins=("carol",)) as house:
        alice, carol = await house.login("alice"), await house.login("carol")
        await alice.sync()
        await carol.send("KILL carol :enough", "PRIVMSG #lobby :still here")
        assert (await carol.rest())[-1] == "ERROR :Closing link: Killed (carol (enough))"
        assert await alice.sync() == [
            ":carol!~carol@securechat.internal QUIT :Killed (carol (enough))"
        ]


async def test_kill_is_logged_and_passwords_are_not(
    folder: Path, autojump_clock: MockClock, logs: list[Any]
) -> None:
    async with open_house(folder, admins=("carol",)) as house:
        await house.login("bob")
        carol = await house.login("carol")
        await carol.ask("OPER carol hunter22", "KILL bob :spam")
        alice = await house.login("alice")
        await alice.ask("OPER carol hunter22")
    assert {"by": "carol", "account": "bob", "reason": "spam"}.items() <= next(
        entry.items() for entry in logs if entry["event"] == "killed"
    )
    assert "hunter22" not in str(logs)


async def test_kill_is_noted_before_it_happens(folder: Path, autojump_clock: MockClock) -> None:
    """Every moderator's act is in the audit log: what cannot be noted is not done."""
    async with shaky_house(folder, moderators=("carol",)) as (house, between):
        bob, carol = await house.login("bob"), await house.login("carol")
        await bob.sync()
        between.broken["put"] = StoreUnavailable("the disk is full")
        (refused,) = await carol.ask("KILL bob :spam")
        assert refused.startswith(":securechat.internal FAIL KILL NOT_STORED bob :")
        assert await bob.sync() == []
        del between.broken["put"]
        await carol.send("KILL bob :spam")
        assert "Killed" in (await bob.rest())[-1]
        entries, _ = await audit_page(house.store, limit=100)
        (entry,) = [item for item in entries if item.act == "kill"]
        assert (entry.by, entry.target, entry.reason) == ("carol", "bob", "spam")
