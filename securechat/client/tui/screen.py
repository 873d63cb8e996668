"""The terminal: which colours it has, what is switched on there, and that all of it is undone.

urwid's screen does the work. What it asks the terminal for is forced here, because a terminal
multiplexer may not answer: pasted text comes as such, and the terminal says when it has the focus.
Ctrl-C comes as a key. Ctrl-Z stays with the terminal: urwid restores it before the process stops.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TextIO

import urwid

Colors = int


def colors_of(wish: str, environ: Mapping[str, str]) -> int | None:
    """Return how many colours to use; ``None`` leaves it to what the terminal is known for.

    ``wish`` is the setting. ``NO_COLOR`` (https://no-color.org) wins over ``auto`` alone.
    """
    fixed = {"none": 1, "16": 16, "256": 256, "24bit": 2**24}
    if wish in fixed:
        return fixed[wish]
    return 1 if environ.get("NO_COLOR") else None


class Screen(urwid.display.raw.Screen):
    """A terminal, as the full-screen client needs it."""

    def __init__(self, stdin: TextIO, stdout: TextIO, colors: str = "auto") -> None:
        super().__init__(stdin, stdout, bracketed_paste_mode=True, focus_reporting=True)
        wanted = colors_of(colors, os.environ)
        self.set_terminal_properties(
            colors=wanted or self.colors,  # type: ignore[arg-type]
            hyperlinks=True,
        )

    def _start(self, alternate_buffer: bool = True, *args: Any, **kwargs: Any) -> None:
        super()._start(alternate_buffer, *args, **kwargs)
        self.tty_signal_keys(intr="undefined", quit="undefined")  # stop() restores all there was

    def say(self, sequence: str) -> None:
        """Send a sequence of the program's own, such as a notification."""
        if self._started:
            self.write(sequence)
            self.flush()
