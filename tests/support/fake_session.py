"""One connection of the small server of ``fake_server.py``: what it answers to each command."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from support.fake_journal import Kept, read_time, wire_stamp

from securechat.errors import ConnectionLost
from securechat.protocol.framing import LineBuffer
from securechat.protocol.message import Message, parse, parse_tags
from securechat.protocol.names import fold
from securechat.transport.base import Link
from securechat.transport.memory import MemoryWire

if TYPE_CHECKING:
    from support.fake_server import FakeServer


@dataclass(eq=False)
class FakeSession:
    server: FakeServer
    link: Link
    _wire: MemoryWire | None
    account: str = ""
    welcomed: bool = False
    token: bool = False  # it logged in by one
    is_sender: bool = False
    batches: int = 0
    closing: bool = False
    deaf: bool = False
    buffer: LineBuffer = field(default_factory=lambda: LineBuffer(line_max=4096))

    @property
    def wire(self) -> MemoryWire:
        assert self._wire is not None
        return self._wire

    async def run(self) -> None:
        while not self.closing:
            data = await self.link.receive()
            if not data:
                return
            for line in self.buffer.feed(data):
                assert isinstance(line, str)
                self.server.received.append(line)
                message = parse(line)
                self.server.on_line(self, message)
                self.handle(message)
            await self.link.drain()

    def send(self, line: str) -> None:
        try:
            self.link.send_now(line.encode() + b"\r\n")
        except ConnectionLost:
            pass  # the reader finds out

    def reply(self, code: str, *params: str) -> None:
        message = Message(
            code,
            (self.account or "*", *params),
            "fake.example",
            {"time": wire_stamp(self.server.now())},
        )
        self.send(message.encode().decode().rstrip("\r\n"))

    def refuse(self, message: Message, code: str, *params: str) -> None:
        """Refuse a message, with its label where it has one (IRCv3 ``labeled-response``)."""
        label = message.tags.get("label")
        refusal = Message(
            code, (self.account, *params), "fake.example", {"label": label} if label else {}
        )
        self.send(refusal.encode().decode().rstrip("\r\n"))

    def handle(self, message: Message) -> None:
        server = self.server
        if self.deaf or message.command in server.deaf_to:
            return
        refusal = server.refuse(message)
        if refusal is not None:
            self.send(refusal)
            return
        action = getattr(self, f"on_{message.command.lower()}", None)
        if action is None:
            self.reply("421", message.command, "Unknown command")
        else:
            action(message)

    # --- login ---------------------------------------------------------------------------------

    def on_cap(self, message: Message) -> None:
        match message.params:
            case ("LS", *_):
                self.send(f":fake.example CAP * LS :{self.server.capabilities}")
            case ("REQ", names):
                self.send(f":fake.example CAP * ACK :{names}")
            case ("END",):
                self.welcome()

    def on_nick(self, message: Message) -> None:
        pass

    def on_user(self, message: Message) -> None:
        pass

    def on_authenticate(self, message: Message) -> None:
        if message.params == ("PLAIN",):
            self.send("AUTHENTICATE +")
            return
        _, account, password = base64.b64decode(message.params[0]).decode().split("\0")
        self.token = (account, password) in self.server.tokens.values()
        if not self.token and self.server.accounts.get(account) != password:
            self.reply("904", "SASL authentication failed")
            return
        self.account = account
        self.reply("900", f"{account}!{account}@fake", account, "You are now logged in")
        self.reply("903", "SASL authentication successful")

    def welcome(self) -> None:
        server = self.server
        server.logins += 1
        self.reply("001", "Welcome")
        self.reply("002", "Your host is fake.example")
        self.reply("005", *server.isupport.split(), "are supported by this server")
        self.reply("375", "- Message of the day")
        self.reply("372", "- Be kind.")
        self.reply("376", "End of MOTD command")
        self.welcomed = True
        for channel, members in server.members.items():
            if channel == "#lobby" or self.account in members:
                self.enter(channel)

    def enter(self, channel: str) -> None:
        members = self.server.members.setdefault(fold(channel), set())
        members.add(self.account)
        stamp = wire_stamp(self.server.now())
        for session in self.server.sessions:
            if session.account in members:
                session.send(f"@time={stamp} :{self.account}!{self.account}@fake JOIN {channel}")
        if channel in self.server.topics:
            self.reply("332", channel, self.server.topics[channel])
        self.on_names(Message("NAMES", (channel,)))

    # --- chat ----------------------------------------------------------------------------------

    def on_privmsg(self, message: Message) -> None:
        target, text = message.params
        if target.startswith("#"):
            if self.account not in self.server.members.get(fold(target), set()):
                self.refuse(message, "404", target, "Cannot send to channel")
                return
        elif target not in self.server.accounts:
            self.refuse(message, "401", target, "No such nick/channel")
            return
        kept = self.server.keep(self.account, target, text, message.command)
        self.is_sender = True
        label = message.tags.get("label")
        self.server.deliver(kept, **({"label": label} if label else {}))
        self.is_sender = False

    on_notice = on_privmsg

    def on_join(self, message: Message) -> None:
        if "forbidden" in message.params[0]:
            self.reply("473", message.params[0], "Cannot join channel (+i)")
        elif self.account not in self.server.members.get(fold(message.params[0]), set()):
            self.enter(message.params[0])

    def on_part(self, message: Message) -> None:
        channel = message.params[0]
        reason = f" :{message.params[1]}" if len(message.params) > 1 else ""
        line = f":{self.account}!{self.account}@fake PART {channel}{reason}"
        for session in self.server.sessions:
            if session.account in self.server.members.get(fold(channel), set()):
                session.send(line)
        self.server.members[fold(channel)].discard(self.account)

    def on_topic(self, message: Message) -> None:
        channel = message.params[0]
        if len(message.params) == 1:
            self.reply("331", channel, "No topic is set")
            return
        self.server.topics[channel] = message.params[1]
        line = f":{self.account}!{self.account}@fake TOPIC {channel} :{message.params[1]}"
        self.server.tell_all(line)

    def on_names(self, message: Message) -> None:
        channel = message.params[0]
        names = " ".join(sorted(self.server.members.get(fold(channel), set())))
        self.reply("353", "=", channel, f"@{names}")
        self.reply("366", channel, "End of NAMES list")

    def on_who(self, message: Message) -> None:
        mask = message.params[0]
        for name in sorted(self.server.members.get(fold(mask), set())):
            self.reply("352", mask, name, "fake", "fake.example", name, "H", f"0 {name.title()}")
        self.reply("315", mask, "End of WHO list")

    def on_away(self, message: Message) -> None:
        self.reply("306" if message.params else "305", "You have been marked")

    def on_ping(self, message: Message) -> None:
        self.send(f":fake.example PONG fake.example :{message.params[0]}")

    def on_pong(self, message: Message) -> None:
        pass

    def on_quit(self, message: Message) -> None:
        self.send("ERROR :Goodbye")
        self.closing = True

    # --- history -------------------------------------------------------------------------------

    def on_chathistory(self, message: Message) -> None:
        which, target, *rest = message.params
        self.batches += 1
        reference = f"b{self.batches}"
        if which == "TARGETS":
            self.targets(reference, read_time(target))
            return
        if target.startswith("#") and self.account not in self.server.members.get(
            fold(target), set()
        ):
            self.send(
                f":fake.example FAIL CHATHISTORY INVALID_TARGET {which} {target} :No such channel"
            )
            return
        limit = min(int(rest[1]), self.server.history_max)
        rows = [kept for kept in self.server.kept if kept.between(self.account, target)]
        selector = rest[0]
        if which == "LATEST":
            rows = rows[-limit:]
        elif which == "BEFORE":
            rows = [row for row in rows if self.compare(row, selector) < 0][-limit:]
        else:
            rows = [row for row in rows if self.compare(row, selector) > 0][:limit]
        self.send(f":fake.example BATCH +{reference} chathistory {target}")
        for row in rows:
            self.send(row.line(batch=reference))
        self.send(f":fake.example BATCH -{reference}")

    def on_search(self, message: Message) -> None:
        """Find by whole texts, whatever else is asked for; and refuse to find nothing."""
        wanted = parse_tags(message.params[0])
        if "text" not in wanted:
            self.send("FAIL SEARCH INVALID_PARAMS text :Say what to search for")
            return
        self.batches += 1
        reference = f"b{self.batches}"
        self.send(f":fake.example BATCH +{reference} soju.im/search")
        for row in self.server.kept:
            if wanted["text"] in row.text:
                self.send(row.line(batch=reference))
        self.send(f":fake.example BATCH -{reference}")

    def on_token(self, message: Message) -> None:
        """SecureChat's own, as docs/protocol.md has it."""
        label = message.tags.get("label")
        start = f"@label={label} " if label else ""
        match message.params:
            case ("ADD", _) if self.token:
                self.send(f"{start}FAIL TOKEN NEED_PASSWORD ADD :This session logged in by a token")
            case ("ADD", name):
                number = f"{len(self.server.token_names):08x}"
                self.server.token_names.append(name)
                secret = "sct_" + number.rjust(43, "A")
                self.server.tokens[number] = (self.account, secret)
                self.send(f"{start}:fake.example TOKEN ADD {number} device :{secret}")
            case ("REVOKE", number) if number in self.server.tokens:
                _, secret = self.server.tokens.pop(number)
                self.send(f"{start}:fake.example TOKEN REVOKE {number}")
                self.closing = self.token
            case _:
                self.send(f"{start}FAIL TOKEN NO_SUCH_TOKEN REVOKE :You have no token with this id")

    def compare(self, row: Kept, selector: str) -> int:
        kind, _, value = selector.partition("=")
        if kind == "msgid":
            return (row.msgid > value) - (row.msgid < value)
        moment = read_time(selector)
        return (row.time > moment) - (row.time < moment)

    def targets(self, reference: str, since: datetime) -> None:
        mine = [row for row in self.server.kept if row.time > since]
        names = dict.fromkeys(
            row.sender if fold(row.target) == fold(self.account) else row.target
            for row in mine
            if fold(self.account) in (fold(row.sender), fold(row.target))
            or row.target.startswith("#")
        )
        self.send(f":fake.example BATCH +{reference} draft/chathistory-targets")
        for name in names:
            self.send(
                f"@batch={reference} :fake.example CHATHISTORY TARGETS {name} {wire_stamp(since)}"
            )
        self.send(f":fake.example BATCH -{reference}")
