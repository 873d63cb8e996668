"""Running the server: its parts are made here, and this is the tree of its tasks.

The nurseries are nested in the order in which things may end. Stopping walks them from the inside
out: no new connections; ``ERROR`` to everybody, with a deadline for their last lines; delivery
has by then seen the last commit; the store closes last.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
import trio

from securechat.config import Settings, limit
from securechat.protocol.names import fold
from securechat.server.access.gate import Gate
from securechat.server.access.limits import AddressLimits, LoginLimits
from securechat.server.connection import serve_link, serve_wire
from securechat.server.context import Server, wall_clock_ms
from securechat.server.fanout.delivery import Delivery
from securechat.server.history.retention import watch_retention
from securechat.server.persistence.devices import Devices, watch_devices
from securechat.server.persistence.ids import Ids
from securechat.server.persistence.journal import Journal
from securechat.server.persistence.markers import Markers
from securechat.server.persistence.metadata import Metadata
from securechat.server.persistence.record_writer import RecordWriter
from securechat.server.persistence.uses import Uses, watch_uses
from securechat.server.rooms.bots import Bots
from securechat.server.rooms.directory import Directory
from securechat.server.rooms.room import CHANNEL_RECORD, Room
from securechat.server.sessions.outbox import Flusher
from securechat.server.watchers import (
    forget_old_limits,
    watch_audit,
    watch_batches,
    watch_changes,
    watch_expiry,
    watch_silence,
)
from securechat.store.contract import Change, Store
from securechat.store.credentials.accounts import Accounts
from securechat.store.credentials.passwords import Hasher, profile_named
from securechat.store.credentials.tokens import Tokens
from securechat.transport.base import Link, Wire
from securechat.transport.sockets import listen, serve

log = structlog.get_logger(__name__)


async def make_server(
    settings: Settings,
    store: Store,
    tls: ssl.SSLContext | None = None,
    *,
    hasher: Hasher | None = None,
    now_ms: Callable[[], int] = wall_clock_ms,
) -> Server:
    """Make a server's parts and load what they start from. ``tls`` of None: memory links only."""
    directory = Directory(announce_members_max=settings.announce_members_max)
    await directory.load(store)
    last = await store.last()
    journal = Journal(store, Ids(now_ms, last_ms=last.event.time_ms if last else 0))
    accounts = Accounts(store, now_ms=now_ms)
    tokens = Tokens(store, now_ms=now_ms)
    records = RecordWriter(store)
    markers = Markers(records, directory)
    await markers.load(store)
    metadata = Metadata(directory, settings)
    await metadata.load(store)
    bots = Bots(store)
    await bots.load()
    return Server(
        settings=settings,
        store=store,
        tls=tls,
        directory=directory,
        journal=journal,
        delivery=Delivery(store, directory, journal, last.position if last else 0),
        flusher=Flusher(settings.gather_milliseconds / 1000),
        gate=Gate(
            accounts,
            tokens,
            hasher
            or Hasher(
                profile_named(settings.password_hash),
                hashes_at_once=settings.hashes_at_once or None,
            ),
            LoginLimits(settings.login_attempts_per_minute),
            floor_seconds=settings.login_floor_milliseconds / 1000,
        ),
        tokens=tokens,
        uses=Uses(store, accounts, tokens),
        addresses=AddressLimits(
            at_once=settings.connections_per_address,
            new=settings.new_connections_per_address,
            waiting=settings.waiting_per_address,
            drop_from=settings.waiting_drop_from,
            drop_all=settings.waiting_drop_all,
        ),
        lobby=await _lobby(directory, store, settings.lobby, now_ms()),
        devices=Devices(store, now_ms),
        records=records,
        markers=markers,
        metadata=metadata,
        bots=bots,
        started_ms=now_ms(),
        now_ms=now_ms,
    )


async def _lobby(directory: Directory, store: Store, name: str, now_ms: int) -> Room:
    """Return the channel that everybody is in, made at the first start."""
    room = directory.room(name)
    if room is None:
        room = Room(name, fold(name), now_ms, id=directory.new_id(name))
        await store.put([Change(CHANNEL_RECORD, room.id, room.to_value())])
        directory.add(room)
    return room


@dataclass(slots=True)
class Running:
    """A server whose tasks run: connections can be given to it."""

    server: Server
    connections: trio.Nursery
    _listening: trio.CancelScope = field(default_factory=trio.CancelScope)

    def serve_link(self, link: Link, address: str = "memory") -> None:
        """Serve a link that is there already, as tests have it."""
        self.connections.start_soon(serve_link, self.server, link, address)

    async def accept(self, listeners: Sequence[trio.SocketListener]) -> None:
        """Accept and serve connections until ``stop_accepting``."""

        async def handler(wire: Wire, address: str) -> None:
            await serve_wire(self.server, wire, address)

        with self._listening:
            await serve(listeners, handler, self.connections)

    def stop_accepting(self) -> None:
        """Take no new connections."""
        self._listening.cancel()


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[Running]:
    """Run a server's tasks for the length of the block; leaving it stops the server gracefully."""
    _, mark = await server.store.changed(0)
    async with trio.open_nursery() as core:
        core.start_soon(server.journal.run)
        core.start_soon(server.delivery.run)
        core.start_soon(server.flusher.run)
        core.start_soon(server.records.run)
        core.start_soon(server.uses.run)
        core.start_soon(watch_uses, server)
        core.start_soon(server.store.keep_index)
        core.start_soon(watch_silence, server)
        core.start_soon(watch_batches, server)
        core.start_soon(watch_changes, server, mark)
        core.start_soon(watch_expiry, server)
        core.start_soon(watch_audit, server)
        core.start_soon(watch_retention, server)
        core.start_soon(forget_old_limits, server)
        core.start_soon(watch_devices, server)
        async with trio.open_nursery() as connections:
            current = Running(server, connections)
            try:
                yield current
            finally:
                current.stop_accepting()
                _begin_drain(server, connections)
        await server.devices.write()
        await server.uses.write()
        core.cancel_scope.cancel()


def _begin_drain(server: Server, connections: trio.Nursery) -> None:
    """Tell everybody and give them until the deadline; who is still logging in is let go."""
    server.draining = True
    server.drain_deadline = trio.current_time() + limit(server.settings.drain_seconds)
    log.info("stopping", sessions=len(server.sessions))
    for session in list(server.sessions):
        session.end("The server is stopping")
    for login in list(server.logins):
        login.cancel()
    for farewell in server.farewells:
        farewell.deadline = min(farewell.deadline, server.drain_deadline)
    connections.cancel_scope.deadline = server.drain_deadline
    connections.cancel_scope.shield = True


async def open_listeners(settings: Settings) -> list[trio.SocketListener]:
    """Listen where the settings say. Raises ``UserError``."""
    return await listen(settings.host, settings.port)
