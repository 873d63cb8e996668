"""A client for programs and people: connect, log in, say, listen, and come back after a break.

::

    async with connect("chat.example", account="alice", password=secret) as client:
        receipt = await client.say("#lobby", "good morning")
        async for event in client:
            print(event)

Theory of operation
-------------------
``connect`` makes the first connection before its body runs; failing there is an error. One
nursery then holds the supervisor, which runs one :class:`~securechat.client.session.Session` after
another: when one ends, it waits (exponential backoff with full jitter) and makes the next. A
refused login or a refused certificate ends the client with that error; nothing else does. What
must survive a break is in :class:`~securechat.client.state.ClientState`.

What is promised, on a server that keeps history (IRCv3 ``chathistory``):

1.  The events tell every message of the conversations this client is in, from its first login on,
    once each, in the server's order in each conversation, over any number of breaks.
    Where that cannot be kept, a :class:`~securechat.client.events.HistoryGap` says so.
2.  ``say`` returns when the server has stored the line. What it raises tells whether the line is
    certainly not stored, or unknown; :mod:`~securechat.client.ownlines` says how it is found out.
3.  Lines go out in the order in which they were said, also those said during a break.

A program that only talks need not listen: events that nobody ever asked for are dropped at some
point. One that began to listen must go on, or reading stops and the server ends the connection.
"""

from __future__ import annotations

import random as random_module
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import trio

from securechat.addresses import DEFAULT_PORT
from securechat.client.channels import Channel
from securechat.client.core import Core, HistoryJob, Server, Slot
from securechat.client.errors import HistoryUnavailable, NotSent, SearchFailed
from securechat.client.events import Event, Said
from securechat.client.groups import unwrapped
from securechat.client.ownlines import OwnLines, Undelivered
from securechat.client.ownlines import action as as_action
from securechat.client.reach import Dial, dial_tls
from securechat.client.state import SEARCH, ClientState
from securechat.client.timeline import wire_time
from securechat.client.tokens import Tokens
from securechat.client.trust import Trust, choose
from securechat.errors import ConnectionLost
from securechat.protocol.framing import split_text
from securechat.protocol.message import Message, format_tags
from securechat.protocol.names import fold

SAY_SECONDS_MAX = 60
JOIN_SECONDS_MAX = 30
QUIT_SECONDS_MAX = 5

_NOT_IN_A_LINE = frozenset("\r\n\0")
_NOT_IN_A_TARGET = _NOT_IN_A_LINE | frozenset(" ,")
_HOST_BYTES = 63  # what a host name in the own source may take, while the source is not known
_ROOM_MIN = 64


@dataclass(frozen=True, slots=True)
class Receipt:
    """The server's word that something said is stored: one msgid for each line it took."""

    target: str
    msgids: tuple[str, ...]
    time: datetime

    @property
    def msgid(self) -> str:
        """The last line's msgid."""
        return self.msgids[-1]


class Saying:
    """Something handed over to be said, in one line or several. ``receipt`` must be awaited."""

    def __init__(self, core: Core, target: str, numbers: Sequence[int]) -> None:
        self._core = core
        self._target = target
        self._slots = {number: Slot() for number in numbers}
        core.slots.update(self._slots)

    async def receipt(self, seconds_max: float = SAY_SECONDS_MAX) -> Receipt:
        """Wait until all of it is stored; raise as ``Client.say`` does. Await it once.

        Cancelling gives up what is not stored yet; a line in flight may be stored all the same.
        """
        core = self._core
        try:
            with trio.move_on_after(seconds_max):
                for slot in self._slots.values():
                    await slot.done.wait()
            for number in self._slots:
                core.give_up(number, f"no answer came in {seconds_max:g} seconds")
        finally:
            for number in self._slots:
                del core.slots[number]
                core.state.lines.give_up(number, "")  # where this was cancelled
            core.flush()
        delivered = []
        for slot in self._slots.values():
            if isinstance(slot.outcome, Undelivered):
                raise slot.outcome.error
            if slot.outcome is not None:
                delivered.append(slot.outcome)
        return Receipt(self._target, tuple(one.msgid for one in delivered), delivered[-1].time)


