"""The client's state: messages of the server in, events for people and programs out.

Pure: no Trio, no sockets; the time is an argument. It outlives connections: ``reset`` begins a new
one and keeps what must survive a break, which is how far every conversation was told
(:mod:`~securechat.client.state.timeline`) and which own lines are not acknowledged
(:mod:`~securechat.client.state.ownlines`).

Follows the Modern IRC Client Protocol and IRCv3 ``message-tags``, ``server-time``, ``batch``,
``echo-message``, ``labeled-response``, ``standard-replies``, ``cap-notify``, ``away-notify``,
``chathistory`` and ``soju.im/search``. A message that is malformed or of no interest has no effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from securechat.client import events
from securechat.client.events import Change, Event, Said
from securechat.client.state.about_messages import change_of, reply_of, typing_of, with_changes
from securechat.client.state.batches import Batch, Batches
from securechat.client.state.channels import Channels
from securechat.client.state.ownlines import Outcome, OwnLines, action_text
from securechat.client.state.requests import Requests, is_refusal
from securechat.client.state.rows import TABLE
from securechat.client.state.timeline import Timeline, read_time
from securechat.protocol.mentions import mentions
from securechat.protocol.message import Message
from securechat.protocol.multiline import Limits
from securechat.protocol.names import fold

HISTORY_PAGE_MAX = 100
_HISTORY_NEEDS = frozenset({"draft/chathistory", "batch", "message-tags", "server-time"})
_HISTORY, _TARGETS = "chathistory", "draft/chathistory-targets"
_CHANGES = frozenset({"draft/message-edit", "draft/message-redaction", "draft/event-playback"})
_CONTEXT = "draft/chathistory-context"
_LINES_MAX = 100  # where a server announces no most of lines
_SEARCH_NEEDS = frozenset({"soju.im/search", "batch", "message-tags", "server-time"})
SEARCH = "soju.im/search"
"""Stands for a conversation where what is out is a search in all of them."""

# Numerics that say nothing to people, or that are told in another way.
_SILENT = frozenset(
    [
        *("002", "003", "004", "042", "221", "250", "251", "252", "253", "254", "255", "265"),
        *("266", "321", "329", "333", "375", "732", "733", "770", "771", "772", "774", "900"),
        "903",
    ]
)


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to a CHATHISTORY or SEARCH request: messages in order, or ``error`` and none.

    ``changes`` are those that follow each message there, by its msgid. ``count`` is how many events
    came, messages or others, without such changes; ``first`` and ``last`` are their msgids. For
    ``TARGETS``, ``targets`` holds the conversations and their latest messages' times instead.
    """

    messages: tuple[Said, ...] = ()
    changes: Mapping[str, Sequence[Change]] = field(default_factory=dict)
    targets: tuple[tuple[str, datetime | None], ...] = ()
    count: int = 0
    first: str = ""
    last: str = ""
    error: str = ""


