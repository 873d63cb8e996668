"""What has been told of each conversation, so that nothing is told twice, late or never.

Pure. A conversation has a *cursor*: the msgid of the last message told, or, before there is one,
the time from which on messages count. While a gap before the present is being filled from the
history, the conversation is *held*: live messages wait, and follow when the gap is closed.

Promise: if the history holds every message, and ``page`` is given all of it after the cursor,
then what ``live``, ``page`` and ``release`` return is every message once, in the history's order.
Messages without a msgid are passed on as they come: there is nothing to know them by.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from securechat.client.events import Said
from securechat.protocol.names import fold

# Where a server has not told its time yet, this machine's clock may be ahead of it by so much.
CLOCK_SLACK = timedelta(seconds=30)

# How many msgids of a conversation are remembered. Doubles can only be close together: a message
# to oneself comes twice, and a gap that is known by its time alone may begin a little early.
SEEN_MAX = 1_000


@dataclass(slots=True)
class Conversation:
    """One conversation: ``name`` as it is spelled, and how far it has been told."""

    name: str
    since: datetime
    last: str = ""
    held: list[Said] | None = None
    seen: OrderedDict[str, None] = field(default_factory=OrderedDict)

    @property
    def anchor(self) -> str:
        """What ``CHATHISTORY AFTER`` is asked for (IRCv3 ``chathistory``)."""
        return f"msgid={self.last}" if self.last else f"timestamp={wire_time(self.since)}"


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
            held: list[Said] | None = [] if self._hold_new else None
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

    def live(self, said: Said) -> list[Said]:
        """Take a message as it comes from the server; return what is to be told now."""
        since = self.told_until if self._hold_new and self.told_until else said.time
        conversation = self.open(said.conversation, since)
        if conversation.held is not None:
            conversation.held.append(said)
            return []
        self.reached(said.time)
        return self._tell(conversation, (said,))

    def reached(self, time: datetime) -> None:
        """Note the time of something told while nothing was missing."""
        if not self._hold_new and (self.told_until is None or time > self.told_until):
            self.told_until = time

    def page(self, name: str, saids: Sequence[Said]) -> tuple[list[Said], bool]:
        """Take a page of history after the cursor; return what is to be told of it.

        The second value tells that the page reached a message that came live too: the gap is
        closed.
        """
        conversation = self._conversations[fold(name)]
        held = conversation.held or []
        live = {said.msgid: said for said in held if said.msgid}
        met = not live.keys().isdisjoint(said.msgid for said in saids)
        merged = [live.pop(said.msgid, said) for said in saids]
        if conversation.held is not None:
            conversation.held = [said for said in held if not said.msgid or said.msgid in live]
        return self._tell(conversation, merged), met

    def release(self, name: str) -> list[Said]:
        """End holding a conversation; return what waited."""
        conversation = self._conversations.get(fold(name))
        if conversation is None or conversation.held is None:
            return []
        waiting, conversation.held = conversation.held, None
        for said in waiting:
            self.reached(said.time)
        return self._tell(conversation, waiting)

    def _tell(self, conversation: Conversation, saids: Iterable[Said]) -> list[Said]:
        out: list[Said] = []
        for said in saids:
            if said.msgid:
                if said.msgid in conversation.seen:
                    continue
                conversation.seen[said.msgid] = None
                if len(conversation.seen) > SEEN_MAX:
                    conversation.seen.popitem(last=False)
                conversation.last = said.msgid
            out.append(said)
        return out


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
