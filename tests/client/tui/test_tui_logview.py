"""Moving in the log: it sticks to the bottom only when there, and nothing jumps."""

from __future__ import annotations

from datetime import UTC, date

from hypothesis import given
from hypothesis import strategies as st
from support.tui import filled, said

from securechat.client.tui.conversation import ENTRIES_MAX, Conversation, entry_of
from securechat.client.tui.entries import Look
from securechat.client.tui.logview import LogView

LOOK = Look(70, date(2030, 1, 1), "alice", zone=UTC)
HEIGHT = 10


def lobby_of(count: int, start: int = 0) -> Conversation:
    lobby = Conversation("#lobby", "channel")
    filled(lobby, count, start)
    return lobby


def texts(log: LogView, lobby: Conversation, height: int = HEIGHT) -> list[str]:
    rows = log.rows(lobby, LOOK, height)
    assert len(rows) == height
    return ["".join(span.text for span in row.spans).strip() for row in rows]


def test_it_sticks_to_the_bottom_while_there() -> None:
    log, lobby = LogView(), lobby_of(50)
    assert texts(log, lobby)[-1].endswith("message 49")
    filled(lobby, 1, 50)
    assert texts(log, lobby)[-1].endswith("message 50")
    assert log.at_bottom


def test_nothing_moves_for_somebody_who_reads_above() -> None:
    """What people expect: the bottom is kept only when at the bottom, and "N new" is told."""
    log, lobby = LogView(), lobby_of(50)
    texts(log, lobby)
    log.scroll(lobby, -15)
    before = texts(log, lobby)
    filled(lobby, 5, 50)
    assert texts(log, lobby) == before
    assert not log.at_bottom
    assert log.below == 20


def test_older_history_loads_without_a_jump() -> None:
    log, lobby = LogView(), lobby_of(30, 100)
    texts(log, lobby)
    log.scroll(lobby, -1000)
    before = texts(log, lobby)
    assert log.at_top
    older = lobby_of(50, 50)
    assert lobby.prepend([*older.entries, lobby.entries[0]]) == 50
    after = texts(log, lobby)
    # The day's line above the oldest message is gone, and everything else stands where it was.
    assert after[:9] == before[1:] or after[1:] == before[1:]
    log.scroll(lobby, -1)
    assert texts(log, lobby)[0].endswith("message 99")


def test_a_short_log_stands_at_the_foot() -> None:
    log, lobby = LogView(), lobby_of(2)
    rows = texts(log, lobby)
    assert rows[:7] == [""] * 7
    assert log.at_top
    assert log.at_bottom
    log.scroll(lobby, -3)
    assert texts(log, lobby) == rows


@given(st.lists(st.integers(-40, 40), max_size=12), st.integers(1, 30), st.integers(0, 60))
def test_scrolling_keeps_within_the_log(steps: list[int], height: int, count: int) -> None:
    log, lobby = LogView(), lobby_of(count)
    texts(log, lobby, height)
    for step in steps:
        log.scroll(lobby, step)
        texts(log, lobby, height)
    log.scroll(lobby, 10_000)
    shown = texts(log, lobby, height)
    assert log.at_bottom
    if count:
        assert shown[-1].endswith(f"message {count - 1}")


@given(st.integers(1, 25))
def test_up_and_down_again_is_where_one_was(rows: int) -> None:
    log, lobby = LogView(), lobby_of(60)
    texts(log, lobby)
    log.scroll(lobby, -20)
    before = texts(log, lobby)
    log.scroll(lobby, -rows)
    assert texts(log, lobby) != before
    log.scroll(lobby, rows)
    assert texts(log, lobby) == before


def test_choosing_goes_from_message_to_message_and_shows_it() -> None:
    log, lobby = LogView(), lobby_of(40)
    texts(log, lobby)
    first = log.select(lobby, 0)
    assert first is lobby.entries[-1]
    for _ in range(25):
        log.select(lobby, -1)
        rows = log.rows(lobby, LOOK, HEIGHT)
        assert any(row.surface == "selected" for row in rows)
    assert log.entry(lobby) is lobby.entries[14]
    for _ in range(25):
        log.select(lobby, 1)
        assert any(row.surface == "selected" for row in log.rows(lobby, LOOK, HEIGHT))
    assert log.select(lobby, 1) is None  # beyond the last one is the input again
    assert log.anchor is None


def test_a_jump_shows_the_message_with_context() -> None:
    log, lobby = LogView(), lobby_of(200)
    texts(log, lobby)
    log.jump(lobby.entries[40].number)
    shown = texts(log, lobby)
    place = next(n for n, row in enumerate(shown) if row.endswith("message 40"))
    assert 1 <= place <= 5


def test_too_many_entries_are_let_go_and_come_back() -> None:
    lobby = lobby_of(ENTRIES_MAX + 1000)
    lobby.trim()
    assert len(lobby.entries) == ENTRIES_MAX
    assert not lobby.whole
    assert lobby.append(entry_of(said("again", msgid="id0")))  # it is not known any more


def test_the_first_message_on_the_screen_is_named() -> None:
    """A long run of one person's messages would else leave nobody's name to see."""
    log, lobby = LogView(), Conversation("#lobby", "channel")
    for n in range(60):
        lobby.append(entry_of(said(f"message {n}", n / 60, msgid=f"id{n}")))
    assert texts(log, lobby)[0] == "09:00        bob  message 50"
    assert texts(log, lobby)[1] == "message 51"
    log.scroll(lobby, -7)
    assert texts(log, lobby)[0] == "09:00        bob  message 43"


def test_it_is_known_whether_the_unread_ones_begin_above() -> None:
    """The foot says "↑ new" only while the first unread message is out of sight above."""
    log, lobby = LogView(), lobby_of(50)
    first, last = lobby.entries[0].number, lobby.entries[-1].number
    texts(log, lobby)
    assert log.is_above(lobby, first)
    assert not log.is_above(lobby, last)
    log.to_top(lobby)
    texts(log, lobby)
    assert not log.is_above(lobby, first)
    assert not log.is_above(lobby, last)
    log.to_bottom()
    texts(log, lobby)
    assert log.is_above(lobby, first)
    filled(lobby, ENTRIES_MAX + 1_000, 50)
    lobby.trim()
    texts(log, lobby)
    assert not log.is_above(lobby, first)
