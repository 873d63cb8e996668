"""Batches that come to the client: history, targets, and those that nobody asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.client_state import NOW, logged_in, take

from securechat.client import events
from securechat.client.state.state import Page
from securechat.errors import MessageError
from securechat.protocol.message import parse


def test_a_history_batch_is_the_answer_to_the_request() -> None:
    """IRCv3 chathistory: the answer is one batch, whose parameter is the target."""
    state = logged_in()
    state.history_of = "#Lobby"
    told = take(
        state,
        "BATCH +1 chathistory #lobby",
        "@batch=1;msgid=m1 :bob!b@h PRIVMSG #lobby :one",
        ":bob!b@h PRIVMSG #lobby :live",
        "@batch=1;msgid=m2 :alice!a@h NOTICE #lobby :two",
        "@batch=1;msgid=m3 :carol!c@h JOIN #lobby",
        "@batch=1;msgid=m4 :srv NOTICE #lobby :server",
        "BATCH -1",
    )
    assert [event.text for event in told] == ["live"]  # type: ignore[attr-defined]  # all are Said
    assert state.page is not None
    assert [(said.text, said.history, said.own) for said in state.page.messages] == [
        ("one", True, False),
        ("two", True, True),
    ]
    assert state.history_of is None


def test_a_history_batch_inside_a_labelled_response() -> None:
    """IRCv3 labeled-response: a response of several messages is a batch, which may hold others."""
    state = logged_in()
    state.history_of = "#lobby"
    take(
        state,
        "@label=x BATCH +out labeled-response",
        "@batch=out BATCH +in chathistory #lobby",
        "@batch=in;msgid=m1 :bob!b@h PRIVMSG #lobby :one",
        "@batch=out BATCH -in",
        "BATCH -out",
    )
    assert state.page is not None
    assert [said.text for said in state.page.messages] == ["one"]


def test_history_that_nobody_asked_for_is_told() -> None:
    [said] = take(
        logged_in(),
        "BATCH +1 chathistory #lobby",
        "@batch=1;msgid=m1 :bob!b@h PRIVMSG #lobby :replayed",
        "BATCH -1",
    )
    assert isinstance(said, events.Said)
    assert said.history


def test_other_batches_are_told_when_they_end() -> None:
    """IRCv3 batch: what is inside belongs together; labels are the batch's."""
    state = logged_in()
    state.lines.start()
    state.lines.add("PRIVMSG", "#lobby", "hi")
    state.lines.to_send(labels=True)
    assert take(state, "@label=s-1 BATCH +1 labeled-response") == []
    assert take(state, "@batch=1;msgid=m1 :alice!a@h PRIVMSG #lobby :hi") == []
    assert take(state, "@batch=1 BATCH +2 netjoin", "@batch=2 :eve!e@h JOIN #lobby") == []
    told = take(state, "@batch=1 BATCH -2", "BATCH -1")
    assert [type(event) for event in told] == [events.Said, events.Joined]
    assert len(state.outcomes) == 1


def test_targets() -> None:
    """IRCv3 chathistory: TARGETS answers with a batch of CHATHISTORY TARGETS messages."""
    state = logged_in()
    state.history_of = "*"
    take(
        state,
        "BATCH +1 draft/chathistory-targets",
        "@batch=1 CHATHISTORY TARGETS bob 2026-01-01T00:00:00.000Z",
        "@batch=1 CHATHISTORY",
        "BATCH -1",
    )
    assert state.page == Page(targets=(("bob", datetime(2026, 1, 1, tzinfo=UTC)),))


@pytest.mark.parametrize(
    "line",
    [
        "FAIL CHATHISTORY INVALID_TARGET AFTER #lobby :No such",
        ":srv 421 alice CHATHISTORY :No such",
    ],
)
def test_a_refused_history_request(line: str) -> None:
    state = logged_in()
    state.history_of = "#lobby"
    assert take(state, line) == []
    assert state.page == Page(error="No such")
    assert len(take(state, line)) == 1  # nobody asked


def test_a_batch_without_end() -> None:
    state = logged_in("BATCH +1 x")
    line = parse("@batch=1 PONG x")
    for _ in range(20_000):
        state.receive(line, NOW)
    with pytest.raises(MessageError, match="more in one batch"):
        state.receive(line, NOW)
