"""Read markers: up to when each account has read what, as its clients say.

IRCv3 ``read-marker``. A marker belongs to an account and a channel (by what never changes of it) or
another account; it only moves forward, never past the present, and is told to nobody but the
account's own sessions. All of them are in memory, where entering a channel finds them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from securechat.errors import StoreError
from securechat.protocol.capabilities import READ_MARKER
from securechat.protocol.replies import fail
from securechat.server.persistence.record_writer import RecordWriter
from securechat.server.sessions.rendering import server_time
from securechat.store.contract import Change, Store

if TYPE_CHECKING:
    from securechat.server.rooms.directory import Directory
    from securechat.server.sessions.session import Session

MARKER_RECORD = "marker"


@dataclass(frozen=True, slots=True)
class Buffer:
    """What can be marked as read: a channel or a person, with the name to show.

    ``key`` is what its record is found by, the channel's id or the account's folded name; ``id`` is
    the channel's or the account's.
    """

    key: str
    id: str
    name: str


def marker_line(session: Session, name: str, time_ms: int | None) -> str:
    """Return the line that tells where a marker is; ``None`` where there is none."""
    where = "*" if time_ms is None else f"timestamp={server_time(time_ms)}"
    return f":{session.server_name} MARKREAD {name} {where}"


class Markers:
    """The markers of all accounts, in milliseconds since 1970."""

    def __init__(self, records: RecordWriter, directory: Directory) -> None:
        self._records = records
        self._directory = directory
        self._times: dict[str, dict[str, int]] = {}

    async def load(self, store: Store) -> None:
        """Read what is kept. Raises ``StoreError``."""
        for record in await store.scan(MARKER_RECORD):
            value: Any = record.value
            self.of(value["account_id"])[value["id"]] = value["time_ms"]

    def of(self, account_id: str) -> dict[str, int]:
        """Return an account's markers by the ids of channels and accounts, as they are and become.

        Only for reading.
        """
        return self._times.setdefault(account_id, {})

    def mark(self, session: Session, buffer: Buffer, time_ms: int) -> None:
        """Have a marker moved to a time if that is forward, and the session told where it is."""
        self._records.post(_Mark(self._directory, session, buffer, time_ms))


@dataclass(slots=True)
class _Mark:
    """The act of moving a marker."""

    directory: Directory
    session: Session
    buffer: Buffer
    time_ms: int
    moved: bool = False

    @property
    def subject(self) -> str:
        return f"{MARKER_RECORD} {self.session.user.key} {self.buffer.key}"

    def changes(self) -> Sequence[Change]:
        user, buffer = self.session.user, self.buffer
        known = user.markers.get(buffer.id)
        self.moved = known is None or self.time_ms > known
        if not self.moved:
            return ()
        value = {"account_id": user.account_id, "id": buffer.id, "time_ms": self.time_ms}
        return (Change(MARKER_RECORD, f"{user.key} {buffer.key}", value),)

    def done(self) -> None:
        user = self.session.user
        if self.moved:
            user.markers[self.buffer.id] = self.time_ms
        line = marker_line(self.session, self.buffer.name, user.markers[self.buffer.id])
        self.session.send(line)
        # Who left and came back meanwhile is another user of the same account.
        here = self.directory.users.get(user.key)
        if self.moved and here is not None and here.account_id == user.account_id:
            for session in here.sessions:
                if session is not self.session and session.enabled & READ_MARKER:
                    session.push(line)

    def failed(self, error: StoreError) -> None:
        del error  # the writer has logged it
        text = "The read timestamp could not be set"
        self.session.reply(fail("MARKREAD", "INTERNAL_ERROR", self.buffer.name, text=text))
