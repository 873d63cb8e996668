"""What roles and surfaces look like on this terminal: a theme, in as many colours as there are."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import urwid

from securechat.client.tui.capable import background, theme_name
from securechat.client.tui.draw import Runs, runs
from securechat.client.tui.themes import AUTO, Theme, load

Colors = Literal[1, 16, 88, 256, 16777216]

_KEPT_MAX = 5_000
_ROWS_KEPT_MAX = 1_000  # some screens full: a key changes few of their rows


class Palette:
    """A theme on a terminal with so many colours. ``runs`` are what rows become in it."""

    def __init__(self, theme: Theme, colors: Colors) -> None:
        self.theme = theme
        self.colors = colors
        self.runs: Runs = lru_cache(maxsize=_ROWS_KEPT_MAX)(partial(runs, self.attribute))
        self._known: dict[tuple[str, str, str], Hashable] = {}

    def attribute(self, role: str, surface: str, link: str) -> Hashable:
        """Return what urwid draws a role on a surface with, linked to an address.

        Behind a plus sign, a role may have attributes in urwid's words: ``text+bold,italics``.
        """
        key = (role, surface, link)
        found = self._known.get(key)
        if found is None:
            if len(self._known) > _KEPT_MAX:
                self._known.clear()
            found = self._known[key] = self._made(role, surface, link)
        return found

    def _made(self, role: str, surface: str, link: str) -> urwid.AttrSpec:
        role, _, more = role.partition("+")
        colors = 16 if self.colors == 88 else self.colors
        foreground, background = self.theme.look(role, surface, colors)
        attributes = dict.fromkeys((*foreground.split(","), *filter(None, more.split(","))))
        return urwid.AttrSpec(",".join(attributes), background, colors, hyperlink=link or None)


class Looks:
    """Which theme a wish means: ``auto`` is one that fits the terminal's background.

    ``reply`` is what the terminal answered when it was asked for that, ``folder`` has the person's
    own themes.
    """

    def __init__(
        self, environ: Mapping[str, str], reply: bytes = b"", folder: Path | None = None
    ) -> None:
        self.folder = folder
        self._environ = environ
        self._reply = reply

    def theme(self, wish: str) -> Theme:
        """Return the theme. Raises ``ThemeError``."""
        return load(theme_name(wish, self._environ, self._reply), self.folder)

    def ours(self) -> Theme:
        """Return the automatic theme that comes with the program."""
        return load(theme_name(AUTO, self._environ, self._reply))

    def background_is(self, *, dark: bool) -> None:
        """Take it that the terminal's colours changed."""
        self._reply = background(dark)
