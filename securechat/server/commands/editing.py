"""EDIT and REDACT: what may be done to a message that was sent.

EDIT by the IRCv3 proposal ``message-edit`` (ircv3-specifications, pull request 425), REDACT by the
draft ``message-redaction``. Authors may, while they may still speak there and for a time that is a
setting; in a channel those may remove a message at any time who may kick its author. What one
may not read is answered about as what does not exist. One message's changes take turns, so none
of them is decided by what an earlier one has changed already.
"""

from __future__ import annotations

from securechat.errors import StoreError
from securechat.protocol.framing import LINE_BYTES_MAX, truncate
from securechat.protocol.message import Message
from securechat.protocol.multiline import combined, fitted, pieces_of
from securechat.protocol.replies import Reply, fail
from securechat.server.commands.auditing import acted, not_stored
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.messages import client_tags
from securechat.server.commands.places import Place, find_message, place_of, turn_of
from securechat.server.commands.rooms import may_act_on
from securechat.server.commands.speaking import why_not
from securechat.server.context import Server, multiline_limits
from securechat.server.history.context_lines import EDITS_MAX, RELATED_MAX
from securechat.server.rooms.room import RANKS
from securechat.server.sessions.removal import Removal
from securechat.server.sessions.rendering import edit_tags
from securechat.server.sessions.session import Session
from securechat.server.welcome import REASON_BYTES_MAX
from securechat.store.contract import Amendment, Event

# A line's tags have 4094 bytes for what the server sets (message-tags); an EDIT's time, msgid,
# account, batch and label need some of them.
EDIT_TAG_BYTES_MAX = 4094 - 300

_TARGET_TAG = "draft/target-msgid"
_TEXT_TAG = "draft/edit-text"


async def redact(server: Server, session: Session, message: Message) -> None:
    """``REDACT <target> <msgid> [<reason>]``."""
    target, msgid = message.params[:2]
    reason = truncate(" ".join(message.params[2:3]), REASON_BYTES_MAX)
    try:
        async with server.journal.turns.held(turn_of(msgid)):
            place = await place_of(server, session, "REDACT", target)
            event = await find_message(server, session, "REDACT", place, msgid)
            by_right = _may_moderate(session, place, event)
            if not by_right:
                window = server.settings.redact_seconds
                _require_author(server, session, "REDACT", place, event, window)
            author = event.source.partition("!")[0]
            changes = []
            if by_right and place.audience is not None and not _is_author(session, event):
                changes = [
                    acted(
                        server,
                        session,
                        "redact",
                        target=author,
                        channel=place.audience.room.name,
                        detail=msgid,
                        reason=reason,
                    )
                ]
            server.journal.post(
                session,
                "REDACT",
                conversation=place.conversation,
                target=place.name,
                text=Removal(event.kind, author, reason).to_text(),
                parent=msgid,
                amends=[Amendment(msgid, "")],
                changes=changes,
                claims={turn_of(msgid): True},
            )
    except StoreError as error:
        raise not_stored("REDACT", error) from error


async def edit(server: Server, session: Session, message: Message) -> None:
    """``@draft/target-msgid=<msgid>;draft/edit-text=<text> EDIT <target>``."""
    target = message.params[0]
    msgid = message.tags.get(_TARGET_TAG, "")
    value = message.tags.get(_TEXT_TAG, "").replace("\r\n", "\n").replace("\r", "\n")
    if not msgid:
        raise Refused(fail("EDIT", "INVALID_EDIT", target, text="Which message is to be edited?"))
    if not value.strip("\n"):
        raise Refused(_invalid(target, msgid, "The new text is empty"))
    tags = client_tags(session, message)
    try:
        async with server.journal.turns.held(turn_of(msgid)):
            place = await place_of(server, session, "EDIT", target)
            event = await find_message(server, session, "EDIT", place, msgid)
            _require_author(server, session, "EDIT", place, event, server.settings.edit_seconds)
            if event.kind == "TAGMSG":
                raise Refused(_invalid(target, msgid, "This message has no text"))
            related = await server.store.about([msgid], limit=RELATED_MAX)
            if sum(item.event.kind == "EDIT" for item in related) >= EDITS_MAX:
                why = "This message was edited too often"
                raise Refused(fail("EDIT", "EDIT_FORBIDDEN", place.name, msgid, text=why))
            head = f":{event.source} {event.kind} {place.name} :"
            text = fitted(value, LINE_BYTES_MAX - 2 - len(head.encode()))
            lines, size = len(pieces_of(text)), len(combined(text).encode())
            length = len(edit_tags(msgid, text).encode())
            if (
                multiline_limits(server.settings).refusal(size, lines) is not None
                or length > EDIT_TAG_BYTES_MAX
            ):
                raise Refused(_invalid(target, msgid, "The new text is too long"))
            server.journal.post(
                session,
                "EDIT",
                conversation=place.conversation,
                target=place.name,
                text=text,
                tags=tags,
                parent=msgid,
                amends=[Amendment(msgid, text)],
                claims={turn_of(msgid): True},
            )
    except StoreError as error:
        raise not_stored("EDIT", error) from error


def _is_author(session: Session, event: Event) -> bool:
    """Tell whether this very account sent a message, and not an earlier one of its name."""
    user = session.user
    return event.account == user.key and event.time_ms >= user.account_since_ms


def _may_moderate(session: Session, place: Place, event: Event) -> bool:
    """Tell whether a session may remove a message by its role."""
    if place.audience is None:
        return False
    room = place.audience.room
    return room.rank(session.user) >= RANKS["h"] and may_act_on(session, room, event.account)


def _require_author(
    server: Server,
    session: Session,
    command: str,
    place: Place,
    event: Event,
    window_seconds: float,
) -> None:
    """Refuse who is not the author, or may not speak there, or comes too late."""
    verb = "edit" if command == "EDIT" else "delete"
    forbidden = f"You are not authorised to {verb} this message"
    if not _is_author(session, event):
        raise Refused(
            fail(command, f"{command}_FORBIDDEN", place.name, event.msgid, text=forbidden)
        )
    why = why_not(server, session, place.audience.room) if place.audience is not None else ""
    if why:
        raise Refused(fail(command, f"{command}_FORBIDDEN", place.name, event.msgid, text=why))
    if 0 < window_seconds * 1000 < server.now_ms() - event.time_ms:
        raise Refused(
            fail(
                command,
                f"{command}_WINDOW_EXPIRED",
                place.name,
                event.msgid,
                f"{window_seconds:g}",
                text=f"You can no longer {verb} this message",
            )
        )


def _invalid(target: str, msgid: str, text: str) -> Reply:
    return fail("EDIT", "INVALID_EDIT", target, msgid, text=text)


COMMANDS = (
    Command(
        "EDIT",
        edit,
        params_min=1,
        usage="<target>",
        help="Replace the text of a message of your own: the tags draft/target-msgid and "
        "draft/edit-text say which one and by what.",
    ),
    Command(
        "REDACT",
        redact,
        params_min=2,
        usage="<target> <msgid> [<reason>]",
        help="Remove a message or a reaction of your own; operators and half-operators may remove "
        "those of others.",
    ),
)
