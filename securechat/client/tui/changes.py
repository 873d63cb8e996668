"""Events about messages and conversations that are there already, put into the model. Pure."""

from __future__ import annotations

from securechat.client import events
from securechat.client.events import Event
from securechat.client.tui.conversation import Entry
from securechat.client.tui.model import TYPING_SECONDS, Model
from securechat.protocol.names import fold


def apply(model: Model, event: Event, now: float) -> bool:
    """Take an event; ``False`` where it is of another kind."""
    match event:
        case events.Edited(conversation=name, msgid=msgid, text=text, own=own, mention=mention):
            if (conversation := model.get(name)) is not None:
                conversation.typing.pop(fold(event.sender), None)
                named = not own and (mention or model.mentions(text))
                conversation.edit(msgid, text, mention=named)
        case events.Redacted(conversation=name, msgid=msgid):
            if (conversation := model.get(name)) is not None:
                conversation.redact(msgid)
        case events.Reacted(
            conversation=name, msgid=msgid, text=text, nick=nick, removed=removed, change=change
        ):
            if (conversation := model.get(name)) is not None:
                conversation.react(msgid, text, nick, removed=removed, change=change)
        case events.Typing():
            _typing(model, event, now)
        case events.Marked(conversation=name, until=until):
            if (conversation := model.get(name)) is not None:
                conversation.read_until(until)
        case events.UnreadCounted():
            _counted(model, event)
        case events.ChannelRenamed():
            _renamed(model, event)
        case events.PresenceChanged(nick=nick, online=online):
            if (person := model.get(nick)) is not None and person.kind == "person":
                person.online = online
                person.away = person.away if online else None
        case events.ProfileChanged() | events.MembersChanged():
            pass  # the panels read these from the client when they are drawn
        case _:
            return False
    return True


def _typing(model: Model, event: events.Typing, now: float) -> None:
    conversation = model.get(event.conversation)
    if conversation is None:
        return
    if event.state == "active":
        conversation.typing[fold(event.nick)] = (event.nick, now + TYPING_SECONDS)
    else:
        conversation.typing.pop(fold(event.nick), None)


def _counted(model: Model, event: events.UnreadCounted) -> None:
    if not event.unread and model.get(event.conversation) is None:
        return
    conversation = model.open(event.conversation)
    conversation.unread = event.unread
    conversation.mentions = event.mentions
    if conversation.key == model.current and event.unread and not conversation.unread_from:
        conversation.opened()


def _renamed(model: Model, event: events.ChannelRenamed) -> None:
    conversation = model.conversations.pop(fold(event.old), None)
    if conversation is None:
        return
    conversation.name = event.new
    model.conversations[conversation.key] = conversation
    for place in ("current", "previous"):
        if getattr(model, place) == fold(event.old):
            setattr(model, place, conversation.key)
    by = f"{event.by} renamed" if event.by else "Renamed"
    because = f": {event.reason}" if event.reason else ""
    conversation.append(Entry("event", event.time, f"{by} {event.old} to {event.new}{because}"))
