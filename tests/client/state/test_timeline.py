"""Everything once and in order: what is told of conversations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.client.events import Change, Said
from securechat.client.state.timeline import Timeline, read_time, wire_time

NOW = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)


def said(number: int, conversation: str = "#lobby", *, msgid: str | None = None) -> Said:
    return Said(
        time=NOW + timedelta(milliseconds=number),
        conversation=conversation,
        sender="bob",
        text=str(number),
        msgid=f"m{number:03d}" if msgid is None else msgid,
    )


def numbers(told: list[Said | Change]) -> list[int]:
    return [int(one.text) for one in told if isinstance(one, Said)]


def test_live_messages_are_told_once() -> None:
    timeline = Timeline()
    assert numbers(timeline.live(said(1))) == [1]
    assert timeline.live(said(1)) == []
    conversation = timeline.get("#LOBBY")
    assert conversation is not None
    assert conversation.anchor == "msgid=m001"


def test_messages_without_msgid_pass() -> None:
    timeline = Timeline()
    for _ in range(2):
        assert numbers(timeline.live(said(1, msgid=""))) == [1]


def test_the_anchor_before_there_is_a_message_is_a_time() -> None:
    """IRCv3 chathistory: AFTER leaves out the moment itself, so it begins a millisecond early."""
    conversation = Timeline().open("#lobby", NOW)
    assert conversation.anchor == "timestamp=2026-05-17T11:59:59.999Z"


def test_without_the_servers_time_ones_own_clock_serves_with_some_slack() -> None:
    """IRCv3 server-time: servers MAY tell their time when they see fit."""
    timeline = Timeline()
    assert timeline.open_now("bob", NOW).anchor == "timestamp=2026-05-17T11:59:29.999Z"
    timeline.reached(NOW)
    far = NOW + timedelta(days=400)
    assert timeline.open_now("carol", far).anchor == "timestamp=2026-05-17T11:59:59.999Z"


def test_a_gap_is_closed_in_order() -> None:
    timeline = Timeline()
    timeline.live(said(1))
    timeline.hold_all()
    assert timeline.live(said(4)) == []
    assert timeline.live(said(5)) == []
    told, met = timeline.page("#lobby", [said(2), said(3)])
    assert (numbers(told), met) == ([2, 3], False)
    told, met = timeline.page("#lobby", [said(4)])
    assert (numbers(told), met) == ([4], True)
    assert timeline.held_names() == ["#lobby"]
    assert numbers(timeline.release("#lobby")) == [5]
    assert timeline.release("#lobby") == []
    assert numbers(timeline.live(said(6))) == [6]


def test_conversations_that_come_up_in_a_gap_are_held_from_what_was_told_before() -> None:
    timeline = Timeline()
    timeline.live(said(1))
    timeline.hold_all()
    assert timeline.live(said(7, "carol")) == []
    assert timeline.held_names() == ["#lobby", "carol"]
    conversation = timeline.get("carol")
    assert conversation is not None
    assert conversation.anchor == f"timestamp={wire_time(said(0).time)}"
    timeline.hold_no_new()
    assert numbers(timeline.live(said(8, "dave"))) == [8]
    assert timeline.told_until == said(8).time
    assert timeline.names() == ["#lobby", "carol", "dave"]


def test_a_new_break_drops_what_was_held() -> None:
    timeline = Timeline()
    timeline.live(said(1))
    timeline.hold_all()
    timeline.live(said(9))
    timeline.hold_all()
    assert timeline.release("#lobby") == []


def test_forgetting_and_holding() -> None:
    timeline = Timeline()
    timeline.live(said(1))
    timeline.hold("#lobby")
    timeline.hold("#lobby")
    assert timeline.live(said(2)) == []
    timeline.forget("#lobby")
    timeline.forget("#lobby")
    assert timeline.release("#lobby") == []
    assert timeline.get("#lobby") is None


def test_a_page_of_a_conversation_that_is_not_held() -> None:
    timeline = Timeline()
    timeline.live(said(1))
    told, met = timeline.page("#lobby", [said(1), said(2)])
    assert (numbers(told), met) == ([2], False)


def test_only_so_many_msgids_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("securechat.client.state.timeline.SEEN_MAX", 2)
    timeline = Timeline()
    for number in (1, 2, 3, 1):
        assert numbers(timeline.live(said(number))) == [number]


@given(
    missed=st.integers(0, 30),
    live_after=st.integers(0, 10),
    size=st.integers(1, 7),
    overlap=st.integers(0, 10),
)
def test_any_gap_is_told_once_and_in_order(
    missed: int, live_after: int, size: int, overlap: int
) -> None:
    """Pages of any size that reach any way into what came live."""
    timeline = Timeline()
    told = timeline.live(said(0))
    timeline.hold_all()
    everything = [said(n) for n in range(1, 1 + missed + live_after)]
    for one in everything[missed:]:
        timeline.live(one)
    history = everything[: missed + overlap]
    while True:
        conversation = timeline.get("#lobby")
        assert conversation is not None
        last = int(conversation.last.removeprefix("m"))
        page = [one for one in history if int(one.text) > last][:size]
        out, met = timeline.page("#lobby", page)
        told += out
        if met or not page:
            break
    told += timeline.release("#lobby")
    assert numbers(told) == list(range(1 + missed + live_after))


def test_times_on_the_wire() -> None:
    """IRCv3 server-time: UTC with milliseconds."""
    assert wire_time(NOW) == "2026-05-17T12:00:00.000Z"
    east = timezone(timedelta(hours=2))
    assert wire_time(NOW.astimezone(east)) == "2026-05-17T12:00:00.000Z"
    assert read_time("2026-05-17T12:00:00.002Z") == NOW + timedelta(milliseconds=2)


@pytest.mark.parametrize(
    "text", ["", "now", "2026-05-17T12:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_what_is_no_time(text: str) -> None:
    assert read_time(text) is None
