"""A checker of what is promised for messages: docs/safety.md, "What is promised for messages".

Pure: it is given what clients saw and were told, and the journal in its stored order, and says in
words what of that breaks a promise. Whatever has clients can use it: a test in memory, one that
kills programs, a load test. What a client saw comes as *stretches*: what one client saw of one
conversation in one way, and between which places that has to be everything.

The rules:

1.  Positions and msgids strictly increase in the journal, times never decrease, and no msgid is
    there twice.
2.  What was acknowledged (an echo with its msgid, a receipt) is stored once, as it was said.
3.  A stretch is the stored order between its bounds: nothing missing, doubled or in another order,
    nothing that is not stored, nothing from before or after. A membership is a stretch from its
    JOIN to its PART; the pages of history after a reconnect are one from the last msgid on.
4.  Live and history agree: all that was seen of a message is what is stored of it.
5.  What our own client said is stored once where it gave a receipt, not at all where it says so,
    and at most once where it does not know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from securechat.protocol.multiline import combined, pieces_of
from securechat.protocol.names import fold
from securechat.store.contract import Event, Stored

SAID = frozenset({"PRIVMSG", "NOTICE"})
"""The kinds of events that are messages."""

_AMENDS = frozenset({"EDIT", "REDACT"})


@dataclass(frozen=True, slots=True)
class Seen:
    """An event as a client saw it. ``text`` has LF between lines; ``by`` is an account's name."""

    msgid: str
    kind: str
    by: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one client saw of one conversation, in the order in which it saw it.

    It has to be every stored event of ``kinds`` behind ``after`` and up to ``until`` (msgids of any
    stored events). An empty bound is the journal's beginning or end; ``None`` is the first or the
    last event that was seen, where nobody can say what else had to come.

    ``conversation`` is the journal's key: a channel's id, or two folded names. ``way`` says how it
    was seen, in words. ``removed_may_lack``: this client is not shown that a message was removed.
    ``first_lines``: of several lines it knows the first to be the message. ``settled``: nothing was
    edited or removed while it was read or after that, so each text is the one that is stored.
    """

    client: str
    way: str
    conversation: str
    seen: Sequence[Seen]
    after: str | None = ""
    until: str | None = ""
    kinds: frozenset[str] = SAID
    removed_may_lack: bool = False
    first_lines: bool = False
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Something that a client was told to be stored."""

    client: str
    conversation: str
    seen: Seen


class Fate(Enum):
    """What our own client says became of something that it was given to say."""

    STORED = "is stored"
    NOT_STORED = "is not stored"
    UNKNOWN = "may be stored"


@dataclass(frozen=True, slots=True)
class Saying:
    """Something that our own client was given to say; no other one has the same text."""

    client: str
    conversation: str
    by: str
    text: str
    fate: Fate
    msgid: str = ""


@dataclass(slots=True)
class _Journal:
    """The journal, by msgids; ``amended`` are those whose text is not what it was."""

    events: Sequence[Stored]
    by_msgid: dict[str, Stored] = field(default_factory=dict)
    amended: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        edits: dict[str, list[str]] = {}
        for stored in self.events:
            event = stored.event
            self.by_msgid.setdefault(event.msgid, stored)
            if event.kind in _AMENDS:
                # What an earlier edit said goes with the text that it replaced.
                self.amended.update((event.parent, *edits.get(event.parent, ())))
                edits.setdefault(event.parent, []).append(event.msgid)


def violations(
    journal: Sequence[Stored],
    *,
    acknowledged: Iterable[Acknowledged] = (),
    stretches: Iterable[Stretch] = (),
    sayings: Iterable[Saying] = (),
) -> list[str]:
    """Return what breaks a promise, a sentence for each; nothing where all of them are kept.

    ``journal`` is in the stored order, of all the conversations that are looked at.
    """
    index = _Journal(journal)
    found = list(_of_journal(journal))
    for item in acknowledged:
        found += _of_acknowledged(index, item)
    for stretch in stretches:
        found += _of_stretch(index, stretch)
    for saying in sayings:
        found += _of_saying(index, saying)
    return found


def _of_journal(journal: Sequence[Stored]) -> Iterator[str]:
    for one, other in pairwise(journal):
        names = f"{one.event.msgid} and {other.event.msgid}"
        if one.position >= other.position:
            yield f"journal: the positions of {names} do not increase"
        if one.event.msgid >= other.event.msgid:
            yield f"journal: the msgids {names} do not increase"
        if one.event.time_ms > other.event.time_ms:
            yield f"journal: the times of {names} decrease"
    counts = Counter(stored.event.msgid for stored in journal)
    yield from (f"journal: {msgid} is stored {n} times" for msgid, n in counts.items() if n > 1)


def _of_acknowledged(index: _Journal, item: Acknowledged) -> Iterator[str]:
    stored = index.by_msgid.get(item.seen.msgid)
    who = f"{item.client} was told that {_named(item.seen)} is stored"
    if stored is None:
        yield f"{who}, and it is not"
    elif stored.event.conversation != item.conversation:
        yield f"{who} in {item.conversation}, and it is in {stored.event.conversation}"
    else:
        why = _difference(index, stored.event, item.seen)
        if why:
            yield f"{who}, and {why}"


