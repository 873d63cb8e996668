"""What of a text can be searched for: ``match_of`` and ``plain``, against FTS5 itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.store.search.index import make
from securechat.store.search.text import AS_IT_IS, WORDS_MAX, match_of, plain


@pytest.fixture(scope="module")
def index() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        make(connection)
        yield connection


def finds(index: sqlite3.Connection, text: str, wanted: str) -> bool:
    """Tell whether a message with this text is found by these words."""
    match = match_of(wanted)
    if not match:
        return False
    index.execute("BEGIN")
    try:
        index.execute("INSERT INTO messages (rowid, text) VALUES (1, ?)", (plain(text),))
        sql = "SELECT rowid FROM messages WHERE messages MATCH ?"
        return bool(index.execute(sql, (f"text : ({match})",)).fetchall())
    finally:
        index.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Good morning", "good"),
        ("Good morning", "MORNING good"),
        ("Zoë's Käse", "zoe kase"),
        ("zoe", "ZOË"),
        ("the lost key", '"lost key"'),
        ("the lost key", '"lost key'),
        ("the lost key", 'the"lost key"'),
        ("the lost key", "lo* ke*"),
        ("the lost key", '"the los"*'),
        ("don't", "don't"),
        ("see https://example.org/a?b=c", "example.org"),
        ("see https://example.org/a?b=c", "https://example.org/a?b=c"),
        ("well-known", "well-known"),
        ("AND OR NOT NEAR", "and or not near"),
        ("a b", "-a +b ^b {a} (b)"),
        ("hello!!!", "!!! hello ..."),
        ("\x02bo\x02ld \x0304red\x03 \x1fline", "bold red line"),
        ("\x01ACTION waves\x01", "waves"),
        ("two\nlines", '"two lines"'),
        ("one\rline", "oneline"),
        ("こんにちは世界", "世界"),
        ("こんにちは世界", "こん* 世"),
        ("สวัสดี", "วัส"),
        ("room 42", "42"),
        ("x\0y", "x y"),
    ],
)
def test_it_is_found(index: sqlite3.Connection, text: str, wanted: str) -> None:
    assert finds(index, text, wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Good morning", "good evening"),
        ("the lost key", '"key lost"'),
        ("the lost key", "los"),
        ("the lost key", "los *"),
        ("tea", "t*"),  # one letter would have half of all words
        ("\x01ACTION waves\x01", "action"),
        ("こんにちは世界", "界世"),
        ("anything", ""),
        ("anything", "!!!"),
        ("anything", "*"),
        ("anything", '"'),
        ("anything", '""'),
    ],
)
def test_it_is_not_found(index: sqlite3.Connection, text: str, wanted: str) -> None:
    assert not finds(index, text, wanted)


@given(st.text())
def test_nothing_that_is_typed_is_an_error(index: sqlite3.Connection, wanted: str) -> None:
    finds(index, "some text", wanted)


@given(st.text(st.sampled_from("ab\"*:^-+(){}\\\0\ud800 ANDORNEAR'%;")))
def test_nothing_of_the_language_of_fts5_is_an_error(
    index: sqlite3.Connection, wanted: str
) -> None:
    finds(index, "some text", wanted)


@given(st.text())
def test_every_text_is_found_by_its_first_word(index: sqlite3.Connection, text: str) -> None:
    """Words of ASCII letters: SQLite and Python agree on what these are."""
    assert finds(index, f"{text} needle", "needle")
    assert finds(index, f"needle {text}", "NEEDLE")


def test_more_words_than_anybody_types_are_not_looked_for() -> None:
    assert match_of("word " * 1000).count("AND") == WORDS_MAX - 1


def test_what_is_indexed_as_it_is_is_what_plain_leaves_alone() -> None:
    """SQLite tells by this set which texts need no Python."""
    letters = iter(AS_IT_IS)
    ranges = [(first, last) for first, _, last in zip(letters, letters, letters, strict=True)]
    assert len(ranges) == 3
    for first, last in ranges:
        text = "".join(map(chr, range(ord(first), ord(last) + 1)))
        assert plain(text) == text
