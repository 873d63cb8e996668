"""Completion at the input: when the pop-up opens, and what its keys do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from securechat.client.tui.completion import Cycle, Sources, complete
from securechat.client.tui.options import SETTINGS
from securechat.client.tui.themes import names as theme_names

if TYPE_CHECKING:
    from securechat.client.tui.app import App


def _sources(app: App) -> Sources:
    model = app.model
    return Sources(
        nicks=partial(model.nicks, model.here),
        channels=[one.name for one in model.ordered() if one.kind == "channel"],
        themes=theme_names(app.looks.folder) if app.editor.text.startswith("/") else (),
        settings=SETTINGS,
    )


def changed(app: App) -> None:
    """Show what fits the text as it is now, where a pop-up opens by itself."""
    view, editor = app.view, app.editor
    found = None
    if editor.text:
        found = complete(editor.text, editor.cursor, _sources(app), asked=False)
    view.cycle = Cycle(editor.text, found) if found is not None and found.eager else None


def press(app: App, action: str) -> bool:
    """Take an action that means the pop-up while it is open; ``False`` for all others."""
    view = app.view
    if view.cycle is None:
        return False
    if action == "history.up":
        _put(app, *view.cycle.backward())
    elif action == "history.down":
        if view.cycle.chosen is None:
            _put(app, *view.cycle.take(0))
        else:
            _put(app, *view.cycle.forward())
    elif action == "read":
        view.cycle = None
    elif action in ("complete", "complete.back"):
        return False
    else:
        view.cycle = None
        return False
    return True


def forward(app: App) -> None:
    """Complete, or show the next candidate."""
    _step(app, back=False)


def backward(app: App) -> None:
    """Show the candidate before."""
    _step(app, back=True)


def _step(app: App, *, back: bool) -> None:
    view, editor = app.view, app.editor
    if view.cycle is None:
        found = complete(editor.text, editor.cursor, _sources(app))
        if found is None:
            return
        view.cycle = Cycle(editor.text, found)
    _put(app, *(view.cycle.backward() if back else view.cycle.forward()))
    if len(view.cycle.completion.candidates) == 1:
        view.cycle = None


def _put(app: App, text: str, cursor: int) -> None:
    if text != app.editor.text:
        app.editor.set(text)
    app.editor.move_to(cursor)
