"""Lines of the wire as tests of the protocol look at them."""

from __future__ import annotations

from securechat.protocol.capabilities import Negotiation
from securechat.protocol.message import parse


def listed(line: str) -> str:
    """Return how a CAP LS is answered, which ``test_capabilities.py`` looks into."""
    answers = Negotiation().handle(parse(line), "irc.example", "*")
    assert ":sasl" in answers[0]
    # As it stands in the middle of a conversation.
    return "\n        ".join(f"S: {answer}" for answer in answers)
