"""What a message's text is made of: addresses, code, names of channels and people. Pure.

Only backticks are markup. People write ``*`` and ``_`` in file names, formulas and footnotes, and
whoever wants bold has the styles of IRC, which :func:`~securechat.client.tui.text.styled` reads.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from itertools import accumulate
from typing import Literal, NamedTuple
from urllib.parse import quote

from securechat.client.tui.text import PLAIN, styled
from securechat.protocol.names import fold, is_channel_name

Kind = Literal["text", "link", "code", "block", "channel", "nick", "mention"]

_TOKEN = re.compile(
    r"```(?:[\w+-]*\n)?(?P<block>.+?)\n?```"
    r"|(?P<fence>`{1,2})(?P<code>[^`\n]+)(?P=fence)(?!`)"
    r"|(?<![\w.+-])(?P<link>(?:https?|ircs?)://[^\s<>\"`]+)"
    r"|(?<![\w#/&])(?P<channel>#[^\s,:;!?\"'`()\[\]{}<>]+)"
    r"|(?<![\w@/-])(?P<at>@?)(?P<name>[A-Za-z][A-Za-z0-9_-]*)(?![\w-])",
    re.IGNORECASE | re.DOTALL,
)
_TRAILING = ".,;:!?'*_~…。、"
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_SAFE_IN_ADDRESS = "!#$%&'()*+,/:;=?@[]~"
_ADDRESS_MAX = 2000


class Span(NamedTuple):
    """A part of a message.

    ``text`` is clean (line feeds may be in it). ``target`` is, of a link, the address in ASCII; of
    a channel or a person, the name without ``@``; else empty. ``styles`` are those of ``styled``.
    """

    kind: Kind
    text: str
    target: str = ""
    styles: frozenset[str] = PLAIN


def spans(text: str, nick: str, nicks: Collection[str]) -> list[Span]:
    """Return the parts of a message as it came over the wire; joined they are its clean text.

    ``nick`` is the own name, which makes a ``mention``; ``nicks`` are the names known here. The
    backticks of code are left out of the text of its span.
    """
    pieces = styled(text, lines=True)
    plain = "".join(piece for piece, _ in pieces)
    starts = [0, *accumulate(len(piece) for piece, _ in pieces)]
    people = {fold(one): one for one in nicks}
    out: list[Span] = []
    at = 0
    for start, end, span in _found(plain, fold(nick), people):
        if start > at:
            out += _with_styles(pieces, starts, at, start)
        out.append(span)
        at = end
    if at < len(plain):
        out += _with_styles(pieces, starts, at, len(plain))
    return out


def links(text: str) -> list[str]:
    """Return the addresses in a message, in order, each once."""
    return list(dict.fromkeys(one.target for one in spans(text, "", ()) if one.kind == "link"))


def mentions(text: str, nick: str) -> bool:
    """Tell whether a message names somebody outside of code and addresses."""
    return any(one.kind == "mention" for one in spans(text, nick, ()))


def _found(plain: str, own: str, people: dict[str, str]) -> Iterator[tuple[int, int, Span]]:
    at = 0
    while match := _TOKEN.search(plain, at):
        at = match.end()
        if match["block"] is not None:
            yield match.start(), at, Span("block", match["block"])
        elif match["code"] is not None:
            yield match.start(), at, Span("code", match["code"])
        elif match["link"]:
            link = _without_trailing(match["link"])
            at = match.start() + len(link)
            if link.partition("://")[2] and len(link) <= _ADDRESS_MAX:
                yield match.start(), at, Span("link", link, quote(link, safe=_SAFE_IN_ADDRESS))
        elif match["channel"]:
            channel = match["channel"].rstrip(_TRAILING)
            at = match.start() + len(channel)
            if is_channel_name(channel) and not channel[1:].isdigit():
                yield match.start(), at, Span("channel", channel, channel)
            at = max(at, match.start() + 1)
        else:
            name = fold(match["name"])
            if name == own:
                yield match.start(), at, Span("mention", match[0], match["name"])
            elif match["at"] and name in people:
                yield match.start(), at, Span("nick", match[0], people[name])


def _without_trailing(link: str) -> str:
    """Return an address without the punctuation of the sentence that it stands in."""
    while link:
        last = link[-1]
        opening = _BRACKETS.get(last)
        if last in _TRAILING or (opening and link.count(last) > link.count(opening)):
            link = link[:-1]
        else:
            break
    return link


def _with_styles(
    pieces: list[tuple[str, frozenset[str]]], starts: list[int], start: int, end: int
) -> Iterator[Span]:
    """Yield what lies between two positions, cut where the style changes.

    ``starts`` are the positions of the pieces.
    """
    number = bisect_right(starts, start) - 1
    while number < len(pieces) and starts[number] < end:
        (piece, styles), at = pieces[number], starts[number]
        kind: Kind = "code" if "mono" in styles else "text"
        yield Span(kind, piece[max(start - at, 0) : end - at], "", styles - {"mono"})
        number += 1
