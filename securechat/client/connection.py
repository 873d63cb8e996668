"""A client for programs and people: connect, log in, say, listen, and come back after a break.

::

    async with connect("chat.example", account="alice", password=secret) as client:
        receipt = await client.say("#lobby", "good morning")
        async for event in client:
            print(event)

Theory of operation
-------------------
``connect`` makes the first connection before its body runs, unless it is told not to wait; failing
there is an error. One
nursery then holds the supervisor, which runs one
:class:`~securechat.client.sessions.session.Session` after another: when one ends, it waits
(exponential backoff with full jitter) and makes the next. A refused login or a refused certificate
ends the client with that error; nothing else does. What must survive a break is in
:class:`~securechat.client.state.state.ClientState`.

What is promised, on a server that keeps history (IRCv3 ``chathistory``):

1.  The events tell every message of the conversations this client is in, from its first login on,
    once each, in the server's order in each conversation, over any number of breaks.
    Where that cannot be kept, a :class:`~securechat.client.events.HistoryGap` says so.
2.  ``say`` returns when the server has stored the line. What it raises tells whether the line is
    certainly not stored, or unknown; :mod:`~securechat.client.state.ownlines` says how it is found
    out.
3.  Lines go out in the order in which they were said, also those said during a break.
4.  What is done to messages (edits, redactions, reactions) is told too, also what was done during
    a break to the last :data:`~securechat.client.state.timeline.LOOK_BACK` messages told of each
    conversation.

A program that only talks need not listen: events that nobody ever asked for are dropped at some
point. One that began to listen must go on, or reading stops and the server ends the connection.
"""

from __future__ import annotations

import random as random_module
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import trio

from securechat.addresses import DEFAULT_PORT
from securechat.client.events import Event
from securechat.client.groups import unwrapped
from securechat.client.methods.reading import Reading
from securechat.client.methods.speech import Speech
from securechat.client.methods.tokens import Tokens
from securechat.client.sessions.core import Core, Server
from securechat.client.state.about_messages import AboutMessages
from securechat.client.state.channels import Channel, Member
from securechat.client.state.ownlines import OwnLines
from securechat.client.state.profiles import Profiles
from securechat.client.state.state import ClientState
from securechat.client.trust import Trust, choose
from securechat.client.trust.reach import Dial, dial_tls
from securechat.errors import ConnectionLost
from securechat.protocol.message import Message
from securechat.protocol.names import fold

JOIN_SECONDS_MAX = 30
QUIT_SECONDS_MAX = 5


class Client(Speech, AboutMessages, Reading, Profiles, Tokens):
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
    def lag(self) -> float | None:
        """How many seconds the server took to answer when that was last measured.

        That is at the login, by the PING that follows a minute without a word, and by ``ping``.
        """
        return self._core.state.lag

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels this client is in, in the order they were joined."""
        return tuple(self._core.state.channels)

    @property
    def offered(self) -> Mapping[str, str]:
        """The capabilities that the server offers, with their values."""
        return MappingProxyType(self._core.state.offered)

    def member(self, channel: str, nick: str) -> Member | None:
        """Return what is known of somebody in a channel, if both are there."""
        known = self._core.state.channels.get(channel)
        return known.members.get(fold(nick)) if known is not None else None

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

    def rename(self, channel: str, name: str, reason: str = "") -> None:
        """Give a channel another name; ``ChannelRenamed`` or ``Failed`` follows."""
        self.send(Message("RENAME", (channel, name, reason) if reason else (channel, name)))

    def set_mode(self, channel: str, changes: str, *params: str) -> None:
        """Change modes of a channel, such as ``+o`` of ``bob``; ``ModeChanged`` or ``Failed``."""
        self.send(Message("MODE", (channel, changes, *params)))

    def set_bot(self, bot: bool = True) -> None:
        """Say that a program speaks for this account (``bot-mode``); ``ModeChanged`` follows.

        The server keeps it, and announces it with every message.
        """
        self.send(Message("MODE", (self.nick, "+B" if bot else "-B")))

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

    async def ping(self) -> float:
        """Measure how long the server takes to answer, in seconds: ``lag`` from then on.

        Raises ``NoAnswer``.
        """
        core = self._core
        start = trio.current_time()
        await core.ask(Message("PING", ("lag",)))
        core.state.lag = trio.current_time() - start
        return core.state.lag

    def retry_now(self) -> None:
        """End the wait before the next attempt to connect. Without such a wait it does nothing."""
        self._core.retry_now()

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
    wait: bool = True,
    dial: Dial | None = None,
    random: Callable[[], float] = random_module.random,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[Client]:
    """Connect, log in, and run the body with the client; take leave after it.

    ``trust`` decides whom to trust; without it :func:`securechat.client.trust.choose` does, by
    ``cafile`` and what else :mod:`securechat.client.trust` lists. Nobody is asked.

    ``channels`` are joined beside those that the server lets everybody into; where one refuses,
    ``Failed`` is told. ``history`` is how many earlier messages are told at each channel's joining.
    Without ``wait`` the body runs at once, and the first connection is made as later ones are:
    tried until the server is reached. ``LoggedIn`` tells of it, ``Disconnected`` of each failure.
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
    session = core.session = await core.open() if wait else None
    with unwrapped():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(core.supervise, session)
            nursery.start_soon(core.watch_clock)
            client = Client(core)
            try:
                yield client
                await client.quit()
            finally:
                nursery.cancel_scope.cancel()
