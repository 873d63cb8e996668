"""What lies over the screen: lists to choose from, questions, help."""

from __future__ import annotations

from abc import ABC, abstractmethod

from securechat.client.tui.draw import Block


class Overlay(ABC):
    """Something over the screen that has the keys while it is there."""

    @abstractmethod
    def place(self, columns: int, rows: int) -> tuple[Block, int, int]:
        """Return its rows, and the column and row of its corner, on a screen of that size."""

    @abstractmethod
    def key(self, key: str) -> bool:
        """Take a key; ``False`` where it means nothing here."""
