"""What a terminal can show: how many colours, and whether its background is dark. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from securechat.client.tui.colors import luminance
from securechat.client.tui.themes import TRUE_COLORS
from securechat.errors import ConfigError

ASK_BACKGROUND = b"\x1b]11;?\x1b\\"
"""Asks an xterm for its background; many terminals answer, some say nothing at all."""

_SETTINGS = {"none": 1, "16": 16, "256": 256, "truecolor": TRUE_COLORS}
_REPLY = re.compile(
    rb"\x1b\]11;(?:rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})(?:/[0-9a-fA-F]{1,4})?"
    rb"|#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2}))(?:\x07|\x1b\\|\x9c)"
)
# rxvt's numbers of colours that are dark; 7 and 15 are light greys, the bright ones light.
_DARK_NUMBERS = {*range(7), 8}


def color_count(env: Mapping[str, str], setting: str = "auto") -> int:
    """Return 1 (attributes only), 16, 256 or ``TRUE_COLORS``.

    ``setting`` is ``auto``, ``none``, ``16``, ``256`` or ``truecolor``, and wins unless it is
    ``auto``; then ``NO_COLOR`` (no-color.org: set and not empty) does. Raises ``ConfigError``.
    """
    if setting != "auto":
        if setting not in _SETTINGS:
            known = ", ".join(_SETTINGS)
            raise ConfigError(f"colors = {setting!r} is unknown: choose among auto, {known}.")
        return _SETTINGS[setting]
    term = env.get("TERM", "")
    if env.get("NO_COLOR") or term in {"dumb", "vt100", "vt220"} or term.endswith("-m"):
        return 1
    if env.get("COLORTERM", "").lower() in {"truecolor", "24bit"} or term.endswith("-direct"):
        return TRUE_COLORS
    if "kitty" in term or "ghostty" in term or term.startswith(("alacritty", "foot", "wezterm")):
        return TRUE_COLORS
    return 256 if "256color" in term else 16


def background_in(reply: bytes) -> tuple[int, int, int] | None:
    """Return the background that a terminal's answer names, as 8-bit values; ``None`` without one.

    Other input may stand before and after the answer, which is XParseColor's form or ``#rrggbb``.
    """
    match = _REPLY.search(reply)
    if match is None:
        return None
    parts = [part for part in match.groups() if part is not None]
    red, green, blue = (round(int(part, 16) * 255 / (16 ** len(part) - 1)) for part in parts)
    return red, green, blue


def background(dark: bool) -> bytes:
    """Return what a terminal with a dark background, or a light one, answers."""
    return b"\x1b]11;#%s\x1b\\" % (b"000000" if dark else b"ffffff")


def is_dark(env: Mapping[str, str], reply: bytes = b"") -> bool:
    """Tell whether the background is dark: by the answer, by ``COLORFGBG``, or as most are."""
    background = background_in(reply)
    if background is not None:
        return luminance(background) < 0.18
    number = env.get("COLORFGBG", "").rpartition(";")[2]
    return int(number) in _DARK_NUMBERS if number.isascii() and number.isdigit() else True


def theme_name(setting: str, env: Mapping[str, str], reply: bytes = b"") -> str:
    """Return the theme that a setting means: ``auto`` is ``dark`` or ``light``."""
    if setting != "auto":
        return setting
    return "dark" if is_dark(env, reply) else "light"
