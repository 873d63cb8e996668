"""A message's text as spans with roles. Pure.

What is in it is found by :mod:`~securechat.client.tui.inline`; the styles of IRC go behind the
role, as in ``text+bold``.
"""

from __future__ import annotations

from collections.abc import Collection

from securechat.client.tui.draw import Span
from securechat.client.tui.inline import spans as parts_of
from securechat.client.tui.text import width

_ROLES = {
    "link": "link",
    "code": "code",
    "block": "code",
    "mention": "self",
    "nick": "channel.link",
    "channel": "channel.link",
}
_STYLES = {
    "bold": "bold",
    "italic": "italics",
    "underline": "underline",
    "strike": "strikethrough",
    "reverse": "standout",
}


def spans(
    text: str, role: str, nick: str, nicks: Collection[str] = (), columns: int = 0
) -> list[Span]:
    """Return a text as spans; ``role`` is that of ordinary text, ``nick`` the own name.

    A block of code is made a box where it fits into so many ``columns``.
    """
    out: list[Span] = []
    for part in parts_of(text, nick, nicks):
        own = _ROLES.get(part.kind, role)
        styles = ",".join(_STYLES[one] for one in sorted(part.styles) if one in _STYLES)
        shown = f" {part.text} " if part.kind == "code" and "\n" not in part.text else part.text
        if part.kind == "block":
            shown = _box(shown, columns)
        out.append(
            Span(
                shown,
                f"{own}+{styles}" if styles else own,
                part.target if part.kind == "link" else "",
            )
        )
    return out


def _box(text: str, columns: int) -> str:
    """Return lines that are all as wide as the widest, or the text where that is too wide."""
    lines = text.strip("\n").split("\n")
    wide = max(width(line) for line in lines)
    if wide > columns:
        return text
    margin = " " if wide + 2 <= columns else ""
    return "\n".join(f"{margin}{line}{' ' * (wide - width(line))}{margin}" for line in lines)