def _of_stretch(index: _Journal, stretch: Stretch) -> Iterator[str]:
    who = f"{stretch.client} ({stretch.way}, {stretch.conversation})"
    for bound in (stretch.after, stretch.until):
        if bound and bound not in index.by_msgid:
            yield f"{who} goes by {bound}, which is not stored"
            return
    places: list[tuple[int, Seen]] = []
    for seen in stretch.seen:
        stored = index.by_msgid.get(seen.msgid)
        if stored is None or stored.event.conversation != stretch.conversation:
            yield f"{who} saw {_named(seen)}, which is not stored there"
            continue
        why = _difference(
            index,
            stored.event,
            seen,
            settled=stretch.settled,
            first_line=stretch.first_lines,
        )
        if why:
            yield f"{who} saw {_named(seen)}, and {why}"
        places.append((stored.position, seen))
    low, high = _bounds(index, stretch, [place for place, _ in places])
    for place, seen in places:
        if place <= low:
            yield f"{who} saw {_named(seen)}, from before its time there"
        elif place > high:
            yield f"{who} saw {_named(seen)}, from after its time there"
    counts = Counter(seen.msgid for _, seen in places)
    yield from (f"{who} saw {msgid} {n} times" for msgid, n in counts.items() if n > 1)
    for (place, seen), (next_place, next_seen) in pairwise(places):
        if place > next_place:
            yield f"{who} saw {_named(seen)} before {_named(next_seen)}, which was stored earlier"
    for stored in index.events:
        event = stored.event
        if (
            low < stored.position <= high
            and event.conversation == stretch.conversation
            and event.kind in stretch.kinds
            and event.msgid not in counts
            and not (stretch.removed_may_lack and _is_removed(index, event))
        ):
            yield f"{who} missed {event.msgid} ({event.kind} by {event.account}: {event.text!r})"


def _bounds(index: _Journal, stretch: Stretch, places: Sequence[int]) -> tuple[float, float]:
    """Return behind which position a stretch begins, and the last that belongs to it."""
    low: float = index.by_msgid[stretch.after].position if stretch.after else 0
    high: float = index.by_msgid[stretch.until].position if stretch.until else float("inf")
    if stretch.after is None:
        # Of a stretch whose first event nobody knows, and that has none, nothing is expected.
        low = min(places) - 1 if places else high
    if stretch.until is None:
        high = max(places, default=low)
    return low, high


def _of_saying(index: _Journal, saying: Saying) -> Iterator[str]:
    known = index.by_msgid.get(saying.msgid)
    if known is not None and _is_removed(index, known.event):
        return
    found = [
        stored.event
        for stored in index.events
        if stored.event.kind in SAID
        and stored.event.conversation == saying.conversation
        and stored.event.account == fold(saying.by)
        and stored.event.text == saying.text
    ]
    who = (
        f"{saying.client} said {saying.text!r} in {saying.conversation}, which {saying.fate.value}"
    )
    if len(found) > 1:
        yield f"{who}, and it is stored {len(found)} times: {[event.msgid for event in found]}"
    elif saying.fate is Fate.STORED and not found:
        yield f"{who}, and it is nowhere"
    elif saying.fate is Fate.NOT_STORED and found:
        yield f"{who}, and it is there as {found[0].msgid}"
    elif found and saying.fate is Fate.STORED and found[0].msgid != saying.msgid:
        yield f"{who} as {saying.msgid}, and it is there as {found[0].msgid}"


def _difference(
    index: _Journal, event: Event, seen: Seen, *, settled: bool = False, first_line: bool = False
) -> str:
    """Return in what an event was seen otherwise than it is stored, or nothing."""
    if (seen.kind, fold(seen.by)) != (event.kind, event.account):
        return f"it is a {event.kind} by {event.account}, not a {seen.kind} by {seen.by}"
    if event.kind not in {*SAID, "EDIT"} or (event.msgid in index.amended and not settled):
        return ""
    if settled and _is_removed(index, event):
        return ""
    text = combined(event.text)
    if first_line:
        text = next((piece.text for piece in pieces_of(event.text) if piece.text), "")
    return "" if seen.text == text else f"its text is {text!r}"


def _is_removed(index: _Journal, event: Event) -> bool:
    return not event.text and event.msgid in index.amended


def _named(seen: Seen) -> str:
    return f"{seen.msgid} ({seen.kind} by {seen.by}: {seen.text!r})"


def membership(journal: Sequence[Stored], conversation: str, account: str) -> Mapping[str, str]:
    """Return the times that an account was in a channel by the journal: JOIN to what ended it.

    Both are msgids; a membership that lasts ends with ``""``.
    """
    times: dict[str, str] = {}
    begun = ""
    for stored in journal:
        event = stored.event
        if event.conversation != conversation:
            continue
        who = event.text.partition(" ")[0] if event.kind == "KICK" else event.account
        if event.kind == "JOIN" and event.account == fold(account) and not begun:
            begun = event.msgid
            times[begun] = ""
        elif begun and (
            event.kind == "DROP" or (event.kind in {"PART", "KICK"} and fold(who) == fold(account))
        ):
            times[begun], begun = event.msgid, ""
    return times
