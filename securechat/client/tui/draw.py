"""Rows of text with roles, and what puts them beside each other. Pure but for urwid's canvas.

A *role* says what a text is (``time``, ``nick.3``, ``link``), never how it looks: that is the
theme's. A row lies on a *surface* (``log``, ``panel``, ``selected``), which gives the background
wherever a role has none of its own. Text must be harmless already.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal, NamedTuple

import urwid
from urwid import str_util

from securechat.client.tui.text import ELLIPSIS, clip, graphemes, width


class Span(NamedTuple):
    """Some text in one role; ``link`` is the address it leads to, where it does."""

    text: str
    role: str = "text"
    link: str = ""


class Row(NamedTuple):
    """One row of a panel. An empty ``surface`` is the panel's own."""

    spans: tuple[Span, ...]
    surface: str = ""


class Block(NamedTuple):
    """Rows of one width; ``cursor`` is a column and a row within it."""

    rows: Sequence[Row]
    width: int
    surface: str
    cursor: tuple[int, int] | None = None


Attribute = Callable[[str, str, str], Hashable]
"""Returns what urwid draws a role on a surface with, linked to an address."""

Run = tuple[Hashable, Literal["0", "U"] | None, bytes]
"""What urwid calls a run: an attribute, a character set (``None`` is the usual one), and text."""

Runs = Callable[[tuple[Span, ...], str, int], Sequence[Run]]
"""Returns spans on a surface as runs of so many columns: :func:`runs`, kept by a palette."""


def width_of(text: str) -> int:
    """Return how many columns a text takes."""
    return width(text)


def cut(text: str, columns: int) -> str:
    """Return as much of a text as ``columns`` hold, with an ellipsis where it is cut."""
    return clip(text, columns)


def cut_words(text: str, columns: int) -> str:
    """Return as many whole words of a text as fit, with an ellipsis where there are more.

    What a bracket opens counts as one word, as in ``[NAME [VALUE]]``. Where not even the first one
    fits it is cut.
    """
    if width(text) <= columns:
        return text
    head = clip(text, columns).removesuffix(ELLIPSIS)
    if text[len(head) : len(head) + 1] != " ":
        head = head[: max(head.rfind(" "), 0)]
    while head.count("[") > head.count("]"):
        head = head[: head.rfind("[")]
    head = head.rstrip()
    return head + ELLIPSIS if head else clip(text, columns)


def end_of(text: str, columns: int) -> str:
    """Return the end of a text in at most so many columns, as where somebody types."""
    kept = ""
    for sign in reversed(graphemes(text)):
        if width(sign + kept) > columns:
            return kept
        kept = sign + kept
    return text


def spans_width(spans: Iterable[Span]) -> int:
    """Return how many columns spans take."""
    return sum(width_of(span.text) for span in spans)


def fit(spans: Iterable[Span], columns: int, *, ellipsis: bool = True) -> tuple[Span, ...]:
    """Return spans that take at most so many columns."""
    out: list[Span] = []
    room = columns
    for span in spans:
        taken = width_of(span.text)
        if taken <= room:
            out.append(span)
            room -= taken
            continue
        if ellipsis:
            text = cut(span.text, room)
        else:
            text = span.text[: str_util.calc_text_pos(span.text, 0, len(span.text), room)[0]]
        if text:
            out.append(span._replace(text=text))
        break
    return tuple(out)


def line(*spans: Span, surface: str = "") -> Row:
    """Return a row of these spans."""
    return Row(spans, surface)


def between(left: Sequence[Span], right: Sequence[Span], columns: int) -> tuple[Span, ...]:
    """Return ``left`` at the left and ``right`` at the right; the left gives way."""
    right = fit(right, columns)
    room = columns - spans_width(right)
    left = fit(left, max(room - 1, 0))
    gap = room - spans_width(left)
    return (*left, Span(" " * gap), *right)


def wrap(spans: Iterable[Span], columns: int) -> list[tuple[Span, ...]]:
    """Return spans as lines of at most so many columns, broken between words where it can be.

    A line feed in a text breaks too. There is always at least one line.
    """
    columns = max(columns, 1)
    lines: list[tuple[Span, ...]] = []
    current: list[Span] = []
    used = 0
    broken = False

    def finish() -> None:
        nonlocal current, used, broken
        lines.append(tuple(current))
        current, used, broken = [], 0, False

    for span in spans:
        for number, part in enumerate(span.text.split("\n")):
            if number:
                finish()
            if not part:
                continue
            if not broken and used + len(part) <= columns and part.isascii():
                current.append(span._replace(text=part))
                used += len(part)
                continue
            for word, taken in _words(part):
                if used and (broken or used + taken > columns):
                    if word.isspace():
                        broken = True  # a space at the end of a line is its break
                        continue
                    # A word goes on to the next line whole, with what belongs to it before.
                    held = [] if broken else _loose_end(current)
                    finish()
                    current, used = held, spans_width(held)
                rest = word
                while used + width_of(rest) > columns:
                    end = str_util.calc_text_pos(rest, 0, len(rest), columns - used)[0]
                    if not end and not used:
                        end = 1  # wider than the whole line
                    if end:
                        current.append(span._replace(text=rest[:end]))
                        rest = rest[end:]
                    finish()
                if rest:
                    current.append(span._replace(text=rest))
                    used += width_of(rest)
    lines.append(tuple(current))
    return lines


