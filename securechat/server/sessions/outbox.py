"""The outbox: what waits to be sent to one session, and the flusher that sends it.

How it works. Whoever has something for a session appends bytes to its outbox and returns at once.
The first append makes the outbox *dirty* and wakes the flusher, which runs in the scheduler's next
tick: it joins what each dirty outbox gathered and makes one TLS write and one ``send``. Only a
connection whose socket is full is *parked*: a task of its own waits for room, and until then the
outbox just gathers.

What it promises:

* ``put`` never waits, never raises, never reorders.
* Bytes of one ``put`` are sent whole or, when the connection ends, perhaps not at all.
* At most ``limit`` bytes wait (0: no limit). One ``put`` past it ends this session alone, by
  ``on_overflow``; it is called once.
* A broken connection is reported once, by ``on_lost``; later puts are dropped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import trio

from securechat.errors import ConnectionLost
from securechat.transport.base import Link

# What may wait for other things to go with it waits so long at most.
LATER_SECONDS = 0.1
# So many recipients make a flush wide.
BUSY_OUTBOXES = 64
Drain = Callable[[], Awaitable[None]]

# How many sends the flusher makes before it lets other tasks have a turn.
_SENDS_PER_TURN = 256


class Flusher:
    """Sends what dirty outboxes gathered, once per tick.

    A wide flush, to ``BUSY_OUTBOXES`` or more, comes no sooner than ``gather_seconds`` after the
    one before: then it carries the messages of that time in one send for each recipient, which
    costs about as much as one message. Talk at people's pace never waits for that.
    """

    def __init__(self, gather_seconds: float = 0.0) -> None:
        self._gather_seconds = gather_seconds
        self._busy_until = 0.0
        self._dirty: list[Outbox] = []
        self._wake = trio.Event()
        self._later: list[Outbox] = []
        self._wake_later = trio.Event()

    def mark(self, outbox: Outbox) -> None:
        """Have an outbox flushed in the next tick."""
        if not self._dirty:
            self._wake.set()
        self._dirty.append(outbox)

    def mark_later(self, outbox: Outbox) -> None:
        """Have an outbox flushed within ``LATER_SECONDS``, unless it is before."""
        if not self._later:
            self._wake_later.set()
        self._later.append(outbox)

    def flush_now(self) -> None:
        """Send what waits, without waiting for the tick: for the end of a shutdown."""
        dirty, self._dirty = [*self._dirty, *self._later], []
        self._later = []
        for outbox in dirty:
            outbox.flush()

    async def run(self) -> None:
        """Flush until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run_later)
            await self._run_dirty()

    async def _run_later(self) -> None:
        while True:
            # No deadline: it waits for somebody to have something for somebody.
            await self._wake_later.wait()
            await trio.sleep(LATER_SECONDS)
            self._wake_later = trio.Event()
            later, self._later = self._later, []
            for outbox in later:
                outbox.hurry()

    async def _run_dirty(self) -> None:
        while True:
            await self._wake.wait()
            if len(self._dirty) >= BUSY_OUTBOXES:
                await self._gather()
            self._wake = trio.Event()
            dirty, self._dirty = self._dirty, []
            for count, outbox in enumerate(dirty, 1):
                outbox.flush()
                if count % _SENDS_PER_TURN == 0:
                    await trio.lowlevel.checkpoint()

    async def _gather(self) -> None:
        """Wait until a wide flush is due, and say when the next one is."""
        now = trio.current_time()
        if self._busy_until > now:
            await trio.sleep_until(self._busy_until)
            now = self._busy_until
        self._busy_until = now + self._gather_seconds


