"""What each command and numeric of the server means: one table, with how much each must carry.

Pure; the counterpart of :mod:`~securechat.client.state.state`, which looks the rows up. The
parameters are those of the Modern IRC Client Protocol ("Numerics", "Channel Operations") and of the
IRCv3 specifications that the state names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from securechat.client import events
from securechat.client.events import Event
from securechat.client.state.login import WANTED, request_lines
from securechat.client.state.profiles import read_marked, read_unread, told_profile
from securechat.protocol.message import Message
from securechat.protocol.names import fold

if TYPE_CHECKING:
    from securechat.client.state.state import ClientState


# Marks the WHO by which this client learns of a channel's members.
_SURVEY = "57"


def _on_ping(state: ClientState, message: Message, time: datetime) -> list[Event]:
    state.outgoing.append(Message("PONG", message.params[-1:]))
    return []


def _on_pong(state: ClientState, message: Message, time: datetime) -> list[Event]:
    state.pong = message.params[-1]
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
        for name in names:
            state.offered.pop(name, None)
    elif subcommand == "NEW":
        offered = {name.partition("=")[0] for name in names} - state.capabilities - {"sasl"}
        state.offered.update(
            (name, value) for name, _, value in (item.partition("=") for item in names)
        )
        state.outgoing += request_lines(name for name in WANTED if name in offered)
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
        if "WHOX" in state.isupport:
            state.surveys.add(fold(name))
            state.outgoing.append(Message("WHO", (name, f"%tcnfar,{_SURVEY}")))
    account, real_name = message.params[1:3] if len(message.params) > 2 else ("", "")
    state.channels.add(name, nick, "" if account == "*" else account, real_name)
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
    if state.is_channel(target) and len(message.params) > 1:
        _roles(state, target, message.params[1], message.params[2:])
    return [events.ModeChanged(time=time, target=target, modes=modes, by=message.nick)]


def _roles(state: ClientState, channel: str, changes: str, params: Sequence[str]) -> None:
    """Note the roles that a change of modes gives and takes (Modern IRC, "MODE message")."""
    letters, _, signs = state.isupport.get("PREFIX", "(ohv)@%+").removeprefix("(").partition(")")
    by_letter = dict(zip(letters, signs, strict=False))
    lists, always, when_set, *_ = [*state.isupport.get("CHANMODES", "").split(","), "", "", ""]
    given, left = True, list(params)
    for letter in changes:
        if letter in "+-":
            given = letter == "+"
            continue
        takes = letter in by_letter or letter in lists + always or (given and letter in when_set)
        param = left.pop(0) if takes and left else ""
        if letter in by_letter and param:
            state.channels.give_mode(channel, param, by_letter[letter], given=given, order=signs)


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
    state.channels.learn(message.nick, away=text is not None)
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
    mask = fold(message.params[1])
    if mask in state.surveys:
        state.surveys.remove(mask)
        channel = state.channels.get(mask)
        return [events.MembersChanged(time=time, channel=channel.name)] if channel else []
    people, state.who = tuple(state.who), []
    return [events.WhoReply(time=time, mask=message.params[1], people=people)]


def _on_survey(state: ClientState, message: Message, time: datetime) -> list[Event]:
    # RPL_WHOSPCRPL as it was asked for: mark, channel, nick, flags, account, real name
    _, mark, _, nick, flags, account, real_name = message.params[:7]
    if mark == _SURVEY:
        state.channels.learn(
            nick,
            away=flags.startswith("G"),
            bot=state.isupport.get("BOT", " ") in flags[1:],
            account="" if account == "0" else account,
            real_name=real_name,
        )
    return []


def _on_rename(state: ClientState, message: Message, time: datetime) -> list[Event]:
    old, new = message.params[:2]
    reason = message.params[2] if len(message.params) > 2 else ""
    return state.renamed(old, new, time, message.nick, reason)


def _on_setname(state: ClientState, message: Message, time: datetime) -> list[Event]:
    news = state.channels.learn(message.nick, real_name=message.params[0])
    return [events.MembersChanged(time=time, channel=channel) for channel in news]


def _on_marked(state: ClientState, message: Message, time: datetime) -> list[Event]:
    return read_marked(message, time)


def _on_unread(state: ClientState, message: Message, time: datetime) -> list[Event]:
    counted = read_unread(state, message, time)
    return [counted] if counted is not None else []


def _on_metadata(state: ClientState, message: Message, time: datetime) -> list[Event]:
    # target, key, visibility, and the value where there is one
    target, key = message.params[:2]
    value = message.params[3] if len(message.params) > 3 else None
    return told_profile(state, target, key, value, time)


def _on_key_value(state: ClientState, message: Message, time: datetime) -> list[Event]:
    return told_profile(state, message.params[1], message.params[2], message.params[4], time)


def _on_key_not_set(state: ClientState, message: Message, time: datetime) -> list[Event]:
    return told_profile(state, message.params[1], message.params[2], None, time)


def _on_online(state: ClientState, message: Message, time: datetime) -> list[Event]:
    return _presence(message, time, online=True)


def _on_offline(state: ClientState, message: Message, time: datetime) -> list[Event]:
    return _presence(message, time, online=False)


def _presence(message: Message, time: datetime, *, online: bool) -> list[Event]:
    nicks = [one.partition("!")[0] for one in message.params[1].split(",")]
    return [events.PresenceChanged(time=time, nick=nick, online=online) for nick in nicks]


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
    "354": Row(7, _on_survey),
    "353": Row(4, _on_names),
    "366": Row(2, _on_names_end),
    "372": Row(1, _on_motd),
    "376": Row(0, _on_motd_end),
    "422": Row(0, _on_motd_end),
    "730": Row(2, _on_online),
    "731": Row(2, _on_offline),
    "761": Row(5, _on_key_value),
    "766": Row(3, _on_key_not_set),
    "AWAY": Row(0, _on_away),
    "CAP": Row(3, _on_capability),
    "ERROR": Row(1, _on_error),
    "INVITE": Row(2, _on_invite),
    "JOIN": Row(1, _on_join),
    "KICK": Row(2, _on_kick),
    "MARKREAD": Row(2, _on_marked),
    "METADATA": Row(3, _on_metadata),
    "MODE": Row(1, _on_mode),
    "NICK": Row(1, _on_nick),
    "NOTE": Row(1, _on_standard_note),
    "PART": Row(1, _on_part),
    "PING": Row(1, _on_ping),
    "PONG": Row(1, _on_pong),
    "QUIT": Row(0, _on_quit),
    "RENAME": Row(2, _on_rename),
    "SETNAME": Row(1, _on_setname),
    "TOPIC": Row(2, _on_topic),
    "UNREAD": Row(3, _on_unread),
    "WARN": Row(1, _on_standard_note),
}