def _loose_end(current: list[Span]) -> list[Span]:
    """Take off a line the spans after its last space, if they are not the whole line."""
    cut_at = len(current)
    while cut_at and not current[cut_at - 1].text[-1:].isspace():
        if " " in current[cut_at - 1].text:
            return []
        cut_at -= 1
    if not cut_at or spans_width(current[cut_at:]) > 24:
        return []
    held = current[cut_at:]
    del current[cut_at:]
    return held


def _words(text: str) -> Iterable[tuple[str, int]]:
    """Yield the words of a text and the spaces between them, with their widths."""
    start = 0
    space = text[0] == " "
    for at, sign in enumerate(text):
        if (sign == " ") != space:
            yield text[start:at], width_of(text[start:at])
            start, space = at, not space
    yield text[start:], width_of(text[start:])


def runs(
    attribute: Attribute, spans: tuple[Span, ...], surface: str, columns: int
) -> Sequence[Run]:
    """Return spans on a surface as urwid's runs, filled up to exactly so many columns."""
    out: list[Run] = []
    room = columns
    for span in fit(spans, columns, ellipsis=False):
        _add(out, attribute(span.role, surface, span.link), span.text.encode())
        room -= width_of(span.text)
    _add(out, attribute("text", surface, ""), b" " * room)
    return out


def _add(out: list[Run], attribute: Hashable, text: bytes) -> None:
    if out and out[-1][0] == attribute:
        out[-1] = (attribute, None, out[-1][2] + text)
    elif text:
        out.append((attribute, None, text))


class Drawn(urwid.Canvas):
    """A canvas of finished rows, which urwid's own would take apart and put together again."""

    def __init__(
        self, lines: Sequence[list[Run]], columns: int, cursor: tuple[int, int] | None
    ) -> None:
        super().__init__()
        self._lines = lines
        self._columns = columns
        self.cursor = cursor

    def rows(self) -> int:
        """Return how many rows it has."""
        return len(self._lines)

    def cols(self) -> int:
        """Return how many columns it has."""
        return self._columns

    def content(
        self,
        trim_left: int = 0,
        trim_top: int = 0,
        cols: int = 0,
        rows: int = 0,
        attr: Mapping[Hashable, Hashable] | None = None,
    ) -> Iterator[list[Run]]:
        """Return the rows; what lies over the screen has it ask for a part of them."""
        cols, rows = cols or self._columns - trim_left, rows or len(self._lines) - trim_top
        if attr is None and cols == self._columns:
            return islice(self._lines, trim_top, trim_top + rows)
        whole = urwid.TextCanvas(
            [b"".join(text for _, _, text in line) for line in self._lines],
            [[(attribute, len(text)) for attribute, _, text in line] for line in self._lines],
            maxcol=self._columns,
            check_width=False,
        )
        return whole.content(trim_left, trim_top, cols, rows, attr)


def canvas(columns: Sequence[Block], height: int, made: Runs) -> Drawn:
    """Return panels beside each other as one canvas of ``height`` rows."""
    cursor = None
    left = 0
    for block in columns:
        if block.cursor is not None:
            x, y = block.cursor
            if 0 <= x < block.width and 0 <= y < height:
                cursor = (left + x, y)
        left += block.width
    lines: list[list[Run]] = []
    for number in range(height):
        line: list[Run] = []
        for block in columns:
            row = block.rows[number] if number < len(block.rows) else Row(())
            line += made(row.spans, row.surface or block.surface, block.width)
        lines.append(line)
    return Drawn(lines, left, cursor)


def stack(*blocks: Block) -> Block:
    """Return panels of one width above each other, each on its own surface."""
    rows: list[Row] = []
    cursor = None
    for block in blocks:
        if block.cursor is not None:
            cursor = (block.cursor[0], block.cursor[1] + len(rows))
        rows += [row if row.surface else Row(row.spans, block.surface) for row in block.rows]
    return Block(rows, blocks[0].width if blocks else 0, "log", cursor)
