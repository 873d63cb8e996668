"""The input line, which may have several lines: a state machine that knows no terminal. Pure.

The cursor always stands between two graphemes. The bindings' names are GNU readline's. What the
text holds is what is sent: control characters never get in, line ends are line feeds. Joiners may
stand alone for a moment, as an input method types a family one person at a time; :func:`visual`
shows each grapheme :func:`~securechat.client.tui.text.clean`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from securechat.client.tui.layout import Visual, lay_out
from securechat.client.tui.text import TAB, graphemes, width

TEXT_CHARACTERS_MAX = 100_000
HISTORY_MAX = 500
_UNDO_MAX = 500
_KILLS_MAX = 60

_NEWLINES = re.compile("\r\n?|[\u2028\u2029\x85]")
_UNWANTED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


class State(NamedTuple):
    """A text and where the cursor stands in it, in code points."""

    text: str = ""
    cursor: int = 0


def as_input(text: str) -> str:
    """Return typed or pasted text as it may stand in the input: no controls, tabs as spaces."""
    return _UNWANTED.sub("", _NEWLINES.sub("\n", text).replace("\t", TAB))


class Editor:
    """One input with its undo, its history and a ring of what was cut away."""

    def __init__(self, text: str = "") -> None:
        text = as_input(text)
        self._state = State(text, len(text))
        self._undo: list[State] = []
        self._redo: list[State] = []
        self._kills: list[str] = []
        self._last = ""  # what the last step was, so that steps of one kind are one
        self._goal: int | None = None  # the column that up and down keep to
        self._yanked: tuple[int, int, int] | None = None  # from, to, which kill
        self._history: list[str] = []
        self._browsed: tuple[int, State, str] | None = None  # which entry, the draft, the prefix

    @property
    def text(self) -> str:
        """The text, with line feeds between lines."""
        return self._state.text

    @property
    def cursor(self) -> int:
        """Where the cursor stands, in code points; always between graphemes."""
        return self._state.cursor

    @property
    def before(self) -> str:
        """The text before the cursor."""
        return self.text[: self.cursor]

    # --- changing -----------------------------------------------------------------------------

    def insert(self, text: str) -> None:
        """Put typed or pasted text where the cursor is; what does not fit any more is left out."""
        wanted = as_input(text)[: TEXT_CHARACTERS_MAX - len(self.text)]
        if not wanted:
            return
        typed = len(graphemes(wanted)) == 1 and wanted != "\n"
        kind = ("space" if wanted.isspace() else "type") if typed else ""
        joins = kind and (self._last == kind or (self._last, kind) == ("type", "space"))
        rest = self.text[self.cursor :]
        self._change(self.before + wanted + rest, self.cursor + len(wanted), joins=bool(joins))
        self._last = kind

    def replace(self, start: int, end: int, text: str) -> None:
        """Put a text in the place of another, as completion does; positions in code points."""
        new = as_input(text)
        self._change(self.text[:start] + new + self.text[end:], start + len(new))

    def set(self, text: str) -> None:
        """Replace everything, as for editing a message; it can be undone."""
        self.replace(0, len(self.text), text)

    def clear(self) -> None:
        """Remove everything; it can be undone."""
        self.set("")

    def backspace(self) -> None:
        """Remove the grapheme before the cursor."""
        self._remove(self._left(), self.cursor, "backspace")

    def delete(self) -> None:
        """Remove the grapheme after the cursor (C-d)."""
        self._remove(self.cursor, self._right(), "delete")

    def transpose(self) -> None:
        """Swap the graphemes around the cursor, at the end of a line the two before it (C-t)."""
        start = self.before.rfind("\n") + 1
        line = graphemes(self.text[start : self._line_end()])
        at = len(graphemes(self.text[start : self.cursor]))
        at -= at == len(line)
        if at < 1 or len(line) < 2:
            return
        first, second = line[at - 1 : at + 1]
        start += sum(map(len, line[: at - 1]))
        self.replace(start, start + len(first) + len(second), second + first)

    # --- cutting and putting back -------------------------------------------------------------

    def kill_to_end(self) -> None:
        """Cut to the end of the line, at its end the line feed (C-k)."""
        self._kill(
            self.cursor,
            max(self._line_end(), self._right()) if self._at_line_end() else self._line_end(),
        )

    def kill_to_start(self) -> None:
        """Cut to the beginning of the line, at its beginning the line feed (C-u)."""
        start = self.before.rfind("\n") + 1
        self._kill(start if start < self.cursor else self._left(), self.cursor)

    def kill_word(self) -> None:
        """Cut to the end of the word (M-d)."""
        self._kill(self.cursor, self._word_end())

    def kill_word_back(self) -> None:
        """Cut to the beginning of the word (M-backspace)."""
        self._kill(self._word_start(), self.cursor)

    def kill_word_rubout(self) -> None:
        """Cut back to white space (C-w)."""
        match = re.search(r"\S*\s*\Z", self.before)
        self._kill(match.start() if match else 0, self.cursor)

    def yank(self) -> None:
        """Put back what was cut last (C-y)."""
        if self._kills:
            self._put_back(self.cursor, self.cursor, len(self._kills) - 1)

    def yank_pop(self) -> None:
        """Right after putting back: put back what was cut before that instead (M-y)."""
        if self._last == "yank" and self._yanked:
            start, end, which = self._yanked
            self._put_back(start, end, (which - 1) % len(self._kills))

    def _put_back(self, start: int, end: int, which: int) -> None:
        self.replace(start, end, self._kills[which])
        self._yanked = (start, start + len(self._kills[which]), which)
        self._last = "yank"

    def _kill(self, start: int, end: int) -> None:
        if start >= end:
            return
        cut = self.text[start:end]
        if self._last == "kill" and self._kills:
            backwards = start < self.cursor
            self._kills[-1] = cut + self._kills[-1] if backwards else self._kills[-1] + cut
        else:
            self._kills = [*self._kills[1 - _KILLS_MAX :], cut]
        self._change(self.text[:start] + self.text[end:], start)
        self._last = "kill"

    # --- moving -------------------------------------------------------------------------------

    def left(self) -> None:
        """Go to the grapheme before."""
        self._move(self._left())

    def right(self) -> None:
        """Go to the grapheme after."""
        self._move(self._right())

    def word_left(self) -> None:
        """Go to the beginning of the word (M-b)."""
        self._move(self._word_start())

    def word_right(self) -> None:
        """Go to the end of the word (M-f)."""
        self._move(self._word_end())

    def line_start(self) -> None:
        """Go to the beginning of the line (C-a)."""
        self._move(self.before.rfind("\n") + 1)

    def line_end(self) -> None:
        """Go to the end of the line (C-e)."""
        self._move(self._line_end())

    def move_to(self, position: int) -> None:
        """Go to a position in code points, or to the next one that is between graphemes."""
        self._move(_snapped(self.text, position))

    def up(self) -> None:
        """Go to the line above; from the first one to older entries that begin like this."""
        start = self.before.rfind("\n") + 1
        if start:
            above = self.text.rfind("\n", 0, start - 1) + 1
            self._to_column(above, start - 1)
        else:
            self.older()

    def down(self) -> None:
        """Go to the line below; from the last one to newer entries, and at last to the draft."""
        end = self._line_end()
        if end < len(self.text):
            below = self.text.find("\n", end + 1)
            self._to_column(end + 1, len(self.text) if below < 0 else below)
        else:
            self.newer()

    def _to_column(self, start: int, end: int) -> None:
        goal = self._goal
        if goal is None:
            goal = width(self.text[self.before.rfind("\n") + 1 : self.cursor])
        at, column = start, 0
        for one in graphemes(self.text[start:end]):
            column += width(one)
            if column > goal:
                break
            at += len(one)
        self._move(at)
        self._goal = goal

    # --- history ------------------------------------------------------------------------------

    def submit(self) -> str:
        """Return the text, remember it, and start anew; what was undone or cut stays apart."""
        text = self.text
        if text.strip() and text not in self._history[-1:]:
            self._history = [*self._history[1 - HISTORY_MAX :], text]
        self._state, self._undo, self._redo = State(), [], []
        self._last, self._goal, self._browsed = "", None, None
        return text

    def older(self) -> None:
        """Show the entry before that begins with what had been typed."""
        index, draft, prefix = self._browsed or (len(self._history), self._state, self.text)
        for number in range(index - 1, -1, -1):
            entry = self._history[number]
            if entry.startswith(prefix) and entry != self.text:
                self._show(entry, (number, draft, prefix))
                return

    def newer(self) -> None:
        """Show the entry after, or at last what had been typed."""
        if self._browsed is None:
            return
        index, draft, prefix = self._browsed
        for number in range(index + 1, len(self._history)):
            entry = self._history[number]
            if entry.startswith(prefix) and entry != self.text:
                self._show(entry, (number, draft, prefix))
                return
        self._show(draft.text, None)
        self._state = draft

    def _show(self, text: str, browsed: tuple[int, State, str] | None) -> None:
        self._change(text, len(text))
        self._browsed = browsed

    # --- undoing ------------------------------------------------------------------------------

    def undo(self) -> None:
        """Take back the last change; typing a word is one."""
        self._travel(self._undo, self._redo)

    def redo(self) -> None:
        """Do again what was taken back."""
        self._travel(self._redo, self._undo)

    def _travel(self, source: list[State], other: list[State]) -> None:
        if source:
            other.append(self._state)
            self._state = source.pop()
        self._last, self._goal, self._browsed = "", None, None

    # --- drawing and helpers ------------------------------------------------------------------

    def visual(self, columns: int) -> Visual:
        """Return the text in rows of so many columns, and where the cursor is drawn."""
        return lay_out(self.text, self.cursor, columns)

    def _change(self, text: str, cursor: int, *, joins: bool = False) -> None:
        if text != self.text:
            if not joins or not self._undo:
                self._undo = [*self._undo[1 - _UNDO_MAX :], self._state]
            self._redo = []
        self._state = State(text, _snapped(text, cursor))
        self._last, self._goal, self._browsed = "", None, None

    def _remove(self, start: int, end: int, kind: str) -> None:
        if start < end:
            joins = self._last == kind
            self._change(self.text[:start] + self.text[end:], start, joins=joins)
            self._last = kind

    def _move(self, cursor: int) -> None:
        self._state = State(self.text, cursor)
        self._last, self._goal = "", None

    def _left(self) -> int:
        return self.cursor - len(graphemes(self.before)[-1]) if self.before else 0

    def _right(self) -> int:
        rest = self.text[self.cursor :]
        return self.cursor + len(graphemes(rest)[0]) if rest else self.cursor

    def _line_end(self) -> int:
        end = self.text.find("\n", self.cursor)
        return len(self.text) if end < 0 else end

    def _at_line_end(self) -> bool:
        return self._line_end() == self.cursor

    def _word_start(self) -> int:
        match = re.search(r"\w*[^\w]*\Z", self.before)
        return _snapped(self.text, match.start()) if match else 0

    def _word_end(self) -> int:
        match = re.compile(r"[^\w]*\w*").match(self.text, self.cursor)
        return _snapped(self.text, match.end()) if match else len(self.text)


def _snapped(text: str, position: int) -> int:
    """Return the first position between graphemes that is not before this one."""
    if text.isascii():
        return min(max(position, 0), len(text))
    at = 0
    for one in graphemes(text):
        if at >= position:
            break
        at += len(one)
    return at


class Drafts:
    """An editor for every conversation: its text, undo and history stay while one is elsewhere."""

    def __init__(self, key: Callable[[str], str]) -> None:
        self._key = key
        self._editors: dict[str, Editor] = {}

    def editor(self, conversation: str) -> Editor:
        """Return the editor of a conversation, the same one each time."""
        return self._editors.setdefault(self._key(conversation), Editor())

    def unsent(self, conversation: str) -> bool:
        """Tell whether something is typed there that was not sent."""
        editor = self._editors.get(self._key(conversation))
        return editor is not None and bool(editor.text.strip())

    def rename(self, old: str, new: str) -> None:
        """Keep what was typed when a channel or a person gets another name."""
        editor = self._editors.pop(self._key(old), None)
        if editor is not None:
            self._editors[self._key(new)] = editor

    def forget(self, conversation: str) -> None:
        """Forget a conversation's draft and history."""
        self._editors.pop(self._key(conversation), None)
