"""Registration walked through: every state that can be reached, and every line said in each.

The walk goes on until it meets no new state, so what holds for all its steps holds for
conversations of any length over these lines. What should follow is told by ``Facts``: what the
specifications make of what was said, kept apart from the code under test.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cache

import pytest

from securechat.protocol.message import parse
from securechat.protocol.registration import (
    Admit,
    Close,
    Effect,
    Phase,
    Registration,
    Send,
    Verify,
)

SECRET = "correct horse"
GOOD = base64.b64encode(f"\0alice\0{SECRET}".encode()).decode()
FOREIGN = base64.b64encode(f"bob\0alice\0{SECRET}".encode()).decode()
ATTEMPTS_MAX = 3
SASL_MAX = 400  # one full chunk is the longest response
UNKNOWN = ("PRIVMSG #lobby :hi", "JOIN #lobby", "WHO", "OPER a b", "001 x", "CAPLS")
NICK, USER, END = "NICK wiz", "USER u 0 * :U", "CAP END"
SUSPENDING = ("CAP LS", "CAP REQ :sasl", "CAP REQ :-sasl", "CAP REQ :nothing-known")
LINES = (
    *SUSPENDING,
    END,
    "CAP LIST",
    "CAP FOO",
    "CAP",
    NICK,
    "NICK",
    "NICK #bad",
    USER,
    "USER u",
    f"PASS :alice:{SECRET}",
    "PASS nonsense",
    "PASS",
    "PING token",
    "PING",
    "PONG token",
    "QUIT",
    "AUTHENTICATE",
    "AUTHENTICATE PLAIN",
    "AUTHENTICATE EXTERNAL",
    "AUTHENTICATE *",
    "AUTHENTICATE +",
    "AUTHENTICATE not-base64",
    f"AUTHENTICATE {GOOD}",
    f"AUTHENTICATE {FOREIGN}",
    f"AUTHENTICATE {'A' * 400}",
    f"AUTHENTICATE {'A' * 401}",
    *UNKNOWN,
)


@dataclass(frozen=True)
class Facts:
    """What follows from what was said so far, by the specifications alone."""

    nick: bool = False
    user: bool = False
    suspended: bool = False
    logged_in: bool = False
    failures: int = 0

    @property
    def complete(self) -> bool:
        """Whether registration ends here (Modern IRC, "Connection Registration")."""
        return self.nick and self.user and not self.suspended


@dataclass(frozen=True)
class Step:
    """One line said in one state. ``verdict`` is what the driver found, if it was asked."""

    before: Registration
    facts_before: Facts
    line: str
    verdict: bool | None
    effects: tuple[Effect, ...]
    after: Registration
    facts: Facts

    @property
    def command(self) -> str:
        return self.line.split(" ")[0]

    @property
    def codes(self) -> list[str]:
        """The numerics and commands of the lines sent."""
        return [parse(one.line).command for one in self.effects if isinstance(one, Send)]

    @property
    def ended(self) -> bool:
        return any(isinstance(effect, Admit | Close) for effect in self.effects)

    @property
    def closed(self) -> bool:
        return any(isinstance(effect, Close) for effect in self.effects)


def copied(registration: Registration) -> Registration:
    collector = registration._collector
    return replace(
        registration,
        negotiation=replace(registration.negotiation),
        _collector=replace(collector, chunks=list(collector.chunks)),
    )


def key(registration: Registration) -> Hashable:
    """Return all that a registration remembers."""
    return (
        registration.phase,
        registration.nick,
        registration.username,
        registration.account,
        registration.failures,
        registration._pass,
        registration._by_pass,
        # What was gathered is forgotten when the next exchange begins.
        tuple(registration._collector.chunks) if registration.phase is Phase.EXCHANGE else (),
        registration.negotiation.open,
        registration.negotiation.enabled,
        registration.negotiation.version,
    )


def what_follows(facts: Facts, line: str, phase: Phase, codes: set[str]) -> Facts:
    failed = phase is Phase.EXCHANGE and bool(codes & {"904", "905"})
    return Facts(
        nick=facts.nick or line == NICK,
        user=facts.user or line == USER,
        suspended=(facts.suspended or line in SUSPENDING) and line != END,
        logged_in=facts.logged_in,
        failures=facts.failures + failed,
    )


def steps_from(before: Registration, facts: Facts, line: str) -> list[Step]:
    """Say a line; where the driver is asked about credentials, take both ways."""
    after = copied(before)
    effects = after.handle(parse(line))
    ways: list[tuple[bool | None, Registration, list[Effect]]] = [(None, after, effects)]
    if effects and isinstance(effects[-1], Verify):
        refused = copied(after)
        ways = [
            (True, after, effects + after.verified("Alice")),
            (False, refused, effects + refused.verified(None)),
        ]
    steps = []
    for verdict, reached, all_effects in ways:
        step = Step(before, facts, line, verdict, tuple(all_effects), reached, facts)
        then = what_follows(facts, line, before.phase, set(step.codes))
        steps.append(replace(step, facts=replace(then, logged_in=then.logged_in or bool(verdict))))
    return steps


@cache
def walk() -> tuple[Step, ...]:
    start = Registration("irc.example", sasl_bytes_max=SASL_MAX, attempts_max=ATTEMPTS_MAX)
    steps: list[Step] = []
    waiting = deque([(start, Facts())])
    seen = {(key(start), Facts())}
    while waiting:
        registration, facts = waiting.popleft()
        for line in LINES:
            for step in steps_from(registration, facts, line):
                steps.append(step)
                reached = (key(step.after), step.facts)
                if not step.ended and reached not in seen:
                    seen.add(reached)
                    waiting.append((step.after, step.facts))
    return tuple(steps)


def expect(holds: bool, step: Step) -> None:
    if not holds:
        pytest.fail(f"{step}")
