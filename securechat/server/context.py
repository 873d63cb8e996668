"""What the parts of a running server share: one object, made at the start, passed down."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from securechat.config import Settings
from securechat.protocol.multiline import Limits
from securechat.server.access.crowd import Crowd
from securechat.server.access.gate import Gate
from securechat.server.access.limits import AddressLimits
from securechat.server.fanout.delivery import Delivery
from securechat.server.persistence.devices import Devices
from securechat.server.persistence.journal import Journal
from securechat.server.persistence.markers import Markers
from securechat.server.persistence.metadata import Metadata
from securechat.server.persistence.record_writer import RecordWriter
from securechat.server.persistence.uses import Uses
from securechat.server.rooms.bots import Bots
from securechat.server.rooms.directory import Directory
from securechat.server.rooms.room import Room
from securechat.server.rooms.whowas import Whowas
from securechat.server.sessions.outbox import Flusher
from securechat.server.sessions.session import Session
from securechat.store.contract import Store
from securechat.store.credentials.tokens import Tokens


def wall_clock_ms() -> int:
    """Return the time of day in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def multiline_limits(settings: Settings) -> Limits:
    """Return how large a message of several lines may be."""
    return Limits(settings.multiline_bytes_max, settings.multiline_lines_max)


def _nothing_to_rehash() -> str | None:
    """Stand in for ``rehash`` where there is no certificate to read again."""
    return None


@dataclass(slots=True)
class Server:
    """The server's parts. ``tls`` is replaced whole when certificates are read again.

    ``monitors`` says who is told about whom (by account key).
    ``logins`` holds the scopes of the connections that have not logged in yet, ``farewells``
    those of the sessions that say their last words; ``drain_deadline`` ends these when stopping.
    ``rehash`` reads again what may have changed on disk and returns why not, in a sentence, if it
    could not. ``users_most`` is how many users were here at the same time at most.
    """

    settings: Settings
    store: Store
    tls: ssl.SSLContext | None
    directory: Directory
    journal: Journal
    delivery: Delivery
    flusher: Flusher
    gate: Gate
    tokens: Tokens
    uses: Uses
    addresses: AddressLimits
    lobby: Room
    devices: Devices
    records: RecordWriter
    markers: Markers
    metadata: Metadata
    bots: Bots
    started_ms: int
    now_ms: Callable[[], int] = wall_clock_ms
    sessions: dict[Session, None] = field(default_factory=dict)
    logins: dict[trio.CancelScope, None] = field(default_factory=dict)
    farewells: dict[trio.CancelScope, None] = field(default_factory=dict)
    monitors: dict[str, dict[Session, None]] = field(default_factory=dict)
    leaving: Crowd = field(default_factory=Crowd)
    whowas: Whowas = field(default_factory=Whowas)
    users_most: int = 0
    rehash: Callable[[], str | None] = _nothing_to_rehash
    draining: bool = False
    drain_deadline: float = math.inf

    def is_member(self, session: Session, room: Room) -> bool:
        """Tell whether a session's user is in a room."""
        return room.key in session.user.rooms

    def visible(self, session: Session, room: Room) -> bool:
        """Tell whether a session may know of a room: a private one only from inside.

        Administrators may know of every one. What is answered about a room that may not be known
        of is what is answered about one that does not exist.
        """
        return not room.modes.hidden or session.user.admin or self.is_member(session, room)
