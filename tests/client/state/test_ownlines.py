"""What becomes of own lines: sent, acknowledged, refused, and left unsure by a break."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from securechat.client.errors import NotConfirmed, NotSent
from securechat.client.events import Said
from securechat.client.state.ownlines import (
    IN_FLIGHT_MAX,
    Delivered,
    OwnLines,
    action,
    action_text,
)
from securechat.protocol.message import Message

NOW = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)


def said(text: str, msgid: str = "m1", conversation: str = "#lobby", **more: object) -> Said:
    fields = {"own": True, "msgid": msgid, "conversation": conversation, **more}
    return Said(time=NOW, sender="alice", text=text, **fields)  # type: ignore[arg-type]  # any field


def started(*texts: str) -> OwnLines:
    lines = OwnLines("s-")
    lines.start()
    for text in texts:
        lines.add("PRIVMSG", "#lobby", text)
    return lines


def texts(messages: list[Message]) -> list[str]:
    return [message.params[1] for message in messages]


def test_lines_wait_until_they_may_go_out_and_keep_their_order() -> None:
    lines = OwnLines("s-")
    lines.add("PRIVMSG", "#lobby", "one")
    lines.add("NOTICE", "bob", "two")
    assert lines.to_send(labels=False) == []
    lines.start()
    assert lines.to_send(labels=True) == [
        Message("PRIVMSG", ("#lobby", "one"), tags={"label": "s-1"}),
        Message("NOTICE", ("bob", "two"), tags={"label": "s-2"}),
    ]
    assert lines.to_send(labels=True) == []


def test_only_so_many_are_in_flight() -> None:
    lines = started(*(str(n) for n in range(IN_FLIGHT_MAX + 2)))
    assert len(lines.to_send(labels=False)) == IN_FLIGHT_MAX
    assert lines.to_send(labels=False) == []
    assert lines.echoed(said("3")) == Delivered(4, "m1", NOW)
    assert texts(lines.to_send(labels=False)) == [str(IN_FLIGHT_MAX)]


def test_the_first_of_equal_lines_is_settled_first() -> None:
    lines = started("same", "same")
    lines.to_send(labels=False)
    assert lines.echoed(said("same", "m1")) == Delivered(1, "m1", NOW)
    assert lines.echoed(said("same", "m1")) is None  # the same message again
    assert lines.echoed(said("same", "m2")) == Delivered(2, "m2", NOW)
    assert lines.echoed(said("same", "m3")) is None  # another session's


def test_messages_without_msgid_settle_lines_too() -> None:
    lines = started("same", "same")
    lines.to_send(labels=False)
    assert lines.echoed(said("same", "")) == Delivered(1, "", NOW)
    assert lines.echoed(said("same", "")) == Delivered(2, "", NOW)


@pytest.mark.parametrize(
    "other",
    [
        said("hi!"),
        said("hi", conversation="bob"),
        said("hi", kind="notice"),
        said("hi", action=True),
    ],
)
def test_something_else_settles_nothing(other: Said) -> None:
    lines = started("hi")
    lines.to_send(labels=False)
    assert lines.echoed(other) is None


def test_actions_and_folded_names() -> None:
    lines = OwnLines()
    lines.start()
    lines.add("PRIVMSG", "#Lobby", action("waves"))
    lines.to_send(labels=False)
    assert lines.echoed(said("waves", action=True)) is not None
    assert action_text(action("waves")) == "waves"
    assert action_text("\x01ACTION unclosed") == "unclosed"
    assert action_text("waves") is None


def test_labels_settle_lines_whatever_their_text() -> None:
    """IRCv3 labeled-response: the server may change the text of an echoed message."""
    lines = started("one", "two")
    lines.to_send(labels=True)
    assert lines.echoed(said("TWO"), "s-2") == Delivered(2, "m1", NOW)
    assert lines.echoed(said("one", "m2"), "unknown") == Delivered(1, "m2", NOW)


def test_refusals() -> None:
    lines = OwnLines()
    lines.start()
    for command, target in (("PRIVMSG", "bob"), ("NOTICE", "eve"), ("PRIVMSG", "Eve")):
        lines.add(command, target, "hi")
    lines.to_send(labels=False)
    assert lines.refused("401", "No such nick", ("dave",)) is None
    refused = lines.refused("FULL", "No", ("eve",), "PRIVMSG")
    assert refused is not None
    assert (refused.number, refused.error.code, refused.error.target) == (3, "FULL", "Eve")
    refused = lines.refused("FULL", "No", (), "NOTICE")
    assert refused is not None
    assert refused.number == 2
    assert not isinstance(refused.error, NotConfirmed)
    assert lines.refused("FULL", "No", (), "NOTICE") is None


def test_a_break_leaves_lines_unsure_and_the_history_decides() -> None:
    lines = started("one", "two", "three")
    lines.to_send(labels=False)
    lines.add("PRIVMSG", "bob", "four")
    lines.broke()
    assert lines.to_send(labels=False) == []
    assert lines.unsure_targets() == ["#lobby"]
    assert lines.found(said("two", "m2")) == Delivered(2, "m2", NOW)
    assert lines.found(said("two", "m2")) is None
    assert lines.settle() == []
    lines.start()
    assert texts(lines.to_send(labels=False)) == ["one", "three", "four"]


@pytest.mark.parametrize(
    "changed",
    [said("another text", "m9", edited=NOW), said("", "m9", redacted=True)],
    ids=["edited", "redacted"],
)
def test_what_a_changed_message_may_have_been_is_not_said_again(changed: Said) -> None:
    """docs/bots.md, "What is promised": the first that it may be, in its conversation alone."""
    lines = started("one", "two", "three")
    lines.add("PRIVMSG", "bob", "four")
    lines.to_send(labels=False)
    lines.broke()
    assert lines.found(said("one", "m1")) == Delivered(1, "m1", NOW)
    assert lines.found(changed) is None
    lines.rename("#lobby", "#hall")
    (lost,) = lines.settle()
    assert lost.number == 2
    assert isinstance(lost.error, NotConfirmed)
    assert "edited or removed" in str(lost.error)
    lines.start()
    assert texts(lines.to_send(labels=False)) == ["three", "four"]
    lines.broke()
    assert lines.settle() == []  # it was counted once


def test_a_changed_message_that_was_acknowledged_is_no_other_line() -> None:
    lines = started("one", "two")
    lines.to_send(labels=False)
    assert lines.echoed(said("one", "m1")) == Delivered(1, "m1", NOW)
    lines.broke()
    assert lines.found(said("", "m1", redacted=True)) is None
    assert lines.settle() == []


def test_an_unsure_line_may_turn_up_live() -> None:
    lines = started("one", "one")
    lines.to_send(labels=False)
    lines.broke()
    assert lines.echoed(said("one", "m1")) == Delivered(1, "m1", NOW)
    # The page of history that holds the same message is not the other line's receipt.
    assert lines.found(said("one", "m1")) is None
    assert lines.unsettled == 1


def test_without_history_an_unsure_line_is_given_up() -> None:
    lines = started("one")
    lines.add("PRIVMSG", "bob", "two")
    lines.to_send(labels=False)
    lines.broke()
    [lost] = lines.unknowable("#LOBBY", "it was stored: No history")
    assert isinstance(lost.error, NotConfirmed)
    assert str(lost.error) == (
        "Sent to #lobby, but it is unknown whether it was stored: No history"
    )
    assert lines.unsure_targets() == ["bob"]


def test_giving_up_tells_whether_it_was_sent() -> None:
    lines = started("sent")
    lines.to_send(labels=False)
    lines.broke()
    lines.add("PRIVMSG", "#lobby", "waiting")
    sent, waiting = lines.give_up(1, "too late"), lines.give_up(2, "too late")
    assert sent is not None
    assert waiting is not None
    assert isinstance(sent.error, NotConfirmed)
    assert type(waiting.error) is NotSent
    assert lines.give_up(1, "again") is None
    assert lines.unsettled == 0


def test_receipts_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("securechat.client.state.ownlines.RECEIPTS_MAX", 2)
    lines = started("a", "a", "a", "a")
    lines.to_send(labels=False)
    for msgid in ("m1", "m2", "m3"):
        assert lines.echoed(said("a", msgid)) is not None
    assert lines.echoed(said("a", "m3")) is None
    assert lines.echoed(said("a", "m1")) is not None  # long forgotten


def test_with_labels_a_refusal_without_one_is_about_something_else() -> None:
    """IRCv3 ``labeled-response``: whatever answers a line carries its label."""
    lines = OwnLines("s")
    line = lines.add("PRIVMSG", "#garden", "hello")
    lines.start()
    lines.to_send(labels=True)
    assert lines.refused("482", "You're not channel operator", ("#garden",)) is None
    assert lines.refused("482", "You're not channel operator", ("#garden",), label="q1") is None
    refused = lines.refused("404", "Cannot send", ("#garden",), label=lines.label(line))
    assert refused is not None
    assert refused.number == line.number
