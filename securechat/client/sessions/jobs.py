"""What somebody waits for: the outcome of an own line, and history to be fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import trio

from securechat.client.errors import HistoryUnavailable
from securechat.client.events import Said
from securechat.client.state.ownlines import Delivered, Undelivered
from securechat.protocol.message import Message


@dataclass(slots=True)
class Slot:
    """Where somebody waits for what becomes of an own line."""

    done: trio.Event = field(default_factory=trio.Event)
    outcome: Delivered | Undelivered | None = None


@dataclass(slots=True)
class HistoryJob:
    """A request for history, and where somebody waits for its answer."""

    target: str
    request: Message
    done: trio.Event = field(default_factory=trio.Event)
    messages: tuple[Said, ...] = ()
    targets: tuple[tuple[str, datetime | None], ...] = ()
    error: HistoryUnavailable | None = None


@dataclass(slots=True)
class PageJob:
    """Messages of a conversation to fetch: ``limit`` of them ``which`` side of a ``place``."""

    target: str
    which: str
    place: str
    limit: int
    done: trio.Event = field(default_factory=trio.Event)
    messages: tuple[Said, ...] = ()
    error: HistoryUnavailable | None = None
