r"""Events as lines of text for people, and as JSON objects for programs. Pure.

Nothing that came over the network reaches a terminal raw: :func:`visible` shows control
characters (C0, C1, DEL), what changes the direction of text, and line separators as signs, and
takes away the colours and styles that IRC clients put into messages. JSON is ASCII with escapes.

A JSON object has ``event`` (the kind), ``time`` (UTC, as in ``2026-01-31T12:00:00.000Z``) and:

================  ================================================================================
connected         ``host``, ``port``, ``security``
logged_in         ``nick``, ``network``
caught_up
disconnected      ``reason``, ``retry_in`` (seconds, or null when nothing is tried again)
said              ``conversation``, ``sender``, ``text`` (of several lines with LF between them),
                  ``kind`` (``privmsg`` or ``notice``), ``action``, ``own``, ``mention``, ``bot``,
                  ``history``, ``redacted`` (booleans), ``msgid``, ``account``, ``reply_to`` (a
                  msgid), ``edited`` (a time or null), ``reactions`` (objects: ``text``, ``nicks``)
edited            ``conversation``, ``msgid``, ``text``, ``sender``, ``own``, ``mention``,
                  ``history``, ``change`` (the msgid of the change itself)
redacted          ``conversation``, ``msgid``, ``by``, ``reason``, ``own``, ``history``, ``change``
reacted           ``conversation``, ``msgid``, ``text``, ``nick``, ``own``, ``removed`` (taken
                  back), ``history``, ``change``
typing            ``conversation``, ``nick``, ``state`` (``active``, ``paused`` or ``done``)
marked            ``conversation``, ``until`` (a time or null: up to where it is read)
unread_counted    ``conversation``, ``unread``, ``mentions``, ``most`` (as a count: or more)
history_gap       ``conversation``, ``text``
joined            ``channel``, ``nick``, ``own``
parted            ``channel``, ``nick``, ``reason``, ``own``
kicked            ``channel``, ``nick``, ``by``, ``reason``, ``own``
quitted           ``nick``, ``reason``, ``channels``
renamed           ``old``, ``new``, ``own``
channel_renamed   ``old``, ``new``, ``by``, ``reason``
profile_changed   ``target``, ``key``, ``value`` (null: told no more), ``own``
presence_changed  ``nick``, ``online``
members_changed   ``channel``
topic_changed     ``channel``, ``topic``, ``by`` (empty: learned, not changed just now)
mode_changed      ``target``, ``modes``, ``by``
names             ``channel``, ``names`` (each after its prefix)
away_changed      ``nick``, ``text`` (null: back), ``own``
invited           ``channel``, ``nick``, ``by``, ``own``
who_reply         ``mask``, ``people`` (objects: ``nick``, ``channel``, ``away``, ``real_name``)
server_notice     ``text``
motd              ``lines``
reply             ``code``, ``params``
failed            ``code``, ``text``, ``what``, ``command``
================  ================================================================================
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from datetime import datetime, tzinfo

from securechat.client import events
from securechat.client.events import Event
from securechat.client.state.timeline import wire_time
from securechat.protocol.names import fold

# Styles and colours of IRC clients (as modern clients' "IRC Formatting" describes them).
STYLE_CODES = re.compile(
    "\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?"  # colour by number
    "|\x04(?:[0-9a-fA-F]{6}(?:,[0-9a-fA-F]{6})?)?"  # colour by hex
    "|[\x02\x0f\x11\x16\x1d\x1e\x1f]"
)
_DANGEROUS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]"
)


def visible(text: str) -> str:
    """Return text that does nothing but show itself, on one line."""
    return _DANGEROUS.sub(_sign, STYLE_CODES.sub("", text))


def _sign(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number < 0x20:
        return chr(0x2400 + number)  # the control pictures: ␀, ␁, …
    return "␡" if number == 0x7F else f"<U+{number:04X}>"


def as_json(event: Event) -> str:
    """Return the event as one line of JSON."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    fields = asdict(event)
    del fields["time"]
    head = {"event": kind, "time": wire_time(event.time)}
    return json.dumps({**head, **fields}, default=_json_time)


def _json_time(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"no JSON for {value!r}")
    return wire_time(value)


def as_text(
    event: Event, *, current: str = "", zone: tzinfo | None = None, today: datetime
) -> list[str]:
    """Return the event as lines for people; none where there is nothing to say.

    ``current`` is the conversation that needs no naming. Times are shown in ``zone`` (``None`` is
    this machine's); what was not said on the day of ``today`` shows its date.
    """
    local = event.time.astimezone(zone)
    here = today.astimezone(zone)
    clock = f"{local:%H:%M}" if local.date() == here.date() else f"{local:%Y-%m-%d %H:%M}"
    return [f"{clock} {visible(line)}" for line in _lines(event, current)]


