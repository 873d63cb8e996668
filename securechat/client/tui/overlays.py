"""What lies over the screen: lists to choose from, and questions.

An overlay has all keys while it is there. It closes by calling ``close``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from securechat.client.tui.draw import (
    Block,
    Row,
    Span,
    between,
    cut,
    fit,
    spans_width,
    width_of,
    wrap,
)
from securechat.client.tui.text import clean

WIDTH_MAX = 64


class Overlay(ABC):
    """Something over the screen."""

    close: Callable[[], None]

    @abstractmethod
    def place(self, columns: int, rows: int) -> tuple[Block, int, int]:
        """Return its rows, and the column and row of its corner, on a screen of that size."""

    @abstractmethod
    def key(self, key: str) -> None:
        """Take a key."""

    def paste(self, text: str) -> None:
        """Take pasted text."""
        for sign in text:
            if sign.isprintable():
                self.key(sign)


def centred(
    rows: Sequence[Row], columns: int, height: int, *, width: int, cursor: tuple[int, int] | None
) -> tuple[Block, int, int]:
    """Return rows with a margin as a box a little above the middle."""
    width = min(width, columns)
    shown = [Row(()), *rows, Row(())] if height > len(rows) + 2 else list(rows)
    shift = 1 if len(shown) > len(rows) else 0
    shown = shown[:height]
    if cursor is not None:
        cursor = (cursor[0], cursor[1] + shift)
        if not (cursor[0] < width and cursor[1] < len(shown)):
            cursor = None
    top = max((height - len(shown)) // 3, 0)
    return Block(shown, width, "popup", cursor), (columns - width) // 2, top


def framed(block: Block, left: int, top: int, columns: int, height: int) -> tuple[Block, int, int]:
    """Return a placed block in a frame, for terminals on which its ground is that of the rest.

    Where there is no room for one, it stays as it is.
    """
    if block.width + 2 > columns or len(block.rows) + 2 > height:
        return block, left, top
    side, line = Span("│", "dim"), "─" * block.width
    rows = [
        Row((Span(f"┌{line}┐", "dim"),)),
        *(Row((side, *_filled(row.spans, block.width), side), row.surface) for row in block.rows),
        Row((Span(f"└{line}┘", "dim"),)),
    ]
    cursor = (block.cursor[0] + 1, block.cursor[1] + 1) if block.cursor else None
    whole = Block(rows, block.width + 2, block.surface, cursor)
    left = min(max(left - 1, 0), columns - whole.width)
    return whole, left, min(max(top - 1, 0), height - len(rows))


def _filled(spans: tuple[Span, ...], columns: int) -> tuple[Span, ...]:
    shown = fit(spans, columns, ellipsis=False)
    return (*shown, Span(" " * (columns - spans_width(shown))))


class Item(NamedTuple):
    """A row to choose: what it shows at its left and right, and what it stands for."""

    left: tuple[Span, ...]
    right: tuple[Span, ...] = ()
    value: object = None


@dataclass
class Chooser(Overlay):
    """A list to choose from by typing, arrows and Enter.

    ``find`` returns the items for what is typed. ``empty`` is shown where there are none.
    """

    title: str
    find: Callable[[str], Sequence[Item]]
    choose: Callable[[object], None]
    close: Callable[[], None]
    prompt: str = ""
    empty: str = "Nothing fits."
    width: int = WIDTH_MAX
    query: str = ""
    at: int = 0
    top: int = 0
    _items: Sequence[Item] = field(default=(), init=False)

    def __post_init__(self) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Look anew what fits."""
        self._items = self.find(self.query)
        self.at = min(self.at, max(len(self._items) - 1, 0))

    def place(self, columns: int, rows: int) -> tuple[Block, int, int]:
        width = min(self.width, max(columns - 4, min(columns, 20)))
        inner = width - 4
        head = [
            Row((Span("  "), Span(cut(self.title, inner), "strong"))),
            Row((Span("  "), *self._query_line(inner))),
            Row(()),
        ]
        if rows < 8:
            head = head[1:2]
        room = max(min(rows - len(head) - 4, 14), 1)
        self.top = min(max(self.top, self.at - room + 1), self.at)
        listed = [
            self._row(item, width, chosen=self.top + n == self.at)
            for n, item in enumerate(self._items[self.top : self.top + room])
        ]
        if not listed:
            listed = [Row((Span("  "), Span(cut(self.empty, inner), "dim")))]
        cursor = (2 + width_of(clean(self.query)), 0 if len(head) == 1 else 1)
        return centred([*head, *listed], columns, rows, width=width, cursor=cursor)

    def _query_line(self, inner: int) -> tuple[Span, ...]:
        if self.query:
            return (Span(cut(clean(self.query), inner)),)
        return (Span(cut(self.prompt, inner), "hint"),)

    def _row(self, item: Item, width: int, *, chosen: bool) -> Row:
        mark = Span("▎ " if chosen else "  ", "accent")
        spans = between((mark, *item.left), (*item.right, Span("  ")), width)
        return Row(spans, "popup.current" if chosen else "")

    def key(self, key: str) -> None:
        match key:
            case "esc" | "ctrl c" | "ctrl g":
                self.close()
            case "enter":
                if self._items:
                    value = self._items[self.at].value
                    self.close()
                    self.choose(value)
            case "down" | "ctrl n" | "tab":
                self.at = (self.at + 1) % max(len(self._items), 1)
            case "up" | "ctrl p" | "shift tab":
                self.at = (self.at - 1) % max(len(self._items), 1)
            case "page down":
                self.at = min(self.at + 10, max(len(self._items) - 1, 0))
            case "page up":
                self.at = max(self.at - 10, 0)
            case "backspace" if self.query:
                self._type(self.query[:-1])
            case "ctrl u" | "ctrl w":
                self._type("")
            case _ if key.isprintable() and len(key) < 3 and (len(key) == 1 or not key.isascii()):
                self._type(self.query + key)

    def _type(self, query: str) -> None:
        self.query, self.at, self.top = query, 0, 0
        self.refresh()


@dataclass
class Question(Overlay):
    """A question with an answer for each key; any other key but these does nothing."""

    title: str
    text: Sequence[Span]
    answers: Sequence[tuple[str, str, Callable[[], None]]]
    close: Callable[[], None]
    lines_max: int = 10

    def place(self, columns: int, rows: int) -> tuple[Block, int, int]:
        width = min(WIDTH_MAX, columns)
        body = wrap(self.text, width - 4)[: max(min(self.lines_max, rows - 6), 0)]
        answers: list[Span] = []
        for key, label, _ in self.answers:
            answers += [Span(f" {_key_name(key)} ", "key"), Span(f" {label}   ", "dim")]
        lines = [tuple(answers)]
        if spans_width(answers) > width - 4:
            lines = [tuple(answers[n : n + 2]) for n in range(0, len(answers), 2)]
        shown = [
            Row((Span("  "), Span(cut(self.title, width - 4), "strong"))),
            Row(()),
            *(Row((Span("  "), *line)) for line in body),
            Row(()),
            *(Row((Span("  "), *line)) for line in lines),
        ]
        if rows < len(shown):
            shown = [shown[0], *shown[-len(lines) :]]
        return centred(shown, columns, rows, width=width, cursor=None)

    def key(self, key: str) -> None:
        for wanted, _, action in self.answers:
            if key == wanted:
                self.close()
                action()
                return
        if key in ("esc", "ctrl c", "ctrl g"):
            self.close()

    def paste(self, text: str) -> None:
        del text  # a question is answered by hand


def _key_name(key: str) -> str:
    return {"enter": "Enter", "esc": "Esc"}.get(key, key)
