"""What the store promises: one interface, whatever engine stands behind it.

The store keeps two kinds of things. The *journal* is one totally ordered list of events; the
*records* are small documents (accounts, channels, members) that are changed by compare-and-set.
An event may carry the record changes that it means, and both are stored in one step.

Promises, which ``tests/support/store_conformance.py`` checks for every engine:

1.  ``append`` is one atomic batch; returning means durable (synced to disk). It is idempotent
    by msgid: an event stored before gives its first position, and its changes are not applied
    again.
2.  ``StoreRefused`` means nothing of the batch was stored, ``Conflict`` likewise;
    ``StoreUnavailable`` means *unknown*, and the caller may append the same msgids again.
3.  Positions strictly increase in ``feed``, and none shows up below one already shown. The feed
    pages, waits when it is not pulled, and starts after any position.
4.  ``history`` and ``locate`` go by position; times and msgids are looked up to positions first,
    so events of equal time are never skipped or repeated. Event times never decrease with
    position, msgids strictly increase with it: the journal's writer sees to both.
5.  A record's version counts its changes from 1 on, over removals too (not over ``prune``).
6.  An event stays as it was appended, but for what an ``Amendment`` says and what ``forget``
    removes. What a text was before is in no part of the data any more once the search index has
    followed and ``clear_log`` returned true.

Nothing of an engine leaks through: no SQL errors, no connection objects.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, as it is kept and as it is delivered.

    ``conversation`` is the key that history is found by: a channel's folded name, or for direct
    messages the two folded account names in order, joined by a space. ``kind`` is the wire's
    command (``PRIVMSG``, ``JOIN``, …). ``target`` is the channel or account as spelled.

    ``parent`` is the msgid of the message that this event is about and nothing without: a reaction
    to it, its edit, its redaction. A message of several lines has LF between them in ``text``,
    and CR where a line goes on in the next piece (IRCv3 multiline: ``draft/multiline-concat``).
    The text of a message that was redacted is empty.
    """

    msgid: str
    time_ms: int
    kind: str
    account: str
    source: str
    conversation: str
    target: str
    text: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """An event with the place that the store's one order gave it (1, 2, …; gaps allowed)."""

    position: int
    event: Event


