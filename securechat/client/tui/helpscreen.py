"""The help: the keys and the commands, from their tables."""

from __future__ import annotations

from collections.abc import Callable

from securechat.client.tui import slash
from securechat.client.tui.draw import Block, Row, Span, cut, fit, width_of, wrap
from securechat.client.tui.keys import Keymap
from securechat.client.tui.overlays import Overlay
from securechat.client.tui.text import clean

_WIDTH_MAX = 84
_KEYS_WIDTH = 26


class HelpView(Overlay):
    """The help over all of the screen; it scrolls, and shows what fits the letters typed."""

    def __init__(self, keymap: Keymap, close: Callable[[], None]) -> None:
        self.close = close
        self._tables = (("Keys", keymap.help_rows()), ("Commands", slash.help_rows()))
        self._query = ""
        self._top = 0
        self._room = 1
        self._count = 0

    def place(self, columns: int, rows: int) -> tuple[Block, int, int]:
        width = min(_WIDTH_MAX, columns)
        lines = self._lines(width)
        room = max(rows - 4, 1)
        self._room, self._count = room, len(lines)
        self._top = max(min(self._top, len(lines) - room), 0)
        shown = lines[self._top : self._top + room]
        more = "↓ more" if self._top + room < len(lines) else ""
        about = Span("   type to find, arrows scroll, Esc closes   ", "dim")
        if self._query:
            about = Span(f"   {clean(self._query)}   ", "accent")
        title = Row(fit((Span("  "), Span("Help", "strong"), about, Span(more, "dim")), width))
        if not lines:
            shown = [Row((Span("  "), Span("Nothing fits.", "dim")))]
        filled = [Row(()), title, Row(()), *shown, *[Row(())] * (room - len(shown)), Row(())]
        height = min(len(filled), rows)
        return (
            Block(filled[:height], width, "popup"),
            (columns - width) // 2,
            max((rows - height) // 2, 0),
        )

    def _lines(self, width: int) -> list[Row]:
        out: list[Row] = []
        first = min(_KEYS_WIDTH, max(width // 3, 6))
        for title, rows in self._tables:
            group = ""
            for name, keys, text in rows:
                if self._query.lower() not in f"{keys} {text}".lower():
                    continue
                if name != group:
                    group = name
                    if out:
                        out.append(Row(()))
                    out.append(Row((Span("  "), Span(group, "accent.strong"))))
                lines = wrap([Span(text)], width - first - 5)
                shown = cut(keys, first)
                gap = " " * (first - width_of(shown) + 1)
                role = "channel" if title == "Keys" else "strong"
                out.append(Row((Span("  "), Span(shown, role), Span(gap), *lines[0])))
                out += [Row((Span(" " * (first + 3)), *line)) for line in lines[1:]]
        return out

    def key(self, key: str) -> None:
        match key:
            case "up":
                self._top -= 1
            case "down" | "enter":
                self._top += 1
            case "page up":
                self._top -= self._room
            case "page down":
                self._top += self._room
            case "home":
                self._top = 0
            case "end":
                self._top = self._count
            case "esc" | "ctrl c" | "f1":
                self.close()
            case "backspace":
                self._find(self._query[:-1])
            case "ctrl u" | "ctrl w":
                self._find("")
            case _ if len(key) == 1 and key.isprintable():
                self._find(self._query + key)
        self._top = max(self._top, 0)

    def _find(self, query: str) -> None:
        self._query, self._top = query, 0
