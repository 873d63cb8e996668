"""A small server for tests of the client: written from the specifications, all in memory.

It speaks just enough: CAP, SASL PLAIN, the burst, JOIN, PART, PRIVMSG, NOTICE, TOPIC, NAMES, WHO,
AWAY, CHATHISTORY (LATEST, BEFORE, AFTER, TARGETS), SEARCH, TOKEN (ADD, REVOKE), PING and QUIT. Its
clock is a counter: every message is a millisecond later than the one before. Tests change its
attributes to make it behave badly, and break its connections.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import trio
from support.fake_journal import EPOCH, Kept
from support.fake_session import FakeSession

from securechat.client.trust.reach import Dial
from securechat.errors import ConnectionLost
from securechat.protocol.message import Message
from securechat.protocol.names import fold
from securechat.transport.base import Link
from securechat.transport.memory import MemoryWire, PlainLink, memory_wires

CAPABILITIES = " ".join(
    [
        *("sasl=PLAIN", "account-tag", "batch", "cap-notify", "draft/chathistory"),
        *("echo-message", "message-tags", "server-time", "soju.im/search"),
    ]
)


class FakeServer:
    """The server; ``dial`` makes a client's way to it."""

    def __init__(self, **accounts: str) -> None:
        self.accounts = accounts or {"alice": "wonderland-rabbit"}
        self.capabilities = CAPABILITIES
        self.isupport = "CASEMAPPING=ascii CHANTYPES=# CHATHISTORY=100 NETWORK=Fake PREFIX=(o)@"
        self.kept: list[Kept] = []
        self.sessions: list[FakeSession] = []
        self.members: dict[str, set[str]] = {"#lobby": set()}
        self.topics: dict[str, str] = {}
        self.tokens: dict[str, tuple[str, str]] = {}  # the account and the token, by id
        self.token_names: list[str] = []
        self.history_max = 100
        self.received: list[str] = []
        self.logins = 0
        self.ticks = 0
        self.unreachable = False
        self.deaf_to: set[str] = set()  # commands that are swallowed
        self.refuse: Callable[[Message], str | None] = lambda message: None
        self.on_line: Callable[[FakeSession, Message], None] = lambda session, message: None

    # --- what tests do -------------------------------------------------------------------------

    def dial(self, nursery: trio.Nursery, *, capacity: int = 65536) -> Dial:
        async def dial(host: str, port: int) -> Link:
            await trio.lowlevel.checkpoint()
            if self.unreachable:
                raise ConnectionLost(f"cannot reach {host} port {port}: connection refused")
            ours, theirs = memory_wires(capacity)
            nursery.start_soon(self.serve, PlainLink(theirs), theirs)
            return PlainLink(ours)

        return dial

    def answer_labelled(self, command: str, line: str) -> None:
        """Answer every such command by this line, with its label (IRCv3 ``labeled-response``)."""
        self.refuse = lambda message: (
            f"@label={message.tags['label']} {line}" if message.command == command else None
        )

    def say(self, sender: str, target: str, text: str, command: str = "PRIVMSG") -> Kept:
        """Somebody says something: it is kept and delivered."""
        kept = self.keep(sender, target, text, command)
        self.deliver(kept)
        return kept

    def keep(self, sender: str, target: str, text: str, command: str = "PRIVMSG") -> Kept:
        """Store a message and tell nobody."""
        kept = Kept(f"m{len(self.kept):06d}", self.now(), sender, command, target, text)
        self.kept.append(kept)
        return kept

    def deliver(self, kept: Kept, **to_sender: str) -> None:
        for session in list(self.sessions):
            if kept.target.startswith("#"):
                concerned = session.account in self.members.get(fold(kept.target), set())
            else:
                concerned = fold(session.account) in (fold(kept.sender), fold(kept.target))
            if concerned and session.welcomed:
                session.send(kept.line(**(to_sender if session.is_sender else {})))

    def tell_all(self, line: str) -> None:
        for session in self.sessions:
            session.send(line)

    def break_all(self) -> None:
        """Reset every connection: what is on its way is lost."""
        for session in list(self.sessions):
            session.wire.reset()

    def break_all_gently(self) -> None:
        """End every connection: what is on its way arrives."""
        for session in list(self.sessions):
            session.link.close()

    def now(self) -> datetime:
        self.ticks += 1
        return EPOCH + timedelta(milliseconds=self.ticks)

    # --- one connection ------------------------------------------------------------------------

    async def serve(self, link: Link, wire: MemoryWire | None = None) -> None:
        session = FakeSession(self, link, wire)
        self.sessions.append(session)
        try:
            await link.handshake()
            await session.run()
        except ConnectionLost:
            pass
        finally:
            self.sessions.remove(session)
            link.close()
