"""Typing at the list of members: it shows those who have these letters in their names.

While ``MemberList.typing``, keys go there first; what the table has for ``anywhere`` ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from securechat.client.tui import keeping, memberlist

if TYPE_CHECKING:
    from securechat.client.tui.app import App

ACTIONS = ("members.keep", "members.clear", "members.up", "members.down")
"""What the keys of the context ``members`` do; :func:`press` does it."""

_LETTERS_MAX = 64


def begin(app: App) -> bool:
    """Let the list be typed at, and show it if need be; ``False`` where there is no room for it."""
    view = app.view
    if app.here.kind != "channel" or not memberlist.width(view.size[0], "always"):
        return False
    if not view.people_wanted():
        keeping.change(app, member_list="always")
    view.members.typing = True
    keep, clear = app.keymap.key("members.keep"), app.keymap.key("members.clear")
    app.hint(f"Type a part of a name. {keep} keeps what is shown, {clear} shows all again.")
    return True


def end(app: App, *, clear: bool) -> None:
    """Go back to the input; ``clear`` shows everybody again."""
    members = app.view.members
    if members.typing:
        members.typing, app.view.hint = False, ""
    if clear:
        members.filter, members.top = "", 0


def press(app: App, key: str) -> bool:
    """Take a key that is typed at the list; ``False`` for all others, which end the typing."""
    members = app.view.members
    if not members.typing:
        return False
    if not app.view.people_wanted():  # folded away
        end(app, clear=True)
        return False
    match app.keymap.action(key, "members"):
        case "members.keep":
            end(app, clear=False)
        case "members.clear":
            end(app, clear=True)
        case "members.up":
            members.top = max(members.top - 1, 0)
        case "members.down":
            members.top += 1
        case None if key == "backspace":
            _set(app, members.filter[:-1])
        case None if key in ("ctrl u", "ctrl w"):
            _set(app, "")
        case None if key.isprintable() and (len(key) == 1 or not key.isascii()):
            _set(app, members.filter + key)
        case None:
            pass  # an arrow to the side, say
        case _:
            end(app, clear=False)
            return False
    return True


def paste(app: App, text: str) -> None:
    """Take pasted text as typed."""
    line = "".join(sign for sign in text if sign.isprintable())
    _set(app, app.view.members.filter + line)


def _set(app: App, text: str) -> None:
    app.view.members.filter, app.view.members.top = text[:_LETTERS_MAX], 0
