"""From an event to bytes: the line, its tags and its times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol.capabilities import ACCOUNT_TAG, BATCH, MESSAGE_TAGS, SERVER_TIME
from securechat.protocol.message import parse
from securechat.server.sessions.rendering import (
    SHAPE_MASK,
    line_for,
    parse_server_time,
    render,
    server_time,
    tags_for,
)
from securechat.store.contract import Event

ALICE = "Alice!~al@securechat.internal"


def event(kind: str = "PRIVMSG", text: str = "hello", **more: object) -> Event:
    fields = {
        "msgid": "ID1",
        "time_ms": 1_800_000_000_123,
        "account": "alice",
        "source": ALICE,
        "conversation": "#lobby",
        "target": "#lobby",
        **more,
    }
    return Event(kind=kind, text=text, **fields)  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (event(), f":{ALICE} PRIVMSG #lobby :hello"),
        (event("NOTICE", "psst"), f":{ALICE} NOTICE #lobby :psst"),
        (event("TOPIC", ""), f":{ALICE} TOPIC #lobby :"),
        (event("JOIN", "o"), f":{ALICE} JOIN #lobby"),  # the role is for the journal only
        (event("PART", ""), f":{ALICE} PART #lobby"),
        (event("PART", "bye"), f":{ALICE} PART #lobby :bye"),
        (event("QUIT", "gone", target=""), f":{ALICE} QUIT :gone"),
        (event("TAGMSG", ""), f":{ALICE} TAGMSG #lobby"),
    ],
)
def test_lines(one: Event, line: str) -> None:
    assert line_for(one) == line


def test_a_text_can_take_the_place_of_the_events_own() -> None:
    assert line_for(event(), "[then] hello") == f":{ALICE} PRIVMSG #lobby :[then] hello"


TIME = "time=2027-01-15T08:00:00.123Z"


@pytest.mark.parametrize(
    ("shape", "tags"),
    [
        (0, ""),
        (SERVER_TIME, f"@{TIME} "),
        (MESSAGE_TAGS, "@msgid=ID1;+draft/reply=a\\:b "),
        (ACCOUNT_TAG, "@account=Alice "),
        (SHAPE_MASK, f"@{TIME};msgid=ID1;account=Alice;+draft/reply=a\\:b "),
    ],
)
def test_a_shape_gets_its_tags_and_no_others(shape: int, tags: str) -> None:
    """IRCv3 server-time, message-ids, account-tag, message-tags (escaping)."""
    assert tags_for(event(tags={"+draft/reply": "a;b"}), shape) == tags


def test_an_event_that_is_not_kept_has_no_msgid() -> None:
    assert tags_for(event("QUIT", msgid=""), MESSAGE_TAGS) == ""


def test_the_batch_is_named_first_where_batches_are_known() -> None:
    assert tags_for(event(), SERVER_TIME | BATCH, "b1") == f"@batch=b1;{TIME} "
    assert tags_for(event(), SERVER_TIME, "b1") == f"@{TIME} "


def test_render_gives_a_whole_line() -> None:
    assert render(event(), SERVER_TIME) == f"@{TIME} :{ALICE} PRIVMSG #lobby :hello\r\n".encode()


TEXTS = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1)


@given(text=TEXTS, value=st.text(st.characters(exclude_categories=["Cs"])), shape=st.integers(0))
def test_what_is_rendered_reads_back(text: str, value: str, shape: int) -> None:
    one = event(text=text, tags={"+value": value.replace("\0", "")})
    message = parse(render(one, shape & SHAPE_MASK).decode().removesuffix("\r\n"))
    assert (message.source, message.command, message.params) == (ALICE, "PRIVMSG", ("#lobby", text))
    if shape & MESSAGE_TAGS:
        assert message.tags["+value"] == one.tags["+value"]
        assert message.tags["msgid"] == "ID1"


@given(st.integers(0, 253_402_300_799_999))
def test_times_read_back_to_the_millisecond(time_ms: int) -> None:
    """IRCv3 server-time: ``YYYY-MM-DDThh:mm:ss.sssZ``."""
    text = server_time(time_ms)
    assert len(text) == 24
    assert parse_server_time(text) == time_ms


@pytest.mark.parametrize("text", ["", "yesterday", "2027-01-15", "2027-13-15T08:00:00.123Z", "*"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time data|invalid|out of range"):
        parse_server_time(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00.000+23:59", "9999-12-31T23:59:59.999-23:59"])
def test_times_at_the_ends_of_the_calendar_are_only_numbers(text: str) -> None:
    assert isinstance(parse_server_time(text), int)
