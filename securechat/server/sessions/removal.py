"""What the journal keeps of a redaction besides its reason: whose message it was, and of what kind.

The message itself is empty from then on, and who knows no REDACT is told in a sentence.
"""

from __future__ import annotations

from typing import NamedTuple


class Removal(NamedTuple):
    """The text of a REDACT event: the message's kind and its author's name, then the reason."""

    kind: str
    author: str
    reason: str = ""

    def to_text(self) -> str:
        """Return the event's text."""
        return " ".join(self)

    @classmethod
    def from_text(cls, text: str) -> Removal:
        """Return what a REDACT event's text says."""
        kind, author, reason = text.split(" ", 2)
        return cls(kind, author, reason)
