"""What a client hears, as plain data: one frozen class per kind of event.

Every event has ``time``, in UTC: the server's own where it says one (``server-time``), the local
clock's otherwise. Names are spelled as the server spells them; compare them folded. Text is as it
came from the wire, control characters included: whoever shows it makes it harmless first
(:mod:`securechat.client.lines` does).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The root of all events."""

    time: datetime


# --- the connection ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected(Event):
    """A server was reached and verified; login follows. ``security`` is for people to read."""

    host: str
    port: int
    security: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn(Event):
    """The welcome is through; ``nick`` is the account's name. Joins and catching up follow."""

    nick: str
    network: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp(Event):
    """After a reconnect: everything that was missed has been told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected(Event):
    """The connection is gone, or could not be made again.

    The next attempt is made ``retry_in`` seconds after this is told, by Trio's clock: a countdown
    begins with it. ``Client.retry_now`` makes it at once. ``None`` when nothing is tried again.
    """

    reason: str
    retry_in: float | None


# --- what is said -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction to a message: its text, mostly an emoji, and by whom, in the order of reacting."""

    text: str
    nicks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Event):
    """A message. ``conversation`` is the channel, or the person on the other side.

    ``kind`` is ``privmsg`` or ``notice``; ``action`` is set for ``/me`` (the text is without its
    wrapping). A message of several lines is one, with LF between them in ``text``. ``own`` is set
    for what this account said, here or from another session; ``mention`` where others name it
    (:mod:`securechat.protocol.mentions`). ``bot`` is set where a program speaks (``bot-mode``).
    ``history`` is set for what was said while this client was not there to hear it.

    ``msgid`` names it, and ``reply_to`` the message that it answers (``+draft/reply``). What came
    from the history or a search also tells what became of it: ``edited`` is when its text became
    the present one, ``redacted`` that it was removed (the text is empty then), and ``reactions``
    those that stand.
    """

    conversation: str
    sender: str
    text: str
    kind: str = "privmsg"
    action: bool = False
    own: bool = False
    mention: bool = False
    bot: bool = False
    history: bool = False
    msgid: str = ""
    account: str = ""
    reply_to: str = ""
    edited: datetime | None = None
    redacted: bool = False
    reactions: tuple[Reaction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited(Event):
    """The message ``msgid`` has a new text (IRCv3 proposal ``message-edit``), by its ``sender``.

    ``change`` is the msgid of the change itself; ``history`` is set where it was made while this
    client was not there.
    """

    conversation: str
    msgid: str
    text: str
    sender: str
    own: bool = False
    mention: bool = False
    history: bool = False
    change: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted(Event):
    """The message, or the reaction, ``msgid`` was removed (IRCv3 draft ``message-redaction``)."""

    conversation: str
    msgid: str
    by: str
    reason: str = ""
    own: bool = False
    history: bool = False
    change: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reacted(Event):
    """Somebody reacted to the message ``msgid``, or took that back (``removed``).

    ``text`` is what they reacted with. ``change`` is the msgid of the reaction itself.
    """

    conversation: str
    msgid: str
    text: str
    nick: str
    own: bool = False
    removed: bool = False
    history: bool = False
    change: str = ""


Change = Edited | Redacted | Reacted
"""What can be done to a message."""

TypingState = Literal["active", "paused", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing(Event):
    """Somebody else is typing, or is not any more (IRCv3 ``typing``).

    ``active`` holds for 6 seconds, ``paused`` for 30, unless told anew; a message ends both.
    """

    conversation: str
    nick: str
    state: TypingState


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked(Event):
    """Up to when this account has read a conversation, said by any of its sessions.

    ``None``: nothing yet (IRCv3 ``read-marker``). Told of each channel at its joining too.
    """

    conversation: str
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadCounted(Event):
    """How much of a conversation is unread, as the server counts: told at login, and when asked.

    ``mentions`` of it name this account. A count of ``most`` means that many or more.
    """

    conversation: str
    unread: int
    mentions: int
    most: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryGap(Event):
    """What was missed in this conversation could not be fetched; ``text`` says why."""

    conversation: str
    text: str


# --- people and channels ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(Event):
    """Somebody, or this client (``own``), is in a channel from now on."""

    channel: str
    nick: str
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted(Event):
    """Somebody left a channel."""

    channel: str
    nick: str
    reason: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kicked(Event):
    """Somebody was made to leave a channel."""

    channel: str
    nick: str
    by: str
    reason: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quitted(Event):
    """Somebody's last session ended; ``channels`` are those shared with them."""

    nick: str
    reason: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed(Event):
    """Somebody has another name from now on."""

    old: str
    new: str
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRenamed(Event):
    """A channel has another name; members, modes, topic and history stay (``channel-rename``).

    ``by`` is empty where this was learned after the fact.
    """

    old: str
    new: str
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChanged(Event):
    """Somebody, or a channel, tells something else of itself (IRCv3 ``metadata``).

    ``target`` is the nick or channel, ``key`` such as ``display-name``; ``value`` is ``None``
    where it tells that no more. ``Client.profile`` has all that is known.
    """

    target: str
    key: str
    value: str | None
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceChanged(Event):
    """Somebody who is watched (``Client.watch``) came to the server, or left it."""

    nick: str
    online: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersChanged(Event):
    """More became known of the members of a channel: who is away, who is a bot."""

    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicChanged(Event):
    """A channel's topic; ``by`` is empty when it was learned rather than changed just now."""

    channel: str
    topic: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChanged(Event):
    """Modes of a channel or of oneself, as the server writes them."""

    target: str
    modes: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Names(Event):
    """Who is in a channel: the names in order, each after its prefix (``@alice``), if any."""

    channel: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AwayChanged(Event):
    """Somebody is away (``text`` says why) or back (``text`` is ``None``)."""

    nick: str
    text: str | None
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited(Event):
    """Somebody was invited to a channel."""

    channel: str
    nick: str
    by: str
    own: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """A row of :class:`WhoReply`."""

    nick: str
    channel: str
    away: bool
    real_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoReply(Event):
    """The answer to WHO, whole."""

    mask: str
    people: tuple[Person, ...]


# --- the server's own words -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerNotice(Event):
    """The server says something to people: an announcement, a warning, why it closes."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Motd(Event):
    """The message of the day, line by line."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Event):
    """Any other numeric, for showing: ``params`` are without the own nick."""

    code: str
    params: tuple[str, ...]

    @property
    def text(self) -> str:
        """The parameters as one text."""
        return " ".join(self.params)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    """Something asked for was not done.

    ``code`` is the numeric or the word of a standard reply (``FAIL``), or one of the client's
    own: ``NOT_SENT``, ``NOT_CONFIRMED``. ``what`` is what it is about: a channel, a person, a
    command; it may be empty.
    """

    code: str
    text: str
    what: str = ""
    command: str = ""