@dataclass(slots=True)
class ClientState:
    """Everything known on this side.

    ``outgoing`` fills with what must be sent, ``outcomes`` with what became of own lines, and
    ``page`` holds the answer to the one history request that ``history_of`` says is out (a
    conversation, ``*`` for TARGETS, or ``SEARCH``); the driver takes all three.
    """

    nick: str
    lines: OwnLines
    timeline: Timeline = field(default_factory=Timeline)
    channels: Channels = field(default_factory=Channels)
    requests: Requests = field(default_factory=Requests)
    profiles: dict[str, dict[str, str]] = field(default_factory=dict)
    capabilities: set[str] = field(default_factory=set)
    offered: dict[str, str] = field(default_factory=dict)
    isupport: dict[str, str] = field(default_factory=dict)
    outgoing: list[Message] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    history_of: str | None = None
    page: Page | None = None
    ready: bool = False
    source: str = ""
    closing: str = ""
    _batches: Batches = field(default_factory=Batches)
    motd: list[str] = field(default_factory=list)
    who: list[events.Person] = field(default_factory=list)
    surveys: set[str] = field(default_factory=set)
    lag: float | None = None
    pong: str = ""

    def reset(self) -> None:
        """Begin a new connection. What must survive a break stays."""
        self.channels.clear()
        self.capabilities = set()
        self.offered = {}
        self.requests.clear()
        self.profiles.clear()
        self.surveys.clear()
        self.isupport.clear()
        self.outgoing.clear()
        self.history_of = self.page = None
        self.ready = False
        self.closing = ""
        self._batches = Batches()
        self.motd.clear()
        self.who.clear()

    def receive(self, message: Message, now: datetime) -> list[Event]:
        """Take one message of the server; return what it means.

        Raises ``MessageError`` for a server that keeps a batch open without end.
        """
        item = self._batches.receive(message)
        if item is None:
            return []
        if isinstance(item, Message):
            label = item.tags.get("label", "")
            asked = self.requests.answered(label, [item])
            if asked and is_refusal(item):
                return []  # whoever asked is told
            return self._one(item, now, label)
        if self.requests.answered(item.label, item.messages()):
            return [
                event
                for message in item.messages()
                if not is_refusal(message)
                for event in self._one(message, now, "")
            ]
        return self._batch(item, now)

    def is_channel(self, target: str) -> bool:
        """Tell whether a target means a channel on this server."""
        return bool(target) and target[0] in self.isupport.get("CHANTYPES", "#")

    def is_me(self, nick: str) -> bool:
        """Tell whether this is the own name."""
        return fold(nick) == fold(self.nick)

    @property
    def history_limit(self) -> int:
        """How many messages one history request may ask for; 0 where there is no history."""
        if not self.capabilities >= _HISTORY_NEEDS:
            return 0
        value = self.isupport.get("CHATHISTORY", "0")
        limit = int(value) if value.isdecimal() else 0
        return min(limit or HISTORY_PAGE_MAX, HISTORY_PAGE_MAX)

    @property
    def can_search(self) -> bool:
        """Whether this server searches, and tells all that its answer needs."""
        return self.capabilities >= _SEARCH_NEEDS

    @property
    def multiline(self) -> Limits | None:
        """How long a message of several lines may be here; ``None`` where there are none."""
        if not self.capabilities >= {"draft/multiline", "batch"}:
            return None
        value = self.offered.get("draft/multiline", "")
        given = dict(part.partition("=")[::2] for part in value.split(","))
        most, lines = given.get("max-bytes", ""), given.get("max-lines", "")
        if not most.isdecimal():
            return None  # the specification has it always
        return Limits(int(most), int(lines) if lines.isdecimal() else _LINES_MAX)

    @property
    def tells_changes(self) -> bool:
        """Whether the history shows what became of messages."""
        return bool(self.capabilities & _CHANGES)

    @property
    def line_bytes_max(self) -> int:
        """How long a line may be on this server, with its CR LF."""
        value = self.isupport.get("LINELEN", "")
        return max(int(value), 512) if value.isdecimal() else 512

    # --- batches -------------------------------------------------------------------------------

    def _batch(self, batch: Batch, now: datetime) -> list[Event]:
        inner = (item for item in batch.items if isinstance(item, Batch))
        kinds = (_HISTORY, _TARGETS, SEARCH)
        history = next((one for one in (batch, *inner) if one.kind in kinds), None)
        if history is None:
            return [
                event
                for message in batch.messages()
                for event in self._one(message, now, batch.label)
            ]
        if history.kind == _TARGETS:
            if self.history_of == "*":
                self._answer(Page(targets=_targets(history)))
            return []
        page = self._page(history, now)
        if history.kind == SEARCH:
            if self.history_of == SEARCH:
                self._answer(page)
            return []
        target = history.params[0] if history.params else ""
        if self.history_of is not None and fold(target) == fold(self.history_of):
            self._answer(page)
            return []
        # Replayed by a server of its own accord.
        return [event for said in page.messages for event in self.timeline.live(said)]

    def _page(self, batch: Batch, now: datetime) -> Page:
        """Return a batch of history, each message with what follows it there."""
        found: dict[str, Said] = {}
        changes: dict[str, list[Change]] = {}
        events_in_order: list[str] = []
        for message in batch.messages():
            time, msgid = _time_of(message, now), message.tags.get("msgid", "")
            if _CONTEXT not in message.tags:
                events_in_order.append(msgid)
            if message.command in ("PRIVMSG", "NOTICE"):
                said = self._said(message, time, history=True)
                if said is not None:
                    found[msgid or f" {len(found)}"] = said
                continue
            change = change_of(self, message, time, history=True)
            if change is not None and change.msgid in found:
                changes.setdefault(change.msgid, []).append(change)
        saids = tuple(with_changes(said, changes.get(msgid, ())) for msgid, said in found.items())
        first, last = (events_in_order[0], events_in_order[-1]) if events_in_order else ("", "")
        return Page(saids, changes, count=len(events_in_order), first=first, last=last)

    @property
    def _asked(self) -> str | None:
        """The command of the request that is out."""
        if self.history_of is None:
            return None
        return "SEARCH" if self.history_of == SEARCH else "CHATHISTORY"

    def _answer(self, page: Page) -> None:
        self.page = page
        self.history_of = None

    # --- messages ------------------------------------------------------------------------------

    def _one(self, message: Message, now: datetime, label: str) -> list[Event]:
        time = _time_of(message, now)
        row = TABLE.get(message.command)
        if row is not None:
            enough = len(message.params) >= row.params_min
            return row.action(self, message, time) if enough else []
        if message.command in ("PRIVMSG", "NOTICE"):
            return self._on_speech(message, time, label)
        if message.command in ("EDIT", "REDACT", "TAGMSG"):
            change = change_of(self, message, time)
            if change is None:
                return typing_of(self, message, time)
            return list(self.timeline.change(change))
        if message.command == "FAIL":
            return self._on_fail(message, time, label)
        if message.command.isdigit():
            return self._on_other_numeric(message, time, label)
        return []

    def _on_speech(self, message: Message, time: datetime, label: str) -> list[Event]:
        if len(message.params) < 2:
            return []
        said = self._said(message, time, history=False)
        if said is None:
            text = message.params[1]
            return [events.ServerNotice(time=time, text=text)] if text else []
        if said.own:
            delivered = self.lines.echoed(said, label)
            if delivered is not None:
                self.outcomes.append(delivered)
        return list(self.timeline.live(said))

    def _said(self, message: Message, time: datetime, *, history: bool) -> Said | None:
        """Return a message as an event, or ``None`` when the server itself speaks."""
        own = self.is_me(message.nick)
        if len(message.params) < 2 or not (own or "!" in (message.source or "")):
            return None
        text = message.params[1]
        doing = action_text(text)
        return Said(
            time=time,
            conversation=self.conversation_of(message),
            sender=message.nick,
            text=text if doing is None else doing,
            kind=message.command.lower(),
            action=doing is not None,
            own=own,
            mention=not own and mentions(text, self.nick),
            bot="bot" in message.tags,
            history=history,
            msgid=message.tags.get("msgid", ""),
            account=message.tags.get("account", ""),
            reply_to=reply_of(message.tags),
        )

    def conversation_of(self, message: Message) -> str:
        """Return which conversation a message belongs to: the channel, or the other person."""
        target = message.params[0]
        channel = target.lstrip(self.isupport.get("STATUSMSG", ""))
        if self.is_channel(channel):
            known = self.channels.get(channel)
            return known.name if known else channel
        return target if self.is_me(message.nick) else message.nick

    def _on_fail(self, message: Message, time: datetime, label: str) -> list[Event]:
        if len(message.params) < 3:
            return []
        command, code, *context = message.params[:-1]
        text = message.params[-1]
        command = command.upper()
        if command == self._asked:
            self._answer(Page(error=text))
            return []
        if command == "JOIN" and code == "CHANNEL_RENAMED" and len(context) > 1:
            return self.renamed(context[0], context[1], time)
        if command in ("PRIVMSG", "NOTICE", "BATCH"):
            self._refused(code, text, tuple(context), command, label)
        what = context[-1] if context else ""
        return [events.Failed(time=time, code=code, text=text, what=what, command=command)]

    def _refused(
        self, code: str, text: str, targets: tuple[str, ...], command: str, label: str
    ) -> None:
        outcome = self.lines.refused(code, text, targets, command, label)
        if outcome is None:
            return
        self.outcomes.append(outcome)
        conversation = self.timeline.get(outcome.error.target)
        if conversation is not None and not conversation.last:
            self.timeline.forget(conversation.name)

    def renamed(
        self, old: str, new: str, time: datetime, by: str = "", reason: str = ""
    ) -> list[Event]:
        """Let what is known of a channel go on under its other name."""
        self.channels.rename_channel(old, new)
        self.timeline.rename(old, new)
        self.lines.rename(old, new)
        profile = self.profiles.pop(fold(old), None)
        if profile is not None:
            self.profiles[fold(new)] = profile
        return [events.ChannelRenamed(time=time, old=old, new=new, by=by, reason=reason)]

    def _on_other_numeric(self, message: Message, time: datetime, label: str) -> list[Event]:
        code, params = message.command, message.params[1:]
        if code == "470" and len(params) > 2 and self.channels.get(params[0]) is None:
            return self.renamed(params[0], params[1], time)
        if code in _SILENT or not params:
            return []
        if code[0] not in "45":
            return [events.Reply(time=time, code=code, params=params)]
        about, text = params[:-1], params[-1]
        if code == "421" and about == (self._asked,):
            self._answer(Page(error=text))
            return []
        self._refused(code, text, about, "", label)
        return [events.Failed(time=time, code=code, text=text, what=" ".join(about))]


def _targets(batch: Batch) -> tuple[tuple[str, datetime | None], ...]:
    """Return the conversations that a batch of ``CHATHISTORY TARGETS`` lists."""
    rows = [one.params for one in batch.messages() if one.command == "CHATHISTORY"]
    return tuple(
        (row[1], read_time(row[2]) if len(row) > 2 else None) for row in rows if len(row) > 1
    )


def _time_of(message: Message, now: datetime) -> datetime:
    return read_time(message.tags.get("time", "")) or now
