"""What is done to messages: edits, redactions, reactions, typing - read from the wire, and done.

The functions are pure. They follow the IRCv3 proposal ``message-edit``, the drafts
``message-redaction``, ``react``, ``reply``, ``typing`` and ``chathistory`` ("context").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, cast, get_args

from securechat.client import events
from securechat.client.errors import EditRefused, NotOffered, ReactionRefused, RedactRefused
from securechat.client.events import Change, Event, Reaction, Said, TypingState
from securechat.protocol.mentions import mentions
from securechat.protocol.message import Message
from securechat.protocol.names import fold

if TYPE_CHECKING:
    from securechat.client.sessions.core import Core
    from securechat.client.state.state import ClientState

_REPLY = ("+draft/reply", "+reply")
_REACT = ("+draft/react", "+react")
_UNREACT = ("+draft/unreact", "+unreact")
_TYPING = ("+typing", "+draft/typing")
_TARGET, _TEXT = "draft/target-msgid", "draft/edit-text"

# message-tags: a client's tags have 4094 bytes for data.
EDIT_TEXT_BYTES_MAX = 3700


def reply_of(tags: Mapping[str, str]) -> str:
    """Return the msgid that a message answers; empty for none."""
    return _first(tags, _REPLY)


def change_of(
    state: ClientState, message: Message, time: datetime, *, history: bool = False
) -> Change | None:
    """Return what a message does to another one, if it does anything."""
    if not message.params or not message.nick:
        return None
    nick, own = message.nick, state.is_me(message.nick)
    conversation = state.conversation_of(message)
    change, tags = message.tags.get("msgid", ""), message.tags
    if message.command == "EDIT" and tags.get(_TARGET):
        text = tags.get(_TEXT, "")
        return events.Edited(
            time=time, conversation=conversation, msgid=tags[_TARGET], text=text, sender=nick,
            own=own, mention=not own and mentions(text, state.nick), history=history,
            change=change,
        )  # fmt: skip
    if message.command == "REDACT" and len(message.params) > 1:
        reason = message.params[2] if len(message.params) > 2 else ""
        return events.Redacted(
            time=time, conversation=conversation, msgid=message.params[1], by=nick, reason=reason,
            own=own, history=history, change=change,
        )  # fmt: skip
    if message.command == "TAGMSG" and reply_of(tags):
        added, removed = _first(tags, _REACT), _first(tags, _UNREACT)
        if bool(added) == bool(removed):  # both is neither (react, "Format")
            return None
        return events.Reacted(
            time=time, conversation=conversation, msgid=reply_of(tags), text=added or removed,
            nick=nick, own=own, removed=bool(removed), history=history, change=change,
        )  # fmt: skip
    return None


def typing_of(state: ClientState, message: Message, time: datetime) -> list[Event]:
    """Return that somebody else is typing, if a TAGMSG says so."""
    word = _first(message.tags, _TYPING)
    if word not in get_args(TypingState) or state.is_me(message.nick) or not message.params:
        return []
    conversation = state.conversation_of(message)
    known = cast("TypingState", word)
    return [events.Typing(time=time, conversation=conversation, nick=message.nick, state=known)]


def with_changes(said: Said, changes: Iterable[Change]) -> Said:
    """Return a message of the history with what follows it there: the text is the present one."""
    standing: dict[str, dict[str, str]] = {}
    for change in changes:
        match change:
            case events.Edited():
                said = replace(said, edited=change.time)
            case events.Redacted():
                said = replace(said, redacted=True, text="", mention=False)
            case events.Reacted():
                nicks = standing.setdefault(change.text, {})
                if change.removed:
                    nicks.pop(fold(change.nick), None)
                else:
                    nicks.setdefault(fold(change.nick), change.nick)
    reactions = tuple(
        Reaction(text, tuple(nicks.values())) for text, nicks in standing.items() if nicks
    )
    return replace(said, reactions=reactions)


def _first(tags: Mapping[str, str], keys: Iterable[str]) -> str:
    return next((tags[key] for key in keys if tags.get(key)), "")


class AboutMessages:
    """The methods of a client that do something to messages.

    Each returns when the server has stored it. They raise ``NoAnswer`` without a connection, and
    where it breaks before the answer: then it is unknown whether it was done. Doing it again is
    harmless. ``NotOffered`` is raised where the server does not know it.
    """

    _core: Core

    async def edit(self, target: str, msgid: str, text: str) -> None:
        """Give a message of one's own another text, which may have several lines.

        Raises ``EditRefused`` with the server's sentence: not one's own, too late, too long.
        ``ValueError`` for a text that is empty or longer than a line's tags carry.
        """
        text = text.replace("\r\n", "\n")
        if not text.strip("\n") or "\0" in text:
            raise ValueError("the new text needs characters, and no NUL")
        if len(text.encode()) > EDIT_TEXT_BYTES_MAX:
            raise ValueError(f"the new text has more than {EDIT_TEXT_BYTES_MAX} bytes")
        self._needs("EDIT", "draft/message-edit", "editing of messages")
        request = Message("EDIT", (target,), tags={_TARGET: msgid, _TEXT: text})
        await self._core.ask(request, EditRefused)

    async def redact(self, target: str, msgid: str, reason: str = "") -> None:
        """Remove a message or a reaction: one's own, or as one who moderates there.

        Raises ``RedactRefused`` with the server's sentence.
        """
        self._needs("REDACT", "draft/message-redaction", "removal of messages")
        params = (target, msgid, reason) if reason else (target, msgid)
        await self._core.ask(Message("REDACT", params), RedactRefused)

    async def react(self, target: str, msgid: str, text: str) -> None:
        """React to a message, mostly with an emoji. Raises ``ReactionRefused``."""
        await self._react(target, msgid, _REACT[0], text)

    async def unreact(self, target: str, msgid: str, text: str) -> None:
        """Take a reaction back: the one with this very text. Raises ``ReactionRefused``."""
        await self._react(target, msgid, _UNREACT[0], text)

    async def _react(self, target: str, msgid: str, tag: str, text: str) -> None:
        if not text or not msgid:
            raise ValueError("a reaction needs a message and a text")
        self._needs("TAGMSG", "message-tags", "reactions")
        request = Message("TAGMSG", (target,), tags={_REPLY[0]: msgid, tag: text})
        await self._core.ask(request, ReactionRefused)

    def _needs(self, command: str, capability: str, what: str) -> None:
        core = self._core
        if core.session is not None and capability not in core.state.capabilities:
            raise NotOffered(command, what)
