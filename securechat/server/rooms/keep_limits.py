"""How long messages are kept, by time and by number: what a channel sets, and the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from securechat.config import Settings
from securechat.protocol.durations import format_duration, parse_duration

# Less is meant otherwise, and what is deleted is gone.
SECONDS_MIN = 3600
MESSAGES_MIN = 10
MESSAGES_MAX = 1_000_000_000
WANTED = "write a time from 1h to 10 years such as 90d, a number of messages from 10, or default"

_DAY_SECONDS = 86400


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept of a conversation: so many seconds and so many messages; 0 for all of it."""

    seconds: int = 0
    messages: int = 0

    def within(self, other: Keeping) -> Keeping:
        """Return what is kept where both hold."""
        return Keeping(_least(self.seconds, other.seconds), _least(self.messages, other.messages))

    @property
    def sentence(self) -> str:
        """What people are told about it."""
        days, rest = divmod(self.seconds, _DAY_SECONDS)
        # In days, as people write it: 90 days are not easily known as 12 weeks and 6 days.
        time = format_duration(self.seconds) if rest or days == 1 else f"{days} days"
        if self.seconds and self.messages:
            text = f"messages are deleted after {time}, and all but the latest {self.messages}"
        elif self.seconds:
            text = f"messages are deleted after {time}"
        elif self.messages:
            text = f"all but the latest {self.messages} messages are deleted"
        else:
            text = "messages are kept for ever"
        return f"Retention: {text}"


def _least(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other


def server_keeping(settings: Settings) -> Keeping:
    """Return what the server keeps of every conversation; no channel can have more."""
    return Keeping(settings.keep_days * _DAY_SECONDS, settings.keep_messages)


def parse_keeping(words: Sequence[str]) -> Keeping:
    """Return what ``90d``, ``10000``, both of them, or ``default`` says.

    A bare number is one of messages here. Raises ``ValueError`` with what is wanted.
    """
    if [word.lower() for word in words] in (["default"], ["off"]):
        return Keeping()
    seconds = messages = 0
    for word in words:
        if word.isascii() and word.isdecimal():
            twice, messages = messages, int(word[:12])
            fits = MESSAGES_MIN <= messages <= MESSAGES_MAX
        else:
            twice, seconds = seconds, parse_duration(word)
            fits = seconds >= SECONDS_MIN
        if twice or not fits:
            raise ValueError(WANTED)
    if not words:
        raise ValueError(WANTED)
    return Keeping(seconds, messages)
