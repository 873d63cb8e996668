"""What a click and a turn of the wheel do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from securechat.client.tui import actions

if TYPE_CHECKING:
    from securechat.client.tui.app import App

_WHEEL = {4: -3, 5: 3}


def take(app: App, event: str, button: int, column: int, row: int) -> None:
    """Take what the mouse did, in urwid's words, at a column and a row of the screen."""
    view = app.view
    if not event.endswith("press") or view.overlay is not None:
        return
    step = _WHEEL.get(button)
    among_people = bool(view.people) and column >= view.size[0] - view.people
    if step is not None and among_people:
        view.members.top = max(view.members.top + step, 0)
    elif step is not None:
        app.here.cleared = app.here.cleared and step > 0
        view.log.scroll(app.here, step)
    elif button != 1:
        return
    elif column < view.log_left:
        keys = view.sidebar.keys
        if row < len(keys) and keys[row] in app.model.conversations:
            app.go(app.model.conversations[keys[row]].name)
    elif among_people:
        nicks = view.members.nicks
        if row < len(nicks) and nicks[row] and nicks[row] != app.model.nick:
            app.go(nicks[row])
    elif row == view.pill_row:
        actions.to_now(app)
