r"""Text that is harmless on a terminal, and how many columns it takes. Pure.

:func:`clean` starts from :func:`securechat.client.lines.visible` (control characters, overrides of
the direction and line separators become signs) and makes sure of two things more: nothing is
invisible, and everybody counts the same columns. So it drops zero-width characters and tags, keeps
a joiner or an emoji selector only within an emoji sequence, keeps at most
:data:`MARKS_MAX` combining marks on a letter, and gives a mark that has no letter a dotted circle.

Columns are counted with wcwidth by grapheme, with the arguments that urwid 5.1 counts with
(``urwid.str_util.calc_width``), so that a row that fits here fits there. Where terminals themselves
disagree, the text is brought into the form that they agree upon: a heart that is joined to a flame
gets the emoji selector that it lacks, a selector that changes nothing goes, and the flags made of
tag letters (England, Scotland, Wales) become the black flag that they start with. Most terminals
do not join emoji at all: unless :func:`terminal_joins` says that this one does, a family becomes
its first person, a flag its two letters, and skin tones and emoji selectors go.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import wcwidth

from securechat.client.lines import STYLE_CODES, visible

MARKS_MAX = 4
TAB = "    "
ELLIPSIS = "…"
PLAIN: frozenset[str] = frozenset()

_JOINER = "\u200d"
_EMOJI_STYLE = "\ufe0f"
_KEYCAP = "\u20e3"
_SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")
_FLAG_LETTERS = re.compile("[\U0001f1e6-\U0001f1ff]")
_FLAG_A = 0x1F1E6
_JOINED_MAX = 6  # a family has four
_REPLACEMENT = "\ufffd"
_CIRCLE = "\u25cc"

# What Unicode calls default-ignorable, but for the joiner and selector 16; and what only annotates.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u2060-\u2065\u206a-\u206f"
    "\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
# Halves of UTF-16 pairs cannot be encoded, and noncharacters mean nothing to anybody.
_NOT_TEXT = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_NEWLINES = re.compile("\r\n?")
_TOGGLES = {
    "\x02": "bold",
    "\x1d": "italic",
    "\x1f": "underline",
    "\x1e": "strike",
    "\x11": "mono",
    "\x16": "reverse",
}


class _Terminal:
    """What is known of the terminal that all of this is for: there is one for a process."""

    joins = False


def terminal_joins(joins: bool) -> None:
    """Say whether the terminal shows a joined emoji as one (mode 2027, grapheme clustering)."""
    _Terminal.joins = joins


def clean(text: str, *, lines: bool = False) -> str:
    """Return text that does nothing on a terminal but show itself; colours and styles are gone.

    With ``lines`` a line feed stays (and CR LF, or a lone CR, becomes one); else it is shown as a
    sign, and the result is one line. A tab becomes four spaces. Doing it twice changes nothing.
    """
    if text.isascii() and text.isprintable():
        return text
    if lines:
        return "\n".join(_clean_line(line) for line in _NEWLINES.sub("\n", text).split("\n"))
    return _clean_line(text)


def _clean_line(text: str) -> str:
    harmless = visible(STYLE_CODES.sub("", text).replace("\t", TAB))
    if harmless.isascii():
        return harmless
    harmless = _INVISIBLE.sub("", _NOT_TEXT.sub(_REPLACEMENT, harmless))
    if not _Terminal.joins:
        harmless = _FLAG_LETTERS.sub(lambda one: chr(ord(one[0]) - _FLAG_A + ord("A")), harmless)
    settled = "".join(_settle(harmless))
    # Dropping something may have brought together what now is one grapheme: once more, then.
    again = "".join(_settle(settled))
    while again != settled:
        settled, again = again, "".join(_settle(again))
    return settled


def _settle(text: str) -> Iterator[str]:
    """Yield each grapheme in the form on whose width all agree."""
    chain = before = ""
    for after in _proper(text):
        now = after
        # A virama before what cannot follow one counts in one way alone, in another with it.
        if not _add_up(chain + before, after):
            before = _without_marks(before)
            now = after if _add_up(chain + before, after) else _REPLACEMENT
        yield before
        chain = chain + before if before and unicodedata.category(before[-1]) == "Mn" else ""
        before = now
    # Spaces may be put behind it.
    if not _add_up(chain + before, " "):
        before = _without_marks(before)
    yield before


def _without_marks(text: str) -> str:
    return "".join(c for c in text if not unicodedata.category(c).startswith("M"))


def _add_up(one: str, other: str) -> bool:
    return one.isascii() or width(one + other) == width(one) + width(other)


def _proper(text: str) -> Iterator[str]:
    for grapheme in wcwidth.iter_graphemes(text):
        if len(grapheme) == 1 and (grapheme.isascii() or width(grapheme)):
            yield grapheme
            continue
        proper = _few_marks(_emoji(grapheme))
        if proper and not width(proper[0]):
            based = _CIRCLE + proper
            alone = len(list(wcwidth.iter_graphemes(based))) == 1 and width(based) == 1
            proper = based if alone else _REPLACEMENT
        yield proper


def _emoji(grapheme: str) -> str:
    """Return a grapheme with its joiners and selectors if it is an emoji sequence, else without."""
    if not _Terminal.joins:
        return _apart(grapheme)
    if _JOINER not in grapheme and _EMOJI_STYLE not in grapheme:
        return grapheme
    parts = [part for part in grapheme.split(_JOINER) if part]
    kept = [_one_emoji(part) for part in parts]
    if len(parts) > 1:
        joined = [_one_emoji(part + _EMOJI_STYLE) for part in parts]
        if len(joined) <= _JOINED_MAX and all(map(_is_picture, joined)):
            return _JOINER.join(joined)
    return "".join(kept)


def _apart(grapheme: str) -> str:
    """Return what a terminal that joins nothing shows in as many columns as everybody counts."""
    if len(grapheme) == 1:
        return grapheme
    first = grapheme.partition(_JOINER)[0].replace(_EMOJI_STYLE, "")
    return first[:1] + _SKIN_TONES.sub("", first[1:])


def _one_emoji(part: str) -> str:
    """Return a part between joiners with the selector where it changes the width, nowhere else."""
    bare = part.replace(_EMOJI_STYLE, "")
    if not bare:
        return ""
    styled = bare[0] + _EMOJI_STYLE + bare[1:]
    if _EMOJI_STYLE in part and not bare.isascii() and len(bare) == 1:
        return styled if width(bare) == 1 and width(styled) == 2 else bare
    if bare[1:] == _KEYCAP and bare[0] in "0123456789#*":
        return styled
    return bare


def _is_picture(part: str) -> bool:
    return width(part) == 2 and unicodedata.category(part[0]) in {"So", "Sm", "Po", "Cn"}


def _few_marks(grapheme: str) -> str:
    if len(grapheme) <= MARKS_MAX + 1:
        return grapheme
    kept: list[str] = []
    marks = 0
    for char in grapheme:
        marks = marks + 1 if unicodedata.category(char).startswith("M") else 0
        if marks <= MARKS_MAX:
            kept.append(char)
    return "".join(kept)


@lru_cache(maxsize=4096)
def _width(text: str) -> int:
    return wcwidth.width(text, control_codes="ignore")


def width(text: str) -> int:
    """Return how many columns one line of clean text takes, as urwid counts them."""
    if text.isascii() and text.isprintable():
        return len(text)
    return _width(text)


def graphemes(text: str) -> list[str]:
    """Return what a reader sees as one character each; joined they are the text again."""
    if text.isascii():
        return list(text)  # CR LF would be one, but no text that is edited or shown has a CR
    return list(wcwidth.iter_graphemes(text))


def clip(text: str, columns: int, *, ellipsis: str = ELLIPSIS) -> str:
    """Return the text, or its beginning with an ellipsis, in at most so many columns.

    Nothing is cut in two: where a wide character does not fit, the result is a column shorter.
    """
    if width(text) <= columns:
        return text
    room = columns - width(ellipsis)
    if room < 0:
        return ""
    kept: list[str] = []
    for grapheme in graphemes(text):
        room -= width(grapheme)
        if room < 0:
            break
        kept.append(grapheme)
    return "".join(kept) + ellipsis


def pad(text: str, columns: int) -> str:
    """Return the text clipped and filled with spaces to exactly so many columns."""
    clipped = clip(text, columns)
    return clipped + " " * (columns - width(clipped))


def styled(text: str, *, lines: bool = False) -> list[tuple[str, frozenset[str]]]:
    """Return a message as pieces of clean text, each with its styles.

    The styles are ``bold``, ``italic``, ``underline``, ``strike``, ``mono`` and ``reverse`` (modern
    clients' "IRC Formatting"). Colours are left out: only a theme knows what can be read on it.
    With ``lines``, a style ends with its line, as each line is a message of its own on the wire.
    """
    raw: list[tuple[str, frozenset[str]]] = []
    rows = _NEWLINES.sub("\n", text).split("\n") if lines else [text]
    for number, row in enumerate(rows):
        if number:
            _add(raw, "\n", PLAIN)
        styles: frozenset[str] = PLAIN
        at = 0
        for match in STYLE_CODES.finditer(row):
            _add(raw, row[at : match.start()], styles)
            at = match.end()
            code = match[0][0]
            if code == "\x0f":
                styles = PLAIN
            elif code in _TOGGLES:
                styles ^= {_TOGGLES[code]}
        _add(raw, row[at:], styles)
    pieces = ((clean(piece, lines=lines), styles) for piece, styles in raw)
    return [(piece, styles) for piece, styles in pieces if piece]


def _add(pieces: list[tuple[str, frozenset[str]]], piece: str, styles: frozenset[str]) -> None:
    if piece and pieces and pieces[-1][1] == styles:
        pieces[-1] = (pieces[-1][0] + piece, styles)
    elif piece:
        pieces.append((piece, styles))
