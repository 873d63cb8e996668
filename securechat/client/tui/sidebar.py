"""The list of conversations at the left. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from securechat.client.tui.conversation import Conversation
from securechat.client.tui.draw import Block, Row, Span, between, cut
from securechat.client.tui.model import Model
from securechat.client.tui.people import Presence
from securechat.client.tui.text import clean

_COUNT_MAX = 999
# Signs that differ without their colours too.
_PRESENCE: Mapping[Presence, tuple[str, str]] = {
    "": ("• ", "faint"),
    "online": ("• ", "good"),
    "away": ("◦ ", "warn"),
    "offline": ("· ", "dim"),
}


def width(columns: int) -> int:
    """Return how wide the list is on a screen of so many columns; 0 where there is none."""
    if columns < 60:
        return 0
    return 18 if columns < 90 else 22 if columns < 130 else 26


class Sidebar:
    """The list; it scrolls so far that the current conversation is in it."""

    def __init__(self) -> None:
        self._top = 0
        self.keys: list[str] = []

    def block(self, model: Model, columns: int, height: int) -> Block:
        """Return the list as a panel; ``keys`` has the conversation of each row then."""
        rows: list[Row] = []
        keys: list[str] = []
        heading = ""
        current = 0
        network = clean(model.connection.network or model.connection.host or "SecureChat")
        rows.append(Row((Span("  "), Span(cut(network, columns - 3), "strong"))))
        keys.append("")
        for one in model.ordered():
            title = _heading(one)
            if title != heading:
                heading = title
                rows += [Row(()), Row((Span("  "), Span(title, "heading")))]
                keys += ["", ""]
            if one.key == model.current:
                current = len(rows)
            rows.append(_entry(one, model, columns))
            keys.append(one.key)
        most = max(len(rows) - height, 0)
        self._top = min(max(self._top, current - height + 2), max(current - 3, 0), most)
        self.keys = keys[self._top : self._top + height]
        return Block(rows[self._top : self._top + height], columns, "panel")


def _heading(one: Conversation) -> str:
    if one.favourite:
        return "Favourites"
    return {"channel": "Channels", "person": "People", "server": "Server"}[one.kind]


def _entry(one: Conversation, model: Model, columns: int) -> Row:
    here = one.key == model.current
    urgent = one.unread if one.kind == "person" else one.mentions
    role = "channel"
    if here:
        role = "strong"
    elif one.muted or not one.here:
        role = "channel.muted"
    elif one.unread:
        role = "channel.unread"
    count = urgent or one.unread
    badge: tuple[Span, ...] = (Span("  "),)
    if count and not here:
        text = f" {count if count <= _COUNT_MAX else f'{_COUNT_MAX}+'} "
        if one.muted and not urgent:
            badge = (Span(text, "channel.muted"), Span(" "))
        else:
            badge = (Span(text, "badge.mention" if urgent else "badge"), Span(" "))
    elif one.draft and not here:
        badge = (Span("✎", "dim"), Span("  "))
    sign, how, name = "", "faint", clean(one.name)
    if one.kind == "channel":
        sign, name = name[:1] + " ", name[1:]
    elif one.kind == "person":
        sign, how = _PRESENCE[model.presence(one)]
    mark = Span("▎", "accent") if here else Span(" ")
    left = (
        mark,
        Span(" "),
        Span(sign, "accent" if here and one.kind != "person" else how),
        Span(name, role),
    )
    return Row(between(left, badge, columns), "current" if here else "")
