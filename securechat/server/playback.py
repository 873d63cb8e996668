"""Playback: stored messages as lines again, in a ``chathistory`` batch where batches are known.

Follows the IRCv3 ``batch`` and ``chathistory`` specifications. A client that did not ask and knows
no ``server-time`` would take old messages for new ones: for it the time stands in the text.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from securechat.protocol.capabilities import BATCH, SERVER_TIME
from securechat.protocol.names import is_channel
from securechat.server.rendering import line_for, tags_for
from securechat.server.session import Session
from securechat.store.contract import Event, Stored

# What a client gets that did not ask for the events between the messages.
PLAYED_KINDS = ("PRIVMSG", "NOTICE")


def play(session: Session, target: str, events: Sequence[Stored], *, unasked: bool = False) -> None:
    """Send stored messages of one conversation; an empty batch says that there are none."""
    shape = session.enabled
    date = unasked and not shape & SERVER_TIME
    batch = secrets.token_hex(4) if shape & BATCH else ""
    lines = []
    if batch:
        lines.append(f":{session.server_name} BATCH +{batch} chathistory {target}")
    for stored in events:
        event = stored.event
        if is_channel(event.target):
            # Under the name that the channel has today.
            event = replace(event, target=target)
        text = _dated(event) if date else event.text
        lines.append(tags_for(event, shape, batch) + line_for(event, text))
    if batch:
        lines.append(f":{session.server_name} BATCH -{batch}")
    if lines:
        session.send(*lines)


def _dated(event: Event) -> str:
    """Return the text with its time before it; an action keeps its form."""
    when = datetime.fromtimestamp(event.time_ms / 1000, UTC).strftime("[%Y-%m-%d %H:%MZ] ")
    action = "\x01ACTION "
    if event.text.startswith(action):
        return action + when + event.text.removeprefix(action)
    return when + event.text