class Outbox:
    """What waits to be sent over one link. See the head of this file for its promises.

    ``park`` is called with ``drain`` to have it run as a task of the connection's.
    """

    __slots__ = (
        "_chunks",
        "_closed",
        "_flusher",
        "_held",
        "_held_from",
        "_in_front",
        "_in_link",
        "_late",
        "_limit",
        "_link",
        "_on_lost",
        "_on_overflow",
        "_park",
        "_parked",
        "_progress",
        "_size",
    )

    def __init__(
        self,
        link: Link,
        flusher: Flusher,
        *,
        limit: int,
        park: Callable[[Drain], object],
        on_overflow: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._link = link
        self._flusher = flusher
        self._limit = limit
        self._park = park
        self._on_overflow = on_overflow
        self._on_lost = on_lost
        self._chunks: list[bytes] = []
        self._size = 0
        self._progress: trio.Event | None = None
        self._parked = False
        self._held = False
        self._late = False
        self._held_from = 0
        self._in_front: list[bytes] = []
        self._in_link = 0
        self._closed = False

    @property
    def size(self) -> int:
        """How many bytes wait, those that the link still holds included."""
        return self._size

    def put(self, data: bytes) -> None:
        """Have ``data`` (whole lines) sent in the next tick."""
        chunks = self._chunks
        if not chunks or self._late:
            if self._closed:
                return
            self._late = False
            if not self._parked and not self._held:
                self._flusher.mark(self)
        chunks.append(data)
        self._size += len(data)
        if self._size > self._limit > 0:
            self.close()
            self._on_overflow()

    def put_later(self, data: bytes) -> None:
        """Have ``data`` (whole lines) sent with what is put next, or by itself in a moment.

        For what goes to a crowd and is not waited for: a send for each would cost the most of it.
        """
        if not self._chunks:
            if self._closed:
                return
            if not self._parked and not self._held:
                self._late = True
                self._flusher.mark_later(self)
        self._chunks.append(data)
        self._size += len(data)
        if self._size > self._limit > 0:
            self.close()
            self._on_overflow()

    def hurry(self) -> None:
        """Have what was put for later sent in the next tick, unless it has gone already."""
        if self._late:
            self._late = False
            if self._chunks and not self._parked and not self._held:
                self._flusher.mark(self)

    @contextmanager
    def held(self) -> Iterator[Callable[[], AbstractContextManager[None]]]:
        """Hold back what is put from now on until the block ends.

        Yields ``front``: what is put inside ``with front():`` goes before what was held back. Any
        number of such blocks keep their order among themselves; ``front_room`` sends them.
        """
        self.flush()
        self._held = True
        # What a full socket keeps waiting was put before all of this.
        self._in_front, self._chunks = self._chunks, []
        try:
            yield self._front
        finally:
            self._held = False
            if not self._closed:
                self._chunks[:0] = self._in_front
                if self._chunks and not self._parked:
                    self._flusher.mark(self)
            self._in_front = []

    @contextmanager
    def _front(self) -> Iterator[None]:
        waiting, self._chunks = self._chunks, self._in_front
        try:
            yield
        finally:
            self._chunks = [] if self._closed else waiting

    async def front_room(self) -> None:
        """Send what is before that which is held back; wait until not too much of it waits.

        That is, while the socket is full and more than half of the limit waits. Has no deadline of
        its own, like ``room``.
        """
        while True:
            if self._in_front and not self._parked:
                with self._front():
                    self._held = False
                    self.flush()
                    self._held = True
            if not self._parked or self._closed or not self._size * 2 > self._limit > 0:
                return
            await self._progressing()

    def hold(self) -> int:
        """Hold back what is put from now on until ``release``; return how many puts are held back.

        Calling it again only counts.
        """
        if not self._held:
            self.flush()
            self._held = True
            # What a full socket keeps waiting was put before.
            self._held_from = len(self._chunks)
        return len(self._chunks) - self._held_from

    def release(self) -> list[bytes]:
        """Hold back no more; return what was held back, for the caller to put."""
        if not self._held:
            return []
        self._held = False
        held = self._chunks[self._held_from :]
        del self._chunks[self._held_from :]
        self._size -= sum(map(len, held))
        if self._chunks and not self._parked:
            self._flusher.mark(self)
        return held

    def flush(self) -> None:
        """Send what waits, unless it is held back or the socket is full."""
        chunks = self._chunks
        if self._parked or self._held or not chunks:
            return
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._late = False
        self._in_link = len(data)
        try:
            done = self._link.send_now(data)
        except ConnectionLost:
            self.close()
            self._on_lost()
            return
        if done:
            self._size -= self._in_link
            if self._progress is not None:
                self._progressed()
        else:
            self._parked = True
            self._park(self.drain)

    async def drain(self) -> None:
        """Wait until the socket has taken what was parked, and go on sending.

        Ends when nothing waits any more. Has no deadline of its own: the limit in bytes and the
        session's ping deadline end a peer that stops reading.
        """
        while self._parked:
            try:
                await self._link.drain()
            except ConnectionLost:
                self.close()
                self._on_lost()
                return
            self._size -= self._in_link
            self._progressed()
            self._parked = False
            self._flush_again()

    def _flush_again(self) -> None:
        """Flush from within the draining task, which parks by looping, not by a new task."""
        park, self._park = self._park, _stay
        try:
            self.flush()
        finally:
            self._park = park

    def has_room(self, size: int) -> bool:
        """Tell whether no more than half of the limit waits with so many bytes more."""
        return (self._size + size) * 2 <= self._limit or not self._limit

    async def room(self) -> None:
        """Wait until no more than half of the limit waits: for who asks for much at a time.

        What is held back cannot be waited for: then this returns at once.
        Has no deadline of its own: a peer that stops reading is ended by its ping deadline.
        """
        while self._size * 2 > self._limit > 0 and not (self._closed or self._held):
            await self._progressing()

    async def _progressing(self) -> None:
        if self._progress is None:
            self._progress = trio.Event()
        await self._progress.wait()

    def _progressed(self) -> None:
        if self._progress is not None:
            self._progress.set()
            self._progress = None

    async def finish(self, last: bytes) -> bool:
        """Send all that waits and ``last``, and take nothing more; return whether it went out.

        The caller has the deadline.
        """
        if self._closed:
            return False
        self._held = False
        self._chunks.append(last)
        data = b"".join(self._chunks)
        self.close()
        try:
            await self._link.send_all(data)
        except ConnectionLost:
            return False  # there is nobody to tell any more
        return True

    def close(self) -> None:
        """Drop what waits and take nothing more."""
        self._closed = True
        self._chunks.clear()
        self._progressed()


def _stay(_drain: Drain) -> None:
    """Stand in for ``park`` where the draining task is already running."""
