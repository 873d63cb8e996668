"""The log: which rows of a conversation are on the screen, and how one moves in it. Pure.

The log *sticks to the bottom* or is *anchored* to an entry whose row is the first on the screen,
so that what comes in below, or is loaded above, moves nothing. The anchor's row is counted from
the entry's first own row; decorations above it have negative numbers, because loading older
history may take them away. Rows are kept for each entry as long as nothing they depend on changes.

A list walker over entries would do less: its place is a widget and a row of it, lost when rows
above it come or go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

from securechat.client.tui.conversation import Conversation, Entry
from securechat.client.tui.draw import Row
from securechat.client.tui.entries import Look, Shown, show

_CACHE_MAX = 2_000


class Anchor(NamedTuple):
    """The first row on the screen."""

    number: int
    row: int


class LogView:
    """The log of the conversation that is looked at.

    ``display`` tells the name that somebody gave themselves, clean, or an empty text. From
    ``marked`` to ``selected`` is what is chosen, where anything is marked.
    """

    def __init__(self, display: Callable[[str], str] = lambda nick: "") -> None:
        self._display = display
        self.anchor: Anchor | None = None
        self.selected: int = 0
        self.marked: int = 0
        self._chosen: set[int] = set()
        self.at_top = False
        self.at_bottom = True
        self.below = 0
        self._cache: dict[tuple[int, bool], tuple[tuple[object, ...], Shown]] = {}
        self._above: tuple[tuple[object, ...], bool] = ((), False)
        self._look: Look | None = None
        self._height = 0
        self._on_screen: list[int] = []
        self._wanted = 0

    def is_above(self, conversation: Conversation, number: int) -> bool:
        """Tell whether an entry is above those that were shown last."""
        if not number or not self._on_screen or number in self._on_screen:
            return False
        # Looking through thousands of entries again is too much for a key.
        depends = (conversation.key, conversation.changes, number, self._on_screen[0])
        if self._above[0] != depends:
            at = _index(conversation.shown, number)
            first = _index(conversation.shown, self._on_screen[0])
            self._above = depends, at is not None and first is not None and at < first
        return self._above[1]

    def reset(self) -> None:
        """Look at another conversation, at its bottom."""
        self.to_bottom()
        self._cache.clear()

    # --- rows ----------------------------------------------------------------------------------

    def _shown(
        self,
        conversation: Conversation,
        entries: list[Entry],
        at: int,
        look: Look,
        *,
        alone: bool = False,
    ) -> Shown:
        entry = entries[at]
        before = entries[at - 1] if at else None
        selected = entry.number in self._chosen
        original = conversation.find(entry.reply_to) if entry.reply_to else None
        display = "" if look.columns or not entry.sender else self._display(entry.sender)
        depends = (
            entry.version,
            display,
            entry.state,
            before.number if before else 0,
            entry.number == conversation.unread_from,
            selected,
            original and original.version,
        )
        kept = self._cache.get((entry.number, alone))
        if kept is not None and kept[0] == depends:
            return kept[1]
        shown = show(
            conversation, entry, before, look, selected=selected, alone=alone, display=display
        )
        if len(self._cache) > _CACHE_MAX:
            self._cache.clear()
        self._cache[entry.number, alone] = (depends, shown)
        return shown

    def rows(self, conversation: Conversation, look: Look, height: int) -> list[Row]:
        """Return the rows to show, ``height`` of them."""
        if look != self._look:
            self._cache.clear()
            self._look = look
        self._height = height
        entries = conversation.shown
        if not entries or height <= 0:
            self.at_top, self.at_bottom, self.below = True, True, 0
            self._on_screen = []
            return [Row(())] * height
        if self._wanted:
            self.selected, self._wanted = self._wanted, 0
            self.to_entry(conversation, self.selected)
        self._chosen = {one.number for one in self.chosen(conversation)}
        if self.anchor is not None:
            rows = self._anchored(conversation, entries, look, height)
            if rows is not None:
                return rows
            self.anchor = None
        return self._from_bottom(conversation, entries, look, height)

    def _from_bottom(
        self, conversation: Conversation, entries: list[Entry], look: Look, height: int
    ) -> list[Row]:
        parts: list[tuple[Row, ...]] = []
        have, at = 0, len(entries)
        self._on_screen = []
        while at and have < height:
            at -= 1
            part = self._shown(conversation, entries, at, look).rows
            parts.append(part)
            self._on_screen.append(entries[at].number)
            have += len(part)
        self._on_screen.reverse()
        rows = [row for one in reversed(parts) for row in one]
        self._name_first(conversation, entries, at, look, rows, max(have - height, 0))
        self.at_top = at == 0 and have <= height
        self.at_bottom = conversation.detached is None
        self.below = 0
        if have >= height:
            return rows[have - height :]
        return [*[Row(())] * (height - have), *rows]

    def _anchored(
        self, conversation: Conversation, entries: list[Entry], look: Look, height: int
    ) -> list[Row] | None:
        """Return the rows from the anchor on; ``None`` where that reaches below the bottom."""
        assert self.anchor is not None  # noqa: S101 - its only caller has looked
        at = _index(entries, self.anchor.number)
        if at is None:
            return None
        shown = self._shown(conversation, entries, at, look)
        skip = min(max(shown.above + self.anchor.row, 0), len(shown.rows) - 1)
        rows = list(shown.rows[skip:])
        first = at
        self._on_screen = [entries[at].number]
        self.at_top = at == 0 and skip == 0
        while len(rows) < height:
            at += 1
            if at >= len(entries):
                return None
            rows += self._shown(conversation, entries, at, look).rows
            self._on_screen.append(entries[at].number)
        self._name_first(conversation, entries, first, look, rows, 0, skip)
        self.below = len(entries) - 1 - at
        self.at_bottom = self.below == 0 and len(rows) == height and conversation.detached is None
        return rows[:height]

    def _name_first(
        self,
        conversation: Conversation,
        entries: list[Entry],
        at: int,
        look: Look,
        rows: list[Row],
        top: int,
        skip: int = 0,
    ) -> None:
        """Name the person of the first message on the screen, if its group began above.

        ``rows[top]`` is the first row on the screen; ``skip`` rows of the entry are not in there.
        """
        entry = entries[at]
        if not look.columns or entry.kind != "said" or not at:
            return
        place = self._shown(conversation, entries, at, look).above - skip
        if top <= place < len(rows):
            named = self._shown(conversation, entries, at, look, alone=True)
            rows[place] = named.rows[named.above]

    # --- moving --------------------------------------------------------------------------------

    def scroll(self, conversation: Conversation, rows: int) -> None:
        """Move by so many rows, up where it is negative."""
        look, entries = self._look, conversation.shown
        if look is None or not entries:
            return
        if self.anchor is None:
            if rows >= 0:
                return
            at, row = self._top_from_bottom(conversation, entries, look)
        else:
            found = _index(entries, self.anchor.number)
            if found is None:
                return
            above = self._shown(conversation, entries, found, look).above
            at, row = found, max(above + self.anchor.row, 0)
        row += rows
        while row < 0 and at:
            at -= 1
            row += len(self._shown(conversation, entries, at, look).rows)
        while row >= len(self._shown(conversation, entries, at, look).rows):
            row -= len(self._shown(conversation, entries, at, look).rows)
            at += 1
            if at >= len(entries):
                self.anchor = None
                return
        above = self._shown(conversation, entries, at, look).above
        self.anchor = Anchor(entries[at].number, max(row, 0) - above)

    def _top_from_bottom(
        self, conversation: Conversation, entries: list[Entry], look: Look
    ) -> tuple[int, int]:
        have, at = 0, len(entries)
        while at and have < self._height:
            at -= 1
            have += len(self._shown(conversation, entries, at, look).rows)
        return at, have - self._height if have > self._height else 0

    def page(self, conversation: Conversation, pages: float) -> None:
        """Move by screens."""
        self.scroll(conversation, round((self._height - 2) * pages))

    def to_bottom(self) -> None:
        """Stick to the bottom."""
        self.anchor = None
        self.selected = self.marked = 0

    def to_top(self, conversation: Conversation) -> None:
        """Show the oldest entry that is known first."""
        if conversation.shown:
            self.anchor = Anchor(conversation.shown[0].number, -9)

    def to_entry(self, conversation: Conversation, number: int) -> None:
        """Show an entry, with some of what was before it."""
        look, entries = self._look, conversation.shown
        at = _index(entries, number)
        if look is None or at is None:
            return
        self.anchor = Anchor(number, 0)
        self.scroll(conversation, -max(self._height // 3, 1))

    def keep(self, number: int, other: int) -> None:
        """Stay where one is, now that the same message is another entry."""
        if self.anchor is not None:
            self.anchor = Anchor(other, -self._height // 2)
        if self.selected == number:
            self.selected = other

    def jump(self, number: int) -> None:
        """Show an entry, and select it, when it is drawn next."""
        self._wanted = number

    def select(self, conversation: Conversation, step: int) -> Entry | None:
        """Select the message ``step`` further, from the bottom of the screen on at first."""
        entries = conversation.shown
        can = [n for n, one in enumerate(entries) if one.kind == "said"]
        if not can:
            return None
        at = _index(entries, self.selected) if self.selected else None
        if at is None:
            last = self._on_screen[-1] if self._on_screen else entries[-1].number
            bottom = _index(entries, last)
            place = bisect_left(can, len(entries) if bottom is None else bottom + 1) - 1
        else:
            place = bisect_left(can, at) + step
        if place >= len(can):
            self.to_bottom()
            return None
        entry = entries[can[max(place, 0)]]
        self.selected = entry.number
        self._reveal(conversation, entries, can[max(place, 0)])
        return entry

    def _reveal(self, conversation: Conversation, entries: list[Entry], at: int) -> None:
        """Move so far that an entry is on the screen whole."""
        look = self._look
        if look is None:
            return
        if self.anchor is None:
            top, skip = self._top_from_bottom(conversation, entries, look)
        else:
            top = _index(entries, self.anchor.number) or 0
            skip = max(self._shown(conversation, entries, top, look).above + self.anchor.row, 0)
        if at < top or (at == top and skip):
            above = self._shown(conversation, entries, at, look).above
            self.anchor = Anchor(entries[at].number, -above)
            return
        used = -skip
        for number in range(top, at + 1):
            used += len(self._shown(conversation, entries, number, look).rows)
            if used - self._height > 10_000:
                break
        if used > self._height:
            self.scroll(conversation, used - self._height)

    def entry(self, conversation: Conversation) -> Entry | None:
        """Return the entry that is selected."""
        if not self.selected:
            return None
        entries = conversation.shown
        at = _index(entries, self.selected)
        return entries[at] if at is not None else None

    def chosen(self, conversation: Conversation) -> list[Entry]:
        """Return the messages that are chosen, the oldest first."""
        entry = self.entry(conversation)
        if entry is None:
            return []
        entries = conversation.shown
        other = _index(entries, self.marked) if self.marked else None
        if other is None:
            return [entry]
        ends = sorted((other, _index(entries, entry.number) or 0))
        return [one for one in entries[ends[0] : ends[1] + 1] if one.kind == "said"]

    @property
    def on_screen(self) -> list[int]:
        """The numbers of the entries that the last rows were of."""
        return self._on_screen


def _index(entries: list[Entry], number: int) -> int | None:
    """Return where an entry is. The newest are looked at first, as most is asked of them."""
    for at in range(len(entries) - 1, -1, -1):
        if entries[at].number == number:
            return at
    return None
