"""What remembering costs: appending with the index following, and reading and searching it all.

The store alone, in a process of its own so that its memory can be told: no network, no sessions.
Run by ``benchmarks.__main__``; by itself (``python -m benchmarks.memory``) it is that process,
with its plan as JSON on standard input.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

import trio

from benchmarks.measure import peak_bytes, percentile
from benchmarks.process import measured_apart
from securechat.store.contract import Entry, Event, Stored
from securechat.store.database import FILE_NAME as JOURNAL_NAME
from securechat.store.search.index import FILE_NAME as INDEX_NAME
from securechat.store.sqlite import SQLiteStore, open_store

PAGE = 100
"""Messages on a page."""
NOWHERE = "nosuchword"
"""What nobody says."""
_DEPTHS = (0.9, 0.75, 0.5, 0.25, 0.1, 0.05)
_CHANNELS_READ = 20
_SPARE_S = 600.0
_S_PER_MESSAGE = 0.002
_START_MS = 1_700_000_000_000
_LAG_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person asked for."""

    messages: int = 1_000_000
    channels: int = 200
    group: int = 50
    """Messages of one commit, as a busy server makes them."""
    repeat: int = 7
    """How often each page is read; its median counts."""


@dataclass(frozen=True, slots=True)
class Search:
    """One kind of search, and how long its first and a deep page took, in milliseconds."""

    name: str
    first_ms: float
    deep_ms: float


@dataclass(frozen=True, slots=True)
class MemoryResult:
    """What the run showed. Times in milliseconds, unless named otherwise."""

    appends_per_s: float
    lag_p50_ms: float
    lag_worst_ms: float
    lag_worst_events: int
    """How far the index was behind while all was being appended."""
    caught_up_ms: float
    """From the last commit until the index had it all."""
    newest_ms: float
    """A page of history: the newest of a channel, and each further one at its share of it."""
    deep_ms: dict[str, float]
    searches: list[Search]
    journal_bytes: float
    """Of the database, for each message; the same of the index."""
    index_bytes: float
    memory_peak: int
    notes: list[str] = field(default_factory=list)

    @property
    def deep_ratio(self) -> float:
        """How many times the newest page's time the slowest page of any depth takes."""
        return max(self.deep_ms.values()) / self.newest_ms

    @property
    def slowest_search_ms(self) -> float:
        return max(search.first_ms for search in self.searches)

    @classmethod
    def from_json(cls, text: str) -> MemoryResult:
        raw = json.loads(text)
        raw["searches"] = [Search(**search) for search in raw["searches"]]
        return cls(**raw)


class Failed(Exception):
    """A page was not what it must be."""


# --- what is said ---------------------------------------------------------------------------------


class Talk:
    """Messages with words as often as people have them: some in nearly all, most of them seldom.

    ``the`` is in nine of ten, a word that begins with ``wor`` in nineteen of twenty.
    """

    def __init__(self, channels: int, seed: int = 1) -> None:
        self._random = Random(seed)
        self._channels = channels
        letters = "abcdefghijklmnopqrstuvwxyz"
        self._words = [
            "".join(self._random.choices(letters, k=self._random.randint(3, 9)))
            for _ in range(20_000)
        ]
        self._weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(20_000)))

    def entries(self, first: int, count: int) -> list[Entry]:
        """Return messages by their numbers, to be asked for in their order."""
        return [Entry(self._event(number)) for number in range(first, first + count)]

    def _event(self, number: int) -> Event:
        random = self._random
        words = random.choices(self._words, cum_weights=self._weights, k=random.randint(2, 12))
        if random.random() < 0.9:
            words.insert(0, "the")
        if random.random() < 0.95:
            words.append(f"wor{random.choice('dkmnst')}{random.randrange(50)}")
        if number % 1000 == 0:
            words.append("seldom")
        channel = channel_of(random.randrange(self._channels))
        account = account_of(random.randrange(300))
        source = f"{account}!~{account}@securechat.internal"
        time_ms = _START_MS + number * 1000
        text = " ".join(words)
        return Event(f"{number:026d}", time_ms, "PRIVMSG", account, source, channel, channel, text)