def _lines(event: Event, current: str) -> list[str]:
    match event:
        case events.Said():
            return _said(event, current)
        case events.Edited(sender=sender, text=text):
            return [
                f"-- {sender} edited{_where(event.conversation, current)}: {line}"
                for line in text.split("\n")
            ]
        case events.Redacted(by=by, reason=reason):
            where = _where(event.conversation, current)
            return [f"-- {by} removed a message{where}{_because(reason)}"]
        case events.Reacted(nick=nick, text=text):
            where = _where(event.conversation, current)
            return [f"-- {nick} {'took back' if event.removed else 'reacted with'} {text}{where}"]
        case events.ServerNotice(text=text):
            return [f"-- server: {text}"]
        case events.Motd(lines=lines):
            return [f"-- {line}" for line in lines]
        case events.Names(channel=channel, names=names):
            return [f"-- in {channel}: {', '.join(names)}"]
        case events.WhoReply(mask=mask, people=people):
            return [_person(person) for person in people] or [f"-- nobody fits {mask}"]
        case _:
            text = _sentence(event)
            return [f"-- {text}"] if text else []


def _where(conversation: str, current: str) -> str:
    return "" if fold(conversation) == fold(current) else f" in {conversation}"


def _said(event: events.Said, current: str) -> list[str]:
    """Return a message's lines; each begins with who said it, so that none can pose as another."""
    elsewhere = fold(event.conversation) != fold(current)
    where = f"[{event.conversation}] " if elsewhere else ""
    if event.action:
        name = f"* {event.sender}"
    else:
        name = f"-{event.sender}-" if event.kind == "notice" else f"<{event.sender}>"
    if event.reply_to:
        name += " (in reply)"
    if event.redacted:
        return [f"{where}{name} (this message was removed)"]
    lines = [f"{where}{name} {line}" for line in event.text.split("\n")]
    if event.edited is not None:
        lines[-1] += " (edited)"
    if event.reactions:
        counts = ", ".join(f"{one.text} {len(one.nicks)}" for one in event.reactions)
        lines[-1] += f" [{counts}]"
    return lines


def _person(person: events.Person) -> str:
    away = ", away" if person.away else ""
    name = f" ({person.real_name})" if person.real_name else ""
    return f"-- {person.nick}{name}{away}"


def _because(reason: str | None) -> str:
    return f" ({reason})" if reason else ""


def _sentence(event: Event) -> str:
    match event:
        case events.Connected(host=host, port=port, security=security):
            return f"connected to {host} port {port} ({security})"
        case events.LoggedIn(nick=nick, network=network):
            return f"logged in as {nick}{' on ' + network if network else ''}"
        case events.Disconnected(reason=reason, retry_in=None):
            return f"disconnected: {reason}"
        case events.Disconnected(reason=reason, retry_in=float() as seconds):
            return f"disconnected: {reason.rstrip('.')}; trying again in {math.ceil(seconds)} s"
        case events.CaughtUp():
            return "connected again, and up to date"
        case events.HistoryGap(conversation=conversation, text=text):
            return f"messages may be missing in {conversation}: {text}"
        case events.Joined(channel=channel, nick=nick):
            return f"{nick} joined {channel}"
        case events.Parted(channel=channel, nick=nick, reason=reason):
            return f"{nick} left {channel}{_because(reason)}"
        case events.Kicked(channel=channel, nick=nick, by=by, reason=reason):
            return f"{by} removed {nick} from {channel}{_because(reason)}"
        case events.Quitted(nick=nick, reason=reason):
            return f"{nick} is gone{_because(reason)}"
        case events.Renamed(old=old, new=new):
            return f"{old} is now {new}"
        case events.ChannelRenamed(old=old, new=new, by="", reason=reason):
            return f"{old} is now {new}{_because(reason)}"
        case events.ChannelRenamed(old=old, new=new, by=by, reason=reason):
            return f"{by} renamed {old} to {new}{_because(reason)}"
        case events.UnreadCounted(unread=0):
            return ""
        case events.UnreadCounted(conversation=conversation, unread=unread, mentions=mentions):
            count = f"{unread}+" if unread == event.most else f"{unread}"
            naming = f", {mentions} of them for you" if mentions else ""
            return f"{count} unread in {conversation}{naming}"
        case events.ProfileChanged(target=target, key=key, value=None):
            return f"{target} tells no {key} any more"
        case events.ProfileChanged(target=target, key=key, value=value):
            return f"{target} tells as {key}: {value}"
        case events.PresenceChanged(nick=nick, online=online):
            return f"{nick} is {'here' if online else 'not here'}"
        case events.TopicChanged(channel=channel, topic="", by=""):
            return f"{channel} has no topic"
        case events.TopicChanged(channel=channel, topic=topic, by=""):
            return f"topic of {channel}: {topic}"
        case events.TopicChanged(channel=channel, topic="", by=by):
            return f"{by} removed the topic of {channel}"
        case events.TopicChanged(channel=channel, topic=topic, by=by):
            return f"{by} set the topic of {channel}: {topic}"
        case events.ModeChanged(target=target, modes=modes, by=by):
            return f"{by} set mode {modes} on {target}"
        case events.AwayChanged(own=True, text=text):
            return "you are back" if text is None else f"you are away{_because(text)}"
        case events.AwayChanged(nick=nick, text=text):
            return f"{nick} is back" if text is None else f"{nick} is away{_because(text)}"
        case events.Invited(channel=channel, nick=nick, by=by):
            return f"{by} invited {nick} to {channel}"
        case events.Reply():
            return event.text
        case events.Failed(code="NOT_SENT" | "NOT_CONFIRMED", text=text):
            return text
        case events.Failed(text=text, what=what):
            return f"{what}: {text}" if what else text
    return ""
