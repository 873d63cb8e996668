"""Everything the screen shows, as data: conversations, people, the connection. Pure.

The client's events come through :mod:`~securechat.client.tui.intake`, what a person does through
the methods here. Whatever must be drawn is said by ``changed``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from securechat.client.state.channels import Channel
from securechat.client.tui.conversation import Conversation, Entry, Sort
from securechat.client.tui.people import Presence, display_name
from securechat.protocol.mentions import mentions
from securechat.protocol.names import fold

SERVER = "server"
TYPING_SECONDS = 6.0


@dataclass(slots=True)
class Connection:
    """How the connection is. ``retry_at`` is in seconds of the program's clock."""

    up: bool = False
    reason: str = ""
    retry_at: float | None = None
    security: str = ""
    host: str = ""
    network: str = ""
    lag: float | None = None
    catching_up: bool = False


def _nothing() -> None:
    return None


@dataclass(slots=True)
class Model:
    """The whole state. ``is_channel``, ``channels`` and ``profile`` are the client's."""

    nick: str
    is_channel: Callable[[str], bool]
    channels: Callable[[], Sequence[Channel]] = lambda: ()
    profile: Callable[[str], Mapping[str, str]] = lambda nick: {}
    highlights: tuple[str, ...] = ()
    mute: tuple[str, ...] = ()
    favourites: tuple[str, ...] = ()
    changed: Callable[[], None] = _nothing
    conversations: dict[str, Conversation] = field(default_factory=dict)
    current: str = ""
    previous: str = ""
    focused: bool = True
    at_bottom: bool = True
    away: str | None = None
    chosen: bool = False
    connection: Connection = field(default_factory=Connection)

    # --- finding -------------------------------------------------------------------------------

    @property
    def here(self) -> Conversation:
        """The conversation that is looked at."""
        if self.current not in self.conversations:
            self.current = next(iter(self.conversations), "")
            if not self.current:
                return self.open(SERVER)
        return self.conversations[self.current]

    def get(self, name: str) -> Conversation | None:
        """Return a conversation that is there."""
        return self.conversations.get(fold(name))

    def open(self, name: str) -> Conversation:
        """Return a conversation, a new one if need be."""
        key = fold(name)
        if key not in self.conversations:
            kind: Sort = "channel" if self.is_channel(name) else "person"
            if name == SERVER:
                kind = "server"
            self.conversations[key] = Conversation(
                name,
                kind,
                muted=any(fold(one) == key for one in self.mute),
                favourite=any(fold(one) == key for one in self.favourites),
            )
            self.current = self.current or key
            self.changed()
        return self.conversations[key]

    def ordered(self) -> list[Conversation]:
        """Return the conversations as lists show them: the server, channels, people."""
        ranks = {"server": 2, "channel": 0, "person": 1}
        return sorted(
            self.conversations.values(),
            key=lambda one: (not one.favourite, ranks[one.kind], one.key.lstrip("#&")),
        )

    def channel(self, conversation: Conversation) -> Channel | None:
        """Return what the client knows of a channel it is in."""
        key = conversation.key
        return next((one for one in self.channels() if fold(one.name) == key), None)

    def mentions(self, text: str) -> bool:
        """Tell whether a text has the own name, or another word to look out for, in it."""
        return any(mentions(text, word) for word in (self.nick, *self.highlights) if word)

    def rename_self(self, nick: str) -> None:
        """Take another name of one's own."""
        self.nick = nick

    def set_highlights(self, words: tuple[str, ...]) -> None:
        """Look out for other words."""
        self.highlights = words

    # --- looking -------------------------------------------------------------------------------

    def look_at(self, name: str) -> Conversation:
        """Make a conversation the current one; the unread line of the one before goes."""
        conversation = self.open(name)
        if conversation.key != self.current:
            self._leave()
            self.previous, self.current = self.current, conversation.key
            conversation.opened()
        self.at_bottom = self.chosen = True
        self.changed()
        return conversation

    def _leave(self) -> None:
        left = self.conversations.get(self.current)
        if left is not None:
            left.closed()
            left.detached = None
            left.trim()

    def next_active(self) -> Conversation | None:
        """Return where to look next: mentions first, then what is unread, the oldest first."""
        waiting = [
            one
            for one in self.conversations.values()
            if one.unread and one.key != self.current and not (one.muted and not one.mentions)
        ]
        urgent = [one for one in waiting if one.mentions or one.kind == "person"]
        return min(urgent or waiting, key=lambda one: one.active, default=None)

    def neighbour(self, step: int) -> Conversation:
        """Return the conversation ``step`` further in the list, round and round."""
        ordered = self.ordered()
        here = next((n for n, one in enumerate(ordered) if one.key == self.current), 0)
        return ordered[(here + step) % len(ordered)]

    @property
    def unread(self) -> int:
        """How many messages are unread in all, but for muted conversations."""
        return sum(one.unread for one in self.conversations.values() if not one.muted)

    @property
    def urgent(self) -> int:
        """How many mentions and private messages wait."""
        return sum(
            one.unread if one.kind == "person" else one.mentions
            for one in self.conversations.values()
            if not one.muted
        )

    def close(self, name: str) -> None:
        """Take a conversation off the list."""
        key = fold(name)
        gone = self.conversations.pop(key, None)
        if gone is not None and self.current == key:
            back = self.previous if self.previous in self.conversations else ""
            self.current = back or next(iter(one.key for one in self.ordered()), "")
        self.changed()

    # --- own messages --------------------------------------------------------------------------

    def waiting(
        self,
        conversation: Conversation,
        text: str,
        time: datetime,
        *,
        action: bool = False,
        reply_to: str = "",
    ) -> Entry:
        """Show an own message that the server has not confirmed yet."""
        entry = Entry(
            "said",
            time,
            text,
            self.nick,
            own=True,
            action=action,
            reply_to=reply_to,
            state="pending",
        )
        conversation.outbox.append(entry)
        conversation.closed()
        self.changed()
        return entry

    def settled(self, conversation: Conversation, entry: Entry, error: str = "") -> None:
        """Take it that an own message is stored or, with ``error``, that it failed."""
        if error:
            entry.state, entry.error = "failed", error
            entry.changed()
        elif entry in conversation.outbox:
            conversation.outbox.remove(entry)
        conversation.touch()
        self.changed()

    # --- people --------------------------------------------------------------------------------

    def nicks(self, conversation: Conversation) -> list[str]:
        """Return who may be meant there: the last to speak first, then the others."""
        spoken = dict.fromkeys(
            entry.sender
            for entry in reversed(conversation.entries[-200:])
            if entry.kind == "said" and not entry.own
        )
        channel = self.channel(conversation)
        members: Iterable[str] = ()
        if channel is not None:
            members = sorted(member.nick for member in channel.members.values())
            here = {fold(nick) for nick in members}
            spoken = dict.fromkeys(nick for nick in spoken if fold(nick) in here)
        elif conversation.kind == "person":
            members = (conversation.name,)
        return [
            nick for nick in dict.fromkeys((*spoken, *members)) if fold(nick) != fold(self.nick)
        ]

    def display(self, nick: str) -> str:
        """Return the name that somebody gave themselves, clean; empty where there is none."""
        return display_name(nick, self.profile(nick))

    def presence(self, conversation: Conversation) -> Presence:
        """Return whether the person of a conversation is here."""
        if conversation.online is False:
            return "offline"
        met = [one.members.get(conversation.key) for one in self.channels()]
        here = [member for member in met if member is not None]
        if not here and not conversation.online:
            return ""
        away = conversation.away is not None or any(member.away for member in here)
        return "away" if away else "online"

    def typists(self, conversation: Conversation, now: float) -> list[str]:
        """Return who is typing, in the order in which they began."""
        gone = [key for key, (_, until) in conversation.typing.items() if until <= now]
        for key in gone:
            del conversation.typing[key]
        return [nick for nick, _ in conversation.typing.values()]
