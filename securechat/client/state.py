"""The client's state: messages of the server in, events for people and programs out.

Pure: no Trio, no sockets; the time is an argument. It outlives connections: ``reset`` begins a new
one and keeps what must survive a break, which is how far every conversation was told
(:mod:`~securechat.client.timeline`) and which own lines are not acknowledged
(:mod:`~securechat.client.ownlines`).

Follows the Modern IRC Client Protocol and IRCv3 ``message-tags``, ``server-time``, ``batch``,
``echo-message``, ``labeled-response``, ``standard-replies``, ``cap-notify``, ``away-notify``,
``chathistory`` and ``soju.im/search``. A message that is malformed or of no interest has no effect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from securechat.client import events
from securechat.client.batches import Batch, Batches
from securechat.client.channels import Channels
from securechat.client.events import Event, Said
from securechat.client.ownlines import Outcome, OwnLines, action_text
from securechat.client.rows import TABLE
from securechat.client.timeline import Timeline, read_time
from securechat.protocol.message import Message
from securechat.protocol.names import fold

HISTORY_PAGE_MAX = 100
_HISTORY_NEEDS = frozenset({"draft/chathistory", "batch", "message-tags", "server-time"})
_HISTORY, _TARGETS = "chathistory", "draft/chathistory-targets"
_SEARCH_NEEDS = frozenset({"soju.im/search", "batch", "message-tags", "server-time"})
SEARCH = "soju.im/search"
"""Stands for a conversation where what is out is a search in all of them."""

# Numerics that say nothing to people, or that are told in another way.
_SILENT = frozenset(
    [
        *("002", "003", "004", "042", "221", "250", "251", "252", "253", "254", "255", "265"),
        *("266", "321", "329", "333", "375", "900", "903"),
    ]
)


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to a CHATHISTORY or SEARCH request: messages in order, or ``error`` and none.

    For ``TARGETS``, ``targets`` holds the conversations instead.
    """

    messages: tuple[Said, ...] = ()
    targets: tuple[str, ...] = ()
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
    token_answers: list[tuple[str, ...]] = field(default_factory=list)

    def reset(self) -> None:
        """Begin a new connection. What must survive a break stays."""
        self.channels.clear()
        self.capabilities = set()
        self.offered = {}
        self.token_answers.clear()
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
            return self._one(item, now, item.tags.get("label", ""))
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
                named = [one.params for one in history.messages() if one.command == "CHATHISTORY"]
                self._answer(Page(targets=tuple(row[1] for row in named if len(row) > 1)))
            return []
        saids = tuple(
            said
            for message in history.messages()
            if message.command in ("PRIVMSG", "NOTICE")
            and (said := self._said(message, _time_of(message, now), history=True)) is not None
        )
        if history.kind == SEARCH:
            if self.history_of == SEARCH:
                self._answer(Page(saids))
            return []
        target = history.params[0] if history.params else ""
        if self.history_of is not None and fold(target) == fold(self.history_of):
            self._answer(Page(saids))
            return []
        # Replayed by a server of its own accord.
        return [event for said in saids for event in self.timeline.live(said)]

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
        target, text = message.params[0], message.params[1]
        channel = target.lstrip(self.isupport.get("STATUSMSG", ""))
        if self.is_channel(channel):
            known = self.channels.get(channel)
            conversation = known.name if known else channel
        else:
            conversation = target if own else message.nick
        doing = action_text(text)
        return Said(
            time=time,
            conversation=conversation,
            sender=message.nick,
            text=text if doing is None else doing,
            kind=message.command.lower(),
            action=doing is not None,
            own=own,
            history=history,
            msgid=message.tags.get("msgid", ""),
            account=message.tags.get("account", ""),
        )

    def _on_fail(self, message: Message, time: datetime, label: str) -> list[Event]:
        if len(message.params) < 3:
            return []
        command, code, *context = message.params[:-1]
        text = message.params[-1]
        command = command.upper()
        if command == self._asked:
            self._answer(Page(error=text))
            return []
        if command == "TOKEN":
            self.token_answers.append(("FAIL", code, text))
            return []
        if command in ("PRIVMSG", "NOTICE"):
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

    def _on_other_numeric(self, message: Message, time: datetime, label: str) -> list[Event]:
        code, params = message.command, message.params[1:]
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


def _time_of(message: Message, now: datetime) -> datetime:
    return read_time(message.tags.get("time", "")) or now
