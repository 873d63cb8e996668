"""One conversation as it is shown: its entries, what is unread in it, its draft. Pure.

An *entry* is what takes its own rows in the log: a message, something that happened, or a run of
people who came and went. Entries are known by rising numbers, which never change; history that
is loaded later stands before the others whatever its numbers are. What makes an entry look
different raises its ``version``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Literal

from securechat.client.events import Said
from securechat.protocol.names import fold

Kind = Literal["said", "presence", "event", "server", "reply", "error"]
Sort = Literal["channel", "person", "server"]
State = Literal["", "pending", "failed"]

NEVER = datetime.min.replace(tzinfo=UTC)

ENTRIES_MAX = 3_000
"""How many entries a conversation keeps; the older ones come back from the history."""

_TRIM = 500
_numbers = count(1)
_PRESENCE_RUN_MAX = 50


@dataclass(slots=True)
class Entry:
    """What takes its own rows in a log; see the head of the file."""

    kind: Kind
    time: datetime
    text: str = ""
    sender: str = ""
    own: bool = False
    action: bool = False
    notice: bool = False
    mention: bool = False
    msgid: str = ""
    reply_to: str = ""
    edited: bool = False
    redacted: bool = False
    state: State = ""
    error: str = ""
    reactions: dict[str, list[str]] = field(default_factory=dict)
    presence: list[tuple[str, str]] = field(default_factory=list)
    number: int = field(default_factory=lambda: next(_numbers))
    version: int = 0

    def changed(self) -> None:
        """Note that it looks different from now on."""
        self.version += 1


@dataclass(slots=True)
class Conversation:
    """A channel, a person, or the server itself (``kind``)."""

    name: str
    kind: Sort
    entries: list[Entry] = field(default_factory=list)
    outbox: list[Entry] = field(default_factory=list)
    detached: list[Entry] | None = None
    topic: str = ""
    draft: bool = False
    unread: int = 0
    mentions: int = 0
    unread_from: int = 0
    muted: bool = False
    favourite: bool = False
    away: str | None = None
    online: bool | None = None
    here: bool = True
    whole: bool = False
    loading: bool = False
    cleared: bool = False
    marker: datetime | None = None
    line_after: datetime | None = None
    line_wanted: int = 0
    told_read: datetime = NEVER
    reaction_ids: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    active: datetime = NEVER
    typing: dict[str, tuple[str, float]] = field(default_factory=dict)
    known: dict[str, Entry] = field(default_factory=dict)
    changes: int = 0

    @property
    def key(self) -> str:
        """The name as it is compared."""
        return fold(self.name)

    @property
    def shown(self) -> list[Entry]:
        """The entries that the log shows, the oldest first: a part of the past, or all."""
        if self.detached is not None:
            return self.detached
        return [*self.entries, *self.outbox] if self.outbox else self.entries

    @property
    def oldest(self) -> str:
        """The msgid of the oldest message that is known."""
        return next((entry.msgid for entry in self.entries if entry.msgid), "")

    @property
    def newest(self) -> Entry | None:
        """The newest message that has a msgid."""
        return next((entry for entry in reversed(self.entries) if entry.msgid), None)

    def find(self, msgid: str) -> Entry | None:
        """Return the entry of a message, if it is known."""
        return self.known.get(msgid)

    def touch(self) -> None:
        """Note that its log looks different."""
        self.changes += 1

    def append(self, entry: Entry) -> bool:
        """Put an entry at the end; ``False`` where its message is known already."""
        if entry.msgid:
            if entry.msgid in self.known:
                return False
            self.known[entry.msgid] = entry
        self.entries.append(entry)
        self.active = max(self.active, entry.time) if entry.kind == "said" else self.active
        self.touch()
        return True

    def insert(self, entry: Entry) -> bool:
        """Put what was said earlier in its place; ``False`` where it is known already."""
        if not self.entries or entry.time >= self.entries[-1].time:
            return self.append(entry)
        if entry.msgid in self.known:
            return False
        at = len(self.entries)
        while at and self.entries[at - 1].time > entry.time:
            at -= 1
        self.entries.insert(at, entry)
        if entry.msgid:
            self.known[entry.msgid] = entry
        self.touch()
        return True

    def prepend(self, entries: list[Entry]) -> int:
        """Put older entries before the others; return how many were new."""
        new = [one for one in entries if not one.msgid or one.msgid not in self.known]
        self.known.update({one.msgid: one for one in new if one.msgid})
        self.entries[0:0] = new
        self.touch()
        return len(new)

    def presence(self, time: datetime, what: str, nick: str) -> None:
        """Note that somebody came or went: one entry for a run of them."""
        last = self.entries[-1] if self.entries else None
        run = (
            last is not None
            and last.kind == "presence"
            and last.time.date() == time.date()
            and len(last.presence) < _PRESENCE_RUN_MAX
        )
        if last is None or not run:
            last = Entry("presence", time)
            self.append(last)
        last.presence.append((what, nick))
        last.changed()
        self.touch()

    def echoed(self, text: str) -> None:
        """Note that the server has an own message: what waited for that is there now."""
        for entry in self.outbox:
            if entry.state == "pending" and entry.text == text:
                self.outbox.remove(entry)
                self.touch()
                return

    def clear(self) -> None:
        """Let go of all entries; those of the history come back when one scrolls up."""
        self.entries.clear()
        self.known.clear()
        self.whole = False
        self.cleared = True
        self.touch()

    def trim(self) -> None:
        """Let go of the oldest entries where there are too many."""
        if len(self.entries) <= ENTRIES_MAX + _TRIM:
            return
        for entry in self.entries[:-ENTRIES_MAX]:
            self.known.pop(entry.msgid, None)
        del self.entries[:-ENTRIES_MAX]
        self.whole = False
        self.touch()

    # --- reading -------------------------------------------------------------------------------

    def opened(self) -> None:
        """Somebody begins to look: what is unread now stays below a line while they do."""
        self.line_after, self.line_wanted = self.marker, self.unread
        self.place_line()

    def place_line(self) -> None:
        """Put the unread line where it belongs among the entries that are known."""
        if not self.line_wanted or self.unread_from:
            return
        others = [one for one in self.entries if one.kind == "said" and not one.own]
        after = self.line_after
        if after is not None:
            first = next((one for one in others if one.time > after), None)
            if first is not None and self.entries[0].time > after and not self.whole:
                return  # it may be further up
        else:
            first = others[-self.line_wanted] if len(others) >= self.line_wanted else None
            if first is None and others and self.whole:
                first = others[0]
        if first is not None:
            self.unread_from = first.number
            self.touch()

    def closed(self) -> None:
        """Nobody looks any more, or they answered: the unread line goes."""
        self.unread_from = self.line_wanted = 0
        self.touch()

    def read(self) -> None:
        """Take everything as read; the unread line stays where it is."""
        self.unread = self.mentions = 0

    def read_until(self, until: datetime | None) -> None:
        """Take the server's word up to when this account has read."""
        if until is None:
            return
        self.marker = until if self.marker is None else max(self.marker, until)
        self.told_read = max(self.told_read, until)
        if not self.unread or (self.entries and self.entries[0].time > until):
            return
        left = [
            one for one in self.entries if one.kind == "said" and not one.own and one.time > until
        ]
        self.unread = min(self.unread, len(left))
        self.mentions = min(self.mentions, sum(one.mention for one in left))

    # --- what becomes of messages --------------------------------------------------------------

    def edit(self, msgid: str, text: str, *, mention: bool) -> None:
        """Take another text of a message."""
        entry = self.known.get(msgid)
        if entry is not None:
            entry.text, entry.edited, entry.mention = text, True, mention
            self._changed(entry)

    def redact(self, msgid: str) -> None:
        """Take it that a message, or a reaction, is gone."""
        entry = self.known.get(msgid)
        if entry is not None:
            entry.redacted, entry.text, entry.mention = True, "", False
            entry.reactions.clear()
            self._changed(entry)
        elif msgid in self.reaction_ids:
            target, text, nick = self.reaction_ids.pop(msgid)
            self.react(target, text, nick, removed=True)

    def react(
        self, msgid: str, text: str, nick: str, *, removed: bool = False, change: str = ""
    ) -> None:
        """Take a reaction to a message, or that it was taken back."""
        entry = self.known.get(msgid)
        if entry is None:
            return
        if change and not removed:
            self.reaction_ids[change] = (msgid, text, nick)
        nicks = entry.reactions.setdefault(text, [])
        there = next((one for one in nicks if fold(one) == fold(nick)), None)
        if removed and there is not None:
            nicks.remove(there)
        elif not removed and there is None:
            nicks.append(nick)
        if not nicks:
            del entry.reactions[text]
        self._changed(entry)

    def _changed(self, entry: Entry) -> None:
        entry.changed()
        self.touch()


def entry_of(said: Said, *, mention: bool = False) -> Entry:
    """Return a message as an entry."""
    return Entry(
        "said",
        said.time,
        text=said.text,
        sender=said.sender,
        own=said.own,
        action=said.action,
        notice=said.kind == "notice",
        mention=mention,
        msgid=said.msgid,
        reply_to=said.reply_to,
        edited=said.edited is not None,
        redacted=said.redacted,
        reactions={one.text: list(one.nicks) for one in said.reactions},
    )
