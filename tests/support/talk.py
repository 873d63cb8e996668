"""Conversations with a registration, as the protocol's tests write them down.

``C:`` is what a client sends, ``S:`` what it gets, and ``--`` what the driver does: it lets an
account in, or closes.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from textwrap import dedent

from securechat.protocol.message import parse
from securechat.protocol.registration import Admit, Close, Effect, Registration, Send, Verify
from securechat.protocol.sasl import Credentials

PASSWORD = "correct horse battery staple"
ACCOUNTS = {"jilles": "sesame", "alice": PASSWORD}


def plain(account: str, password: str, *, acting_as: str = "") -> str:
    """Return PLAIN's message in base64 (RFC 4616, section 2)."""
    return base64.b64encode(f"{acting_as}\0{account}\0{password}".encode()).decode()


@dataclass
class Talk:
    """A client, the registration, and a driver that knows ``ACCOUNTS``."""

    registration: Registration = field(default_factory=lambda: Registration("irc.example"))
    verified: list[str] = field(default_factory=list)

    def says(self, line: str) -> list[str]:
        """Return what a line leads to, in the words of a conversation."""
        shown: list[str] = []
        todo = self.registration.handle(parse(line))
        while todo:
            effect = todo.pop(0)
            if isinstance(effect, Verify):
                assert not todo, "nothing may follow before the credentials are checked"
                todo = self._check(effect.credentials)
            else:
                shown.append(self._words(effect))
        return shown

    def play(self, conversation: str) -> None:
        """Say what the client says and compare the conversation with what it should be."""
        expected = dedent(conversation).strip().splitlines()
        actual: list[str] = []
        for line in expected:
            if line.startswith("C: "):
                actual += [line, *self.says(line.removeprefix("C: "))]
        assert actual == expected

    def _check(self, credentials: Credentials) -> list[Effect]:
        self.verified.append(credentials.account)
        good = ACCOUNTS.get(credentials.account.lower()) == credentials.password
        return self.registration.verified(credentials.account.title() if good else None)

    def _words(self, effect: Effect) -> str:
        match effect:
            case Send(line):
                return f"S: {line}"
            case Admit():
                return f"-- admits {self.registration.account}"
            case Close(reason):
                return f"-- closes: {reason}"
        raise AssertionError(effect)


def play(conversation: str) -> None:
    Talk().play(conversation)
