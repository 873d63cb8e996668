"""The client's events, put into the model. Pure: one function for each kind of event.

``apply`` returns the entries that somebody should be told of: mentions and private messages,
never what is looked at, old or muted.
"""

from __future__ import annotations

from securechat.client import events
from securechat.client.events import Event, Said
from securechat.client.tui import changes, replies
from securechat.client.tui.conversation import Conversation, Entry, Kind, entry_of
from securechat.client.tui.model import SERVER, Model
from securechat.protocol.names import fold


def apply(model: Model, event: Event, now: float) -> tuple[Conversation, Entry] | None:
    """Take one event. ``now`` is in seconds of the program's clock."""
    model.changed()
    match event:
        case events.Said():
            return _said(model, event)
        case events.Connected():
            model.connection.host = event.host
            model.connection.security = event.security
        case events.LoggedIn():
            model.connection.up = True
            model.connection.retry_at = None
            model.connection.network = event.network
            if event.nick != model.nick:
                model.rename_self(event.nick)
        case events.CaughtUp():
            model.connection.catching_up = False
        case events.Disconnected():
            # Before the first login there is nothing to catch up with.
            model.connection.catching_up |= model.connection.up
            model.connection.up = False
            model.connection.reason = event.reason
            model.connection.retry_at = None if event.retry_in is None else now + event.retry_in
            for one in model.conversations.values():
                one.typing.clear()
                one.online = None  # nobody tells any more
        case events.HistoryGap(conversation=name, text=text):
            _note(model.open(name), event, f"Messages may be missing here: {text}", "error")
        case _:
            if not changes.apply(model, event, now):
                _people(model, event)
    return None


def _said(model: Model, said: Said) -> tuple[Conversation, Entry] | None:
    conversation = model.open(said.conversation)
    mention = is_mention(model, said)
    entry = entry_of(said, mention=mention)
    placed = conversation.insert(entry) if said.history else conversation.append(entry)
    if not placed:
        return None
    if conversation.key != model.current or model.at_bottom:
        conversation.trim()
    if said.own:
        conversation.echoed(said.text)
        return None
    conversation.typing.pop(fold(said.sender), None)
    looking = conversation.key == model.current and model.focused and model.at_bottom
    if looking or said.history:
        return None
    if conversation.key == model.current and not conversation.unread:
        conversation.unread_from = entry.number
    conversation.unread += 1
    conversation.mentions += mention
    if conversation.muted or not (mention or conversation.kind == "person"):
        return None
    return conversation, entry


def is_mention(model: Model, said: Said) -> bool:
    """Tell whether a message names this person, or a word to look out for."""
    return not said.own and (said.mention or model.mentions(said.text))


def _note(conversation: Conversation, event: Event, text: str, kind: Kind = "event") -> None:
    conversation.append(Entry(kind, event.time, text))


def _people(model: Model, event: Event) -> None:
    match event:
        case events.Joined(channel=name, own=True):
            conversation = model.open(name)
            conversation.here = True
            if not model.chosen and model.here.kind == "server":
                model.current = conversation.key
        case events.Joined(channel=name, nick=nick):
            model.open(name).presence(event.time, "joined", nick)
        case events.Parted(channel=name, own=True):
            model.close(name)
        case events.Parted(channel=name, nick=nick):
            model.open(name).presence(event.time, "left", nick)
        case events.Quitted(nick=nick, channels=names):
            for name in names:
                model.open(name).presence(event.time, "quit", nick)
        case events.Kicked(channel=name, nick=nick, by=by, reason=reason, own=own):
            conversation = model.open(name)
            because = f": {reason}" if reason else ""
            whom = "you" if own else nick
            conversation.here = conversation.here and not own
            _note(conversation, event, f"{by} removed {whom} from {name}{because}")
        case events.Renamed(old=old, new=new, own=own):
            _renamed(model, event, old, new, own=own)
        case events.TopicChanged(channel=name, topic=topic, by=by):
            conversation = model.open(name)
            conversation.topic = topic
            if by:
                text = f"{by} set the topic: {topic}" if topic else f"{by} took the topic away"
                _note(conversation, event, text)
        case events.Invited(channel=name, nick=nick, by=by, own=own):
            text = f"{by} invited you to {name}: /join {name}" if own else f"{by} invited {nick}"
            _note(model.here if own else model.open(name), event, text)
        case events.AwayChanged(nick=nick, text=text, own=own):
            if own:
                model.away = text
            elif (person := model.get(nick)) is not None:
                person.away = text
        case _:
            _server(model, event)


def _renamed(model: Model, event: Event, old: str, new: str, *, own: bool) -> None:
    if own:
        model.rename_self(new)
    person = model.conversations.pop(fold(old), None)
    if person is not None and person.kind == "person":
        person.name = new
        model.conversations[fold(new)] = person
        if model.current == fold(old):
            model.current = fold(new)
    for channel in model.channels():
        if fold(new) in channel.members:
            _note(model.open(channel.name), event, f"{old} is now {new}")


def _server(model: Model, event: Event) -> None:
    match event:
        case events.ServerNotice(text=text):
            _note(model.open(SERVER), event, text, "server")
            if model.current != SERVER:
                model.open(SERVER).unread += 1
        case events.Motd(lines=lines):
            _note(model.open(SERVER), event, "\n".join(lines), "server")
        case events.WhoReply(mask=mask, people=people):
            rows = [
                f"{one.nick}{f' ({one.real_name})' if one.real_name else ''}"
                f"{', away' if one.away else ''}"
                for one in people
            ]
            _note(model.here, event, "\n".join(rows) or f"Nobody fits {mask}.")
        case events.ModeChanged(target=target, modes=modes, by=by):
            conversation = model.get(target)
            if conversation is not None:
                _note(conversation, event, f"{by} set the modes {modes}")
        case events.Reply():
            replies.take(model, event)
        case events.Failed(text=text, what=what, code=code):
            if code not in ("NOT_SENT", "NOT_CONFIRMED"):
                about = f"{what}: " if what else ""
                _note(model.here, event, f"{about}{text}", "error")
