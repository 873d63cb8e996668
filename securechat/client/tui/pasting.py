"""Pasted text: gathered between the terminal's brackets, and asked about where it has lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from securechat.client.tui import filtering
from securechat.client.tui.draw import Span
from securechat.client.tui.editor import as_input
from securechat.client.tui.overlays import Question
from securechat.client.tui.text import clean

if TYPE_CHECKING:
    from securechat.client.tui.app import App

_SIGNS = {"enter": "\n", "ctrl j": "\n", "tab": "\t", "ctrl m": "\n"}
_SILENT_SECONDS = 1.5
_PREVIEW = 8


class Pasting:
    """What is being pasted. An end that never comes is assumed after a second of silence."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._parts: list[str] | None = None
        self._last = 0.0

    def take(self, key: str) -> bool:
        """Take a key that belongs to a paste; ``False`` for all others."""
        if key == "begin paste":
            self._parts = []
            self._last = trio.current_time()
            return True
        if self._parts is None:
            return False
        self._last = trio.current_time()
        if key == "end paste":
            self._end()
        else:
            sign = _SIGNS.get(key, key)
            if sign in ("\n", "\t") or (
                sign.isprintable() and (len(sign) == 1 or not sign.isascii())
            ):
                self._parts.append(sign)
        return True

    def tick(self, now: float) -> None:
        """Note that time goes by."""
        if self._parts is not None and now - self._last > _SILENT_SECONDS:
            self._end()

    def _end(self) -> None:
        text = as_input("".join(self._parts or ()))
        self._parts = None
        app = self._app
        if app.view.overlay is not None:
            app.view.overlay.paste(text)
            return
        if app.view.members.typing:
            filtering.paste(app, text)
            return
        lines = text.strip("\n").split("\n")
        if len(lines) < 2:
            self._insert(text.rstrip("\n"))
            return
        whole = "\n".join(lines)
        shown = [clean(line) for line in lines[:_PREVIEW]]
        if len(lines) > _PREVIEW:
            shown.append("…")
        app.show(
            Question(
                f"Paste {len(lines)} lines?",
                [Span("\n".join(shown), "dim")],
                [
                    ("enter", "as they are", lambda: self._insert(whole)),
                    ("j", "joined to one", lambda: self._insert(" ".join(lines))),
                    ("esc", "not", lambda: None),
                ],
                app.uncover,
            )
        )

    def _insert(self, text: str) -> None:
        self._app.view.input.editor(self._app.here).insert(text)
        self._app.touch()