class Client(Tokens):
    """A connected client; iterate over it for its events. Made by ``connect``."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def nick(self) -> str:
        """The own name, as the server spells it."""
        return self._core.state.nick

    @property
    def connected(self) -> bool:
        """Whether there is a connection now, logged in."""
        return self._core.session is not None

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels this client is in, in the order they were joined."""
        return tuple(self._core.state.channels)

    @property
    def offered(self) -> Mapping[str, str]:
        """The capabilities that the server offers, with their values."""
        return MappingProxyType(self._core.state.offered)

    def is_channel(self, target: str) -> bool:
        """Tell whether a target means a channel rather than a person."""
        return self._core.state.is_channel(target)

    def __aiter__(self) -> Client:
        return self

    async def __anext__(self) -> Event:
        """Return the next event; the iteration ends when the client does."""
        event = await self._core.events.get()
        if event is None:
            raise StopAsyncIteration
        return event

    # --- saying --------------------------------------------------------------------------------

    async def say(
        self,
        target: str,
        text: str,
        *,
        notice: bool = False,
        action: bool = False,
        seconds_max: float = SAY_SECONDS_MAX,
    ) -> Receipt:
        """Say something in a channel or to a person; return when the server has stored it.

        What does not fit into one line goes out as several. While there is no connection it
        waits, in order. Raises ``NotSent`` where the server refused it or there was no connection
        for ``seconds_max``; ``NotConfirmed`` where it was handed over and no answer came;
        ``ValueError`` for text that is empty or holds CR, LF or NUL, and for what is no target.
        """
        return await self.speak(target, text, notice=notice, action=action).receipt(seconds_max)

    def speak(
        self, target: str, text: str, *, notice: bool = False, action: bool = False
    ) -> Saying:
        """Hand something over to be said, in the order of these calls.

        ``await`` the result's ``receipt``; everything else is as with ``say``.
        """
        core = self._core
        command = "NOTICE" if notice else "PRIVMSG"
        pieces = self._pieces(target, text, command=command, action=action)
        if core.ended:
            raise NotSent(target, "the client has ended")
        numbers = [core.state.lines.add(command, target, piece).number for piece in pieces]
        saying = Saying(core, target, numbers)
        core.flush()
        return saying

    def _pieces(self, target: str, text: str, *, command: str, action: bool) -> list[str]:
        """Return the text in pieces that fit into lines as the server passes them on."""
        if not text or not _NOT_IN_A_LINE.isdisjoint(text):
            raise ValueError("a text needs characters, and none of CR, LF and NUL")
        if not target or target[0] == ":" or not _NOT_IN_A_TARGET.isdisjoint(target):
            raise ValueError(f"{target!r} is neither a channel nor a person")
        state = self._core.state
        source = state.source or f"{state.nick}!{state.nick}@{'x' * _HOST_BYTES}"
        frame = len(f":{source} {command} {target} :\r\n".encode())
        room = state.line_bytes_max - frame - (len(as_action("")) if action else 0)
        if room < _ROOM_MIN:
            raise ValueError(f"{target!r} is too long for a name")
        pieces = split_text(text, room)
        return [as_action(piece) for piece in pieces] if action else pieces

    # --- channels and the rest -----------------------------------------------------------------

    async def join(self, channel: str, *, seconds_max: float = JOIN_SECONDS_MAX) -> None:
        """Join a channel; return when this client is in it.

        It is joined again after every reconnect. Raises ``JoinRefused``, and ``ConnectionLost``
        where there is no connection, or no answer in time.
        """
        core, key = self._core, fold(channel)
        if core.state.channels.get(channel) is not None:
            return
        session = core.session
        self.send(Message("JOIN", (channel,)))
        core.joining[key] = None
        try:
            with trio.move_on_after(seconds_max):
                while core.session is session and core.state.channels.get(channel) is None:
                    refusal = core.joining.get(key)
                    if refusal is not None:
                        raise refusal
                    await core.changed.park()
        finally:
            core.joining.pop(key, None)  # another task may join the same channel
        if core.state.channels.get(channel) is None:
            raise ConnectionLost(f"Joining {channel} was not answered")

    def part(self, channel: str, reason: str = "") -> None:
        """Leave a channel. Raises ``ConnectionLost`` where there is no connection."""
        self._core.wanted.pop(fold(channel), None)
        self.send(Message("PART", (channel, reason) if reason else (channel,)))

    def set_topic(self, channel: str, topic: str) -> None:
        """Set a channel's topic; ``TopicChanged`` or ``Failed`` follows."""
        self.send(Message("TOPIC", (channel, topic)))

    def ask_topic(self, channel: str) -> None:
        """Ask for a channel's topic; ``TopicChanged`` follows."""
        self.send(Message("TOPIC", (channel,)))

    def ask_names(self, channel: str) -> None:
        """Ask who is in a channel; ``Names`` follows."""
        self.send(Message("NAMES", (channel,)))

    def ask_who(self, mask: str) -> None:
        """Ask about the people in a channel, or one person; ``WhoReply`` follows."""
        self.send(Message("WHO", (mask,)))

    def set_away(self, text: str = "") -> None:
        """Say that this account is away, and why; without a text that it is back."""
        self.send(Message("AWAY", (text,) if text else ()))

    def send(self, message: Message) -> None:
        """Send any message. Raises ``ConnectionLost`` without a connection, ``MessageError``."""
        session = self._core.session
        if session is None:
            raise ConnectionLost("Not connected: try again when the connection is back")
        session.post(message)

    async def history(self, target: str, *, limit: int = 50, before: str = "") -> tuple[Said, ...]:
        """Return the last messages of a conversation, or those before the msgid ``before``.

        At most ``limit`` and at most what the server gives at once; oldest first. They are not
        told as events. Raises ``HistoryUnavailable``.
        """
        core = self._core
        most = core.state.history_limit
        if core.session is None or not most:
            raise HistoryUnavailable("There is no history without a connection that offers it.")
        which = ("BEFORE", target, f"msgid={before}") if before else ("LATEST", target, "*")
        job = HistoryJob(target, Message("CHATHISTORY", (*which, str(min(limit, most)))))
        core.fetch(job)
        await job.done.wait()  # ends with the session at the latest
        if job.error is not None:
            raise job.error
        return job.messages

    async def search(
        self,
        text: str = "",
        *,
        conversation: str = "",
        sender: str = "",
        after: datetime | None = None,
        before: datetime | None = None,
        limit: int = 50,
    ) -> tuple[Said, ...]:
        """Search what was said, on the server; return what was found, oldest first.

        What all of it must have in common: the words of ``text`` (those within double quotes next
        to each other, one that ends with ``*`` is the beginning of a word), the ``conversation``,
        a channel or a person, and the ``sender``. ``after`` and ``before`` are moments with their
        time zone. Of more than ``limit`` hits the newest are returned, with ``after`` the oldest.

        They are not told as events. Raises ``SearchFailed``.
        """
        core = self._core
        if core.session is None or not core.state.can_search:
            raise SearchFailed("There is no search without a connection that offers it.")
        wanted = {
            "in": conversation,
            "from": sender,
            "after": wire_time(after) if after else "",
            "before": wire_time(before) if before else "",
            "limit": str(limit),
            "text": text,
        }
        request = Message("SEARCH", (format_tags({k: v for k, v in wanted.items() if v}),))
        if len(request.encode()) > core.state.line_bytes_max:
            raise SearchFailed("That is more than fits into one line: search for fewer words.")
        job = HistoryJob(SEARCH, request)
        core.fetch(job)
        await job.done.wait()  # ends with the session at the latest
        if job.error is not None:
            raise SearchFailed(str(job.error))
        return job.messages

    async def quit(self, reason: str = "") -> None:
        """Take leave: what was posted goes out, then the events end."""
        core = self._core
        core.leaving = True
        session = core.session
        if session is not None and not session.ended:
            session.post(Message("QUIT", (reason,) if reason else ()))
            with trio.move_on_after(QUIT_SECONDS_MAX):
                while not session.ended:
                    await session.changed.park()
        core.scope.cancel()


