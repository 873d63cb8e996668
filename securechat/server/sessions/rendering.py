"""From an event to the bytes that a session is sent, once for each shape.

A *shape* is the set of capabilities, as bits, that changes what a line looks like. Tags follow
the IRCv3 specifications ``server-time``, ``message-ids``, ``account-tag`` and ``message-tags``.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from securechat.protocol.capabilities import (
    ACCOUNT_TAG,
    BATCH,
    EXTENDED_JOIN,
    MESSAGE_TAGS,
    MULTILINE,
    SERVER_TIME,
    ZNC_PLAYBACK,
)
from securechat.protocol.durations import format_duration
from securechat.protocol.message import format_tags
from securechat.protocol.multiline import BATCH_TYPE, CONCAT_TAG, combined, is_multiline, pieces_of
from securechat.server.sessions.removal import Removal
from securechat.store.contract import Event

_AS_BATCH = MULTILINE | BATCH
SHAPE_MASK = MESSAGE_TAGS | SERVER_TIME | ACCOUNT_TAG | EXTENDED_JOIN

_TEXT_ALWAYS = frozenset({"PRIVMSG", "NOTICE", "TOPIC", "SETNAME", "WALLOPS", "KILL"})
_TEXT_IF_ANY = frozenset({"PART", "QUIT", "AWAY", "REDACT"})
_SAID = frozenset({"PRIVMSG", "NOTICE"})
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


def shape_of(enabled: int) -> int:
    """Return the shape of a session with these capabilities: multiline needs ``batch`` too.

    Clients with ZNC's playback go by the times of messages, and get them with that.
    """
    shape = enabled & SHAPE_MASK
    if enabled & ZNC_PLAYBACK:
        shape |= SERVER_TIME
    return shape | _AS_BATCH if enabled & _AS_BATCH == _AS_BATCH else shape


def tags_for(event: Event, shape: int, batch: str = "", *, context: bool = False) -> str:
    """Return an event's tags as they stand before its line, or nothing if there are none.

    ``context``: it was not asked for, and follows a message that it is about (chathistory).
    """
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
    if event.kind == "EDIT":
        parts.append(edit_tags(event.parent, event.text))
    if context:
        parts.append("draft/chathistory-context")
    return f"@{';'.join(parts)} " if parts else ""


def edit_tags(msgid: str, text: str) -> str:
    """Return the tags that an EDIT has besides those that every line may have."""
    return format_tags({"draft/target-msgid": msgid, "draft/edit-text": combined(text)})


def slow_mode_sentence(seconds: int) -> str:
    """Return what the members of a channel are told about its pace."""
    if not seconds:
        return "Slow mode is off"
    return f"Slow mode: one message in {format_duration(seconds)} for each of you"


def history_sentence(value: str) -> str:
    """Return what the members of a channel are told about its history: ``all`` or ``joined``."""
    if value == "all":
        return "History: members read all of it"
    return "History: members read from their last join on"


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
    elif event.kind == "HISTORY":
        event = replace(event, kind="NOTICE")
        text = history_sentence(text)
    elif event.kind == "RETENTION":
        # What comes before the sentence is for the journal.
        event = replace(event, kind="NOTICE")
        text = text.split(" ", 2)[2]
    parts = [f":{event.source}", event.kind]
    if event.kind == "INVITE":
        # What follows the nick in its text is for the journal.
        parts.append(event.text.partition(" ")[0])
    if event.target:
        parts.append(event.target)
    if event.kind == "REDACT":
        parts.append(event.parent)
        # What comes before the reason is for the notice to who knows no REDACT.
        text = Removal.from_text(text).reason
    if event.kind in _REST:
        parts.append(text)
    # The text of a JOIN is for the journal; a TAGMSG has none, a PART and a QUIT need none.
    if event.kind in _TEXT_ALWAYS or (text and event.kind in _TEXT_IF_ANY):
        parts.append(f":{text}")
    return " ".join(parts)


def lines_for(event: Event, shape: int, batch: str = "", *, context: bool = False) -> list[str]:
    """Return all the lines of an event, with tags, without CR LF; in ``batch`` if that is given.

    A message of several lines is a batch of its own where these are known, and else its lines as
    they were composed, without blank ones; the first has the tags (multiline, "Fallback").
    """
    if not (is_multiline(event.text) and event.kind in _SAID):
        return [tags_for(event, shape, batch, context=context) + line_for(event)]
    first = tags_for(event, shape, batch, context=context)
    if shape & _AS_BATCH == _AS_BATCH:
        inner = secrets.token_hex(4)
        outer = f"@batch={batch} " if batch else ""
        start = f"{first}:{event.source} BATCH +{inner} {BATCH_TYPE} {event.target}"
        return [
            start,
            *(
                f"@batch={inner}{f';{CONCAT_TAG}' if piece.goes_on else ''} "
                f"{line_for(event, piece.text)}"
                for piece in pieces_of(event.text)
            ),
            f"{outer}:{event.source} BATCH -{inner}",
        ]
    more = tags_for(replace(event, msgid="", tags={}), shape, batch, context=context)
    texts = [piece.text for piece in pieces_of(event.text) if piece.text]
    return [
        (more if number else first) + line_for(event, text) for number, text in enumerate(texts)
    ]


def render(event: Event, shape: int) -> bytes:
    """Return the bytes for sessions of this shape."""
    if is_multiline(event.text) and event.kind in _SAID:
        return "".join(f"{line}\r\n" for line in lines_for(event, shape)).encode()
    return f"{tags_for(event, shape)}{line_for(event)}\r\n".encode()


def render_join(event: Event, shape: int, realname: str) -> bytes:
    """Return a JOIN's bytes, with account and realname where ``extended-join`` is known."""
    more = f" {event.source.partition('!')[0]} :{realname}" if shape & EXTENDED_JOIN else ""
    return f"{tags_for(event, shape)}{line_for(event)}{more}\r\n".encode()
