"""Searching: words, what the server found for them, and the way to where it was said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from securechat.client.events import Said
from securechat.client.tui.draw import Block, Row, Span, cut, width_of
from securechat.client.tui.entries import Look, day_name
from securechat.client.tui.overlays import Overlay, centred
from securechat.client.tui.text import clean
from securechat.client.tui.themes import nick_role

_WIDTH_MAX = 96


class SearchView(Overlay):
    """The words one types, and below them the hits, the newest first.

    ``start`` gets the words; ``found`` and ``failed`` are told what came of it. ``jump`` gets the
    hit that was chosen.
    """

    def __init__(
        self,
        start: Callable[[str], None],
        jump: Callable[[Said], None],
        close: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._start = start
        self._jump = jump
        self.close = close
        self._now = now
        self.query = ""
        self.asked = ""
        self.hits: Sequence[Said] | None = None
        self.error = ""
        self.at = 0
        self._top = 0

    def ask(self, query: str) -> None:
        """Search for these words."""
        self.query = query
        self._ask()

    def _ask(self) -> None:
        self.asked, self.hits, self.error = self.query, None, ""
        self._start(self.query)

    def found(self, query: str, hits: Sequence[Said]) -> None:
        """Take what was found."""
        if query == self.asked:
            self.hits, self.at, self._top = tuple(reversed(hits)), 0, 0

    def failed(self, query: str, error: str) -> None:
        """Take it that nothing can be found, and why."""
        if query == self.asked:
            self.error = error

    def key(self, key: str) -> None:
        hits = self.hits or ()
        match key:
            case "esc" | "ctrl c" | "ctrl g":
                self.close()
            case "enter" if self.query != self.asked:
                if self.query.strip():
                    self._ask()
            case "enter" if hits:
                self.close()
                self._jump(hits[self.at])
            case "down" | "ctrl n":
                self.at = min(self.at + 1, max(len(hits) - 1, 0))
            case "up" | "ctrl p":
                self.at = max(self.at - 1, 0)
            case "page down":
                self.at = min(self.at + 5, max(len(hits) - 1, 0))
            case "page up":
                self.at = max(self.at - 5, 0)
            case "backspace":
                self.query = self.query[:-1]
            case "ctrl u":
                self.query = ""
            case _ if key.isprintable() and (len(key) == 1 or not key.isascii()):
                self.query += key

    def place(self, columns: int, rows: int) -> tuple[Block, int, int]:
        width = min(_WIDTH_MAX, max(columns - 4, min(columns, 20)))
        inner = width - 4
        query: tuple[Span, ...] = (Span(cut(clean(self.query), inner)),)
        if not self.query:
            query = (Span(cut('words, or "words next to each other"', inner), "hint"),)
        head = [
            Row((Span("  "), Span("Search", "strong"), Span(self._state(), "dim"))),
            Row((Span("  "), *query)),
            Row(()),
        ]
        room = max((rows - len(head) - 4) // 2, 1)
        self._top = min(max(self._top, self.at - room + 1), self.at)
        shown: list[Row] = []
        for number, said in enumerate((self.hits or ())[self._top : self._top + room]):
            shown += self._hit(said, inner, chosen=self._top + number == self.at)
        cursor = (2 + width_of(clean(self.query)), 1)
        return centred([*head, *shown], columns, rows, width=width, cursor=cursor)

    def _state(self) -> str:
        if self.error:
            return f"   {clean(self.error)}"
        if self.hits is None:
            return "   searching…" if self.asked else "   Enter searches"
        if not self.hits:
            return "   nothing found"
        return f"   {self.at + 1} of {len(self.hits)} · Enter goes there"

    def _hit(self, said: Said, inner: int, *, chosen: bool) -> list[Row]:
        look = Look(inner, self._now().astimezone().date())
        when = f"{day_name(look.day(said.time), look.today)} {look.clock(said.time)}"
        mark = Span("▎ " if chosen else "  ", "accent")
        surface = "popup.current" if chosen else ""
        where = (
            mark,
            Span(clean(said.sender), nick_role(said.sender)),
            Span(f"  {clean(said.conversation)}", "dim"),
            Span(f"  {when}", "time"),
        )
        text = cut(clean(said.text.replace("\n", " ")), inner)
        return [Row(where, surface), Row((mark, Span(text)), surface)]
