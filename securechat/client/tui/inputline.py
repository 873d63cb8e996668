"""The line one types in; it grows to several lines."""

from __future__ import annotations

from securechat.client.tui.conversation import Conversation
from securechat.client.tui.draw import Block, Row, Span, cut, width_of, wrap
from securechat.client.tui.text import clean

PROMPT = " \u276f "


class InputLine:
    """A simple line."""

    def __init__(self) -> None:
        self.text = ""
        self.cursor = 0

    def block(self, conversation: Conversation, columns: int, most: int) -> Block:
        """Return the input as a panel."""
        name = clean(conversation.name)
        if not self.text:
            row = Row((Span(PROMPT, "accent"), Span(cut(f"Message {name}", columns - 4), "faint")))
            return Block([row], columns, "input", (3, 0))
        lines = wrap([Span(self.text)], columns - 4)[-most:]
        rows = [
            Row((Span("   " if n else PROMPT, "accent"), *line)) for n, line in enumerate(lines)
        ]
        x = 3 + sum(width_of(span.text) for span in lines[-1])
        return Block(rows, columns, "input", (x, len(rows) - 1))

    def key(self, key: str) -> bool:
        """Take a key."""
        if len(key) == 1:
            self.text += key
        elif key == "backspace":
            self.text = self.text[:-1]
        else:
            return False
        return True

    def take(self) -> str:
        """Return what is typed, and be empty."""
        text, self.text = self.text, ""
        return text
