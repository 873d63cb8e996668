"""Clients that write down what they see, for the checker of the promises (``promises.py``).

``Observer`` is a plain IRC client. After every reconnect it asks for what it has missed, page by
page with ``CHATHISTORY AFTER`` from its last msgid on; or, as a device, it is shown that. What is
said meanwhile waits behind the pages, as a client of today does it.
Our own client is in ``ours.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import trio
from support.house import House, login_lines
from support.promises import SAID, Acknowledged, Seen, Stretch

from securechat.errors import ConnectionLost
from securechat.protocol.message import Message, parse
from securechat.protocol.multiline import BATCH_TYPE, CONCAT_TAG
from securechat.protocol.names import fold, is_channel
from securechat.store.contract import Store, Stored
from securechat.transport.memory import MemoryWire, PlainLink

MODERN_CAPS = (
    "batch echo-message message-tags server-time draft/chathistory draft/message-edit "
    "draft/message-redaction draft/multiline"
)
DEVICE_CAPS = "batch echo-message message-tags server-time"

LIVE = SAID | {"EDIT", "REDACT", "TAGMSG"}
"""What is shown live of what is stored, besides who comes and goes."""

PAGE = 3
BEGINNING = "timestamp=2001-01-01T00:00:00.000Z"
EVERYTHING_MAX = 1 << 20


async def journal_of(store: Store, conversations: Sequence[str]) -> list[Stored]:
    """Return all that is stored of some conversations, in the stored order."""
    found = [
        stored
        for conversation in conversations
        for stored in await store.history(conversation, limit=EVERYTHING_MAX)
    ]
    return sorted(found, key=lambda stored: stored.position)


@dataclass(frozen=True, slots=True)
class Item:
    """Something seen: where, what, and whether it was of the past (``chathistory``)."""

    conversation: str
    seen: Seen
    past: bool


@dataclass(slots=True)
class Reader:
    """Makes items of lines: knows batches, and puts messages of several lines together."""

    batches: dict[str, tuple[Message, str]] = field(default_factory=dict)
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of each that is a message of several lines: its command, and its text so far."""

    def kind(self, reference: str) -> str:
        """Return the type of an open batch."""
        return self.batches[reference][0].params[1] if reference in self.batches else ""

    def take(self, line: Message) -> Iterator[Item]:
        """Take a line in; yield the item that is complete with it, if it is one."""
        batch = line.tags.get("batch", "")
        if line.command == "BATCH":
            sign, reference = line.params[0][0], line.params[0][1:]
            if sign == "+":
                self.batches[reference] = (line, batch)
                return
            start, outer = self.batches.pop(reference)
            if reference in self.texts:
                kind, text = self.texts.pop(reference)
                yield self._item(start, kind, start.params[2], text, past=bool(outer))
            return
        if line.command in SAID and self.kind(batch) == BATCH_TYPE:
            text = line.params[1]
            if batch in self.texts:
                between = "" if CONCAT_TAG in line.tags else "\n"
                text = self.texts[batch][1] + between + text
            self.texts[batch] = (line.command, text)
            return
        if "msgid" not in line.tags or "draft/chathistory-context" in line.tags:
            return
        if line.command in LIVE:
            text = line.params[1] if line.command in SAID else ""
            text = line.tags.get("draft/edit-text", text)
            yield self._item(line, line.command, line.params[0], text, past=bool(batch))

    def _item(self, line: Message, kind: str, target: str, text: str, *, past: bool) -> Item:
        return Item(fold(target), Seen(line.tags["msgid"], kind, line.nick, text), past)


@dataclass(slots=True)
class Membership:
    """What was seen of a channel from one joining on. ``after`` and ``until`` as in ``Stretch``."""

    after: str | None
    until: str | None = ""
    view: list[Seen] = field(default_factory=list)
    lives: list[list[Seen]] = field(default_factory=list)
    pages: list[tuple[str, list[Seen]]] = field(default_factory=list)

    def last(self) -> str:
        """Return the reference from which on something may be missing."""
        if self.view:
            return f"msgid={self.view[-1].msgid}"
        return f"msgid={self.after}" if self.after else BEGINNING


