"""What is known of the channels this client is in: their topics and who is there.

Pure. Names are found folded and kept as spelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from securechat.protocol.names import fold

_PREFIXES = "~&@%+"


@dataclass(slots=True)
class Member:
    """Somebody in a channel; ``signs`` are those of their roles (such as ``@``), highest first.

    ``away`` is ``None`` while it is not known; ``bot`` is set for what is known to be a program.
    ``account`` and ``real_name`` are empty while they are not known.
    """

    nick: str
    signs: str = ""
    away: bool | None = None
    bot: bool = False
    account: str = ""
    real_name: str = ""

    @property
    def prefix(self) -> str:
        """The sign of the highest role; empty for none."""
        return self.signs[:1]


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

    def add(self, name: str, nick: str, account: str = "", real_name: str = "") -> None:
        """Somebody joined."""
        channel = self.get(name)
        if channel is not None:
            member = channel.members.setdefault(fold(nick), self._known(nick))
            member.account = account or member.account
            member.real_name = real_name or member.real_name

    def _known(self, nick: str) -> Member:
        """Return somebody as they are known from other channels."""
        key = fold(nick)
        for channel in self:
            member = channel.members.get(key)
            if member is not None:
                return replace(member, signs="")
        return Member(nick)

    def learn(self, nick: str, **known: Any) -> tuple[str, ...]:
        """Note in every channel what is known of somebody; return where that is news."""
        key, news = fold(nick), []
        for channel in self:
            member = channel.members.get(key)
            if member is None:
                continue
            if any(getattr(member, name) != value for name, value in known.items()):
                channel.members[key] = replace(member, **known)
                news.append(channel.name)
        return tuple(news)

    def give_mode(self, name: str, nick: str, sign: str, *, given: bool, order: str) -> None:
        """Somebody has another role; ``order`` are the signs of roles, the highest first.

        Of several roles only the highest is known where the server tells no more.
        """
        channel = self.get(name)
        member = channel.members.get(fold(nick)) if channel is not None else None
        if member is None:
            return
        signs = set(member.signs) | {sign} if given else set(member.signs) - {sign}
        member.signs = "".join(one for one in order if one in signs)

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
                channel.members[fold(new)] = replace(member, nick=new)

    def rename_channel(self, old: str, new: str) -> None:
        """Note that a channel has another name; it keeps its place."""
        if self.get(old) is None:
            return
        renamed = {}
        for key, channel in self._channels.items():
            if key == fold(old):
                channel.name = new
                renamed[fold(new)] = channel
            else:
                renamed[key] = channel
        self._channels = renamed

    def list_some(self, name: str, words: str) -> None:
        """Take one RPL_NAMREPLY: names, each after its prefixes and perhaps with its address."""
        channel = self.get(name)
        if channel is None:
            return
        if channel.listing is None:
            channel.listing = {}
        for word in words.split():
            nick = word.lstrip(_PREFIXES).partition("!")[0]
            signs = word[: len(word) - len(word.lstrip(_PREFIXES))]
            if nick:
                known = channel.members.get(fold(nick)) or self._known(nick)
                channel.listing[fold(nick)] = replace(known, nick=nick, signs=signs)

    def list_end(self, name: str) -> Channel | None:
        """Take RPL_ENDOFNAMES; return the channel, whose members are now those listed."""
        channel = self.get(name)
        if channel is not None and channel.listing is not None:
            channel.members, channel.listing = channel.listing, None
        return channel
