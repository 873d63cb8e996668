"""Requests that are out, and their answers, told apart by label.

Pure. Follows IRCv3 ``labeled-response``: what carries a request's label is its answer, be it one
message, a batch, or ``ACK`` where there is nothing to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from securechat.client.errors import Refused
from securechat.protocol.message import Message


@dataclass(slots=True)
class Request:
    """One request; ``messages`` is its answer once it is ``done``."""

    label: str
    command: str
    messages: list[Message] = field(default_factory=list)
    done: bool = False

    def refusal(self, kind: type[Refused] = Refused) -> Refused | None:
        """Return why it was refused, if it was: a FAIL, or a numeric of an error."""
        for message in self.messages:
            if is_refusal(message):
                code = message.command
                if code == "FAIL":
                    code = message.params[1] if len(message.params) > 1 else ""
                return kind(self.command, message.params[-1] if message.params else "", code)
        return None


class Requests:
    """The requests of one connection after another."""

    def __init__(self) -> None:
        self._open: dict[str, Request] = {}
        self._count = 0

    def begin(self, command: str) -> Request:
        """Note a request that is about to be sent with the label that it gets here."""
        self._count += 1
        request = Request(f"q{self._count}", command)
        self._open[request.label] = request
        return request

    def answered(self, label: str, messages: Iterable[Message]) -> bool:
        """Take what carries a label; return whether it answers one of these requests."""
        request = self._open.pop(label, None) if label else None
        if request is None:
            return False
        request.messages = [one for one in messages if one.command != "ACK"]
        request.done = True
        return True

    def forget(self, request: Request) -> None:
        """Wait for its answer no more."""
        self._open.pop(request.label, None)

    def clear(self) -> None:
        """Forget all: the connection is gone, and answers nothing any more."""
        self._open.clear()


def is_refusal(message: Message) -> bool:
    """Tell whether a message says that something was not done."""
    code = message.command
    return code == "FAIL" or (code.isdigit() and code[0] in "45")
