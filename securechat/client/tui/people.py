"""People: the names they give themselves, and whether they are here.

A *display name* is what an account tells of itself (metadata ``display-name``). Anybody may take
anybody's, so it never stands in the place of a nick, only behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from securechat.client.errors import NoAnswer, Refused
from securechat.client.tui.text import clean, clip
from securechat.errors import ConnectionLost
from securechat.protocol.names import fold

if TYPE_CHECKING:
    from securechat.client.tui.app import App

KEY = "display-name"
COLUMNS_MAX = 40
WATCHED_MAX = 100
"""What servers let a session monitor at least; ours does by default."""
_WATCHING = "extended-monitor"

Presence = Literal["", "online", "away", "offline"]
"""Whether somebody is here; an empty text where that is not known."""


def display_name(nick: str, profile: Mapping[str, str]) -> str:
    """Return the name that somebody gave themselves; empty where it says no more than the nick."""
    name = " ".join(clean(profile.get(KEY, "")).split())
    return "" if fold(name) == fold(clean(nick)) else clip(name, COLUMNS_MAX)


async def learn_names(app: App) -> None:
    """Be told the display names from now on, by a server that has them."""
    try:
        await app.client.subscribe(KEY)
    except (Refused, NoAnswer):
        pass  # then nicks are all there is; after a break the client asks by itself


async def call_oneself(app: App, name: str) -> None:
    """Take a display name, or none."""
    try:
        await app.client.set_profile(KEY, name or None)
    except (Refused, NoAnswer) as error:
        app.complain(str(error))
    else:
        app.hint(f"Others see the name {clean(name)} with yours." if name else "It is gone.")


def watch(app: App) -> None:
    """Be told when the people one talks with come and go, as many as a server allows.

    Of others the channels tell.
    """
    room = WATCHED_MAX - len(app.watched)
    if _WATCHING not in app.client.offered or room <= 0:
        return
    people = {key: one for key, one in app.model.conversations.items() if one.kind == "person"}
    if people.keys() <= app.watched:
        return
    new = [key for key in people if key not in app.watched][:room]
    app.watched.update(new)
    try:
        app.client.watch(*(people[key].name for key in new))
    except ConnectionLost:
        pass  # the client does it by itself when the connection is back
