"""Pictures of a terminal's screen, as SVG: what pyte holds, cell by cell, in a window's frame.

SVG because it is text: it is sharp at any size, small, and a change of it can be read. Nothing in
it is fetched from anywhere; the letters are those of the reader's monospaced font, each run
stretched to its cells.
"""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import NamedTuple

import pyte
from pyte.screens import Char
from wcwidth import wcwidth

CELL_WIDTH, CELL_HEIGHT = 8.4, 18
_BASELINE = 13.5
_PADDING, _TITLE_HEIGHT = 12, 34
_FONT = "'JetBrains Mono','DejaVu Sans Mono',Menlo,Consolas,monospace"
_WIDE_FONT = "'Apple Color Emoji','Segoe UI Emoji','Noto Color Emoji'," + _FONT
_NAMED = {
    "black": "#1c1f26",
    "red": "#e06c75",
    "green": "#98c379",
    "brown": "#e5c07b",
    "blue": "#61afef",
    "magenta": "#c678dd",
    "cyan": "#56b6c2",
    "white": "#c8ccd4",
}
"""The eight colours by pyte's names for them; its bright ones but black are the same here."""


class _Look(NamedTuple):
    ink: str
    ground: str
    bold: bool
    italics: bool
    underlined: bool
    struck: bool


def draw(screen: pyte.Screen, title: str, ink: str = "#d8dee9", ground: str = "#14171d") -> str:
    """Return the picture; ``ink`` and ``ground`` stand for the terminal's own two colours."""
    width = screen.columns * CELL_WIDTH + 2 * _PADDING
    height = screen.lines * CELL_HEIGHT + _TITLE_HEIGHT + _PADDING
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    name = f'fill="{ink}" fill-opacity=".7" text-anchor="middle">{escape(title)}'
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        f"<style>text{{font:14px {_FONT};white-space:pre}}.w{{font-family:{_WIDE_FONT}}}</style>",
        f'<rect width="{width:g}" height="{height:g}" rx="9" fill="{ground}"/>',
        *(
            f'<circle cx="{20 + 20 * place}" cy="17" r="6" fill="{colour}"/>'
            for place, colour in enumerate(("#e0645c", "#e0b252", "#5fb35f"))
        ),
        f'<text x="{width / 2:g}" y="21.5" {name}</text>',
    ]
    for row in range(screen.lines):
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        out += _row(cells, row * CELL_HEIGHT + _TITLE_HEIGHT, ink, ground)
    return "\n".join([*out, "</svg>", ""])


def _row(cells: list[Char], top: float, ink: str, ground: str) -> list[str]:
    grounds: list[str] = []
    letters: list[str] = []
    column = 0
    for look, run in groupby(cells, key=lambda cell: _look(cell, ink, ground)):
        group = list(run)
        left = _PADDING + column * CELL_WIDTH
        if look.ground != ground:
            grounds.append(
                f'<rect x="{left:.1f}" y="{top:g}" width="{len(group) * CELL_WIDTH + 0.3:.1f}"'
                f' height="{CELL_HEIGHT}" fill="{look.ground}" shape-rendering="crispEdges"/>'
            )
        letters += _letters(group, left, top, look)
        column += len(group)
    return grounds + letters


def _letters(cells: list[Char], left: float, top: float, look: _Look) -> list[str]:
    """Return the texts of a run: words of narrow letters together, each wide one by itself."""
    out: list[str] = []
    texts: list[tuple[int, str]] = []  # the column in the run, and the letters
    joins = False
    for column, cell in enumerate(cells):
        wide = len(cell.data) > 1 or (bool(cell.data) and wcwidth(cell.data) != 1)
        if not cell.data.strip() and not look.underlined and not look.struck:
            joins = False
        elif wide or not joins:
            texts.append((column, cell.data))
            joins = not wide
        else:
            texts[-1] = (texts[-1][0], texts[-1][1] + cell.data)
    style = (
        (' font-weight="bold"' if look.bold else "")
        + (' font-style="italic"' if look.italics else "")
        + (' text-decoration="underline"' if look.underlined else "")
        + (' text-decoration="line-through"' if look.struck else "")
    )
    for column, text in texts:
        kind = ' class="w"' if wcwidth(text[0]) == 2 else ""
        stretch = f' textLength="{len(text) * CELL_WIDTH:.1f}"' if text.isascii() else ""
        out.append(
            f'<text x="{left + column * CELL_WIDTH:.1f}" y="{top + _BASELINE:g}"'
            f' fill="{look.ink}"{style}{stretch}{kind}>{escape(text)}</text>'
        )
    return out


def _look(cell: Char, ink: str, ground: str) -> _Look:
    front, back = _colour(cell.fg, ink), _colour(cell.bg, ground)
    if cell.reverse:
        front, back = back, front
    return _Look(front, back, cell.bold, cell.italics, cell.underscore, cell.strikethrough)


def _colour(name: str, default: str) -> str:
    if name == "default":
        return default
    if name == "brightblack":
        return "#7c828e"
    return _NAMED.get(name.removeprefix("bright")) or f"#{name}"