def channel_of(number: int) -> str:
    """Return a channel's name."""
    return f"#channel-{number}"


def account_of(number: int) -> str:
    """Return an account's name."""
    return f"person{number}"


# --- the measuring process ------------------------------------------------------------------------


async def measure(settings: Settings, folder: Path) -> MemoryResult:
    """Append all, then read. Raises ``Failed`` and ``StoreError``."""
    async with open_store(folder) as store, trio.open_nursery() as nursery:
        nursery.start_soon(store.keep_index)
        appending = await _append(store, settings)
        nursery.cancel_scope.cancel()
    # Opened again: nothing is read from what appending left in memory.
    async with open_store(folder) as store, trio.open_nursery() as nursery:
        nursery.start_soon(store.keep_index)
        newest_ms, deep_ms = await _read_history(store, settings)
        searches = [search async for search in _search(store, settings)]
        nursery.cancel_scope.cancel()
    return MemoryResult(
        appends_per_s=settings.messages / appending.seconds,
        lag_p50_ms=percentile(sorted(appending.lags_ms), 0.5),
        lag_worst_ms=max(appending.lags_ms, default=0.0),
        lag_worst_events=appending.behind,
        caught_up_ms=appending.caught_up_ms,
        newest_ms=newest_ms,
        deep_ms=deep_ms,
        searches=searches,
        journal_bytes=(folder / JOURNAL_NAME).stat().st_size / settings.messages,
        index_bytes=(folder / INDEX_NAME).stat().st_size / settings.messages,
        memory_peak=peak_bytes(os.getpid()),
    )


@dataclass(slots=True)
class Appending:
    """What is noted while all is appended."""

    seconds: float = 0.0
    caught_up_ms: float = 0.0
    behind: int = 0
    lags_ms: list[float] = field(default_factory=list)
    commits: deque[tuple[int, float]] = field(default_factory=deque)
    """Commits that the index does not have: the last position of each, and when it was."""

    def look(self, position: int) -> None:
        """Note how far an index that has followed up to ``position`` is behind."""
        while self.commits and self.commits[0][0] <= position:
            self.commits.popleft()
        since = self.commits[0][1] if self.commits else time.perf_counter()
        self.lags_ms.append((time.perf_counter() - since) * 1000)
        self.behind = max(self.behind, self.commits[-1][0] - position if self.commits else 0)


async def _append(store: SQLiteStore, settings: Settings) -> Appending:
    talk, noted, tail = Talk(settings.channels), Appending(), 0

    async def watch() -> None:
        while True:
            noted.look(store.search_index.position)
            await trio.sleep(_LAG_LOOK_S)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        for first in range(1, settings.messages + 1, settings.group):
            # What is said is made up here, which is none of the store's time.
            entries = talk.entries(first, min(settings.group, settings.messages + 1 - first))
            started = time.perf_counter()
            tail = (await store.append(entries))[-1]
            noted.seconds += time.perf_counter() - started
            noted.commits.append((tail, time.perf_counter()))
        nursery.cancel_scope.cancel()
    started = time.perf_counter()
    with trio.fail_after(_SPARE_S):
        while store.search_index.position < tail:  # noqa: ASYNC110 - it tells nobody
            await trio.sleep(_LAG_LOOK_S)
    noted.caught_up_ms = (time.perf_counter() - started) * 1000
    return noted


async def _read_history(store: SQLiteStore, settings: Settings) -> tuple[float, dict[str, float]]:
    """Return the time of the newest page and of deeper ones: each channel's medians' median."""
    channels = [channel_of(n) for n in range(min(_CHANNELS_READ, settings.channels))]

    async def median(depth: float) -> float:
        before = int(settings.messages * depth) + 1
        times = []
        for name in channels:

            async def page(name: str = name) -> list[Stored]:
                return await store.history(name, before=before, limit=PAGE, newest=True)

            times.append(await _median_ms(page, settings.repeat, wrong_history(name, before)))
        return statistics.median(times)

    await median(1.0)  # the first of all is slower, wherever it is
    newest = await median(1.0)
    return newest, {f"{depth:.0%}": await median(depth) for depth in _DEPTHS}