@dataclass(slots=True)
class _Connection:
    """One connection: ``held`` waits behind the pages of the channels that are caught up with."""

    link: PlainLink
    wire: MemoryWire
    reader: Reader = field(default_factory=Reader)
    held: dict[str, list[Seen]] = field(default_factory=dict)
    page: list[Seen] = field(default_factory=list)
    rooms: set[str] = field(default_factory=set)
    partial: bytes = b""


class Observer:
    """A plain IRC client that is told when to come, to talk and to be cut off."""

    def __init__(
        self, house: House, nursery: trio.Nursery, name: str, caps: str, *, device: str = ""
    ) -> None:
        self.name = name
        self.memberships: dict[str, list[Membership]] = {}
        self.acknowledged: list[Acknowledged] = []
        self.problems: list[str] = []
        self._house = house
        self._nursery = nursery
        self._caps = caps
        self._device = device
        self._now: _Connection | None = None

    @property
    def is_here(self) -> bool:
        return self._now is not None

    def own(self, conversation: str) -> list[str]:
        """Return the msgids of what this client was acknowledged to have said somewhere."""
        return [
            item.seen.msgid
            for item in self.acknowledged
            if item.conversation == conversation and item.seen.kind in SAID
        ]

    def member_of(self, conversation: str) -> Membership | None:
        """Return the membership that goes on, as far as this client knows."""
        times = self.memberships.get(conversation)
        return times[-1] if times and times[-1].until == "" else None

    async def come(self) -> None:
        """Connect and log in; what comes is read by a task of its own."""
        if self._now is not None:
            return
        person = await self._house.visit()
        wire = self._house.wires[-1]
        self._now = _Connection(person.link, wire)
        self._nursery.start_soon(self._read, self._now)
        await self.send(*login_lines(self.name, self._caps, device=self._device), "PING ready")

    async def send(self, *lines: str) -> None:
        """Send lines, if there is a connection."""
        if self._now is not None:
            with suppress(ConnectionLost):
                await self._now.link.send_all("".join(f"{line}\r\n" for line in lines).encode())

    async def cut(self, how: str) -> None:
        """Lose the connection: by a reset, by closing, or after half a line."""
        now, self._now = self._now, None
        if now is None:
            return
        with suppress(ConnectionLost):
            if how == "half a line":
                await now.link.send_all(b"PRIVMSG #lobby :half of wh")
                await trio.lowlevel.checkpoint()
            if how == "closed":
                now.link.close()
            else:
                now.wire.reset()
        self._let_go(now)

    def _let_go(self, now: _Connection) -> None:
        """Drop what waited behind pages that did not all come: there may be a gap before it."""
        for conversation in list(now.held):
            self._take_page(now, conversation)
        now.held.clear()

    async def _read(self, now: _Connection) -> None:
        while True:
            try:
                data = await now.link.receive()
            except ConnectionLost:
                data = b""
            if not data or now is not self._now:
                break
            *lines, now.partial = (now.partial + data).split(b"\r\n")
            for line in lines:
                if now is self._now:
                    await self._take(now, parse(line.decode()))
        if now is self._now:
            self._now = None
            self._let_go(now)

    async def _take(self, now: _Connection, line: Message) -> None:
        own = fold(line.nick) == fold(self.name)
        match line.command:
            case "PING":
                await self.send(f"PONG :{line.params[-1]}")
            case "PONG" if line.params[-1] == "ready":
                await self._be_ready(now)
            case "JOIN" if own:
                self._entered(now, fold(line.params[0]), line.tags.get("msgid"))
            case "PART" if own:
                self._left(now, fold(line.params[0]), line.tags.get("msgid"))
            case "KICK" if fold(line.params[1]) == fold(self.name):
                self._left(now, fold(line.params[0]), line.tags.get("msgid"))
            case "FAIL" if line.params[0] == "CHATHISTORY":
                conversation = fold(line.params[3])
                if conversation in now.held:
                    self.problems.append(f"{self.name} was refused history: {line.params}")
            case _:
                ends = line.command == "BATCH" and line.params[0].startswith("-")
                kind = now.reader.kind(line.params[0][1:]) if ends else ""
                for item in now.reader.take(line):
                    if is_channel(item.conversation):
                        self._saw(now, item)
                if kind == "chathistory":
                    await self._page_ended(now)

    def _entered(self, now: _Connection, conversation: str, msgid: str | None) -> None:
        now.rooms.add(conversation)
        current = self.member_of(conversation)
        if current is None or msgid is not None:
            after = "" if conversation == "#lobby" else msgid
            current = Membership(after)
            self.memberships.setdefault(conversation, []).append(current)
        elif not self._device:
            now.held[conversation] = []
        if conversation == "#lobby" and not self._device:
            now.held[conversation] = []
        current.lives.append([])

    def _left(self, now: _Connection, conversation: str, msgid: str | None) -> None:
        now.rooms.discard(conversation)
        current = self.member_of(conversation)
        if current is not None:
            waiting = conversation in now.held
            if waiting:
                self._take_page(now, conversation)
                del now.held[conversation]
            # Where pages were still to come, nobody can say what else should have.
            current.until = None if waiting else msgid

    async def _be_ready(self, now: _Connection) -> None:
        """Know all channels; one that is not among them was left while there was no connection."""
        for conversation in self.memberships:
            current = self.member_of(conversation)
            if current is not None and conversation not in now.rooms:
                current.until = None
        await self._ask(now)

    async def _ask(self, now: _Connection) -> None:
        for conversation in now.held:
            current = self.member_of(conversation)
            assert current is not None
            await self.send(f"CHATHISTORY AFTER {conversation} {current.last()} {PAGE}")
            break

    def _take_page(self, now: _Connection, conversation: str) -> None:
        """Take what came of the page that was asked for, of the first channel that waits."""
        current = self.member_of(conversation)
        if current is not None and next(iter(now.held)) == conversation and now.page:
            current.pages.append((current.last(), now.page))
            current.view += now.page
            now.page = []

    async def _page_ended(self, now: _Connection) -> None:
        if not now.held:
            return
        conversation = next(iter(now.held))
        current = self.member_of(conversation)
        assert current is not None
        known = {seen.msgid for seen in current.view}
        repeats = not known.isdisjoint(seen.msgid for seen in now.page)
        if repeats:
            # Asking on might never end.
            self.problems.append(f"{self.name}: history after {current.last()} has {now.page}")
            now.page = []
        if now.page:
            self._take_page(now, conversation)
        else:
            waiting = now.held.pop(conversation)
            current.view += [seen for seen in waiting if seen.msgid not in known]
        await self._ask(now)

    def _saw(self, now: _Connection, item: Item) -> None:
        current = self.member_of(item.conversation)
        if current is None:
            self.problems.append(f"{self.name} saw {item}, and is not there")
            return
        if item.past and not self._device:
            now.page.append(item.seen)
            return
        if not item.past:
            current.lives[-1].append(item.seen)
            if fold(item.seen.by) == fold(self.name):
                self.acknowledged.append(Acknowledged(self.name, item.conversation, item.seen))
        if item.seen.kind not in SAID:
            return
        if item.conversation in now.held:
            now.held[item.conversation].append(item.seen)
        elif not self._device or item.seen.msgid not in {seen.msgid for seen in current.view}:
            # A device may be shown again what it had no time to say that it has.
            current.view.append(item.seen)

    def stretches(self, journal: Sequence[Stored]) -> Iterator[Stretch]:
        """Yield all that this client saw, as the checker takes it."""
        stored = {item.event.msgid for item in journal}
        old = bool(self._device)
        live_kinds = SAID if old else LIVE
        for conversation, times in self.memberships.items():
            for current in times:
                yield Stretch(
                    self.name,
                    "over all its connections",
                    conversation,
                    current.view,
                    current.after,
                    current.until,
                    removed_may_lack=old,
                    first_lines=old,
                )
                for live in current.lives:
                    # A TAGMSG that is no reaction, or one to nothing, is relayed and not kept.
                    kept = [
                        seen
                        for seen in live
                        if seen.kind in live_kinds
                        and (seen.kind != "TAGMSG" or seen.msgid in stored)
                    ]
                    yield Stretch(
                        self.name,
                        "live",
                        conversation,
                        kept,
                        None,
                        None,
                        live_kinds,
                        removed_may_lack=old,
                        first_lines=old,
                    )
                for reference, page in current.pages:
                    after = reference.partition("msgid=")[2]
                    yield Stretch(
                        self.name, f"by history after {reference}", conversation, page, after, None
                    )
