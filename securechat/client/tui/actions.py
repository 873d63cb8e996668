"""What each key does: one handler for each action of the table in ``keys``.

Which handler a key has depends on where one is: a message is chosen, or something is typed.
What lies over the screen has the keys to itself.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import trio

from securechat.client.tui import (
    choosing,
    completing,
    doing,
    filtering,
    helpscreen,
    keeping,
    memberlist,
    switcher,
    talk,
)
from securechat.client.tui.inputline import About

if TYPE_CHECKING:
    from securechat.client.tui.app import App

Handler = Callable[["App"], None]
LEAVE_SECONDS = 2.0

# What overlays call the keys that the table gives them.
POPUP = {"popup.up": "up", "popup.down": "down", "popup.take": "enter", "popup.close": "esc"}


def press(app: App, key: str) -> None:
    """Do what a key means."""
    chosen = bool(app.view.log.selected)
    action = app.keymap.action(key, "select" if chosen else "input")
    if action != "clear":
        app.cleared_at = float("-inf")  # to leave, it is to be pressed twice in a row
    if action is not None:
        if not completing.press(app, action):
            HANDLERS[action](app)
    elif not chosen and key.isprintable() and (len(key) == 1 or not key.isascii()):
        app.editor.insert(key)
    else:
        return
    if action is None or action.startswith(("edit.", "history.", "newline", "clear")):
        if action != "clear":
            app.view.hint = ""  # it was about what has changed now
        completing.changed(app)
        talk.typed(app)


# --- going --------------------------------------------------------------------------------------


def _switcher(app: App) -> None:
    app.show(switcher.switcher(app.model, app.go, app.uncover))


def _neighbour(step: int, app: App) -> None:
    app.go(app.model.neighbour(step).name)


def _number(number: int, app: App) -> None:
    ordered = app.model.ordered()
    if number <= len(ordered):
        app.go(ordered[number - 1].name)


def _unread(app: App) -> None:
    there = app.model.next_active()
    if there is None:
        app.hint("Nothing is unread.")
    else:
        app.go(there.name)


def _back(app: App) -> None:
    if app.model.previous in app.model.conversations:
        app.go(app.model.conversations[app.model.previous].name)


def _mute(app: App) -> None:
    keeping.set_mute(app, app.here, muted=not app.here.muted)


# --- reading ------------------------------------------------------------------------------------


def _page(pages: float, app: App) -> None:
    app.here.cleared = app.here.cleared and pages > 0
    app.view.log.page(app.here, pages)


def _start(app: App) -> None:
    app.view.log.to_top(app.here)


def to_now(app: App) -> None:
    """Go to the latest message."""
    app.here.detached = None
    app.view.log.to_bottom()


def _first_unread(app: App) -> None:
    if app.here.unread_from:
        app.view.log.to_entry(app.here, app.here.unread_from)
    else:
        app.hint("Nothing was unread here.")


def _read(app: App) -> None:
    """Step back from whatever one is in, and at last mark everything as read."""
    here = app.here
    if app.view.input.about.pop(here.key, None) is not None:
        app.editor.clear()
        talk.typed(app)
    elif app.view.members.filter:
        filtering.end(app, clear=True)
    elif here.detached is not None or app.view.log.anchor is not None:
        to_now(app)
    else:
        here.closed()
        talk.mark_read(app, here)


def _select(app: App) -> None:
    if app.view.log.select(app.here, 0) is None:
        app.hint("There is no message to choose.")


# --- writing ------------------------------------------------------------------------------------


def _send(app: App) -> None:
    doing.submit(app)


def _newline(app: App) -> None:
    app.editor.insert("\n")


def _clear(app: App) -> None:
    now = trio.current_time()
    if app.editor.text or app.here.key in app.view.input.about:
        app.editor.clear()
        app.view.input.about.pop(app.here.key, None)
    elif now - app.cleared_at < LEAVE_SECONDS:
        app.leave()
    else:
        app.cleared_at = now
        app.hint(f"{app.keymap.key('clear')} once more leaves.")


def _emoji(app: App) -> None:
    app.show(choosing.emoji("Emoji", app.editor.insert, app.uncover))


def _edit(name: str, app: App) -> None:
    getattr(app.editor, name)()


# --- a chosen message ---------------------------------------------------------------------------


def _move(step: int, app: App) -> None:
    app.view.log.select(app.here, step)


def _deselect(app: App) -> None:
    app.view.log.selected = app.view.log.marked = 0


def _reply(app: App) -> None:
    entry = app.view.log.entry(app.here)
    if entry is None or not entry.msgid or entry.redacted:
        app.hint("That message cannot be answered.")
        return
    app.view.input.about[app.here.key] = About("reply", entry)
    _deselect(app)


def _react(app: App) -> None:
    here, entry = app.here, app.view.log.entry(app.here)
    if entry is None or not entry.msgid or entry.redacted:
        app.hint("Nobody can react to that.")
        return
    app.show(
        choosing.emoji("React with", lambda sign: talk.react(app, here, entry, sign), app.uncover)
    )


def _change(app: App) -> None:
    entry = app.view.log.entry(app.here)
    if entry is None or not entry.own or entry.redacted or entry.state == "pending":
        app.hint("Only your own messages can be edited.")
        return
    what = "resend" if entry.state == "failed" else "edit"
    app.view.input.about[app.here.key] = About("resend" if what == "resend" else "edit", entry)
    app.editor.set(entry.text)
    _deselect(app)


def _delete(app: App) -> None:
    here, entry = app.here, app.view.log.entry(app.here)
    if entry is None:
        return
    if entry.state == "failed":
        talk.discard(app, here, entry)
        _deselect(app)
    elif entry.msgid and not entry.redacted:
        app.show(choosing.deletion(entry, lambda: talk.redact(app, here, entry), app.uncover))


def _resend(app: App) -> None:
    entry = app.view.log.entry(app.here)
    if entry is None or entry.state != "failed":
        app.hint("Only what failed can be sent again.")
        return
    _deselect(app)
    talk.resend(app, app.here, entry)


def _copy(app: App) -> None:
    chosen = app.view.log.chosen(app.here)
    if len(chosen) == 1:
        choosing.copy(app, chosen[0].text)
    elif chosen:
        told = [f"{one.sender}: {one.text}" for one in chosen if not one.redacted]
        choosing.copy(app, "\n".join(told))
        _deselect(app)


def _mark(app: App) -> None:
    """Choose from here on, or only one message again."""
    log = app.view.log
    log.marked = 0 if log.marked else log.selected
    if log.marked:
        app.hint("The arrows choose more from here on.")


def _open(app: App) -> None:
    choosing.link(app, choosing.open_link)


def _copy_link(app: App) -> None:
    choosing.link(app, choosing.copy)


# --- screen -------------------------------------------------------------------------------------


def _help(app: App) -> None:
    app.show(helpscreen.HelpView(app.keymap, app.uncover))


def _sidebar(app: App) -> None:
    keeping.change(app, sidebar=not app.options.sidebar)


def _members(app: App) -> None:
    filtering.end(app, clear=True)
    if app.view.people_wanted():
        wish = "never"
    else:
        # As it was at first, if that shows the list in a window of this width.
        wish = "auto" if memberlist.width(app.view.size[0], "auto") else "always"
    keeping.change(app, member_list=wish)


def _filter(app: App) -> None:
    if app.here.kind != "channel":
        app.hint("There are no members here: go to a channel first.")
    elif not filtering.begin(app):
        doing.names(app, app.here.name)


def _reconnect(app: App) -> None:
    app.client.retry_now()


def _redraw(app: App) -> None:
    app.screen.clear()


def _suspend(app: App) -> None:
    """Stop the process as the terminal's own Ctrl-Z does: the screen restores the terminal."""
    os.kill(os.getpid(), signal.SIGTSTP)


