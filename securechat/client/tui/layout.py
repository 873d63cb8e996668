"""The rows in which an input is drawn. Pure."""

from __future__ import annotations

from typing import NamedTuple

from securechat.client.tui.text import clean, graphemes, width


class Visual(NamedTuple):
    """Rows of clean text, each of at most so many columns, and the cursor's row and column."""

    rows: tuple[str, ...]
    row: int
    column: int


class _Cell(NamedTuple):
    start: int  # the position in the text, in code points
    shown: str
    width: int


def lay_out(text: str, cursor: int, columns: int) -> Visual:
    """Return a text wrapped between words, and where the cursor at a position of it is drawn.

    The cursor stands within the columns too: after a full row it is at the start of the next one.
    A word longer than a row is cut. Fewer ``columns`` than 2 count as 2, for wide characters.
    """
    columns = max(columns, 2)
    rows: list[str] = []
    place = (0, 0)
    start = 0
    for line in text.split("\n"):
        cells = _cells(line, start)
        wrapped = _wrap(cells, columns)
        end = start + len(line)
        if start <= cursor <= end:
            place = _place(wrapped, cursor, len(rows), columns)
            if place[0] == len(rows) + len(wrapped):
                wrapped.append([])
        rows += ["".join(cell.shown for cell in row) for row in wrapped]
        start = end + 1
    return Visual(tuple(rows), *place)


def _cells(line: str, start: int) -> list[_Cell]:
    cells = []
    for one in graphemes(line):
        shown = clean(one)
        cells.append(_Cell(start, shown, width(shown)))
        start += len(one)
    return cells


def _wrap(cells: list[_Cell], columns: int) -> list[list[_Cell]]:
    rows: list[list[_Cell]] = [[]]
    room = columns
    for cell in cells:
        if cell.width > room:
            row = rows[-1]
            after_space = next((i for i in range(len(row), 0, -1) if row[i - 1].shown == " "), 0)
            if cell.shown == " " or not after_space:
                after_space = len(row)
            carried = row[after_space:]
            del row[after_space:]
            rows.append(carried)
            room = columns - sum(one.width for one in carried)
            if cell.width > room:  # what was carried and this one are wider than a row
                rows.append([])
                room = columns
        rows[-1].append(cell)
        room -= cell.width
    return rows


def _place(rows: list[list[_Cell]], cursor: int, above: int, columns: int) -> tuple[int, int]:
    for number, row in enumerate(rows):
        column = 0
        for cell in row:
            if cell.start >= cursor:
                return above + number, column
            column += cell.width
    last = sum(cell.width for cell in rows[-1])
    return (above + len(rows), 0) if last >= columns else (above + len(rows) - 1, last)
