"""The whole screen as one urwid widget: the panels side by side, and what lies over them.

It asks every panel for rows and makes one canvas of them. What does not fit folds away: the
members first, then the list of conversations, then everything but the input.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import urwid

from securechat.client.tui import memberlist, sidebar, slash, statusbar
from securechat.client.tui.completion import Cycle
from securechat.client.tui.draw import Block, Row, canvas, stack
from securechat.client.tui.entries import Look
from securechat.client.tui.inputline import InputLine, completions
from securechat.client.tui.keys import Keymap
from securechat.client.tui.logview import LogView
from securechat.client.tui.memberlist import MemberList
from securechat.client.tui.model import Model
from securechat.client.tui.overlays import Overlay, framed
from securechat.client.tui.palette import Palette
from securechat.client.tui.sidebar import Sidebar

_AIRY_FROM = 30
_FRAMED_TO = 16  # with more colours the ground of what lies on top is enough


class View(urwid.Widget):
    """The screen. ``on_key`` and ``on_mouse`` get what is typed and clicked."""

    _sizing = frozenset([urwid.BOX])
    _selectable = True
    no_cache = ["render"]  # noqa: RUF012 - urwid's own way to say it

    def __init__(
        self,
        model: Model,
        palette: Palette,
        *,
        on_key: Callable[[str], None],
        on_mouse: Callable[[str, int, int, int], None],
        clock: Callable[[], float],
        keymap: Keymap,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        time_format: str = "%H:%M",
        member_list: str = "auto",
        show_sidebar: bool = True,
    ) -> None:
        super().__init__()
        self.model = model
        self.palette = palette
        self.log = LogView(model.display)
        self.sidebar = Sidebar()
        self.members = MemberList()
        self.input = InputLine()
        self.overlay: Overlay | None = None
        self.hint = ""
        self.member_list = member_list
        self.show_sidebar = show_sidebar
        self.size = (80, 24)
        self.log_top = 0
        self.log_left = 0
        self.pill_row = -1
        self.people = 0
        self.input_top = 0
        self._on_key = on_key
        self._on_mouse = on_mouse
        self._clock = clock
        self.keymap = keymap
        self._now = now
        self.time_format = time_format
        self.cycle: Cycle | None = None

    def people_wanted(self) -> int:
        """Return how wide the list of members is to be when the screen is drawn next."""
        if self.model.here.kind != "channel":
            return 0
        return memberlist.width(self.size[0], self.member_list)

    def keypress(self, size: tuple[int, int], key: str) -> None:  # type: ignore[override]  # for any kind
        self._on_key(key)

    def mouse_event(  # type: ignore[override]  # urwid types it for every kind
        self, size: tuple[int, int], event: str, button: int, col: int, row: int, focus: bool
    ) -> bool:
        self._on_mouse(event, button, col, row)
        return True

    def render(  # type: ignore[override]  # urwid types it for every kind
        self, size: tuple[int, int], focus: bool = False
    ) -> urwid.Canvas:
        columns, height = self.size = size
        side = sidebar.width(columns) if self.show_sidebar else 0
        conversation = self.model.here
        self.people = people = self.people_wanted()
        panels: list[Block] = []
        if side:
            panels.append(self.sidebar.block(self.model, side, height))
        self.log_left = side
        panels.append(self._main(columns - side - people, height, side=side, people=people))
        if people:
            panels.append(self.members.block(self.model, conversation, people, height))
        whole: urwid.Canvas = canvas(panels, height, self.palette.runs)
        if self.cycle is not None and self.overlay is None:
            whole = self._with_completions(whole, side, columns - side - people, height)
        if self.overlay is None:
            return whole
        block, left, top = self.overlay.place(columns, height)
        if self.palette.colors <= _FRAMED_TO:
            block, left, top = framed(block, left, top, columns, height)
        over = canvas([block], len(block.rows), self.palette.runs)
        return urwid.CanvasOverlay(over, whole, left, top)

    def _with_completions(
        self, whole: urwid.Canvas, left: int, columns: int, height: int
    ) -> urwid.Canvas:
        """Return the screen with the completions right above the input."""
        if self.cycle is None:
            return whole
        found = self.cycle.completion
        items = [(one.shown, one.hint) for one in found.candidates]
        chosen = -1 if self.cycle.chosen is None else self.cycle.chosen
        frame = 2 if self.palette.colors <= _FRAMED_TO else 0
        block = completions(items, chosen, columns - 2, self.input_top - 1 - frame)
        top, left = self.input_top - len(block.rows) - frame, left + 1
        if top < 0 or columns < 12:
            return whole
        if frame:
            block, left, top = framed(block, left, top + 1, left + columns, height)
        over = canvas([block], len(block.rows), self.palette.runs)
        return urwid.CanvasOverlay(over, whole, left, top)

    def _main(self, columns: int, height: int, *, side: int, people: int) -> Block:
        now = self._clock()
        conversation = self.model.here
        airy = height >= _AIRY_FROM
        typed_text = self.input.editor(conversation).text
        quiet = self.overlay is not None or bool(self.log.selected) or self.members.typing
        typed = self.input.block(conversation, columns, max(min(height // 3, 12), 1), airy=airy)
        if quiet:
            typed = typed._replace(cursor=None)
        blocks = [typed]
        left = height - len(typed.rows)
        if left >= 2:
            chosen = self.log.entry(conversation)
            row = (
                statusbar.choices(
                    chosen,
                    self.keymap,
                    columns,
                    self.model.display(chosen.sender),
                    count=len(self.log.chosen(conversation)),
                )
                if chosen
                else statusbar.status(
                    self.model,
                    conversation,
                    columns,
                    now,
                    keymap=self.keymap,
                    sidebar=bool(side),
                    above=self.log.is_above(conversation, conversation.unread_from),
                    hint=self.hint or ("" if self.cycle else slash.hint(typed_text)),
                )
            )
            blocks.append(Block([row], columns, "log"))
            left -= 1
        if left >= 18 and not airy:
            blocks.insert(0, Block([Row(())], columns, "log"))
            left -= 1
        banner = statusbar.banner(self.model, self.keymap, columns, now)
        if banner is not None and left >= 3:
            blocks.insert(0, Block([banner], columns, "banner"))
            left -= 1
        head: list[Row] = []
        if left >= 4:
            head = [
                statusbar.header(self.model, conversation, columns, members=bool(people)),
            ]
            if left >= 12:
                head.append(Row(()))
            left -= len(head)
        self.input_top = (
            len(head) + left + sum(len(one.rows) for one in blocks[: blocks.index(typed)])
        )
        look = Look(
            columns,
            self._now().astimezone().date(),
            self.model.nick,
            self.time_format,
            airy=airy,
        )
        rows = self.log.rows(conversation, look, left)
        self.log_top = len(head)
        self.pill_row = -1
        if not self.log.at_bottom and left > 1:
            # One row less, so that what is said there covers no message, least a chosen one.
            rows = self.log.rows(conversation, look, left - 1)
            pill = statusbar.pill(self.log, conversation, self.keymap, columns)
            self.pill_row = self.log_top + len(rows) if pill else -1
            rows.append(pill or Row(()))
        return stack(Block([*head, *rows], columns, "log"), *blocks)
