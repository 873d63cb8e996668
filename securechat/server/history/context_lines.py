"""What follows a message when it is played: its redaction, its edit, the reactions to it.

A message's own row has its present text, which is empty once it was redacted. The fact of an edit
or a redaction, and each reaction, is an event of its own whose ``parent`` is the message. IRCv3
``chathistory`` ("draft/chathistory-context"), ``message-redaction`` ("Chat history").

No message has more than ``RELATED_MAX`` such events, for no more are stored: so one question to the
store brings all of a page's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from securechat.protocol.capabilities import (
    EVENT_PLAYBACK,
    MESSAGE_EDIT,
    MESSAGE_REDACTION,
    MESSAGE_TAGS,
)
from securechat.store.contract import Event, Store, Stored

REACTIONS_MAX = 200
EDITS_MAX = 99
RELATED_MAX = REACTIONS_MAX + EDITS_MAX + 1
"""So many events are stored about one message at most: the last one may be its redaction."""

CONTEXT_LINES_MAX = 50
REDACTED_TEXT = "[This message was removed]"

REACT_TAGS = ("+draft/react", "+react")
UNREACT_TAGS = ("+draft/unreact", "+unreact")


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a reaction says: its value, and whether it is taken back."""

    value: str
    taken_back: bool


@dataclass(frozen=True, slots=True)
class Played:
    """A message as it is shown, and what follows it (at most ``CONTEXT_LINES_MAX``)."""

    event: Event
    context: tuple[Event, ...] = ()


def reaction_of(tags: Mapping[str, str]) -> Reaction | None:
    """Return the reaction that a TAGMSG's tags hold, if it is one.

    To react and to take back at once is neither (react, "Format").
    """
    added = [tags[key] for key in REACT_TAGS if key in tags]
    removed = [tags[key] for key in UNREACT_TAGS if key in tags]
    if bool(added) == bool(removed):
        return None
    return Reaction((added or removed)[0], bool(removed))


def is_redacted(event: Event) -> bool:
    """Tell whether a PRIVMSG, NOTICE or reaction was redacted."""
    return not (event.tags if event.kind == "TAGMSG" else event.text)


def present_reactions(related: Iterable[Event]) -> dict[tuple[str, str], Event]:
    """Return the reactions not taken back, by account key and value, oldest first."""
    present: dict[tuple[str, str], Event] = {}
    for event in related:
        # One that was redacted has no tags any more.
        reaction = reaction_of(event.tags) if event.kind == "TAGMSG" else None
        if reaction is None:
            continue
        key = (event.account, reaction.value)
        if reaction.taken_back:
            present.pop(key, None)
        else:
            present.setdefault(key, event)
    return present


async def related_to(store: Store, messages: Sequence[Stored], enabled: int) -> list[Stored]:
    """Return every event about these messages that a session may want. Raises ``StoreError``."""
    if not messages or not enabled & MESSAGE_TAGS:
        return []
    if not enabled & (EVENT_PLAYBACK | MESSAGE_EDIT | MESSAGE_REDACTION):
        return []
    msgids = [stored.event.msgid for stored in messages]
    return await store.about(msgids, limit=len(msgids) * RELATED_MAX)


def with_context(
    messages: Sequence[Stored], related: Sequence[Stored], enabled: int
) -> list[Played]:
    """Return messages as a session with these capabilities is shown them, with what follows each.

    ``related`` are the events about them, oldest first, as ``related_to`` returns them. A redacted
    message is left out unless the session knows redactions; events of other kinds are passed on.
    """
    about: defaultdict[str, list[Event]] = defaultdict(list)
    for stored in related:
        about[stored.event.parent].append(stored.event)
    played = (_played(stored.event, about[stored.event.msgid], enabled) for stored in messages)
    return [item for item in played if item is not None]


def _played(event: Event, about: Sequence[Event], enabled: int) -> Played | None:
    tags = bool(enabled & MESSAGE_TAGS)
    if event.kind not in {"PRIVMSG", "NOTICE"}:
        return Played(event)
    if is_redacted(event):
        removed = [item for item in about if item.kind == "REDACT"]
        if not (tags and enabled & MESSAGE_REDACTION and removed):
            return None
        return Played(replace(event, text=REDACTED_TEXT), (removed[-1],))
    context: list[Event] = []
    if tags and enabled & MESSAGE_EDIT:
        # Earlier edits have lost their text.
        context += [item for item in about if item.kind == "EDIT" and item.text][-1:]
    if tags and enabled & EVENT_PLAYBACK:
        context += present_reactions(about).values()
    return Played(event, tuple(context[:CONTEXT_LINES_MAX]))