@dataclass(frozen=True, slots=True)
class Record:
    """A document: ``value`` is JSON-shaped; ``None`` stands for one that was removed."""

    kind: str
    key: str
    version: int
    value: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Change:
    """A compare-and-set of one record.

    ``expected`` is the version it must have: 0 for "never was, or removed", ``None`` for any.
    ``value`` of ``None`` removes it.
    """

    kind: str
    key: str
    value: Mapping[str, object] | None
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Amendment:
    """What an event does to an earlier one: replaces its text, or erases it.

    With a ``text`` of ``""`` the tags go too. The earlier events of kind ``EDIT`` about the same
    message lose their text in both cases: only the last one is kept.
    """

    msgid: str
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What is appended: an event, the record changes that it means, and what it amends.

    All of it is one transaction. An amendment of a msgid that is not there does nothing.
    """

    event: Event
    changes: Sequence[Change] = ()
    amends: Sequence[Amendment] = ()


class Store(Protocol):
    """The interface. Every method may raise ``StoreUnavailable``."""

    async def append(self, entries: Sequence[Entry]) -> list[int]:
        """Store a batch durably and atomically; return each event's position, in order.

        Raises ``StoreRefused``, ``Conflict`` or ``StoreUnavailable`` (see the promises above).
        """
        ...

    def feed(self, after: int) -> AsyncIterator[Sequence[Stored]]:
        """Yield every event past position ``after``, in batches, then wait for more, forever.

        One that was amended or removed before it is shown may be shown as it was appended.
        """
        ...

    async def last(self) -> Stored | None:
        """Return the newest event, or ``None`` when the journal is empty."""
        ...

    async def history(
        self,
        conversation: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int,
        newest: bool = False,
        kinds: Sequence[str] = (),
    ) -> list[Stored]:
        """Return up to ``limit`` events with ``after < position < before``, oldest first.

        ``newest`` takes them from the end of that range instead of from its beginning.
        ``kinds`` restricts them to these commands; empty means all.
        """
        ...

    async def count(
        self,
        conversation: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int,
        but_by: str = "",
        naming: str = "",
    ) -> tuple[int, int]:
        """Return how many messages there are, and how many of them name an account.

        Looked at are the newest ``limit`` PRIVMSGs and NOTICEs with ``after < position < before``.
        Those by the account ``but_by``, and those that were redacted, do not count. ``naming`` is
        the account's name, found as ``protocol.mentions`` says.
        """
        ...

    async def locate(self, msgid: str) -> Stored | None:
        """Return the event with this msgid."""
        ...

    async def about(self, msgids: Sequence[str], *, limit: int) -> list[Stored]:
        """Return up to ``limit`` events whose ``parent`` is one of these, oldest first."""
        ...

    async def position_at(self, time_ms: int) -> int:
        """Return the smallest position whose time is ``>= time_ms``.

        That is one past the newest position where every event is older.
        """
        ...

    async def search(
        self,
        floors: Mapping[str, int],
        *,
        text: str = "",
        author: str = "",
        after: int = 0,
        before: int | None = None,
        limit: int,
        newest: bool = False,
    ) -> list[Stored]:
        """Return up to ``limit`` PRIVMSGs and NOTICEs of some conversations, oldest first.

        ``floors`` are the conversations' keys, and the position past which each may be read.
        All words of ``text`` must be in a message, in any case and with any accents; those within
        double quotes next to each other; one that ends with ``*`` is the beginning of a word. A
        text without a word finds nothing, and an empty one is no condition. ``author`` is an
        account's key. ``after``, ``before`` and ``newest`` are as in ``history``.

        What was appended before is found, and with its present text alone: the search waits for
        that. Raises ``StoreUnavailable`` where it would have to wait, or to search, for seconds,
        and where nobody runs ``keep_index``.
        """
        ...

    async def keep_index(self) -> None:
        """Have search follow the journal, until cancelled or closed; for one process at a time.

        It does not fail: what goes wrong is logged, tried again, and makes searches fail meanwhile.
        """
        ...

    async def conversations(self, after: str = "", *, limit: int) -> list[str]:
        """Return up to ``limit`` conversations with events whose key is above ``after``, by key."""
        ...

    async def nth_newest(self, conversation: str, number: int, *, kinds: Sequence[str] = ()) -> int:
        """Return the position of the ``number``-th newest event (1: the newest) of a conversation.

        ``kinds`` restricts them as in ``history``. Returns 0 where there are fewer.
        """
        ...

    async def forget(self, *, before: int, limit: int, conversation: str | None = None) -> int:
        """Remove the oldest events with a lower position than ``before``, for good.

        Of one conversation, or of all. What is about a removed message goes with it, or before it
        where that is much. Returns how many went, at most ``2 * limit``; 0 when none are left.
        Raises ``StoreRefused`` or ``StoreUnavailable``.
        """
        ...

    async def shrink(self) -> bool:
        """Give back some of the disk space that is free now; return whether there is more."""
        ...

    async def clear_log(self) -> bool:
        """Have the disk hold nothing any more of what was removed or replaced before.

        Returns whether that is so: it is not while somebody reads an older state, as a backup.
        """
        ...

    async def get(self, kind: str, key: str) -> Record | None:
        """Return one record, or ``None`` when it never was or is removed."""
        ...

    async def get_all(self, wanted: Sequence[tuple[str, str]]) -> Sequence[Record | None]:
        """Return the records with these kinds and keys, as ``get`` does, in the order asked for."""
        ...

    async def scan(
        self,
        kind: str,
        prefix: str = "",
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int | None = None,
        newest: bool = False,
    ) -> list[Record]:
        """Return the present records of a kind whose key starts with ``prefix``, by key.

        Of these, up to ``limit`` (``None``: all) with ``after < key < before``; ``newest`` takes
        them from the end of that range. Keys are compared by code points.
        """
        ...

    async def put(self, changes: Sequence[Change]) -> list[Record]:
        """Apply every change or none; return the records as they are now.

        Raises ``Conflict``, ``StoreRefused`` or ``StoreUnavailable``.
        """
        ...

    async def prune(self, kind: str, *, before: str, limit: int) -> int:
        """Remove up to ``limit`` records of a kind with lower keys than ``before``, lowest first.

        Returns how many. They go as if they had never been, and ``changed`` does not tell: this
        is for what is written once and not followed. The record that was changed last of all
        stays, for marks must not be used twice.

        Raises ``StoreRefused`` or ``StoreUnavailable``.
        """
        ...

    async def changed(self, after: int) -> tuple[list[Record], int]:
        """Return the records changed since a mark, removed ones included, and the next mark.

        Marks count from 0; changes made by other processes on the same data show up here too.
        """
        ...

    async def aclose(self) -> None:
        """Let go of the engine. Whatever ``append`` acknowledged is kept without it."""
        ...