@asynccontextmanager
async def connect(
    host: str,
    port: int = DEFAULT_PORT,
    *,
    account: str,
    password: str,
    cafile: Path | None = None,
    trust: Trust | None = None,
    channels: Sequence[str] = (),
    history: int = 0,
    reconnect: bool = True,
    dial: Dial | None = None,
    random: Callable[[], float] = random_module.random,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[Client]:
    """Connect, log in, and run the body with the client; take leave after it.

    ``trust`` decides whom to trust; without it :func:`securechat.client.trust.choose` does, by
    ``cafile`` and what else :mod:`securechat.client.trust` lists. Nobody is asked.

    ``channels`` are joined beside those that the server lets everybody into; where one refuses,
    ``Failed`` is told. ``history`` is how many earlier messages are told at each channel's joining.
    ``dial``, ``random`` and ``now`` are seams for tests.

    Raises ``ConnectFailed``, ``TrustError`` or ``LoginRefused``; later ones than the first
    connection's cancel the body. Errors of the body come out as they are.
    """
    if dial is None:
        chosen = trust or choose(host, port, cafile)
        server = Server(host, port, account, password, dial_tls(chosen), chosen)
    else:
        server = Server(host, port, account, password, dial)
    state = ClientState(account, OwnLines(f"{int(random() * 2**32):08x}-"))
    core = Core(server, state, history=history, reconnect=reconnect, random=random, now=now)
    core.wanted.update({fold(name): name for name in channels})
    core.session = session = await core.open()
    with unwrapped():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(core.supervise, session)
            client = Client(core)
            try:
                yield client
                await client.quit()
            finally:
                nursery.cancel_scope.cancel()
