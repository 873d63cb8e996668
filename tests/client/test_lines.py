"""Events as text and as JSON: what is shown, and that nothing raw reaches a terminal."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.client import events, lines
from securechat.client.events import Event
from securechat.client.lines import as_json, as_text, visible

NOW = datetime(2026, 5, 17, 12, 34, tzinfo=UTC)


def shown(event: Event, current: str = "#lobby") -> list[str]:
    return as_text(event, current=current, zone=UTC, today=NOW)


def said(text: str = "hi", **fields: Any) -> events.Said:
    return events.Said(
        **{"time": NOW, "conversation": "#lobby", "sender": "bob", "text": text, **fields}
    )


PERSON = events.Person("bob", "#lobby", True, "Bob B.")
TABLE: list[tuple[Event, list[str]]] = [
    (said(), ["12:34 <bob> hi"]),
    (said(conversation="#Lobby"), ["12:34 <bob> hi"]),
    (said(kind="notice"), ["12:34 -bob- hi"]),
    (said("waves", action=True), ["12:34 * bob waves"]),
    (said(conversation="bob"), ["12:34 [bob] <bob> hi"]),
    (said(time=NOW - timedelta(days=1)), ["2026-05-16 12:34 <bob> hi"]),
    (said("one\n\x1btwo"), ["12:34 <bob> one", "12:34 <bob> ␛two"]),
    (said("yes", reply_to="m1"), ["12:34 <bob> (in reply) yes"]),
    (said("", redacted=True), ["12:34 <bob> (this message was removed)"]),
    (
        said(edited=NOW, reactions=(events.Reaction("👍", ("al", "eve")),)),
        ["12:34 <bob> hi (edited) [👍 2]"],
    ),
    (
        events.Edited(
            time=NOW, conversation="#lobby", msgid="m1", text="ho\n<eve> hum", sender="bob"
        ),
        ["12:34 -- bob edited: ho", "12:34 -- bob edited: <eve> hum"],
    ),
    (
        events.Redacted(time=NOW, conversation="#x", msgid="m1", by="eve", reason="spam"),
        ["12:34 -- eve removed a message in #x (spam)"],
    ),
    (
        events.Reacted(time=NOW, conversation="#lobby", msgid="m1", text="👍", nick="al"),
        ["12:34 -- al reacted with 👍"],
    ),
    (
        events.Reacted(time=NOW, conversation="#x", msgid="m1", text="👍", nick="al", removed=True),
        ["12:34 -- al took back 👍 in #x"],
    ),
    (events.Typing(time=NOW, conversation="#lobby", nick="al", state="active"), []),
    (events.Marked(time=NOW, conversation="#lobby", until=NOW), []),
    (events.MembersChanged(time=NOW, channel="#lobby"), []),
    (events.UnreadCounted(time=NOW, conversation="#lobby", unread=0, mentions=0), []),
    (
        events.UnreadCounted(time=NOW, conversation="#x", unread=3, mentions=1, most=1000),
        ["12:34 -- 3 unread in #x, 1 of them for you"],
    ),
    (
        events.UnreadCounted(time=NOW, conversation="bob", unread=50, mentions=0, most=50),
        ["12:34 -- 50+ unread in bob"],
    ),
    (
        events.ChannelRenamed(time=NOW, old="#a", new="#b", by="eve", reason="typo"),
        ["12:34 -- eve renamed #a to #b (typo)"],
    ),
    (events.ChannelRenamed(time=NOW, old="#a", new="#b"), ["12:34 -- #a is now #b"]),
    (
        events.ProfileChanged(time=NOW, target="bob", key="status", value="out"),
        ["12:34 -- bob tells as status: out"],
    ),
    (
        events.ProfileChanged(time=NOW, target="bob", key="status", value=None),
        ["12:34 -- bob tells no status any more"],
    ),
    (events.PresenceChanged(time=NOW, nick="bob", online=True), ["12:34 -- bob is here"]),
    (events.PresenceChanged(time=NOW, nick="bob", online=False), ["12:34 -- bob is not here"]),
    (
        events.Connected(time=NOW, host="h", port=1, security="TLSv1.3 X"),
        ["12:34 -- connected to h port 1 (TLSv1.3 X)"],
    ),
    (
        events.LoggedIn(time=NOW, nick="alice", network="Home"),
        ["12:34 -- logged in as alice on Home"],
    ),
    (events.LoggedIn(time=NOW, nick="alice", network=""), ["12:34 -- logged in as alice"]),
    (events.CaughtUp(time=NOW), ["12:34 -- connected again, and up to date"]),
    (
        events.Disconnected(time=NOW, reason="reset.", retry_in=0.2),
        ["12:34 -- disconnected: reset; trying again in 1 s"],
    ),
    (
        events.Disconnected(time=NOW, reason="Refused.", retry_in=None),
        ["12:34 -- disconnected: Refused."],
    ),
    (
        events.HistoryGap(time=NOW, conversation="#lobby", text="No"),
        ["12:34 -- messages may be missing in #lobby: No"],
    ),
    (
        events.Joined(time=NOW, channel="#lobby", nick="alice"),
        ["12:34 -- alice joined #lobby"],
    ),
    (
        events.Parted(time=NOW, channel="#lobby", nick="bob", reason="tea"),
        ["12:34 -- bob left #lobby (tea)"],
    ),
    (events.Parted(time=NOW, channel="#lobby", nick="bob"), ["12:34 -- bob left #lobby"]),
    (
        events.Kicked(time=NOW, channel="#lobby", nick="bob", by="eve", reason="x"),
        ["12:34 -- eve removed bob from #lobby (x)"],
    ),
    (
        events.Quitted(time=NOW, nick="bob", reason="Quit", channels=("#lobby",)),
        ["12:34 -- bob is gone (Quit)"],
    ),
    (events.Renamed(time=NOW, old="bob", new="rob"), ["12:34 -- bob is now rob"]),
    (
        events.TopicChanged(time=NOW, channel="#lobby", topic="Tea"),
        ["12:34 -- topic of #lobby: Tea"],
    ),
    (
        events.TopicChanged(time=NOW, channel="#lobby", topic=""),
        ["12:34 -- #lobby has no topic"],
    ),
    (
        events.TopicChanged(time=NOW, channel="#lobby", topic="Tea", by="bob"),
        ["12:34 -- bob set the topic of #lobby: Tea"],
    ),
    (
        events.TopicChanged(time=NOW, channel="#lobby", topic="", by="bob"),
        ["12:34 -- bob removed the topic of #lobby"],
    ),
    (
        events.ModeChanged(time=NOW, target="#lobby", modes="+o bob", by="eve"),
        ["12:34 -- eve set mode +o bob on #lobby"],
    ),
    (
        events.Names(time=NOW, channel="#lobby", names=("@alice", "bob")),
        ["12:34 -- in #lobby: @alice, bob"],
    ),
    (events.AwayChanged(time=NOW, nick="bob", text="tea"), ["12:34 -- bob is away (tea)"]),
    (events.AwayChanged(time=NOW, nick="bob", text=None), ["12:34 -- bob is back"]),
    (events.AwayChanged(time=NOW, nick="a", text="", own=True), ["12:34 -- you are away"]),
    (events.AwayChanged(time=NOW, nick="a", text=None, own=True), ["12:34 -- you are back"]),
    (
        events.Invited(time=NOW, channel="#dev", nick="alice", by="bob"),
        ["12:34 -- bob invited alice to #dev"],
    ),
    (
        events.WhoReply(
            time=NOW, mask="#lobby", people=(PERSON, events.Person("al", "#lobby", False, ""))
        ),
        ["12:34 -- bob (Bob B.), away", "12:34 -- al"],
    ),
    (events.WhoReply(time=NOW, mask="x", people=()), ["12:34 -- nobody fits x"]),
    (events.ServerNotice(time=NOW, text="Tea!"), ["12:34 -- server: Tea!"]),
    (events.Motd(time=NOW, lines=("a", "b")), ["12:34 -- a", "12:34 -- b"]),
    (events.Reply(time=NOW, code="311", params=("bob", "x")), ["12:34 -- bob x"]),
    (
        events.Failed(time=NOW, code="403", text="No such channel", what="#x"),
        ["12:34 -- #x: No such channel"],
    ),
    (events.Failed(time=NOW, code="X", text="No"), ["12:34 -- No"]),
    (
        events.Failed(time=NOW, code="NOT_SENT", text="Not sent to bob: x", what="bob"),
        ["12:34 -- Not sent to bob: x"],
    ),
]


@pytest.mark.parametrize(("event", "expected"), TABLE)
def test_each_event_as_text(event: Event, expected: list[str]) -> None:
    assert shown(event) == expected


def test_every_kind_of_event_is_in_the_table_and_documented() -> None:
    kinds = {
        kind
        for _, kind in inspect.getmembers(events, inspect.isclass)
        if issubclass(kind, Event) and kind is not Event
    }
    assert {type(event) for event, _ in TABLE} == kinds
    for event, _ in TABLE:
        data = json.loads(as_json(event))
        row = (lines.__doc__ or "").split(f"\n{data['event']}")[1].split("\n\n")[0]
        for key in data.keys() - {"event", "time"}:
            assert f"``{key}``" in row


def test_an_event_of_another_kind_says_nothing() -> None:
    assert shown(Event(time=NOW)) == []


def test_times_are_the_readers() -> None:
    east = timezone(timedelta(hours=9))
    event = said(time=datetime(2026, 5, 17, 16, 0, tzinfo=UTC))
    assert as_text(event, zone=east, today=NOW)[0].startswith("2026-05-18 01:00 ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, grüße 🙂", "plain, grüße 🙂"),
        ("\x1b[31mred", "␛[31mred"),
        ("a\tb\x00\x7f", "a␉b␀␡"),
        ("\x9b31m", "<U+009B>31m"),
        ("\u202egnp.exe\u2066x\u2028", "<U+202E>gnp.exe<U+2066>x<U+2028>"),
        ("\x02bold\x02 \x0304,12red\x03 \x0f", "bold red "),
        (
            "\x1funder \x1ditalic \x1estrike \x11mono \x16reverse",
            "under italic strike mono reverse",
        ),
        ("\x04ff0000,00FF00hex\x04", "hex"),
        ("\x031234", "34"),
    ],
)
def test_visible(text: str, expected: str) -> None:
    assert visible(text) == expected


@given(st.text())
def test_nothing_raw_reaches_the_terminal(text: str) -> None:
    for line in [*shown(said(text, sender=text)), as_json(said(text))]:
        assert line.isprintable() or all(
            character.isprintable() or ord(character) > 0x9F for character in line
        )
        for character in "\x1b\x9b\n\r\x07\u202e\u2066\u2028":
            assert character not in line


def test_json() -> None:
    assert json.loads(as_json(said("\x1bgrüße\u202e", own=True, msgid="m1"))) == {
        "event": "said",
        "time": "2026-05-17T12:34:00.000Z",
        "conversation": "#lobby",
        "sender": "bob",
        "text": "\x1bgrüße\u202e",
        "kind": "privmsg",
        "action": False,
        "own": True,
        "mention": False,
        "bot": False,
        "history": False,
        "msgid": "m1",
        "account": "",
        "reply_to": "",
        "edited": None,
        "redacted": False,
        "reactions": [],
    }
    people = json.loads(as_json(events.WhoReply(time=NOW, mask="x", people=(PERSON,))))["people"]
    assert people == [{"nick": "bob", "channel": "#lobby", "away": True, "real_name": "Bob B."}]
    assert json.loads(as_json(events.LoggedIn(time=NOW, nick="a", network="")))["event"] == (
        "logged_in"
    )
