"""What the small server of ``fake_server.py`` keeps, and the wire's way to write times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from securechat.protocol.message import Message
from securechat.protocol.names import fold

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Kept:
    """A message of the journal."""

    msgid: str
    time: datetime
    sender: str
    command: str
    target: str
    text: str

    def line(self, **tags: str) -> str:
        stamp = f"{self.time:%Y-%m-%dT%H:%M:%S}.{self.time.microsecond // 1000:03d}Z"
        source = f"{self.sender}!{self.sender}@fake"
        message = Message(
            self.command,
            (self.target, self.text),
            source,
            {"msgid": self.msgid, "time": stamp, **tags},
        )
        return message.encode().decode().rstrip("\r\n")

    def between(self, one: str, other: str) -> bool:
        """Whether it belongs to the conversation of ``one`` with ``other`` (or channel)."""
        if other.startswith("#"):
            return fold(self.target) == fold(other)
        pair = {fold(self.sender), fold(self.target)}
        return pair == {fold(one), fold(other)}


def wire_stamp(time: datetime) -> str:
    """Write a time as the tag ``time`` does (IRCv3 ``server-time``)."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def read_time(selector: str) -> datetime:
    """Read the time of a selector of CHATHISTORY, ``timestamp=…``."""
    return datetime.fromisoformat(selector.partition("=")[2])
