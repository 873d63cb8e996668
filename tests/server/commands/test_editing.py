"""EDIT and REDACT: who may, until when, and that nothing brings back what was removed."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from support.between import shaky_house
from support.house import MODERN, House, Person, open_house
from trio.testing import MockClock, wait_all_tasks_blocked

from securechat.errors import StoreRefused, StoreUnavailable
from securechat.protocol.message import format_tags, parse
from securechat.server.history.context_lines import EDITS_MAX
from securechat.server.history.retention import ROUND_SECONDS
from securechat.store.contract import Amendment, Entry, Event

CAPS = f"{MODERN} draft/message-edit draft/message-redaction draft/multiline draft/chathistory"


async def said(person: Person, text: str, target: str = "#lobby") -> str:
    """Say something and return its msgid."""
    lines = await person.ask(f"PRIVMSG {target} :{text}")
    (line,) = [line for line in lines if line.endswith(f" PRIVMSG {target} :{text}")]
    return parse(line).tags["msgid"]


def edit_line(msgid: str, text: str, target: str = "#lobby") -> str:
    tags = format_tags({"draft/target-msgid": msgid, "draft/edit-text": text})
    return f"@{tags} EDIT {target}"


def codes(lines: list[str]) -> list[str]:
    """Return what lines are: the code of a FAIL, or the command."""
    messages = [parse(line) for line in lines]
    return [item.params[1] if item.command == "FAIL" else item.command for item in messages]


async def text_of(house: House, msgid: str) -> str:
    found = await house.store.locate(msgid)
    assert found is not None
    return found.event.text


async def test_after_a_time_that_is_a_setting_it_is_too_late(
    folder: Path, autojump_clock: MockClock
) -> None:
    """message-redaction and pull request 425: the code has the window, in seconds."""
    now_ms = 1_800_000_000_000
    changes = {"edit_seconds": 60.0, "redact_seconds": 90.0}
    async with open_house(folder, admins=("bob",), changes=changes, now_ms=lambda: now_ms) as house:
        alice = await house.login("alice", CAPS)
        bob = await house.login("bob", CAPS)
        msgid = await said(alice, "hello")
        now_ms += 60_000
        assert codes(await alice.ask(edit_line(msgid, "hi"))) == ["EDIT"]
        now_ms += 1
        (line,) = await alice.ask(edit_line(msgid, "ho"))
        assert " FAIL EDIT EDIT_WINDOW_EXPIRED #lobby " in line
        assert line.endswith(f"{msgid} 60 :You can no longer edit this message")
        now_ms += 30_000
        (line,) = await alice.ask(f"REDACT #lobby {msgid}")
        assert " FAIL REDACT REDACT_WINDOW_EXPIRED #lobby " in line
        assert line.endswith(f"{msgid} 90 :You can no longer delete this message")
        # Who moderates never comes too late.
        await bob.sync()
        assert codes(await bob.ask(f"REDACT #lobby {msgid}")) == ["REDACT"]


async def test_without_a_limit_it_is_never_too_late(
    folder: Path, autojump_clock: MockClock
) -> None:
    now_ms = 1_800_000_000_000
    changes = {"edit_seconds": 0.0, "redact_seconds": 0.0}
    async with open_house(folder, changes=changes, now_ms=lambda: now_ms) as house:
        alice = await house.login("alice", CAPS)
        msgid = await said(alice, "hello")
        now_ms += 10**11
        assert codes(await alice.ask(edit_line(msgid, "hi"))) == ["EDIT"]
        assert codes(await alice.ask(f"REDACT #lobby {msgid}")) == ["REDACT"]


async def test_an_account_made_anew_is_not_the_author(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        lobby, direct = await said(alice, "hello"), await said(alice, "psst", "bob")
        await house.accounts.remove("alice")
        await alice.rest()
        await trio.sleep(1)
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        assert codes(await alice.ask(f"REDACT #lobby {lobby}")) == ["REDACT_FORBIDDEN"]
        assert codes(await alice.ask(f"REDACT bob {direct}")) == ["UNKNOWN_MSGID"]


async def test_what_went_to_some_roles_alone(folder: Path, autojump_clock: MockClock) -> None:
    """ISUPPORT STATUSMSG: ``@#club`` is a place of its own, seen by operators and the author."""
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        await alice.ask("JOIN #club")
        bob, carol = await house.login("bob", CAPS), await house.login("carol", CAPS)
        await bob.ask("JOIN #club")
        await carol.ask("JOIN #club")
        msgid = await said(bob, "psst", "@#club")
        await alice.sync()
        assert codes(await carol.ask(f"REDACT @#club {msgid}")) == ["UNKNOWN_MSGID"]
        assert codes(await bob.ask(f"REDACT #club {msgid}")) == ["UNKNOWN_MSGID"]
        assert codes(await bob.ask(edit_line(msgid, "hm", "@#club"))) == ["EDIT"]
        assert codes(await alice.sync()) == ["EDIT"]
        assert codes(await alice.ask(f"REDACT @#club {msgid}")) == ["REDACT"]
        assert codes(await bob.sync()) == ["REDACT"]
        assert await carol.sync() == []


