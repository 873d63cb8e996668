"""What a client hears, as plain data: one frozen class per kind of event.

Every event has ``time``, in UTC: the server's own where it says one (``server-time``), the local
clock's otherwise. Names are spelled as the server spells them; compare them folded. Text is as it
came from the wire, control characters included: whoever shows it makes it harmless first
(:mod:`securechat.client.lines` does).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
    """The connection is gone. ``retry_in`` is in seconds; ``None`` when nothing is tried again."""

    reason: str
    retry_in: float | None


# --- what is said -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Event):
    """A message. ``conversation`` is the channel, or the person on the other side.

    ``kind`` is ``privmsg`` or ``notice``; ``action`` is set for ``/me`` (the text is without its
    wrapping). ``own`` is set for what this account said, here or from another session.
    ``history`` is set for what was said while this client was not there to hear it.
    """

    conversation: str
    sender: str
    text: str
    kind: str = "privmsg"
    action: bool = False
    own: bool = False
    history: bool = False
    msgid: str = ""
    account: str = ""


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
