"""Devices: what each client that cannot ask for history has surely received.

A login may name its device (``alice@phone``). A device that says goodbye with QUIT has what it was
sent. From any other it is known by a PING: whoever answers it has what was sent before it. So where
something was delivered, such a session is pinged every ``PING_SECONDS``, with a token of its own.

What is known goes into records, gathered for ``WRITE_SECONDS``. If the server dies before, a
device is shown some messages again, and misses none. That a device is new is written before it is
shown anything: if nothing is ever heard of it, what came since then is what it has missed.

All sessions that name no device are one device, which counts for direct messages alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import structlog
import trio

from securechat.errors import StoreError
from securechat.store.contract import Change, Store

if TYPE_CHECKING:
    from securechat.server.context import Server
    from securechat.server.rooms.room import User
    from securechat.server.sessions.session import Session

DEVICE_RECORD = "device"
DEVICES_MAX = 32
"""So many devices of one account are remembered: those that were here last."""

PING_SECONDS = 30.0
WRITE_SECONDS = 5.0

log = structlog.get_logger(__name__)

_tokens = count(1)


@dataclass(slots=True)
class Mark:
    """How far a session's device is: the journal's position up to which it has everything.

    ``asked`` is what the PING that was not answered yet would show, ``token`` its word.
    """

    key: str
    account_id: str
    position: int
    asked: int = 0
    token: str = ""
    next_ping: float = 0.0


@dataclass(frozen=True, slots=True)
class Known:
    """Up to where a device has everything. If ``new``, it only came first when that was the end."""

    position: int
    new: bool


class Devices:
    """The marks of all devices. ``now_ms`` is the time of day."""

    def __init__(self, store: Store, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_ms = now_ms
        self._unwritten: dict[str, Mapping[str, Any]] = {}

    async def known(self, user: User, device: str, end: int) -> Known | None:
        """Return what is known of a device; ``None`` for one that comes the first time.

        It is noted then, with ``end`` as the last position of what came before it. Raises
        ``StoreError``.
        """
        key = _key(user.key, device)
        value = self._unwritten.get(key) or await self._written(key)
        if value is not None and value["account_id"] == user.account_id:
            return Known(int(value["position"]), bool(value.get("new")))
        await self._make_place(user)
        self._note(key, user.account_id, end, new=True)
        await self.write()
        return None

    def _note(self, key: str, account_id: str, position: int, *, new: bool = False) -> None:
        self._unwritten[key] = {
            "account_id": account_id,
            "position": position,
            "seen_ms": self._now_ms(),
            **({"new": True} if new else {}),
        }

    async def _written(self, key: str) -> Mapping[str, Any] | None:
        record = await self._store.get(DEVICE_RECORD, key)
        return record.value if record is not None else None

    async def _make_place(self, user: User) -> None:
        """Forget the devices that were here longest ago, for a new one to come."""
        devices = await self._store.scan(DEVICE_RECORD, _key(user.key, ""))
        devices.sort(key=lambda record: _seen_ms(record.value or {}))
        old = devices[: max(0, len(devices) - DEVICES_MAX + 1)]
        if old:
            await self._store.put([Change(DEVICE_RECORD, record.key, None) for record in old])

    def follow(self, session: Session, position: int) -> None:
        """Watch what a session receives: it had everything up to ``position`` (-1: nothing).

        What it has missed is on its way to it.
        """
        user = session.user
        key = _key(user.key, session.device)
        due = trio.current_time() + PING_SECONDS
        session.mark = Mark(key, user.account_id, position, next_ping=due)

    def received(self, mark: Mark, position: int) -> None:
        """Note that a device has everything up to a position."""
        if position > mark.position:
            mark.position = position
            self._note(mark.key, mark.account_id, position)

    def answered(self, session: Session, words: tuple[str, ...]) -> None:
        """Take a PONG: the words that came with it."""
        mark = session.mark
        if mark is not None and mark.token and mark.token in words:
            mark.token = ""
            self.received(mark, mark.asked)

    def ping(self, session: Session, position: int) -> None:
        """Ping a session where that is due and would show that it received more."""
        mark, now = session.mark, trio.current_time()
        if mark is None or mark.token or now < mark.next_ping or position <= mark.position:
            return
        mark.asked, mark.token = position, f"received-{next(_tokens)}"
        mark.next_ping = now + PING_SECONDS
        session.push(f"PING :{mark.token}")

    async def write(self) -> None:
        """Write what is known and not written; what cannot be written is kept for the next time."""
        values = dict(self._unwritten)
        if not values:
            return
        try:
            await self._store.put(
                [Change(DEVICE_RECORD, key, value) for key, value in values.items()]
            )
        except StoreError as error:
            log.warning("devices not noted", devices=len(values), reason=str(error))
            return
        for key, value in values.items():
            if self._unwritten.get(key) is value:
                del self._unwritten[key]


async def watch_devices(server: Server) -> None:
    """Ping devices, unless that is off, and write down what they have received, until cancelled."""
    pings = server.settings.ping_seconds > 0
    while True:
        await trio.sleep(WRITE_SECONDS)
        for session in server.sessions if pings else ():
            server.devices.ping(session, server.delivery.position)
        await server.devices.write()


def _key(account_key: str, device: str) -> str:
    return f"{account_key} {device}"


def _seen_ms(value: Mapping[str, Any]) -> int:
    return int(value["seen_ms"])
