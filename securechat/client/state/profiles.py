"""What is told about people: profiles, who is here, unread counts and markers; and tokens.

The functions are pure. They follow the IRCv3 drafts ``metadata`` and ``read-marker``, and
``monitor``; unread counts and tokens are SecureChat's own (docs/protocol.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from securechat.client import events
from securechat.client.errors import NotOffered
from securechat.client.events import Event, UnreadCounted
from securechat.client.state.timeline import read_time
from securechat.errors import ConnectionLost
from securechat.protocol.message import Message
from securechat.protocol.names import fold

if TYPE_CHECKING:
    from securechat.client.sessions.core import Core
    from securechat.client.state.state import ClientState

_MONITOR_BYTES = 400  # of a line's 512, with room for what a bouncer adds
_UNREAD = "securechat.internal/unread"


def told_profile(
    state: ClientState, target: str, key: str, value: str | None, time: datetime
) -> list[Event]:
    """Take what somebody tells of themselves; return the event, where it is news."""
    name = state.nick if target == "*" else target
    profile = state.profiles.setdefault(fold(name), {})
    if profile.get(key) == value:
        return []
    if value is None:
        del profile[key]
    else:
        profile[key] = value
    own = state.is_me(name)
    return [events.ProfileChanged(time=time, target=name, key=key, value=value, own=own)]


def read_unread(state: ClientState, message: Message, time: datetime) -> UnreadCounted | None:
    """Return what an UNREAD line counts."""
    if message.command != "UNREAD" or len(message.params) < 3:
        return None
    conversation, unread, mentions = message.params[:3]
    if not (unread.isdecimal() and mentions.isdecimal()):
        return None
    values = dict(part.partition("=")[::2] for part in state.offered.get(_UNREAD, "").split(","))
    most = values.get("max", "")
    return UnreadCounted(
        time=time,
        conversation=conversation,
        unread=int(unread),
        mentions=int(mentions),
        most=int(most) if most.isdecimal() else 0,
    )


def read_marked(message: Message, time: datetime) -> list[Event]:
    """Return what a MARKREAD line tells."""
    stamp = message.params[1].removeprefix("timestamp=")
    return [events.Marked(time=time, conversation=message.params[0], until=read_time(stamp))]


def monitor_lines(sign: str, nicks: Sequence[str]) -> list[Message]:
    """Return what adds (``+``) or removes (``-``) people, in lines that are not too long."""
    lists: list[list[str]] = []
    room = 0
    for nick in nicks:
        taken = len(nick.encode()) + 1
        if taken > room:
            lists.append([])
            room = _MONITOR_BYTES
        lists[-1].append(nick)
        room -= taken
    return [Message("MONITOR", (sign, ",".join(some))) for some in lists]


class Profiles:
    """The methods of a client that are about people and this account."""

    _core: Core

    def profile(self, target: str) -> Mapping[str, str]:
        """Return what somebody, or a channel, tells of itself, as far as it is known.

        Keys are such as ``display-name``. Known is what was subscribed to, and one's own.
        """
        return MappingProxyType(self._core.state.profiles.get(fold(target), {}))

    async def set_profile(self, key: str, value: str | None) -> None:
        """Tell something of oneself to everybody; ``None`` takes it back.

        Raises ``Refused`` with the server's sentence, ``NotOffered`` or ``NoAnswer``.
        """
        self._needs_metadata()
        value_given = () if value is None else (value,)
        await self._core.ask(Message("METADATA", ("*", "SET", key, *value_given)))

    async def subscribe(self, *keys: str) -> None:
        """Be told what people and channels tell under these keys, over reconnects too.

        What is there already is told now. Raises as ``set_profile`` does.
        """
        self._needs_metadata()
        for key in keys:
            self._core.profile_keys[key] = None
        await self._core.ask(Message("METADATA", ("*", "SUB", *keys)))

    def watch(self, *nicks: str) -> None:
        """Be told when these people come and go: ``PresenceChanged``, over reconnects too.

        Raises ``ConnectionLost`` where there is no connection; they are watched from the next
        one on then.
        """
        core = self._core
        new = [nick for nick in nicks if fold(nick) not in core.watched]
        core.watched.update({fold(nick): nick for nick in new})
        if core.session is None:
            raise ConnectionLost("Not connected: they are watched when the connection is back")
        for line in monitor_lines("+", new):
            core.session.post(line)

    def unwatch(self, *nicks: str) -> None:
        """Undo ``watch``."""
        core = self._core
        gone = [core.watched.pop(fold(nick)) for nick in nicks if fold(nick) in core.watched]
        if core.session is not None:
            for line in monitor_lines("-", gone):
                core.session.post(line)

    def _needs_metadata(self) -> None:
        core = self._core
        if core.session is not None and "draft/metadata-2" not in core.state.capabilities:
            raise NotOffered("METADATA", "profiles")
