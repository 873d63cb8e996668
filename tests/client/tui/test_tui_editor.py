"""The input: what readline's manual says of its keys, and what holds whatever is typed."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from securechat.client.tui.editor import TEXT_CHARACTERS_MAX, Drafts, Editor
from securechat.client.tui.text import graphemes, width
from securechat.protocol.names import fold


def at(marked: str) -> Editor:
    """Return an editor with the cursor where the bar is."""
    editor = Editor(marked.replace("|", ""))
    editor.move_to(marked.index("|"))
    return editor


def shown(editor: Editor) -> str:
    return f"{editor.before}|{editor.text[editor.cursor :]}"


Step = Callable[[Editor], None]


@pytest.mark.parametrize(
    ("before", "step", "after"),
    [
        ("ab|", Editor.left, "a|b"),
        ("|ab", Editor.left, "|ab"),
        ("a👨\u200d👩\u200d👧|b", Editor.left, "a|👨\u200d👩\u200d👧b"),
        ("e\u0301|", Editor.backspace, "|"),
        ("|🇩🇪x", Editor.delete, "|x"),
        ("one two|", Editor.word_left, "one |two"),
        ("one, |two", Editor.word_left, "|one, two"),
        ("one| two", Editor.word_right, "one two|"),
        ("a\nb|c\nd", Editor.line_start, "a\n|bc\nd"),
        ("a\nb|c\nd", Editor.line_end, "a\nbc|\nd"),
        ("a\nb|c\nd", Editor.kill_to_end, "a\nb|\nd"),
        ("a|\nb", Editor.kill_to_end, "a|b"),
        ("a\nb|c", Editor.kill_to_start, "a\n|c"),
        ("a\n|c", Editor.kill_to_start, "a|c"),
        ("ls /usr/lib |x", Editor.kill_word_rubout, "ls |x"),
        ("ls /usr/lib|x", Editor.kill_word_back, "ls /usr/|x"),
        ("a| bc d", Editor.kill_word, "a| d"),
        ("ab|", Editor.transpose, "ba|"),
        ("a|bc", Editor.transpose, "ba|c"),
        ("|ab", Editor.transpose, "|ab"),
        ("abc\nde|f", Editor.up, "ab|c\ndef"),
        ("ab|c\nd", Editor.down, "abc\nd|"),
        ("漢字|\nabcd", Editor.down, "漢字\nabcd|"),
    ],
)
def test_a_step_does_what_readline_does(before: str, step: Step, after: str) -> None:
    editor = at(before)
    step(editor)
    assert shown(editor) == after


def test_the_column_is_kept_over_a_short_line() -> None:
    editor = at("abcd|\na\nabcd")
    editor.down()
    editor.down()
    assert shown(editor) == "abcd\na\nabcd|"


def test_what_is_cut_in_a_row_is_put_back_as_one() -> None:
    editor = at("one two three|")
    editor.kill_word_rubout()
    editor.kill_word_rubout()
    editor.yank()
    assert shown(editor) == "one two three|"
    editor.left()
    editor.kill_to_end()
    editor.yank()
    editor.yank_pop()
    assert editor.text == "one two thretwo three"


def test_a_word_is_undone_as_one_and_comes_again() -> None:
    editor = Editor()
    for letter in "hello world":
        editor.insert(letter)
    editor.undo()
    assert editor.text == "hello "
    editor.undo()
    assert editor.text == ""
    editor.redo()
    editor.redo()
    assert shown(editor) == "hello world|"


def test_a_paste_loses_controls_and_gets_plain_line_ends() -> None:
    editor = Editor()
    editor.insert("a\r\nb\rc\t\x1b[31md\x00\u202ee")
    assert editor.text == "a\nb\nc    [31mde"


def test_a_mark_typed_after_its_letter_joins_it() -> None:
    editor = at("e|x")
    editor.insert("\u0301")
    assert shown(editor) == "e\u0301|x"


def test_a_paste_that_is_too_long_is_cut() -> None:
    editor = Editor("x")
    editor.insert("y" * (TEXT_CHARACTERS_MAX + 5))
    assert len(editor.text) == TEXT_CHARACTERS_MAX


def test_up_brings_back_what_begins_alike_and_down_the_draft() -> None:
    editor = Editor()
    for line in ("/join #a", "hello", "/join #b", "/join #b"):
        editor.insert(line)
        assert editor.submit() == line
    editor.insert("/jo")
    editor.up()
    assert editor.text == "/join #b"
    editor.up()
    assert editor.text == "/join #a"
    editor.up()
    assert editor.text == "/join #a"
    editor.down()
    editor.down()
    assert shown(editor) == "/jo|"
    editor.down()
    assert shown(editor) == "/jo|"


def test_every_conversation_has_its_own_draft() -> None:
    drafts = Drafts(fold)
    drafts.editor("#Dev").insert("later")
    assert drafts.editor("#dev").text == "later"
    assert drafts.unsent("#DEV")
    assert not drafts.unsent("#ops")
    drafts.rename("#dev", "#build")
    assert drafts.editor("#build").text == "later"
    drafts.forget("#build")
    assert not drafts.unsent("#build")


def test_rows_are_wrapped_between_words_with_the_cursor_inside() -> None:
    assert at("hello wide world|").visual(8) == (("hello ", "wide ", "world"), 2, 5)
    assert at("hello |wide").visual(8) == (("hello ", "wide"), 1, 0)
    assert at("abcdefgh|").visual(8) == (("abcdefgh", ""), 1, 0)
    assert at("abcdefghij|").visual(8) == (("abcdefgh", "ij"), 1, 2)
    assert at("漢字漢|").visual(5) == (("漢字", "漢"), 1, 2)
    assert at("a\n|\nb").visual(8) == (("a", "", "b"), 1, 0)


PIECES = ["a", "b ", " ", "\n", "e\u0301", "\u0301", "👨", "\u200d", "👩", "🇩", "🇪", "❤", "\ufe0f",
          "漢", "\x1b", "\x07", "\u202e", "\r\n", "\t", "-", "\u094d", "क"]  # fmt: skip
MOVES = [
    Editor.left, Editor.right, Editor.word_left, Editor.word_right, Editor.line_start,
    Editor.line_end, Editor.up, Editor.down,
]  # fmt: skip
CHANGES = [
    Editor.backspace, Editor.delete, Editor.transpose, Editor.kill_to_end, Editor.kill_to_start,
    Editor.kill_word, Editor.kill_word_back, Editor.kill_word_rubout, Editor.yank, Editor.yank_pop,
    Editor.clear,
]  # fmt: skip


def test_a_word_carried_over_leaves_no_room_for_a_wide_character() -> None:
    editor = Editor()
    editor.insert("ab a👨")
    assert editor.visual(2).rows == ("ab", " ", "a", "👨", "")


class Typing(RuleBasedStateMachine):
    """Somebody who types anything."""

    def __init__(self) -> None:
        super().__init__()
        self.editor = Editor()

    @rule(text=st.lists(st.sampled_from(PIECES), max_size=4).map("".join))
    def insert(self, text: str) -> None:
        self.editor.insert(text)

    @rule(step=st.sampled_from(MOVES + CHANGES))
    def step(self, step: Step) -> None:
        step(self.editor)

    @rule(step=st.sampled_from(CHANGES))
    def undoing_restores(self, step: Step) -> None:
        self.editor.move_to(self.editor.cursor)  # so that the change stands alone
        before = self.editor.text
        step(self.editor)
        after = self.editor.text
        if after != before:
            self.editor.undo()
            assert self.editor.text == before
            self.editor.redo()
            assert self.editor.text == after

    @rule()
    def undo_everything(self) -> None:
        last = self.editor.text
        steps = 0
        while (text := self.editor.text) or steps == 0:
            self.editor.undo()
            steps += 1
            if self.editor.text == text:
                break
        for _ in range(steps):
            self.editor.redo()
        assert self.editor.text == last or steps > 500

    @precondition(lambda self: self.editor.text)
    @rule()
    def submit(self) -> None:
        self.editor.submit()
        assert self.editor.text == ""

    @invariant()
    def the_cursor_is_between_graphemes(self) -> None:
        edges = [0]
        for one in graphemes(self.editor.text):
            edges.append(edges[-1] + len(one))
        assert self.editor.cursor in edges

    @invariant()
    def nothing_controls(self) -> None:
        assert not {c for c in self.editor.text if unicodedata.category(c) in {"Cc", "Cs"}} - {"\n"}

    @invariant()
    def the_cursor_is_drawn_within_the_rows(self) -> None:
        for columns in (2, 7, 20):
            rows, row, column = self.editor.visual(columns)
            assert all(width(one) <= columns for one in rows)
            assert 0 <= row < len(rows)
            assert 0 <= column < columns


TestTyping = Typing.TestCase
TestTyping.settings = settings(max_examples=60, stateful_step_count=30)
