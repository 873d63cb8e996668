"""Colours: contrast as the WCAG measure it, and what a terminal with fewer of them shows. Pure."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Mapping
from functools import lru_cache

Rgb = tuple[int, int, int]

_HEX = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", re.ASCII)
_CUBE = (0, 0x5F, 0x87, 0xAF, 0xD7, 0xFF)
# urwid's names of the sixteen, with xterm's values; people may have set others.
SIXTEEN: Mapping[str, Rgb] = {
    "black": (0, 0, 0),
    "dark red": (205, 0, 0),
    "dark green": (0, 205, 0),
    "brown": (205, 205, 0),
    "dark blue": (0, 0, 238),
    "dark magenta": (205, 0, 205),
    "dark cyan": (0, 205, 205),
    "light gray": (229, 229, 229),
    "dark gray": (127, 127, 127),
    "light red": (255, 0, 0),
    "light green": (0, 255, 0),
    "yellow": (255, 255, 0),
    "light blue": (92, 92, 255),
    "light magenta": (255, 0, 255),
    "light cyan": (0, 255, 255),
    "white": (255, 255, 255),
}
# The first sixteen of the 256 differ between terminals; these do not.
TWO_FIFTY_SIX: Mapping[str, Rgb] = {
    **{
        f"h{16 + 36 * r + 6 * g + b}": (_CUBE[r], _CUBE[g], _CUBE[b])
        for r in range(6)
        for g in range(6)
        for b in range(6)
    },
    **{f"h{232 + n}": (8 + 10 * n,) * 3 for n in range(24)},
}


def rgb(color: str) -> Rgb:
    """Return the values of ``#rrggbb``. Raises ``ValueError`` for anything else."""
    match = _HEX.fullmatch(color)
    if match is None:
        raise ValueError(f"{color!r} is not a colour like #1b2d3e")
    red, green, blue = (int(part, 16) for part in match.groups())
    return red, green, blue


def luminance(color: Rgb) -> float:
    """Return the relative luminance, 0 to 1 (WCAG 2.2)."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (part / 255 for part in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@lru_cache(maxsize=4096)
def nearest256(color: Rgb, background: Rgb | None = None, ratio: float = 1.0) -> str:
    """Return urwid's name of the nearest of the 240 that contrasts enough with a background."""
    return _nearest(color, TWO_FIFTY_SIX, background, ratio)


@lru_cache(maxsize=4096)
def nearest16(color: Rgb, background: Rgb | None = None, ratio: float = 1.0) -> str:
    """Return urwid's name of the nearest of the sixteen that contrasts enough with a background.

    A calm colour is nearest to a grey; so that it stays a colour, its hue is what counts.
    """
    if max(color) - min(color) < 40:
        return _nearest(color, SIXTEEN, background, ratio)
    vivid = {name: value for name, value in SIXTEEN.items() if len(set(value)) > 1}
    if background is not None and all(contrast(one, background) < ratio for one in vivid.values()):
        vivid = dict(SIXTEEN)
    hue = colorsys.hsv_to_rgb(colorsys.rgb_to_hsv(*(part / 255 for part in color))[0], 1, 0.9)
    pure = round(hue[0] * 255), round(hue[1] * 255), round(hue[2] * 255)
    return _nearest(pure, vivid, background, ratio)


def _nearest(color: Rgb, choices: Mapping[str, Rgb], background: Rgb | None, ratio: float) -> str:
    fitting = {
        name: value
        for name, value in choices.items()
        if background is None or contrast(value, background) >= ratio
    }
    return min(fitting, key=lambda name: _distance(color, fitting[name]))


def _distance(one: Rgb, other: Rgb) -> float:
    """Return how far apart two colours look: the "redmean" of compuphase.com/cmetric.htm."""
    mean = (one[0] + other[0]) / 2
    red, green, blue = (first - second for first, second in zip(one, other, strict=True))
    return (2 + mean / 256) * red**2 + 4 * green**2 + (2 + (255 - mean) / 256) * blue**2
