"""The list of a channel's people at the right. Pure."""

from __future__ import annotations

from securechat.client.state.channels import Member
from securechat.client.tui.conversation import Conversation
from securechat.client.tui.draw import Block, Row, Span, cut, end_of, width_of
from securechat.client.tui.model import Model
from securechat.client.tui.text import clean
from securechat.client.tui.themes import nick_role
from securechat.protocol.names import fold

_RANKS = {sign: rank for rank, sign in enumerate("~&@%+")}


def width(columns: int, wish: str = "auto") -> int:
    """Return how wide the list is on a screen of so many columns; 0 where there is none."""
    if wish == "never" or columns < (60 if wish == "always" else 100):
        return 0
    return 18 if columns < 130 else 22


class MemberList:
    """The list; ``top`` is the first row that it shows, ``filter`` what names must have in them.

    ``typing`` tells that the filter is typed at.
    """

    def __init__(self) -> None:
        self.top = 0
        self.filter = ""
        self.typing = False
        self.nicks: list[str] = []

    def members(self, model: Model, conversation: Conversation) -> list[Member]:
        """Return who is to be shown, by rank and name."""
        channel = model.channel(conversation)
        if channel is None:
            return []
        wanted = fold(self.filter)
        ranked = sorted(
            (_RANKS.get(one.prefix, len(_RANKS)), key, one)
            for key, one in channel.members.items()
            if wanted in key or (wanted and wanted in fold(model.display(one.nick)))
        )
        return [one for _, _, one in ranked]

    def block(self, model: Model, conversation: Conversation, columns: int, height: int) -> Block:
        """Return the list as a panel."""
        members = self.members(model, conversation)
        channel = model.channel(conversation)
        count = f"{len(members)}"
        if self.filter and channel is not None:
            count = f"{len(members)} of {len(channel.members)}"
        query = end_of(clean(self.filter), columns - 6)
        rows = [
            Row((Span(" "), Span("Members", "heading"), Span(f"  {count}", "dim"))),
            Row((Span("  "), Span("/ ", "accent"), Span(query, "strong")))
            if self.filter or self.typing
            else Row(()),
        ]
        cursor = (4 + width_of(query), 1) if self.typing else None
        room = max(height - len(rows), 0)
        self.top = min(self.top, max(len(members) - room, 0))
        self.nicks = ["", "", *(one.nick for one in members[self.top : self.top + room])]
        for one in members[self.top : self.top + room]:
            role = "channel.muted" if one.away else nick_role(one.nick)
            if fold(one.nick) == fold(model.nick):
                role = "nick.own"
            nick = cut(clean(one.nick), columns - 4)
            display = cut(model.display(one.nick), columns - width_of(nick) - 5)
            rows.append(
                Row(
                    (
                        Span(" "),
                        Span(one.prefix or " ", "accent" if one.prefix else "text"),
                        Span(nick, role),
                        Span(f"  {display}" if width_of(display) > 1 else "", "dim"),
                    )
                )
            )
        left = len(members) - self.top - room
        if left > 0 and rows:
            rows[-1] = Row((Span(f"  {left + 1} more", "dim"),))
        if self.filter and not members:
            rows.append(Row((Span("  Nobody fits.", "dim"),)))
        return Block(rows, columns, "panel", cursor)
