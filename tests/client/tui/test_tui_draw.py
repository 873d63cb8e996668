"""Panels beside each other as one canvas: what urwid gets, whole and in parts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import urwid
from hypothesis import given
from hypothesis import strategies as st
from support.tui import utf8

from securechat.client.tui.draw import Block, Drawn, Row, Run, Span, canvas, runs, width_of
from securechat.client.tui.palette import Palette
from securechat.client.tui.themes import load

TEXTS = st.text("a b日本é🎉", max_size=9)
SPANS = st.lists(st.builds(Span, TEXTS, st.sampled_from(["text", "time"]), st.just("")), max_size=4)
ROWS = st.lists(
    st.builds(lambda spans, on: Row(tuple(spans), on), SPANS, st.sampled_from(["", "selected"])),
    max_size=5,
)


@pytest.fixture(autouse=True, scope="module")
def _utf8() -> Iterator[None]:
    with utf8():
        yield


def plain(role: str, surface: str, link: str) -> tuple[str, str, str]:
    return role, surface, link


def drawn(rows: list[Row], width: int) -> Drawn:
    panels = [Block(rows, width, "log"), Block([Row((Span("side"),))], 4, "panel")]
    return canvas(panels, 6, partial(runs, plain))


def columns_of(line: list[Run]) -> list[tuple[object, str]]:
    """Return what stands in each column, with its attribute."""
    signs: list[tuple[object, str]] = []
    for attribute, _, text in line:
        for sign in text.decode():
            signs += [(attribute, sign), *[(attribute, "")] * (width_of(sign) - 1)]
    return signs


@given(rows=ROWS, width=st.integers(1, 12))
def test_every_row_fills_its_panel(rows: list[Row], width: int) -> None:
    made = drawn(rows, width)
    assert (made.cols(), made.rows()) == (width + 4, 6)
    lines = list(made.content())
    assert len(lines) == 6
    for line, row in zip(lines, [*rows, *[Row(())] * 6], strict=False):
        assert len(columns_of(line)) == width + 4
        surface = row.surface or "log"
        assert {one for one, _ in columns_of(line)[:width]} <= {
            ("text", surface, ""),
            ("time", surface, ""),
        }


@given(
    rows=ROWS,
    width=st.integers(4, 12),
    left=st.integers(0, 8),
    top=st.integers(0, 3),
    over=st.integers(1, 8),
    high=st.integers(1, 3),
)
def test_what_lies_over_a_screen_leaves_the_rest_of_it(
    rows: list[Row], width: int, left: int, top: int, over: int, high: int
) -> None:
    """A pop-up covers what is under it and no more; a character that it cuts in two is a space."""
    under = drawn(rows, width)
    over = min(over, width + 4 - left) if left < width + 4 else 0
    if not over:
        return
    box = canvas(
        [Block([Row((Span("x" * over),))] * high, over, "popup")], high, partial(runs, plain)
    )
    lines = list(urwid.CanvasOverlay(box, under, left, top).content())
    for number, (before, after) in enumerate(zip(under.content(), lines, strict=True)):
        was, now = columns_of(before), columns_of(after)
        assert len(now) == len(was)
        if not top <= number < top + high:
            assert now == was
            continue
        assert now[left : left + over] == [(("text", "popup", ""), "x")] * over
        for at in (*range(left), *range(left + over, len(was))):
            assert now[at] == was[at] or now[at][1] == " "


def test_another_theme_has_other_colours_at_once() -> None:
    """Rows that were drawn before are drawn anew with ``/theme``."""
    panels = [Block([Row((Span("hello"),))], 9, "log")]
    dark, light = (
        list(canvas(panels, 1, Palette(load(name), 16777216).runs).content())
        for name in ("dark", "light")
    )
    assert dark != light
    assert columns_of(dark[0])[0][1] == columns_of(light[0])[0][1] == "h"
