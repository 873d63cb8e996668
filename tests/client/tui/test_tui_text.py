r"""Text on a terminal: what a hostile sender cannot do, and columns that all agree upon.

From SAFETY.md's faults, the client issue's item 8, UAX #9 (overrides), UTS #51 (emoji sequences)
and modern clients' "IRC Formatting".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest
import wcwidth
from hypothesis import example, given
from hypothesis import strategies as st
from urwid import str_util

from securechat.client.tui.text import (
    MARKS_MAX,
    clean,
    clip,
    graphemes,
    pad,
    styled,
    terminal_joins,
    width,
)

ODD = [
    "\u200d", "\ufe0f", "\ufe0e", "\u20e3", "\u200b", "\u200c", "\u2060", "\ufeff", "\u00ad",
    "\u0301", "\u0336", "\u0e47", "\u094d", "\u0915", "\u093f", "\u1100", "\u1161", "\u11a8",
    "\u1160", "\u3164", "\u202e", "\u2066", "\u2069", "\u200e", "\u061c", "\u2028", "\x1b", "\x9b",
    "\x07", "\x03", "4", "\x02", "\x0f", "\t", "\r", "\n", "\ud800", "\ufffe", "\U000e0067",
    "\U000e007f", "🏴", "👨", "👩", "👍", "🏽", "🇩", "🇪", "❤", "☺", "⌚", "♂", "1", "#", "漢",
    "한", "é", "a", " ", "ﷺ", "ก", "\u0bbf", "\u0ba8", "🔥",
]  # fmt: skip
odd = st.lists(st.sampled_from(ODD), max_size=12).map("".join)
anything = st.text(st.characters(codec=None), max_size=30) | odd

AGREED = {
    "plain": ("hello", 5),
    "precomposed": ("é", 1),
    "combining": ("e\u0301", 1),
    "cjk": ("漢字", 4),
    "hangul": ("한국", 4),
    "jamo": ("\u1100\u1161\u11a8", 2),
    "emoji": ("🎉", 2),
    "skin": ("👍🏽", 2),
    "family": ("👨\u200d👩\u200d👧\u200d👦", 2),
    "kiss": ("👩\u200d❤\ufe0f\u200d💋\u200d👨", 2),
    "flag": ("🇩🇪", 2),
    "heart": ("❤\ufe0f", 2),
    "text heart": ("❤", 1),
    "keycap": ("1\ufe0f\u20e3", 2),
    "thai": ("ก็", 1),
    "devanagari": ("क्षि", 2),
}


@pytest.fixture
def joining() -> None:
    terminal_joins(True)


@pytest.fixture(autouse=True)
def _apart_again() -> Iterator[None]:
    yield
    terminal_joins(False)


@pytest.mark.parametrize(("text", "columns"), AGREED.values(), ids=AGREED)
def test_ordinary_text_stays_and_is_counted_as_urwid_counts(
    text: str, columns: int, joining: None
) -> None:
    assert clean(text) == text
    assert width(text) == columns
    assert str_util.calc_width(text, 0, len(text)) == columns


@given(anything, st.booleans())
@example(joins=True, text="\u094d0\u094d0")
@example(joins=True, text="\u094d\u2e80")
@example(joins=True, text="\U0001f3f3\u1161\U0001f3fb")
def test_a_clean_text_is_as_wide_for_urwid_and_by_grapheme(text: str, joins: bool) -> None:
    terminal_joins(joins)
    shown = clean(text)
    assert width(shown) == str_util.calc_width(shown, 0, len(shown))
    assert width(shown) == sum(width(one) for one in graphemes(shown))
    assert all(width(one) > 0 for one in graphemes(shown))


@given(anything, st.booleans(), st.booleans())
def test_nothing_that_does_something_is_left(text: str, lines: bool, joins: bool) -> None:
    terminal_joins(joins)
    shown = clean(text, lines=lines)
    left = {char for char in shown if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}}
    assert left <= ({"\n"} if lines else set())
    assert not set(shown) & set("\u202a\u202e\u2066\u2069\u200e\u200f\u061c\u200b\ufeff\u2060")
    shown.encode()


@given(anything, st.booleans(), st.booleans())
def test_cleaning_twice_changes_nothing(text: str, lines: bool, joins: bool) -> None:
    terminal_joins(joins)
    once = clean(text, lines=lines)
    assert clean(once, lines=lines) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", "␛[2Jgone"),
        ("\x9b2J", "<U+009B>2J"),
        ("a\u202ecod.exe", "a<U+202E>cod.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("a\u200db", "ab"),
        ("tab\there", "tab    here"),
        ("\ud83d", "\ufffd"),
        ("two\nlines", "two␊lines"),
        ("\x02bold\x02 \x0304,12red\x03", "bold red"),
        ("\u0301x", "\u25cc\u0301x"),
        ("🏴\U000e0067\U000e0062\U000e007f", "🏴"),
        ("❤\u200d🔥", "❤\u200d🔥".replace("❤", "❤\ufe0f")),
        ("a\ufe0f", "a"),
        ("pay\u3164pal", "paypal"),
    ],
)
def test_what_would_do_something_is_shown_or_dropped(text: str, shown: str, joining: None) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("👩\u200d👩\u200d👧 family", "👩 family"),
        ("👍🏽", "👍"),
        ("🇸🇪", "SE"),
        ("❤\ufe0f", "❤"),
        ("1\ufe0f\u20e3", "1\u20e3"),
        ("🎉", "🎉"),
    ],
)
def test_a_terminal_that_joins_nothing_gets_what_it_counts_as_we_do(text: str, shown: str) -> None:
    """Character by character (wcwidth(3)) is as wide as by grapheme."""
    assert clean(text) == shown
    assert width(shown) == sum(max(wcwidth.wcwidth(one), 0) for one in shown)


def test_line_ends_of_any_kind_stay_where_lines_are_wanted() -> None:
    assert clean("a\r\nb\rc\nd", lines=True) == "a\nb\nc\nd"


def test_a_letter_with_a_hundred_marks_keeps_a_few() -> None:
    shown = clean("a" + "\u0336" * 100 + "b")
    assert shown == "a" + "\u0336" * MARKS_MAX + "b"


@given(odd.map(clean), st.integers(0, 20))
def test_clipping_never_takes_more_room_and_never_cuts_a_character(text: str, room: int) -> None:
    short = clip(text, room)
    assert width(short) <= room
    if width(text) <= room:
        assert short == text
    elif room:
        assert short.endswith("…")
        assert graphemes(text)[: len(graphemes(short)) - 1] == graphemes(short)[:-1]
    assert width(pad(text, room)) == room


def test_clipping_in_the_middle_of_a_wide_character_leaves_it_out() -> None:
    assert clip("漢字漢字", 6) == "漢字…"
    assert clip("hello", 3) == "he…"
    assert clip("hello", 0) == ""


def test_styles_of_irc_clients_become_styles_and_colours_go() -> None:
    assert styled("a \x02b \x1dc\x0f d\x0304,1e\x1f!") == [
        ("a ", frozenset()),
        ("b ", {"bold"}),
        ("c", {"bold", "italic"}),
        (" de", frozenset()),
        ("!", {"underline"}),
    ]


def test_a_style_ends_with_its_line() -> None:
    assert styled("\x02a\nb", lines=True) == [("a", {"bold"}), ("\nb", frozenset())]


@given(anything)
def test_styled_text_is_as_harmless(text: str) -> None:
    for piece, _ in styled(text, lines=True):
        assert clean(piece, lines=True) == piece
