"""Small things to choose: an emoji, a link, whether to delete; and what is done with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from securechat.client.tui import emojis, notify
from securechat.client.tui.conversation import Entry
from securechat.client.tui.draw import Span
from securechat.client.tui.inline import links
from securechat.client.tui.overlays import Chooser, Item, Question
from securechat.client.tui.text import clean

if TYPE_CHECKING:
    from securechat.client.tui.app import App

_EMOJI_MAX = 100
_COMMON = tuple(
    (name, sign)
    for number, (name, sign) in enumerate(emojis.COMMON.items())
    if sign not in list(emojis.COMMON.values())[:number]
)
_OPENERS = ("xdg-open", "open", "wslview")


def emoji(title: str, choose: Callable[[str], None], close: Callable[[], None]) -> Chooser:
    """Return a list of emoji; the common ones come first."""

    def find(query: str) -> list[Item]:
        found = emojis.search(query, _EMOJI_MAX) if query else _COMMON
        return [Item((Span(f"{sign}  "), Span(name, "dim")), (), sign) for name, sign in found]

    return Chooser(title, find, lambda sign: choose(str(sign)), close, prompt="its name", width=40)


def deletion(entry: Entry, delete: Callable[[], None], close: Callable[[], None]) -> Question:
    """Return the question whether a message is to be deleted."""
    return Question(
        "Delete this message for everybody?",
        [Span(clean(entry.text.replace("\n", " ")), "dim")],
        [("enter", "delete", delete), ("esc", "keep", lambda: None)],
        close,
        lines_max=4,
    )


def copy(app: App, text: str) -> None:
    """Give a text to the terminal's clipboard (OSC 52)."""
    sequence = notify.copy(clean(text, lines=True))
    if sequence is None:
        app.hint("That is more than a terminal's clipboard takes.")
        return
    app.screen.say(sequence.decode())
    app.hint("Copied.")


def link(app: App, use: Callable[[App, str], None]) -> None:
    """Do something with the link of the chosen message; ask which, where there are several."""
    entry = app.view.log.entry(app.here)
    found = links(entry.text) if entry is not None else []
    if not found:
        app.hint("There is no link in that message.")
    elif len(found) == 1:
        use(app, found[0])
    else:
        items = [Item((Span(one, "link"),), (), one) for one in found]
        app.show(
            Chooser(
                "Which link?",
                lambda query: [one for one in items if query in str(one.value)],
                lambda one: use(app, str(one)),
                app.uncover,
                width=90,
            )
        )


def open_link(app: App, address: str) -> None:
    """Have this machine open an address. Only addresses that ``inline`` finds come here."""
    opener = next((found for name in _OPENERS if (found := shutil.which(name))), None)
    browser = os.environ.get("BROWSER", "")
    if browser and shutil.which(browser):
        opener = shutil.which(browser)
    if opener is None or (sys.platform == "linux" and not browser and not _has_display()):
        copy(app, address)
        app.hint("There is no browser here: the link was copied.")
        return
    app.start(_open, app, opener, address)
    app.hint("Opening the link.")


def _has_display() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


async def _open(app: App, opener: str, address: str) -> None:
    # Its own session and no terminal: it must neither draw here nor end with the chat.
    try:
        await trio.run_process(
            [opener, address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, subprocess.CalledProcessError):
        copy(app, address)
        app.hint("The link could not be opened; it was copied.")
