"""What roles and surfaces look like on this terminal."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Literal

import urwid

Colors = Literal[1, 16, 88, 256, 16777216]

DARK: Mapping[str, tuple[str, str]] = {
    # surfaces: only a background
    "log": ("", "#1b1d22"),
    "panel": ("", "#16181c"),
    "header": ("", "#1b1d22"),
    "status": ("", "#16181c"),
    "input": ("", "#262930"),
    "selected": ("", "#2c3039"),
    "mention": ("", "#232a3a"),
    "current": ("", "#282c35"),
    "popup": ("", "#22252c"),
    "popup.current": ("", "#333844"),
    "banner": ("", "#3a3122"),
    # roles
    "text": ("#d4d7de", ""),
    "time": ("#5d6371", ""),
    "mark": ("#6f7685", ""),
    "day": ("#868d9b,bold", ""),
    "day.line": ("#30343d", ""),
    "unread": ("#7fb0ff,bold", ""),
    "unread.line": ("#3b5482", ""),
    "bar": ("#7fb0ff", ""),
    "link": ("#8fb8f5,underline", ""),
    "code": ("#c9b48f", "#24262c"),
    "self": ("#7fb0ff,bold", ""),
    "mentioned": ("#b9c4d8", ""),
    "channel.link": ("#8fb8f5", ""),
    "placeholder": ("#626978", ""),
    "pending": ("#868d9b", ""),
    "failed": ("#d4d7de", ""),
    "notice": ("#a9afbb,italics", ""),
    "deleted": ("#5d6371,italics", ""),
    "event": ("#6f7685", ""),
    "server": ("#a9afbb", ""),
    "error": ("#f07f78,bold", ""),
    "error.text": ("#e2938d", ""),
    "quote": ("#868d9b", ""),
    "quote.bar": ("#4a505d", ""),
    "chip": ("#a9afbb", "#2a2d35"),
    "chip.own": ("#a9c8ff", "#2b3a55"),
    "nick.own": ("#e8eaef,bold", ""),
    "title": ("#f0f2f6,bold", ""),
    "topic": ("#868d9b", ""),
    "dim": ("#868d9b", ""),
    "faint": ("#4a505d", ""),
    "strong": ("#f0f2f6,bold", ""),
    "accent": ("#7fb0ff", ""),
    "accent.strong": ("#7fb0ff,bold", ""),
    "badge": ("#c9cdd6", "#363b46"),
    "badge.mention": ("#10131a,bold", "#7fb0ff"),
    "channel": ("#9aa1ae", ""),
    "channel.unread": ("#f0f2f6,bold", ""),
    "channel.muted": ("#565c69", ""),
    "heading": ("#6f7685,bold", ""),
    "good": ("#8fc98f", ""),
    "warn": ("#e5c07b", ""),
    "key": ("#c9cdd6", "#363b46"),
}
NICKS = (
    "#e5a3a3",
    "#e3b48a",
    "#d6c47f",
    "#aecb86",
    "#86cbaa",
    "#7fc7d3",
    "#8fb4ee",
    "#b0a4f0",
    "#d49fdc",
    "#e59fc0",
)


class Palette:
    """A theme on a terminal with so many colours."""

    def __init__(self, colors: Colors = 16777216) -> None:
        self.colors = colors
        self._roles = {**DARK, **{f"nick.{n}": (f"{c},bold", "") for n, c in enumerate(NICKS)}}
        self._known: dict[tuple[str, str, str], Hashable] = {}

    def attribute(self, role: str, surface: str, link: str) -> Hashable:
        """Return what urwid draws it with."""
        key = (role, surface, link)
        found = self._known.get(key)
        if found is None:
            role, _, styles = role.partition("+")
            foreground, own = self._roles[role]
            foreground = f"{foreground},{styles}" if styles else foreground
            background = own or self._roles[surface][1]
            found = urwid.AttrSpec(
                foreground,
                background,
                self.colors,
                hyperlink=link or None,
            )
            if len(self._known) > 5_000:
                self._known.clear()
            self._known[key] = found
        return found
