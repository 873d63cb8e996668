"""Batches, from the receiving side: messages that belong together are gathered and given at once.

Pure. Follows the IRCv3 ``batch`` specification, nesting included. A message of several lines (draft
``multiline``) is given as the one message that it is, with LF between them in its last parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from securechat.errors import MessageError
from securechat.protocol.message import Message
from securechat.protocol.multiline import BATCH_TYPE, CONCAT_TAG, Piece, combined, joined

MESSAGES_MAX = 20_000


@dataclass(slots=True)
class Batch:
    """A batch that has ended: its type, its parameters, and what was in it, in order.

    ``label`` is the ``label`` tag of its beginning (``labeled-response``), or of the batch that
    it lies in.
    """

    kind: str
    params: tuple[str, ...] = ()
    label: str = ""
    items: list[Message | Batch] = field(default_factory=list)
    parent: Batch | None = field(default=None, repr=False)
    opening: Message | None = field(default=None, repr=False)

    def messages(self) -> Iterator[Message]:
        """Yield every message in it and in the batches inside it, in order."""
        for item in self.items:
            if isinstance(item, Message):
                yield item
            else:
                yield from item.messages()


class Batches:
    """The batches that are open on one connection."""

    def __init__(self) -> None:
        self._open: dict[str, Batch] = {}
        self._held = 0

    def receive(self, message: Message) -> Message | Batch | None:
        """Take a message; return it when it is in no batch, a whole batch when it ended one.

        Returns ``None`` for what was put away until its batch ends. Raises ``MessageError`` when
        more than ``MESSAGES_MAX`` messages would have to be kept.
        """
        parent = self._open.get(message.tags.get("batch", ""))
        if message.command != "BATCH" or not message.params:
            if parent is None:
                return message
            self._keep(parent, message)
            return None
        sign, reference = message.params[0][:1], message.params[0][1:]
        if sign == "+":
            kind = message.params[1] if len(message.params) > 1 else ""
            label = message.tags.get("label", "") or (parent.label if parent else "")
            batch = Batch(kind.lower(), message.params[2:], label, parent=parent, opening=message)
            self._open[reference] = batch
            if parent is not None:
                self._keep(parent, batch)
            return None
        ended = self._open.pop(reference, None)
        if ended is None:
            return None
        whole = _combined(ended) if ended.kind == BATCH_TYPE else ended
        if ended.parent is None:
            self._held -= _size(ended)
            return whole
        if whole is not ended:
            items = ended.parent.items
            place = next(n for n, item in enumerate(items) if item is ended)
            self._held -= _size(ended)
            items[place : place + 1] = [] if whole is None else [whole]
            self._held -= whole is None
        return None

    def _keep(self, parent: Batch, item: Message | Batch) -> None:
        self._held += 1
        if self._held > MESSAGES_MAX:
            raise MessageError("The server sent more in one batch than can be kept.")
        parent.items.append(item)


def _combined(batch: Batch) -> Message | None:
    """Return a batch of lines as one message; ``None`` where it has none."""
    lines = [one for one in batch.messages() if len(one.params) > 1]
    if not lines or batch.opening is None:
        return None
    first = lines[0]
    pieces = [Piece(one.params[1], CONCAT_TAG in one.tags) for one in lines]
    text = combined(joined(pieces))
    source = batch.opening.source or first.source
    return Message(first.command, (first.params[0], text), source, batch.opening.tags)


def _size(batch: Batch) -> int:
    return sum(1 if isinstance(item, Message) else 1 + _size(item) for item in batch.items)
