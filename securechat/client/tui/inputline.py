"""The input: a line that grows to several, what it answers or changes, and the completions.

A conversation keeps its own text, undo and history (:class:`Drafts`). Above the text may stand what
it is about: the message that it answers, or changes. Completions pop up above the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from securechat.client.tui.conversation import Conversation, Entry
from securechat.client.tui.draw import Block, Row, Span, between, cut, cut_words, fit, width_of
from securechat.client.tui.editor import Drafts, Editor
from securechat.client.tui.text import clean
from securechat.client.tui.themes import nick_role
from securechat.protocol.names import fold

PROMPT = " \u276f "
_INDENT = len(PROMPT)


@dataclass(frozen=True, slots=True)
class About:
    """What the input is about: a message that it answers, changes, or says again."""

    what: Literal["reply", "edit", "resend"]
    entry: Entry


class InputLine:
    """The input of the conversation that is looked at."""

    def __init__(self) -> None:
        self.drafts = Drafts(fold)
        self.about: dict[str, About] = {}

    def editor(self, conversation: Conversation) -> Editor:
        """Return the editor of a conversation."""
        return self.drafts.editor(conversation.key)

    def block(
        self, conversation: Conversation, columns: int, rows_max: int, *, airy: bool = False
    ) -> Block:
        """Return the input as a panel of at most so many rows."""
        editor = self.editor(conversation)
        rows: list[Row] = []
        about = self.about.get(conversation.key)
        if about is not None and rows_max > 1:
            rows.append(_about_row(about, columns))
        elif airy and rows_max > 2:
            rows.append(Row(()))
        room = max(rows_max - len(rows), 1)
        prompt = Span(PROMPT, "accent")
        if not editor.text:
            hint = cut(f"Message {clean(conversation.name)}", columns - _INDENT - 1)
            if conversation.kind == "server":
                hint = cut("/join a channel, or /help", columns - _INDENT - 1)
            rows.append(Row((prompt, Span(hint, "hint"))))
            cursor = (_INDENT, len(rows) - 1)
        else:
            visual = editor.visual(columns - _INDENT - 1)
            top = min(max(visual.row - room + 1, 0), max(len(visual.rows) - room, 0))
            shown = visual.rows[top : top + room]
            cursor = (_INDENT + visual.column, len(rows) + visual.row - top)
            rows += [
                Row((prompt if top + n == 0 else Span(" " * _INDENT), Span(text)))
                for n, text in enumerate(shown)
            ]
        if airy and about is None and len(rows) < rows_max:
            rows.append(Row(()))
        cursor = (min(cursor[0], max(columns - 1, 0)), cursor[1])
        return Block(rows, columns, "input", cursor)


def _about_row(about: About, columns: int) -> Row:
    word = {"reply": "Replying to", "edit": "Editing", "resend": "Sending again"}[about.what]
    entry = about.entry
    left = [Span(" ╭ ", "quote.bar"), Span(word, "accent")]
    if about.what == "reply":
        left.append(Span(f" {clean(entry.sender)}", nick_role(entry.sender)))
    left.append(Span(f"  {clean(entry.text.split(chr(10))[0])}", "dim"))
    return Row(between(left, [Span("Esc", "key"), Span(" drops it ", "dim")], columns))


def completions(items: Sequence[tuple[str, str]], at: int, columns: int, rows: int) -> Block:
    """Return completions as a box: each has its text and a word about it."""
    room = max(min(rows, 8), 1)
    top = min(max(at - room + 1, 0), max(len(items) - room, 0))
    shown = items[top : top + room]
    wide = max(width_of(text) for text, _ in shown)
    about = max(width_of(word) for _, word in shown)
    width = min(wide + (about + 3 if about else 0) + 5, columns)
    listed = []
    for number, (text, word) in enumerate(shown, top):
        chosen = number == at
        mark = Span("▎ " if chosen else "  ", "accent")
        # The word about it gives way, never what would be typed.
        gap = " " * (wide - width_of(text) + 3)
        shorter = cut_words(word, max(width - wide - 7, 0))
        spans = fit((mark, Span(text), Span(gap), Span(shorter, "dim")), width)
        listed.append(Row(spans, "popup.current" if chosen else ""))
    return Block(listed, width, "popup")
