"""What each command and numeric of the server means: one table, with how much each must carry.

Pure; the counterpart of :mod:`~securechat.client.state`, which looks the rows up. The parameters
are those of the Modern IRC Client Protocol ("Numerics", "Channel Operations") and of the IRCv3
specifications that the state names.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from securechat.client import events
from securechat.client.events import Event
from securechat.client.login import WANTED
from securechat.protocol.message import Message

if TYPE_CHECKING:
    from securechat.client.state import ClientState


def _on_ping(state: ClientState, message: Message, time: datetime) -> list[Event]:
    state.outgoing.append(Message("PONG", message.params[-1:]))
    return []


def _on_error(state: ClientState, message: Message, time: datetime) -> list[Event]:
    state.closing = message.params[0]
    return []


def _on_capability(state: ClientState, message: Message, time: datetime) -> list[Event]:
    subcommand, names = message.params[1].upper(), message.params[-1].split()
    if subcommand == "ACK":
        for name in names:
            if name.startswith("-"):
                state.capabilities.discard(name[1:])
            else:
                state.capabilities.add(name)
    elif subcommand == "DEL":
        state.capabilities.difference_update(names)
    elif subcommand == "NEW":
        offered = {name.partition("=")[0] for name in names} - state.capabilities - {"sasl"}
        wanted = [name for name in WANTED if name in offered]
        if wanted:
            state.outgoing.append(Message("CAP", ("REQ", " ".join(wanted))))
    return []


def _on_standard_note(state: ClientState, message: Message, time: datetime) -> list[Event]:
    return [events.ServerNotice(time=time, text=message.params[-1])]


def _on_welcome(state: ClientState, message: Message, time: datetime) -> list[Event]:
    state.nick = message.params[0]
    return []


def _on_isupport(state: ClientState, message: Message, time: datetime) -> list[Event]:
    for token in message.params[1:-1]:
        key, _, value = token.partition("=")
        if key.startswith("-"):
            state.isupport.pop(key[1:], None)
        else:
            state.isupport[key] = value
    return []


def _on_motd(state: ClientState, message: Message, time: datetime) -> list[Event]:
    state.motd.append(message.params[-1].removeprefix("- "))
    return []


def _note_time(state: ClientState, message: Message, time: datetime) -> None:
    """Note that the server's own clock has reached this time, where the message tells it."""
    if message.tags.get("time"):
        state.timeline.reached(time)


def _on_motd_end(state: ClientState, message: Message, time: datetime) -> list[Event]:
    out: list[Event] = []
    if not state.ready:
        state.ready = True
        _note_time(state, message, time)
        network = state.isupport.get("NETWORK", "")
        out.append(events.LoggedIn(time=time, nick=state.nick, network=network))
    if state.motd:
        out.append(events.Motd(time=time, lines=tuple(state.motd)))
        state.motd.clear()
    return out


def _on_join(state: ClientState, message: Message, time: datetime) -> list[Event]:
    name, nick = message.params[0], message.nick
    own = state.is_me(nick)
    if own:
        state.source = message.source or ""
        if state.channels.get(name) is not None:
            return []
        state.channels.enter(name)
        _note_time(state, message, time)
        state.timeline.open_now(name, time)
    state.channels.add(name, nick)
    return [events.Joined(time=time, channel=name, nick=nick, own=own)]


def _on_part(state: ClientState, message: Message, time: datetime) -> list[Event]:
    name, nick = message.params[0], message.nick
    reason = message.params[1] if len(message.params) > 1 else ""
    own = _left(state, name, nick)
    return [events.Parted(time=time, channel=name, nick=nick, reason=reason, own=own)]


def _on_kick(state: ClientState, message: Message, time: datetime) -> list[Event]:
    name, nick = message.params[0], message.params[1]
    reason = message.params[2] if len(message.params) > 2 else ""
    own, by = _left(state, name, nick), message.nick
    return [events.Kicked(time=time, channel=name, nick=nick, by=by, reason=reason, own=own)]


def _left(state: ClientState, name: str, nick: str) -> bool:
    state.channels.remove(name, nick)
    if not state.is_me(nick):
        return False
    state.channels.leave(name)
    state.timeline.forget(name)
    return True


def _on_quit(state: ClientState, message: Message, time: datetime) -> list[Event]:
    reason = message.params[0] if message.params else ""
    shared = state.channels.remove_everywhere(message.nick)
    return [events.Quitted(time=time, nick=message.nick, reason=reason, channels=shared)]


def _on_nick(state: ClientState, message: Message, time: datetime) -> list[Event]:
    old, new = message.nick, message.params[0]
    own = state.is_me(old)
    if own:
        state.nick = new
    state.channels.rename(old, new)
    return [events.Renamed(time=time, old=old, new=new, own=own)]