def _quit(app: App) -> None:
    app.leave()


_EDITS = (
    "left right word_left word_right line_start line_end backspace delete kill_word_rubout "
    "kill_word_back kill_word kill_to_start kill_to_end yank yank_pop transpose undo redo"
)

HANDLERS: dict[str, Handler] = {
    "switcher": _switcher,
    "conversation.next": partial(_neighbour, 1),
    "conversation.previous": partial(_neighbour, -1),
    "conversation.unread": _unread,
    "conversation.back": _back,
    **{f"conversation.{n}": partial(_number, n) for n in range(1, 10)},
    "conversation.mute": _mute,
    "log.page_up": partial(_page, -1),
    "log.page_down": partial(_page, 1),
    "log.start": _start,
    "log.end": to_now,
    "log.unread": _first_unread,
    "search": talk.search,
    "select": _select,
    "read": _read,
    "send": _send,
    "newline": _newline,
    "complete": completing.forward,
    "complete.back": completing.backward,
    "history.up": partial(_edit, "up"),
    "history.down": partial(_edit, "down"),
    "clear": _clear,
    "emoji": _emoji,
    **{f"edit.{name}": partial(_edit, name) for name in _EDITS.split()},
    "select.up": partial(_move, -1),
    "select.down": partial(_move, 1),
    "select.reply": _reply,
    "select.react": _react,
    "select.edit": _change,
    "select.delete": _delete,
    "select.resend": _resend,
    "select.mark": _mark,
    "select.copy": _copy,
    "select.open": _open,
    "select.copy_link": _copy_link,
    "select.leave": _deselect,
    "help": _help,
    "sidebar": _sidebar,
    "members": _members,
    "members.filter": _filter,
    "reconnect": _reconnect,
    "redraw": _redraw,
    "suspend": _suspend,
    "quit": _quit,
}
