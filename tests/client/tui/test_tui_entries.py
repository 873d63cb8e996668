"""What entries look like: groups, days, the unread line, people who come and go, odd text."""

from __future__ import annotations

from datetime import UTC, date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tui import START, harmless, said

from securechat.client.tui.conversation import Conversation, Entry, entry_of
from securechat.client.tui.draw import Row, Span, spans_width, wrap
from securechat.client.tui.entries import Look, day_name, presence_text, show
from securechat.client.tui.keys import DEFAULT
from securechat.client.tui.statusbar import choices

TODAY = date(2030, 1, 1)


def look(width: int = 70, **more: object) -> Look:
    return Look(width, TODAY, "alice", zone=UTC, **more)  # type: ignore[arg-type]  # any field


def text_of(rows: tuple[Row, ...]) -> list[str]:
    return ["".join(span.text for span in row.spans).rstrip() for row in rows]


def in_lobby(*entries: Entry) -> Conversation:
    lobby = Conversation("#lobby", "channel")
    for entry in entries:
        lobby.append(entry)
    return lobby


def shown(conversation: Conversation, at: int, width: int = 70, **more: object) -> list[str]:
    before = conversation.entries[at - 1] if at else None
    return text_of(show(conversation, conversation.entries[at], before, look(width, **more)).rows)


def test_a_group_names_its_person_once() -> None:
    """What people expect: consecutive messages of one person are grouped."""
    lobby = in_lobby(
        entry_of(said("one")), entry_of(said("two", 1)), entry_of(said("three", 30)),
        entry_of(said("four", 31, "carol")),
    )  # fmt: skip
    assert shown(lobby, 1) == [" 09:01             two"]
    assert shown(lobby, 2) == [" 09:30        bob  three"]  # too late for the group
    assert shown(lobby, 3) == [" 09:31      carol  four"]


def test_a_narrow_log_puts_the_name_above() -> None:
    lobby = in_lobby(entry_of(said("good morning")))
    assert shown(lobby, 0, 30)[1:] == [" bob  09:00", "  good morning"]


@pytest.mark.parametrize(
    ("days", "name"),
    [(0, "Today"), (1, "Yesterday"), (2, "Sunday, 30 December 2029"), (-1, "Wednesday, 2 January")],
)
def test_days_are_named(days: int, name: str) -> None:
    assert day_name(TODAY - timedelta(days=days), TODAY) == name


def test_a_new_day_has_a_line() -> None:
    lobby = in_lobby(entry_of(said("late", -10 * 60)), entry_of(said("early")))
    rows = shown(lobby, 1)
    assert "Today" in rows[1]
    assert rows[-1].endswith("early")


def test_the_unread_line_ends_a_group() -> None:
    lobby = in_lobby(entry_of(said("seen")), entry_of(said("unseen", 1)))
    lobby.unread_from = lobby.entries[1].number
    rows = shown(lobby, 1)
    assert rows[0].endswith("new ─")
    assert "bob  unseen" in rows[1]


def test_a_reply_quotes_what_it_answers() -> None:
    lobby = in_lobby(
        entry_of(said("who has the key?", msgid="a")),
        entry_of(said("I do", 1, "carol", reply_to="a")),
        entry_of(said("which?", 2, "dave", reply_to="unknown")),
    )
    assert shown(lobby, 1)[0].strip() == "╭ bob  who has the key?"
    assert shown(lobby, 2)[0].strip() == "╭ an earlier message"
    lobby.redact("a")
    assert shown(lobby, 1)[0].strip() == "╭ bob  message deleted"
    assert shown(lobby, 0)[-1].endswith("message deleted")


def test_marks_and_reactions() -> None:
    lobby = in_lobby(entry_of(said("helo", msgid="a")))
    lobby.edit("a", "hello", mention=False)
    lobby.react("a", "🎉", "carol")
    lobby.react("a", "🎉", "alice", change="r1")
    rows = shown(lobby, 0)
    assert rows[1].endswith("hello (edited)")
    assert rows[2].strip() == "🎉 2"
    lobby.redact("r1")  # IRCv3 redaction of the reaction's own msgid
    assert shown(lobby, 0)[2].strip() == "🎉 1"


def test_what_failed_says_why() -> None:
    lobby = in_lobby(
        Entry("said", START, "hi", "alice", own=True, state="failed", error="no answer came")
    )
    assert shown(lobby, 0)[-1].strip() == "not sent  no answer came"


