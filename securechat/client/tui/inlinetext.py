"""A message's text as spans with roles. Pure.

What is in it is found by :mod:`~securechat.client.tui.inline`; the styles of IRC go behind the
role, as in ``text+bold``.
"""

from __future__ import annotations

from collections.abc import Collection

from securechat.client.tui.draw import Span
from securechat.client.tui.inline import spans as parts_of

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


def spans(text: str, role: str, nick: str, nicks: Collection[str] = ()) -> list[Span]:
    """Return a text as spans; ``role`` is that of ordinary text, ``nick`` the own name."""
    out: list[Span] = []
    for part in parts_of(text, nick, nicks):
        own = _ROLES.get(part.kind, role)
        styles = ",".join(_STYLES[one] for one in sorted(part.styles) if one in _STYLES)
        shown = f" {part.text} " if part.kind == "code" and "\n" not in part.text else part.text
        out.append(
            Span(
                shown,
                f"{own}+{styles}" if styles else own,
                part.target if part.kind == "link" else "",
            )
        )
    return out