def _on_topic(state: ClientState, message: Message, time: datetime) -> list[Event]:
    return _topic(state, message.params[0], message.params[1], time, message.nick)


def _on_topic_is(state: ClientState, message: Message, time: datetime) -> list[Event]:
    return _topic(state, message.params[1], message.params[2], time, "")


def _on_no_topic(state: ClientState, message: Message, time: datetime) -> list[Event]:
    return _topic(state, message.params[1], "", time, "")


def _topic(state: ClientState, name: str, topic: str, time: datetime, by: str) -> list[Event]:
    channel = state.channels.get(name)
    if channel is not None:
        channel.topic = topic
    return [events.TopicChanged(time=time, channel=name, topic=topic, by=by)]


def _on_mode(state: ClientState, message: Message, time: datetime) -> list[Event]:
    target, modes = message.params[0], " ".join(message.params[1:])
    return [events.ModeChanged(time=time, target=target, modes=modes, by=message.nick)]


def _on_invite(state: ClientState, message: Message, time: datetime) -> list[Event]:
    nick, channel = message.params[0], message.params[1]
    own = state.is_me(nick)
    return [events.Invited(time=time, channel=channel, nick=nick, by=message.nick, own=own)]


def _on_names(state: ClientState, message: Message, time: datetime) -> list[Event]:
    state.channels.list_some(message.params[-2], message.params[-1])
    return []


def _on_names_end(state: ClientState, message: Message, time: datetime) -> list[Event]:
    channel = state.channels.list_end(message.params[1])
    if channel is None:
        return []
    return [events.Names(time=time, channel=channel.name, names=channel.names())]


def _on_away(state: ClientState, message: Message, time: datetime) -> list[Event]:
    text = message.params[0] if message.params else None
    own = state.is_me(message.nick)
    return [events.AwayChanged(time=time, nick=message.nick, text=text, own=own)]


def _on_away_reply(state: ClientState, message: Message, time: datetime) -> list[Event]:
    return [events.AwayChanged(time=time, nick=message.params[1], text=message.params[2])]


def _on_back(state: ClientState, message: Message, time: datetime) -> list[Event]:
    return [events.AwayChanged(time=time, nick=state.nick, text=None, own=True)]


def _on_gone(state: ClientState, message: Message, time: datetime) -> list[Event]:
    return [events.AwayChanged(time=time, nick=state.nick, text="", own=True)]


def _on_who(state: ClientState, message: Message, time: datetime) -> list[Event]:
    # RPL_WHOREPLY: channel, user name, host, server, nick, flags, "hops real name"
    _, channel, _, _, _, nick, flags, rest = message.params[:8]
    real_name = rest.partition(" ")[2]
    state.who.append(events.Person(nick, channel, flags.startswith("G"), real_name))
    return []


def _on_who_end(state: ClientState, message: Message, time: datetime) -> list[Event]:
    people, state.who = tuple(state.who), []
    return [events.WhoReply(time=time, mask=message.params[1], people=people)]


def _on_token(state: ClientState, message: Message, time: datetime) -> list[Event]:
    # A secret: it goes to whoever asked for it, and into no event.
    state.token_answers.append(tuple(message.params))
    return []


class Row(NamedTuple):
    """How many parameters it needs at least, and what is done with it."""

    params_min: int
    action: Callable[[ClientState, Message, datetime], list[Event]]


TABLE: dict[str, Row] = {
    "001": Row(1, _on_welcome),
    "005": Row(2, _on_isupport),
    "301": Row(3, _on_away_reply),
    "305": Row(0, _on_back),
    "306": Row(0, _on_gone),
    "315": Row(2, _on_who_end),
    "331": Row(2, _on_no_topic),
    "332": Row(3, _on_topic_is),
    "352": Row(8, _on_who),
    "353": Row(4, _on_names),
    "366": Row(2, _on_names_end),
    "372": Row(1, _on_motd),
    "376": Row(0, _on_motd_end),
    "422": Row(0, _on_motd_end),
    "AWAY": Row(0, _on_away),
    "CAP": Row(3, _on_capability),
    "ERROR": Row(1, _on_error),
    "INVITE": Row(2, _on_invite),
    "JOIN": Row(1, _on_join),
    "KICK": Row(2, _on_kick),
    "MODE": Row(1, _on_mode),
    "NICK": Row(1, _on_nick),
    "NOTE": Row(1, _on_standard_note),
    "PART": Row(1, _on_part),
    "PING": Row(1, _on_ping),
    "QUIT": Row(0, _on_quit),
    "TOKEN": Row(2, _on_token),
    "TOPIC": Row(2, _on_topic),
    "WARN": Row(1, _on_standard_note),
}
