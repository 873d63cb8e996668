"""What the screen does with the server: saying, changing, loading, marking as read."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import trio

from securechat.client.errors import (
    HistoryUnavailable,
    NoAnswer,
    NotConfirmed,
    NotSent,
    Refused,
    SearchFailed,
)
from securechat.client.events import Said
from securechat.client.methods.speech import Saying
from securechat.client.tui.conversation import Conversation, Entry, entry_of
from securechat.client.tui.intake import is_mention
from securechat.client.tui.notify import BELL, Heard, in_tmux, notification, way, words
from securechat.client.tui.searchview import SearchView

if TYPE_CHECKING:
    from securechat.client.tui.app import App

HISTORY_PAGE = 50
CONTEXT = 60
PEOPLE_MAX = 15
TYPING_PAUSE_SECONDS = 5.0


# --- saying -----------------------------------------------------------------------------------


def say(
    app: App,
    conversation: Conversation,
    text: str,
    *,
    action: bool = False,
    notice: bool = False,
    reply_to: str = "",
) -> None:
    """Say something; it is shown as pending until the server has stored it."""
    try:
        saying = app.client.speak(
            conversation.name, text, action=action, notice=notice, reply_to=reply_to
        )
    except (ValueError, NotSent) as error:
        app.complain(f"Not sent: {error}.")
        return
    entry = app.model.waiting(conversation, text, app.now(), action=action, reply_to=reply_to)
    conversation.detached = None
    app.view.log.to_bottom()
    app.start(_settle, app, conversation, entry, saying)


async def _settle(app: App, conversation: Conversation, entry: Entry, saying: Saying) -> None:
    try:
        # No deadline: a line typed without a connection waits for one, for its person to see.
        await saying.receipt(float("inf"))
    except NotSent as error:
        # The log says itself that it was not sent, and to whom.
        reason = str(error) if isinstance(error, NotConfirmed) else error.text
        app.model.settled(conversation, entry, reason)
        key = app.keymap.key("select")
        app.hint(f"Not sent: {key} chooses it, to send it again or edit it.")
    else:
        app.model.settled(conversation, entry)


def resend(app: App, conversation: Conversation, entry: Entry) -> None:
    """Say a message that failed once more."""
    discard(app, conversation, entry)
    say(app, conversation, entry.text, action=entry.action, reply_to=entry.reply_to)


def discard(app: App, conversation: Conversation, entry: Entry) -> None:
    """Take away a message that failed."""
    if entry in conversation.outbox:
        conversation.outbox.remove(entry)
    conversation.touch()
    app.touch()


def edit(app: App, conversation: Conversation, entry: Entry, text: str) -> None:
    """Give a message another text."""
    app.start(_try, app, app.client.edit, conversation.name, entry.msgid, text)


def redact(app: App, conversation: Conversation, entry: Entry, reason: str = "") -> None:
    """Delete a message."""
    app.start(_try, app, app.client.redact, conversation.name, entry.msgid, reason)


def react(app: App, conversation: Conversation, entry: Entry, text: str) -> None:
    """React to a message, or take that reaction back."""
    nicks = entry.reactions.get(text, ())
    own = any(nick.lower() == app.client.nick.lower() for nick in nicks)
    what = app.client.unreact if own else app.client.react
    app.start(_try, app, what, conversation.name, entry.msgid, text)


async def _try(app: App, what: Callable[..., Awaitable[object]], *args: object) -> None:
    """Do something that the server may refuse."""
    try:
        await what(*args)
    except (Refused, NoAnswer, ValueError) as error:
        app.complain(str(error))


# --- typing -----------------------------------------------------------------------------------


def typed(app: App) -> None:
    """Tell that something is being typed, or that nothing is any more."""
    conversation = app.here
    if not app.options.typing or conversation.kind == "server":
        return
    text = app.view.input.editor(conversation).text
    command = text.startswith("/") and not text.startswith("//")
    app.client.typing(conversation.name, "active" if text and not command else "done")
    app.typed_at = trio.current_time() if text else None


def pause_typing(app: App, now: float) -> None:
    """Tell that somebody stopped typing, after some seconds."""
    if app.typed_at is not None and now - app.typed_at > TYPING_PAUSE_SECONDS:
        app.typed_at = None
        if app.options.typing and app.here.kind != "server":
            app.client.typing(app.here.name, "paused")


def stop_typing(app: App) -> None:
    """Tell that nothing is being typed here any more."""
    if app.typed_at is not None:
        app.typed_at = None
        app.client.typing(app.here.name, "done")


# --- reading ----------------------------------------------------------------------------------


def mark_read(app: App, conversation: Conversation) -> None:
    """Note, here and at the server, that the bottom of a conversation was seen."""
    if conversation.unread:
        conversation.read()
        app.touch()
    newest = conversation.newest
    if conversation.kind == "server" or newest is None or newest.time <= conversation.told_read:
        return
    conversation.told_read = newest.time
    app.client.mark_read(conversation.name, newest.time)


def want_older(app: App, conversation: Conversation) -> None:
    """Load what was said before, where there may be some and nobody does."""
    if (
        conversation.kind == "server"
        or conversation.whole
        or conversation.loading
        or conversation.cleared
    ):
        return
    if not app.client.connected:
        return
    conversation.loading = True
    if conversation.detached:
        app.start(_load_earlier, app, conversation, conversation.detached)
    else:
        app.start(_load_older, app, conversation)


async def _load_older(app: App, conversation: Conversation) -> None:
    before = conversation.oldest
    try:
        page = await app.client.history(conversation.name, limit=HISTORY_PAGE, before=before)
    except HistoryUnavailable:
        conversation.whole = app.client.connected
    else:
        entries = [entry_of(said, mention=is_mention(app.model, said)) for said in page]
        if before:
            conversation.prepend(entries)
        else:
            for entry in entries:
                conversation.insert(entry)
        conversation.whole = len(page) < HISTORY_PAGE
        conversation.place_line()
    finally:
        conversation.loading = False
        app.touch()


def want_newer(app: App, conversation: Conversation) -> None:
    """Go on, where one reads a part of the past, towards what is said now."""
    part = conversation.detached
    if not part or conversation.loading or not app.client.connected:
        return
    conversation.loading = True
    app.start(_load_newer, app, conversation, part)


async def _load_newer(app: App, conversation: Conversation, part: list[Entry]) -> None:
    last = part[-1]
    try:
        page = await app.client.history(conversation.name, limit=HISTORY_PAGE, after=last.msgid)
    except HistoryUnavailable:
        page = ()
    finally:
        conversation.loading = False
    if conversation.detached is not part:
        return
    part += [entry_of(said, mention=is_mention(app.model, said)) for said in page]
    if len(page) < HISTORY_PAGE and app.client.connected:
        # This is what is said now: the same message, among all the others from here on.
        conversation.detached = None
        now = conversation.find(last.msgid)
        if now is not None and conversation.key == app.model.current:
            app.view.log.keep(last.number, now.number)
    app.touch()


async def _load_earlier(app: App, conversation: Conversation, part: list[Entry]) -> None:
    try:
        page = await app.client.history(conversation.name, limit=HISTORY_PAGE, before=part[0].msgid)
    except HistoryUnavailable:
        page = ()
    finally:
        conversation.loading = False
    part[0:0] = [entry_of(said, mention=is_mention(app.model, said)) for said in page]
    app.touch()


async def load_people(app: App) -> None:
    """List the people talked with last."""
    try:
        found = await app.client.conversations()
    except HistoryUnavailable:
        return
    people = [one for one in found if not one.channel and one.latest is not None]
    for one in people[:PEOPLE_MAX]:
        conversation = app.model.open(one.name)
        conversation.active = max(conversation.active, one.latest or conversation.active)


def jump(app: App, said: Said) -> None:
    """Go to where something was said."""
    app.go(said.conversation)
    app.start(_jump, app, app.here, said.msgid)


async def _jump(app: App, conversation: Conversation, msgid: str) -> None:
    entry = conversation.find(msgid)
    if entry is None or entry not in conversation.entries:
        try:
            page = await app.client.history(conversation.name, limit=CONTEXT, around=msgid)
        except HistoryUnavailable as error:
            app.complain(str(error))
            return
        conversation.detached = [entry_of(one, mention=is_mention(app.model, one)) for one in page]
        entry = next((one for one in conversation.detached if one.msgid == msgid), None)
    if entry is not None and conversation.key == app.model.current:
        app.view.log.jump(entry.number)
        app.touch()


def search(app: App, query: str = "") -> None:
    """Open the search."""

    def start(words: str) -> None:
        app.start(_search, app, view, words)

    view = SearchView(start, lambda said: jump(app, said), app.uncover, app.now)
    app.show(view)
    if query:
        view.ask(query)


async def _search(app: App, view: SearchView, words: str) -> None:
    try:
        hits = await app.client.search(words)
    except SearchFailed as error:
        view.failed(words, str(error))
    else:
        view.found(words, hits)
    app.touch()


# --- being told -------------------------------------------------------------------------------


def notify(app: App, conversation: Conversation, entry: Entry) -> None:
    """Tell somebody who looks elsewhere of a mention or a private message."""
    if not app.options.notifications or app.model.focused:
        return
    heard = Heard(
        conversation.name,
        entry.sender,
        entry.text,
        mention=entry.mention,
        direct=conversation.kind == "person",
    )
    if not app.notifier.wants(heard, trio.current_time()):
        return
    sequence = notification(way(os.environ), *words(heard), tmux=in_tmux(os.environ))
    if not app.options.bell:
        sequence = sequence.removesuffix(BELL)
    app.screen.say(sequence.decode())