def wrong_history(channel: str, before: int) -> Callable[[Sequence[Stored]], bool]:
    """Return what tells whether a page of history has what was not asked for."""

    def wrong(page: Sequence[Stored]) -> bool:
        return any(it.event.conversation != channel or it.position >= before for it in page)

    return wrong


async def _search(store: SQLiteStore, settings: Settings) -> AsyncIterator[Search]:
    everywhere = {channel_of(n): 0 for n in range(settings.channels)}
    few = {channel_of(n): 0 for n in range(min(5, settings.channels))}
    somebody = account_of(1)
    kinds: list[tuple[str, str, dict[str, int], str]] = [
        ("the", "the", everywhere, ""),
        ("seldom", "seldom", everywhere, ""),
        ("wor*", "wor*", everywhere, ""),
        ("the wor* (both in most)", "the wor*", everywhere, ""),
        ("seldom wor*", "seldom wor*", everywhere, ""),
        ("in 5 channels: wor*", "wor*", few, ""),
        ("in 1 channel: the", "the", {channel_of(0): 0}, ""),
        ("from 1 person: the", "the", everywhere, somebody),
        ("from 1 person, in 5 channels: wor*", "wor*", few, somebody),
        ("from 1 person, any text", "", everywhere, somebody),
        (f"nothing: {NOWHERE}", NOWHERE, everywhere, ""),
    ]
    for name, text, floors, author in kinds:
        times = []
        for before in (settings.messages + 1, settings.messages // 10 + 1):

            async def page(
                text: str = text,
                floors: dict[str, int] = floors,
                author: str = author,
                before: int = before,
            ) -> list[Stored]:
                return await store.search(
                    floors, text=text, author=author, before=before, limit=PAGE, newest=True
                )

            # In a small run, one person says little in a few channels.
            some = not author and text != NOWHERE and before > settings.messages
            wrong = wrong_search(text, floors, author, before, some=some)
            times.append(await _median_ms(page, settings.repeat, wrong))
        yield Search(name, *times)


def wrong_search(
    text: str, floors: dict[str, int], author: str, before: int, *, some: bool
) -> Callable[[Sequence[Stored]], bool]:
    """Return what tells whether a page of hits has what was not asked for, or nothing."""

    def right(stored: Stored) -> bool:
        words = stored.event.text.split()
        return (
            stored.event.conversation in floors
            and author in ("", stored.event.account)
            and stored.position < before
            and all(
                any(it.startswith(term[:-1]) if term.endswith("*") else it == term for it in words)
                for term in text.split()
            )
        )

    def wrong(page: Sequence[Stored]) -> bool:
        return (some and not page) or not all(map(right, page))

    return wrong


async def _median_ms(
    read: Callable[[], Awaitable[Sequence[Stored]]],
    repeat: int,
    wrong: Callable[[Sequence[Stored]], bool],
) -> float:
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        page = await read()
        times.append((time.perf_counter() - started) * 1000)
        if wrong(page):
            raise Failed(f"a page of {len(page)} messages is not what was asked for")
    return statistics.median(times)


# --- the asking process ---------------------------------------------------------------------------


def run(settings: Settings, say: Callable[[str], None]) -> MemoryResult:
    """Measure in a process of its own. Raises ``ServerFailed`` with what that says."""
    say(f"{settings.messages:,} messages in {settings.channels} channels ...")
    limit = settings.messages * _S_PER_MESSAGE + _SPARE_S
    plan = json.dumps(asdict(settings))
    return MemoryResult.from_json(measured_apart("benchmarks.memory", plan, limit))


def main() -> int:
    """Be the measuring process; return 0, or 1 with the reason on standard error."""
    settings = Settings(**json.load(sys.stdin))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        failure = ""
        try:
            result = trio.run(measure, settings, Path(name) / "data")
        except* Failed as failed:
            failure = str(failed.exceptions[0])
    if failure:
        print(failure, file=sys.stderr)
        return 1
    print(json.dumps(asdict(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
