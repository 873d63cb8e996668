"""What became of a message that was told: so that every change is told once, and none that is old.

Pure; :mod:`~securechat.client.state.timeline` keeps one for each of the last messages told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from securechat.client.events import Change, Edited, Reacted, Redacted, Said
from securechat.protocol.names import fold

# A server may leave out what follows a message past so many lines (IRCv3 chathistory, "context").
CONTEXT_LINES_MAX = 50


class Given(NamedTuple):
    """A reaction that stands: by whom, with what, and the msgid of the reaction itself."""

    nick: str
    text: str
    msgid: str


@dataclass(slots=True)
class Known:
    """A message that was told: what became of it, as far as that was told."""

    time: datetime
    text: str
    edited: datetime | None = None
    change: str = ""
    redacted: bool = False
    reactions: dict[tuple[str, str], Given] = field(default_factory=dict)

    @classmethod
    def of(cls, said: Said, changes: Sequence[Change] = ()) -> Known:
        """Return what is known of a message as it is told, with the changes that came with it."""
        known = cls(said.time, said.text, said.edited)
        for change in changes:
            known.news(change)
        return known

    def news(self, change: Change) -> bool:
        """Take a change; return whether it is one, and no older than what is known."""
        if self.redacted:
            return False
        match change:
            case Edited():
                if change.change and change.change == self.change:
                    return False
                if self.edited is not None and change.time < self.edited:
                    return False
                if self.text == change.text and self.edited == change.time:
                    self.change = change.change
                    return False
                self.text, self.edited, self.change = change.text, change.time, change.change
            case Redacted():
                self.redacted, self.text = True, ""
                self.reactions.clear()
            case Reacted():
                key = (fold(change.nick), change.text)
                if (key in self.reactions) is not change.removed:
                    return False
                if change.removed:
                    del self.reactions[key]
                else:
                    self.reactions[key] = Given(change.nick, change.text, change.change)
        return True

    def differences(self, said: Said, changes: Sequence[Change], *, whole: bool) -> list[Change]:
        """Take the message as the history has it now; return the changes since it was told.

        ``changes`` are those that the history shows with it. With ``whole``, a reaction that is
        not among them was taken back; when is not known, and the time of the message stands for it.
        """
        found = [change for change in changes if self.news(change)]
        if whole and not self.redacted and len(changes) < CONTEXT_LINES_MAX:
            standing = {
                (fold(one.nick), one.text)
                for one in changes
                if isinstance(one, Reacted) and not one.removed
            }
            for key, given in list(self.reactions.items()):
                if key not in standing:
                    del self.reactions[key]
                    found.append(_taken_back(said.conversation, said.msgid, given, said.time))
        return found

    def reaction_removed(self, msgid: str, removal: Redacted) -> Reacted | None:
        """Return what it means for this message, ``msgid``, that a reaction to it was removed."""
        for key, given in self.reactions.items():
            if given.msgid and given.msgid == removal.msgid:
                del self.reactions[key]
                return _taken_back(removal.conversation, msgid, given, removal.time)
        return None


def _taken_back(conversation: str, msgid: str, given: Given, time: datetime) -> Reacted:
    return Reacted(
        time=time,
        conversation=conversation,
        msgid=msgid,
        text=given.text,
        nick=given.nick,
        removed=True,
        history=False,
    )
