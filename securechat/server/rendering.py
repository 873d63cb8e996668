"""From an event to the bytes that a session is sent, once for each shape.

A *shape* is the set of capabilities, as bits, that changes what a line looks like. Tags follow
the IRCv3 specifications ``server-time``, ``message-ids``, ``account-tag`` and ``message-tags``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from securechat.protocol.capabilities import (
    ACCOUNT_TAG,
    BATCH,
    EXTENDED_JOIN,
    MESSAGE_TAGS,
    SERVER_TIME,
)
from securechat.protocol.durations import format_duration
from securechat.protocol.message import format_tags
from securechat.store.contract import Event

SHAPE_MASK = MESSAGE_TAGS | SERVER_TIME | ACCOUNT_TAG | EXTENDED_JOIN

_TEXT_ALWAYS = frozenset({"PRIVMSG", "NOTICE", "TOPIC", "SETNAME", "WALLOPS", "KILL"})
_TEXT_IF_ANY = frozenset({"PART", "QUIT", "AWAY"})
# The text of these is the rest of their line as it stands.
_REST = frozenset({"KICK", "MODE", "RENAME"})


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def server_time(time_ms: int) -> str:
    """Return a time as ``server-time`` writes it: ``2026-11-22T20:26:00.123Z``."""
    seconds, milliseconds = divmod(time_ms, 1000)
    return f"{_second(seconds)}.{milliseconds:03}Z"


def parse_server_time(text: str) -> int:
    """Return milliseconds since 1970; raises ``ValueError``."""
    return round(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() * 1000)


def tags_for(event: Event, shape: int, batch: str = "") -> str:
    """Return an event's tags as they stand before its line, or nothing if there are none."""
    parts: list[str] = []
    if batch and shape & BATCH:
        parts.append(f"batch={batch}")
    if shape & SERVER_TIME:
        parts.append(f"time={server_time(event.time_ms)}")
    if shape & MESSAGE_TAGS and event.msgid:
        parts.append(f"msgid={event.msgid}")
    if shape & ACCOUNT_TAG and event.account:
        # Nicks are account names, so the source already spells the account.
        parts.append(f"account={event.source.partition('!')[0]}")
    if shape & MESSAGE_TAGS and event.tags:
        parts.append(format_tags(event.tags))
    return f"@{';'.join(parts)} " if parts else ""


def slow_mode_sentence(seconds: int) -> str:
    """Return what the members of a channel are told about its pace."""
    if not seconds:
        return "Slow mode is off"
    return f"Slow mode: one message in {format_duration(seconds)} for each of you"


def line_for(event: Event, text: str | None = None) -> str:
    """Return an event's line without its tags and without CR LF."""
    text = event.text if text is None else text
    if event.kind == "BAN":
        # The journal also has until when it holds; the wire's command is MODE.
        event = replace(event, kind="MODE")
        text = text.rpartition(" ")[0]
    elif event.kind == "SLOWMODE":
        event = replace(event, kind="NOTICE")
        text = slow_mode_sentence(int(text))
    parts = [f":{event.source}", event.kind]
    if event.kind == "INVITE":
        # What follows the nick in its text is for the journal.
        parts.append(event.text.partition(" ")[0])
    if event.target:
        parts.append(event.target)
    if event.kind in _REST:
        parts.append(text)
    # The text of a JOIN is for the journal; a TAGMSG has none, a PART and a QUIT need none.
    if event.kind in _TEXT_ALWAYS or (text and event.kind in _TEXT_IF_ANY):
        parts.append(f":{text}")
    return " ".join(parts)


def render(event: Event, shape: int) -> bytes:
    """Return the bytes for sessions of this shape."""
    return f"{tags_for(event, shape)}{line_for(event)}\r\n".encode()


def render_join(event: Event, shape: int, realname: str) -> bytes:
    """Return a JOIN's bytes, with account and realname where ``extended-join`` is known."""
    more = f" {event.source.partition('!')[0]} :{realname}" if shape & EXTENDED_JOIN else ""
    return f"{tags_for(event, shape)}{line_for(event)}{more}\r\n".encode()
