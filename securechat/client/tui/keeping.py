"""Writes down what is changed while the program runs, for the next start: theme, settings, mutes.

Where it is written is the caller's business: ``save`` gets values by the names of ``Interface``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import trio

from securechat.client.tui.conversation import Conversation
from securechat.client.tui.text import clean
from securechat.errors import UserError
from securechat.protocol.names import fold

if TYPE_CHECKING:
    from securechat.client.tui.app import App

Save = Callable[..., None]
"""Writes values of ``[interface]`` down. Raises ``UserError``; may block."""


def keep(app: App, *names: str) -> None:
    """Write these options down as they are now. What fails is told in the log."""
    if app.save is not None:
        app.start(_keep, app, app.save, names)


async def _keep(app: App, save: Save, names: tuple[str, ...]) -> None:
    # Shielded: who sets something and leaves at once means it for the next start too. There is no
    # deadline, for the file is small and whoever holds its lock is writing as much.
    with trio.CancelScope(shield=True):
        async with app.saving:
            # Read only now, so that of two changes the later one is written last.
            values = {name: getattr(app.options, name) for name in names}
            try:
                await trio.to_thread.run_sync(partial(save, **values))
            except UserError as error:
                app.complain(f"This holds until you leave and no longer: {error}")


def change(app: App, **values: Any) -> None:
    """Set options by their names, now and for the next start; the values are allowed ones."""
    app.set_options(replace(app.options, **values))
    keep(app, *values)


def listed(names: tuple[str, ...], name: str, *, on: bool) -> tuple[str, ...]:
    """Return names with one more at the end, or without it, whatever its case."""
    others = tuple(one for one in names if fold(one) != fold(name))
    return (*others, name) if on else others


def set_mute(app: App, conversation: Conversation, *, muted: bool) -> None:
    """Let a conversation neither count nor notify, or undo that."""
    conversation.muted = muted
    _list(app, "mute", conversation.name, on=muted)
    app.hint(f"{clean(conversation.name)} is {'muted' if muted else 'not muted any more'}.")


def set_favourite(app: App, conversation: Conversation, *, favourite: bool) -> None:
    """Keep a conversation at the top of the list, or undo that."""
    conversation.favourite = favourite
    _list(app, "favourites", conversation.name, on=favourite)
    done = "a favourite now" if favourite else "no favourite any more"
    app.hint(f"{clean(conversation.name)} is {done}.")


def _list(app: App, what: Literal["mute", "favourites"], name: str, *, on: bool) -> None:
    names = listed(getattr(app.options, what), name, on=on)
    if what == "mute":
        app.options = replace(app.options, mute=names)
        app.model.mute = names
    else:
        app.options = replace(app.options, favourites=names)
        app.model.favourites = names
    keep(app, what)
