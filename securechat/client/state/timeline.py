"""What has been told of each conversation, so that nothing is told twice, late or never.

Pure. A conversation has a *cursor*: the msgid of the last message told, or, before there is one,
the time from which on messages count. While a gap before the present is being filled from the
history, the conversation is *held*: live messages wait, and follow when the gap is closed.

Promise: if the history holds every message, and ``page`` is given all of it after the cursor,
then what ``live``, ``page`` and ``release`` return is every message once, in the history's order.
Messages without a msgid are passed on as they come: there is nothing to know them by.

Of the last messages told it is also known what became of them. Changes (edits, redactions,
reactions) come live; after a break the history is read from ``LOOK_BACK`` messages before the
cursor on, and what differs from what was told is told as changes. A change of a message that is not
known is passed on as it comes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from securechat.client.events import Change, Redacted, Said
from securechat.client.state.known import Known
from securechat.protocol.names import fold

# Where a server has not told its time yet, this machine's clock may be ahead of it by so much.
CLOCK_SLACK = timedelta(seconds=30)

# How many msgids of a conversation are remembered. Doubles can only be close together: a message
# to oneself comes twice, and a gap that is known by its time alone may begin a little early.
SEEN_MAX = 1_000

# Of how many of the last messages of a conversation changes are found that a break hid.
LOOK_BACK = 50


@dataclass(slots=True)
class Conversation:
    """One conversation: ``name`` as it is spelled, and how far it has been told."""

    name: str
    since: datetime
    last: str = ""
    held: list[Said | Change] | None = None
    seen: OrderedDict[str, Known] = field(default_factory=OrderedDict)

    @property
    def anchor(self) -> str:
        """What ``CHATHISTORY AFTER`` is asked for (IRCv3 ``chathistory``)."""
        return f"msgid={self.last}" if self.last else f"timestamp={wire_time(self.since)}"

    @property
    def early_anchor(self) -> str:
        """The same, from ``LOOK_BACK`` messages earlier on."""
        last = list(self.seen.values())[-LOOK_BACK:]
        if not last:
            return self.anchor
        # By its time, for the message itself may be gone.
        early = min(known.time for known in last) - timedelta(milliseconds=1)
        return f"timestamp={wire_time(min(early, self.since) if not self.last else early)}"


class Timeline:
    """All conversations of one client, over all of its connections."""

    def __init__(self) -> None:
        self._conversations: dict[str, Conversation] = {}
        self._hold_new = False
        self.told_until: datetime | None = None

    def get(self, name: str) -> Conversation | None:
        """Return a conversation, if anything is known of it."""
        return self._conversations.get(fold(name))

    def names(self) -> list[str]:
        """Return the conversations, the oldest known first."""
        return [conversation.name for conversation in self._conversations.values()]

    def held_names(self) -> list[str]:
        """Return the conversations that are held."""
        return [one.name for one in self._conversations.values() if one.held is not None]

    def open(self, name: str, since: datetime) -> Conversation:
        """Return the conversation; a new one counts from ``since`` on."""
        key = fold(name)
        if key not in self._conversations:
            # "After" leaves out what was said in that very millisecond.
            early = since - timedelta(milliseconds=1)
            held: list[Said | Change] | None = [] if self._hold_new else None
            self._conversations[key] = Conversation(name, early, held=held)
        return self._conversations[key]

    def open_now(self, name: str, now: datetime) -> Conversation:
        """Return the conversation; a new one counts from the newest time that the server told.

        ``now`` is this machine's time, which serves where the server told none.
        """
        return self.open(name, self.told_until or now - CLOCK_SLACK)

    def forget(self, name: str) -> None:
        """Let go of a conversation that was left."""
        self._conversations.pop(fold(name), None)

    def hold(self, name: str) -> None:
        """Keep live messages of a known conversation back until ``release``."""
        conversation = self._conversations[fold(name)]
        if conversation.held is None:
            conversation.held = []

    def hold_all(self) -> None:
        """Begin after a break: every conversation is held, ones not yet known included.

        What was held before is dropped; the history will tell it.
        """
        self._hold_new = True
        for conversation in self._conversations.values():
            conversation.held = []

    def hold_no_new(self) -> None:
        """From now on, conversations that come up are told at once."""
        self._hold_new = False

    def live(self, said: Said) -> list[Said | Change]:
        """Take a message as it comes from the server; return what is to be told now."""
        since = self.told_until if self._hold_new and self.told_until else said.time
        conversation = self.open(said.conversation, since)
        if conversation.held is not None:
            conversation.held.append(said)
            return []
        self.reached(said.time)
        return self._tell(conversation, (said,))

    def change(self, change: Change) -> list[Change]:
        """Take what is done to a message, as it comes; return what is to be told now."""
        conversation = self.get(change.conversation)
        if conversation is None:
            return [] if self._hold_new else [change]  # the history will tell
        if conversation.held is not None:
            conversation.held.append(change)
            return []
        return self._changed(conversation, change)

    def rename(self, old: str, new: str) -> None:
        """Note that a channel has another name."""
        conversation = self._conversations.pop(fold(old), None)
        if conversation is None:
            return
        conversation.name = new
        if conversation.held is not None:
            conversation.held = [replace(one, conversation=new) for one in conversation.held]
        self._conversations[fold(new)] = conversation

    def reached(self, time: datetime) -> None:
        """Note the time of something told while nothing was missing."""
        if not self._hold_new and (self.told_until is None or time > self.told_until):
            self.told_until = time

    def page(
        self,
        name: str,
        saids: Sequence[Said],
        changes: Mapping[str, Sequence[Change]] = MappingProxyType({}),
        *,
        whole: bool = False,
    ) -> tuple[list[Said | Change], bool]:
        """Take a page of history after the cursor; return what is to be told of it.

        It may begin before the cursor: what became of messages that were told is told then, by
        ``changes``, which has those of each message by its msgid; ``whole``, that every reaction
        that stands is among them. The second value tells that the page reached a message that came
        live too: the gap is closed.
        """
        conversation = self._conversations[fold(name)]
        held = conversation.held or []
        live = {one.msgid: one for one in held if isinstance(one, Said) and one.msgid}
        met = not live.keys().isdisjoint(said.msgid for said in saids)
        told: list[Said | Change] = []
        for said in saids:
            came = live.pop(said.msgid, None)
            about = changes.get(said.msgid, ())
            known = conversation.seen.get(said.msgid)
            if came is not None:  # and what was done to it since came live too
                told += self._tell(conversation, (came,))
            elif known is not None:
                told += known.differences(said, about, whole=whole)
            else:
                told += self._tell(conversation, (said,), about)
        if conversation.held is not None:
            conversation.held = [
                one
                for one in conversation.held
                if not isinstance(one, Said) or not one.msgid or one.msgid in live
            ]
        return told, met

    def release(self, name: str) -> list[Said | Change]:
        """End holding a conversation; return what waited."""
        conversation = self._conversations.get(fold(name))
        if conversation is None or conversation.held is None:
            return []
        waiting, conversation.held = conversation.held, None
        for one in waiting:
            if isinstance(one, Said):
                self.reached(one.time)
        return self._tell(conversation, waiting)

    def _tell(
        self,
        conversation: Conversation,
        items: Iterable[Said | Change],
        about: Sequence[Change] = (),
    ) -> list[Said | Change]:
        out: list[Said | Change] = []
        for one in items:
            if not isinstance(one, Said):
                out += self._changed(conversation, one)
                continue
            if one.msgid:
                if one.msgid in conversation.seen:
                    continue
                conversation.seen[one.msgid] = Known.of(one, about)
                if len(conversation.seen) > SEEN_MAX:
                    conversation.seen.popitem(last=False)
                conversation.last = one.msgid
            out.append(one)
        return out

    @staticmethod
    def _changed(conversation: Conversation, change: Change) -> list[Change]:
        known = conversation.seen.get(change.msgid)
        if known is not None:
            return [change] if known.news(change) else []
        if isinstance(change, Redacted):
            for msgid, one in conversation.seen.items():
                taken = one.reaction_removed(msgid, change)
                if taken is not None:
                    return [taken]
        return [change]


def wire_time(time: datetime) -> str:
    """Return a time as IRCv3 ``server-time`` writes it: UTC with milliseconds."""
    time = time.astimezone(UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def read_time(text: str) -> datetime | None:
    """Return the time that a ``time`` tag gives; ``None`` for what is none."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    # Years at the ends of what a datetime holds cannot be shown in another time zone.
    return time if time.tzinfo is not None and 1 < time.year < 9999 else None
