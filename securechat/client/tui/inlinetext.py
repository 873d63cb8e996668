"""What is special within a line of text: addresses, code, names. Pure."""

from __future__ import annotations

import re

from securechat.client.tui.draw import Span
from securechat.client.tui.text import clean

_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}'*]", re.IGNORECASE)


def spans(text: str, role: str, nick: str, *, multiline: bool = True) -> list[Span]:
    """Return a text as spans; ``nick`` is the own name."""
    del nick
    out: list[Span] = []
    for number, part in enumerate(text.split("\n") if multiline else [text]):
        if number:
            out.append(Span("\n", role))
        harmless = clean(part)
        at = 0
        for match in _LINK.finditer(harmless):
            if match.start() > at:
                out.append(Span(harmless[at : match.start()], role))
            link = match[0]
            out.append(Span(link, "link", link if link.isascii() else ""))
            at = match.end()
        if at < len(harmless):
            out.append(Span(harmless[at:], role))
    return out
