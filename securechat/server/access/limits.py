"""Limits on what one source may do: rates of messages, of connections and of wrong passwords.

Times are Trio's, in seconds that never go back. 0 as a limit means that there is none.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import trio

from securechat.config import Settings
from securechat.errors import PeerError
from securechat.transport.addresses import address_key

NEW_CONNECTIONS_WINDOW_SECONDS = 600.0
ATTEMPTS_WINDOW_SECONDS = 60.0


class TurnedAway(PeerError):
    """A new connection over a limit; the text says which."""


class Bucket:
    """A token bucket: ``burst`` at once, then ``rate`` a second; who exceeds it waits."""

    __slots__ = ("_burst", "_rate", "_time", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._tokens = self._burst
        self._time = now

    def take(self, now: float, cost: float = 1.0) -> float:
        """Take a token, or as many; return how many seconds to wait before going on (0 mostly)."""
        if not self._rate:
            return 0.0
        self._tokens = min(self._burst, self._tokens + (now - self._time) * self._rate)
        self._time = now
        self._tokens -= cost
        return max(0.0, -self._tokens / self._rate)


@dataclass(frozen=True, slots=True)
class Budgets:
    """What one session may ask for, each at a pace of its own."""

    messages: Bucket
    history: Bucket
    queries: Bucket
    searches: Bucket
    joins: Bucket

    @classmethod
    def of(cls, settings: Settings, now: float) -> Budgets:
        """Return full budgets, as the settings say.

        Without a limit on lines there is none on the queries, searches and joins among them either:
        who turns flood control off means all of it.
        """
        flood_control = settings.messages_per_second > 0
        queries = settings.queries_per_second if flood_control else 0.0
        searches = settings.searches_per_second if flood_control else 0.0
        joins = settings.joins_per_second if flood_control else 0.0
        return cls(
            Bucket(settings.messages_per_second, settings.message_burst, now),
            Bucket(settings.history_requests_per_second, settings.history_request_burst, now),
            Bucket(queries, settings.query_burst, now),
            Bucket(searches, settings.search_burst, now),
            Bucket(joins, settings.join_burst, now),
        )


class AddressLimits:
    """How many connections each address may have: at once, newly, and not logged in.

    The random early drop (as OpenSSH's ``MaxStartups``) looks at the waiting connections of all
    *other* addresses: one address is held by its own limit, so a crowd behind one router
    cannot shut itself out, while a crowd of addresses is thinned before it fills the server.
    """

    def __init__(
        self,
        *,
        at_once: int,
        new: int,
        waiting: int,
        drop_from: int,
        drop_all: int,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._at_once = at_once
        self._new = new
        self._waiting_max = waiting
        self._drop_from = drop_from
        self._drop_all = drop_all
        self._chance = chance
        self._open: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)

    @property
    def waiting(self) -> int:
        """How many connections are not logged in."""
        return self._waiting.total()

    @contextmanager
    def admit(self, address: str, now: float) -> Iterator[Callable[[], None]]:
        """Hold a place for one connection; yields what to call when it has logged in.

        Raises ``TurnedAway``.
        """
        group = address_key(address)
        self._check(group, now)
        self._open[group] += 1
        self._waiting[group] += 1
        is_waiting = True

        def logged_in() -> None:
            nonlocal is_waiting
            if is_waiting:
                is_waiting = False
                _decrease(self._waiting, group)

        try:
            yield logged_in
        finally:
            logged_in()
            _decrease(self._open, group)

    def _check(self, group: str, now: float) -> None:
        if self._at_once and self._open[group] >= self._at_once:
            raise TurnedAway("too many connections from this address")
        if self._waiting_max and self._waiting[group] >= self._waiting_max:
            raise TurnedAway("too many connections from this address that are not logged in")
        if self._is_dropped(self._waiting.total() - self._waiting[group]):
            raise TurnedAway("too many connections that are not logged in")
        if self._new:
            recent = self._recent[group]
            while recent and recent[0] <= now - NEW_CONNECTIONS_WINDOW_SECONDS:
                recent.popleft()
            if len(recent) >= self._new:
                raise TurnedAway("too many new connections from this address")
            recent.append(now)

    def _is_dropped(self, others: int) -> bool:
        """Throw the dice: three in ten at the first bound, rising to all at the second."""
        if self._drop_all and others >= self._drop_all:
            return True
        if not self._drop_from or others < self._drop_from:
            return False
        share = 0.3
        if self._drop_all:
            share += 0.7 * (others - self._drop_from) / (self._drop_all - self._drop_from)
        return self._chance() < share

    def forget_old(self, now: float) -> None:
        """Drop what no longer counts, so that memory is bounded by the recent addresses."""
        for group in [
            group
            for group, recent in self._recent.items()
            if not recent or recent[-1] <= now - NEW_CONNECTIONS_WINDOW_SECONDS
        ]:
            del self._recent[group]


def _decrease(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]


class LoginLimits:
    """Wrong passwords per account and address: past the limit the *source* waits.

    As many attempts run side by side as could still fail; further ones wait for their outcome, so
    that a burst of guesses cannot slip through while a crowd of the owner's devices passes one
    behind the other. The owner, from another address, never notices.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._sources: dict[tuple[str, str], _Source] = {}

    @asynccontextmanager
    async def attempt(self, account: str, address: str) -> AsyncIterator[Callable[[], None]]:
        """Wait for a turn; yields what to call when the password was wrong.

        Waits without a deadline: the caller's, for the whole login, holds.
        """
        if not self._per_minute:
            yield _nothing
            return
        key = (account, address_key(address))
        source = self._sources.setdefault(key, _Source())
        source.users += 1
        try:
            await source.turn(self._per_minute)
            try:
                yield source.failed
            finally:
                source.in_flight -= 1
                source.waiters.unpark_all()
        finally:
            source.users -= 1
            if source.idle(trio.current_time()):
                self._sources.pop(key, None)

    def forget_old(self, now: float) -> None:
        """Drop what no longer counts."""
        for key in [key for key, source in self._sources.items() if source.idle(now)]:
            del self._sources[key]


class _Source:
    """One account as tried from one address."""

    __slots__ = ("failures", "in_flight", "users", "waiters")

    def __init__(self) -> None:
        self.failures: deque[float] = deque()
        self.in_flight = 0
        self.users = 0
        self.waiters = trio.lowlevel.ParkingLot()

    async def turn(self, per_minute: int) -> None:
        while True:
            self._prune(trio.current_time())
            if len(self.failures) + self.in_flight < per_minute:
                self.in_flight += 1
                return
            if self.in_flight:
                await self.waiters.park()
            else:
                await trio.sleep_until(self.failures[0] + ATTEMPTS_WINDOW_SECONDS)

    def failed(self) -> None:
        self.failures.append(trio.current_time())

    def idle(self, now: float) -> bool:
        self._prune(now)
        return not self.users and not self.failures

    def _prune(self, now: float) -> None:
        while self.failures and self.failures[0] <= now - ATTEMPTS_WINDOW_SECONDS:
            self.failures.popleft()


def _nothing() -> None:
    """Stand in for ``failed`` where nothing is limited."""
