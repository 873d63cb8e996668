"""What is known of the channels this client is in: their topics and who is there.

Pure. Names are found folded and kept as spelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from securechat.protocol.names import fold

_PREFIXES = "~&@%+"


@dataclass(slots=True)
class Member:
    """Somebody in a channel; ``prefix`` is ``@`` and the like, or empty."""

    nick: str
    prefix: str = ""


@dataclass(slots=True)
class Channel:
    """A channel; ``members`` by folded name. A NAMES reply gathers in ``listing`` till its end."""

    name: str
    topic: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    listing: dict[str, Member] | None = None

    def names(self) -> tuple[str, ...]:
        """Return the members in order of their names, each after its prefix."""
        return tuple(one.prefix + one.nick for _, one in sorted(self.members.items()))


class Channels:
    """The channels this client is in, in the order they were joined."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}

    def __iter__(self) -> Iterator[Channel]:
        return iter(list(self._channels.values()))

    def get(self, name: str) -> Channel | None:
        """Return a channel this client is in."""
        return self._channels.get(fold(name))

    def enter(self, name: str) -> Channel:
        """Note that this client is in it."""
        return self._channels.setdefault(fold(name), Channel(name))

    def leave(self, name: str) -> None:
        """Note that this client is no longer in it."""
        self._channels.pop(fold(name), None)

    def clear(self) -> None:
        """Forget all: the connection is gone."""
        self._channels.clear()

    def add(self, name: str, nick: str) -> None:
        """Somebody joined."""
        channel = self.get(name)
        if channel is not None:
            channel.members.setdefault(fold(nick), Member(nick))

    def remove(self, name: str, nick: str) -> None:
        """Somebody left."""
        channel = self.get(name)
        if channel is not None:
            channel.members.pop(fold(nick), None)

    def remove_everywhere(self, nick: str) -> tuple[str, ...]:
        """Somebody quit; return the channels they were in."""
        key = fold(nick)
        shared = [channel for channel in self if key in channel.members]
        for channel in shared:
            del channel.members[key]
        return tuple(channel.name for channel in shared)

    def rename(self, old: str, new: str) -> None:
        """Somebody has another name."""
        for channel in self:
            member = channel.members.pop(fold(old), None)
            if member is not None:
                channel.members[fold(new)] = Member(new, member.prefix)

    def list_some(self, name: str, words: str) -> None:
        """Take one RPL_NAMREPLY: names, each after its prefixes and perhaps with its address."""
        channel = self.get(name)
        if channel is None:
            return
        if channel.listing is None:
            channel.listing = {}
        for word in words.split():
            nick = word.lstrip(_PREFIXES).partition("!")[0]
            prefix = word[:1] if word[0] in _PREFIXES else ""
            if nick:
                channel.listing[fold(nick)] = Member(nick, prefix)

    def list_end(self, name: str) -> Channel | None:
        """Take RPL_ENDOFNAMES; return the channel, whose members are now those listed."""
        channel = self.get(name)
        if channel is not None and channel.listing is not None:
            channel.members, channel.listing = channel.listing, None
        return channel