@pytest.mark.parametrize(
    ("presence", "text"),
    [
        ([("joined", "bob")], "bob joined"),
        ([("joined", "bob"), ("joined", "carol")], "bob and carol joined"),
        ([("joined", "bob"), ("left", "carol")], "bob joined, carol left"),
        ([("joined", f"p{n}") for n in range(5)] + [("quit", "x")], "5 joined, x left"),
        ([("joined", "bob"), ("quit", "bob")], "bob came and went"),
        ([("quit", "bob"), ("joined", "bob")], "bob left and came back"),
    ],
)
def test_who_came_and_went_is_one_sentence(presence: list[tuple[str, str]], text: str) -> None:
    """What people expect: joins and parts are collapsed."""
    assert presence_text(presence) == text


def test_runs_of_people_are_one_entry() -> None:
    lobby = in_lobby(entry_of(said("hi")))
    for nick in ("carol", "dave", "erin"):
        lobby.presence(START, "joined", nick)
    assert len(lobby.entries) == 2
    assert shown(lobby, 1)[-1].endswith("carol, dave and erin joined")


odd = st.text(
    alphabet=st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from("\x1b\x07\x9b\u202e\u200b\u200d\ufe0f日👍é \n\t`:/#@"),
    ),
    max_size=200,
)


@given(odd, odd, st.integers(8, 120))
def test_rows_fit_and_hold_no_controls(text: str, name: str, width: int) -> None:
    """SAFETY: nothing from the network reaches a terminal raw or breaks the layout."""
    lobby = in_lobby(
        entry_of(said(text, sender=name, msgid="a")),
        entry_of(said("re", 1, reply_to="a", msgid="b")),
    )
    lobby.react("b", text, "bob")
    lobby.presence(START + timedelta(hours=1), "joined", name)
    for at in range(3):
        before = lobby.entries[at - 1] if at else None
        for row in show(lobby, lobby.entries[at], before, look(width)).rows:
            assert all(harmless(span.text) for span in row.spans), row
            if width >= 24:
                assert spans_width(row.spans) <= width


@given(st.lists(st.tuples(odd, st.sampled_from(["text", "link"])), max_size=6), st.integers(2, 60))
def test_wrapping_loses_nothing_but_spaces(parts: list[tuple[str, str]], width: int) -> None:
    from securechat.client.tui.text import clean

    spans = [Span(clean(text, lines=True), role) for text, role in parts]
    lines = wrap(spans, width)
    assert all(spans_width(line) <= width for line in lines)
    put_together = "".join(span.text for line in lines for span in line)
    before = "".join(span.text for span in spans)
    assert put_together.replace(" ", "") == before.replace(" ", "").replace("\n", "")


def test_wrapping_keeps_words_whole() -> None:
    lines = wrap([Span("alice"), Span(": could you look at "), Span("https://x.example/a/b/c")], 30)
    assert ["".join(span.text for span in line).rstrip() for line in lines] == [
        "alice: could you look at",
        "https://x.example/a/b/c",
    ]


def test_a_block_of_code_is_a_box_where_it_fits() -> None:
    """Its ground is a rectangle, not a ragged edge; wide characters count as two columns."""
    lobby = in_lobby(
        entry_of(said("```\nls 世界\nx\n```")), entry_of(said(f"```\n{'y' * 90}\nz\n```"))
    )
    rows = show(lobby, lobby.entries[0], None, look()).rows
    boxes = ["".join(one.text for one in row.spans if one.role == "code") for row in rows]
    assert [box for box in boxes if box] == [" ls 世界 ", " x       "]
    assert all("z " not in text for text in shown(lobby, 1))


def test_a_deleted_action_still_names_its_person() -> None:
    lobby = in_lobby(entry_of(said("dances", action=True)))
    assert shown(lobby, 0)[-1].split() == ["09:00", "*", "bob", "dances"]
    lobby.entries[0].redacted = True
    assert shown(lobby, 0)[-1].split() == ["09:00", "bob", "message", "deleted"]


def test_a_deleted_message_offers_nothing_that_cannot_be_done() -> None:
    """Issue 5: the foot of the screen says what can be done to a chosen message."""
    entry = Entry("said", START, "hi", "alice", msgid="m1", own=True)
    foot = "".join(span.text for span in choices(entry, DEFAULT, 80).spans)
    assert "delete" in foot
    assert "copy" in foot
    entry.redacted = True
    foot = "".join(span.text for span in choices(entry, DEFAULT, 80).spans)
    assert foot.split() == ["Esc", "back"]