async def test_of_a_private_channel_nothing_can_be_told(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Outside, a channel that is hidden and one that is not there answer alike (fault 20)."""
    async with open_house(folder, moderators=("carol",)) as house:
        alice = await house.login("alice", CAPS)
        await alice.ask("JOIN #secret", "MODE #secret +s")
        msgid = await said(alice, "psst", "#secret")
        for name in ("bob", "carol"):
            other = await house.login(name, CAPS)
            for line in (f"REDACT #x {msgid}", edit_line(msgid, "x", "#x")):
                (secret,) = await other.ask(line.replace("#x", "#secret"))
                (nowhere,) = await other.ask(line.replace("#x", "#nowhere"))
                assert secret == nowhere.replace("#nowhere", "#secret")


async def test_only_messages_can_be_changed(folder: Path, autojump_clock: MockClock) -> None:
    """message-redaction: the msgid is that of a PRIVMSG, a NOTICE or a TAGMSG."""
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        lines = await alice.ask("JOIN #club")
        joined = parse(lines[0]).tags["msgid"]
        assert codes(await alice.ask(f"REDACT #club {joined}")) == ["UNKNOWN_MSGID"]
        msgid = await said(alice, "hello")
        (line,) = await alice.ask(f"@+draft/react=x;+draft/reply={msgid} TAGMSG #lobby")
        reaction = parse(line).tags["msgid"]
        assert codes(await alice.ask(edit_line(reaction, "x"))) == ["INVALID_EDIT"]
        assert codes(await alice.ask(f"REDACT #lobby {reaction}")) == ["REDACT"]
        assert codes(await alice.ask(f"REDACT #lobby {reaction}")) == ["UNKNOWN_MSGID"]


async def test_a_long_text_is_taken_apart_so_that_each_piece_fits(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        bob = await house.login("bob", "draft/chathistory")
        msgid = await said(alice, "short")
        await bob.sync()
        text = "wörter " * 400
        assert codes(await alice.ask(edit_line(msgid, text))) == ["EDIT"]
        told = await bob.sync()
        played = await bob.ask("CHATHISTORY LATEST #lobby * 1")
        for lines in (told, played):
            assert all(len(line.encode()) <= 510 for line in lines)
        assert "".join(line.partition(" :")[2] for line in played) == text
        # Too many lines are refused like those of a batch.
        assert codes(await alice.ask(edit_line(msgid, "a\n" * 100))) == ["INVALID_EDIT"]


async def test_nobody_edits_for_ever(folder: Path, autojump_clock: MockClock) -> None:
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        msgid = await said(alice, "0")
        answers = codes(await alice.ask(*(edit_line(msgid, str(n)) for n in range(EDITS_MAX + 1))))
        assert answers == ["EDIT"] * EDITS_MAX + ["EDIT_FORBIDDEN"]
        assert codes(await alice.ask(f"REDACT #lobby {msgid}")) == ["REDACT"]


async def test_what_is_done_to_a_message_takes_turns(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Whatever comes while the one before it is on its way to the disk is decided after it."""
    async with shaky_house(folder) as (house, between):
        one, two = await house.login("alice", CAPS), await house.login("alice", CAPS)
        bob = await house.login("bob", CAPS)
        first, second = await said(one, "first"), await said(one, "second")
        for person in (one, two, bob):
            await person.sync()
        async with between.storing(one, edit_line(first, "edited"), edit_line(second, "one's")):
            await two.send(f"REDACT #lobby {first}", edit_line(second, "two's"))
            await wait_all_tasks_blocked()
        await one.sync()
        await two.sync()
        assert await text_of(house, first) == ""
        assert await text_of(house, second) in {"one's", "two's"}
        seen = [parse(line) for line in await bob.sync()]
        last = [line.tags.get("draft/edit-text") for line in seen if line.command == "EDIT"]
        assert sorted(filter(None, last)) == ["edited", "one's", "two's"]
        # What everybody saw last is what is kept.
        kept = [line for line in seen if line.tags.get("draft/target-msgid") == second]
        assert kept[-1].tags["draft/edit-text"] == await text_of(house, second)


async def test_an_edit_behind_a_redaction_is_refused(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with shaky_house(folder) as (house, between):
        one, two = await house.login("alice", CAPS), await house.login("alice", CAPS)
        msgid = await said(one, "hello")
        await two.sync()
        async with between.storing(one, f"REDACT #lobby {msgid}"):
            await two.send(
                edit_line(msgid, "back again"),
                f"@+draft/react=x;+draft/reply={msgid} TAGMSG #lobby",
            )
            await wait_all_tasks_blocked()
        answers = [parse(line) for line in await two.sync()]
        assert [line.command for line in answers] == ["REDACT", "FAIL", "TAGMSG"]
        assert answers[1].params[1] == "UNKNOWN_MSGID"
        assert await house.store.locate(answers[2].tags["msgid"]) is None  # relayed, and not kept
        assert await text_of(house, msgid) == ""


@pytest.mark.parametrize(
    "line", ["REDACT #lobby {}", "@draft/target-msgid={};draft/edit-text=x EDIT #lobby"]
)
async def test_what_cannot_be_stored_is_said_and_not_done(
    folder: Path, autojump_clock: MockClock, line: str
) -> None:
    async with shaky_house(folder) as (house, between):
        alice = await house.login("alice", CAPS)
        msgid = await said(alice, "hello")
        between.broken["locate"] = StoreUnavailable("no disk")
        assert codes(await alice.ask(line.format(msgid))) == ["NOT_STORED"]
        between.broken.clear()
        between.before.append(StoreRefused("full"))
        assert codes(await alice.ask(line.format(msgid))) == ["NOT_STORED"]
        assert await text_of(house, msgid) == "hello"
        # The message is free again.
        assert codes(await alice.ask(line.format(msgid))) in (["REDACT"], ["EDIT"])


async def test_a_message_its_edit_and_its_redaction_in_one_group(
    folder: Path, autojump_clock: MockClock
) -> None:
    """Delivery shows each in the journal's order, whatever comes together."""
    async with open_house(folder) as house:
        bob = await house.login("bob", f"{MODERN} draft/message-edit draft/message-redaction")
        dave = await house.login("carol")
        await bob.sync()
        source = "alice!~alice@securechat.internal"
        ids = [f"0Q34K6l0{number:014}" for number in range(3)]

        def event(number: int, kind: str, text: str, parent: str = "") -> Event:
            start = 1_790_000_000_000
            return Event(
                ids[number], start, kind, "alice", source, "#lobby", "#lobby", text, {}, parent
            )

        await house.store.append(
            [
                Entry(event(0, "PRIVMSG", "one")),
                Entry(event(1, "EDIT", "two", ids[0]), amends=[Amendment(ids[0], "two")]),
                Entry(
                    event(2, "REDACT", "PRIVMSG alice why", ids[0]), amends=[Amendment(ids[0], "")]
                ),
            ]
        )
        assert codes(await bob.sync()) == ["PRIVMSG", "EDIT", "REDACT"]
        assert codes(await dave.sync()) == ["PRIVMSG", "NOTICE", "NOTICE"]
        assert await text_of(house, ids[0]) == ""


@pytest.mark.parametrize("stopping", [True, False])
async def test_a_redacted_text_is_nowhere_on_the_disk(
    folder: Path, autojump_clock: MockClock, stopping: bool
) -> None:
    """What was removed is in no table, index, free page or log any more: soon, or after a stop."""
    secret, edited, reaction = "quetzalcoatlus", "pterodactylus", "archaeopteryx"
    async with open_house(folder) as house:
        alice = await house.login("alice", CAPS)
        first = await said(alice, f"my {secret} is one")
        second = await said(alice, f"my {secret} is another")
        await trio.sleep(5)  # the index has followed
        assert secret.encode() in everything(folder)
        await alice.ask(edit_line(first, f"my {edited}"), edit_line(second, "harmless"))
        (line,) = await alice.ask(f"@+draft/react={reaction};+draft/reply={second} TAGMSG #lobby")
        await alice.ask(f"REDACT #lobby {first}", f"REDACT #lobby {parse(line).tags['msgid']}")
        await trio.sleep(5 if stopping else ROUND_SECONDS + 60)
        if not stopping:
            found = everything(folder)
    if stopping:
        found = everything(folder)
    assert b"harmless" in found
    assert not {word for word in (secret, edited, reaction) if word.encode() in found}


def everything(folder: Path) -> bytes:
    """Return all that is in a folder's files, the databases' logs too."""
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
