"""BATCH: messages of several lines. IRCv3 drafts ``client-batch`` and ``multiline``.

A session has one open batch at most, so what unfinished ones hold is bounded. Its lines cost
nothing as they come; the whole is paid for at its end, by its size. A line that does not belong to
the batch, and one that could not be read, end it: half a message is never sent.
"""

from __future__ import annotations

import re

import trio

from securechat.protocol.capabilities import BATCH, MULTILINE
from securechat.protocol.message import Message
from securechat.protocol.multiline import BATCH_TYPE, Gathering, invalid
from securechat.protocol.replies import Reply, fail
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.messages import client_tags, say
from securechat.server.context import Server, multiline_limits
from securechat.server.sessions.labels import label_of, tagged
from securechat.server.sessions.session import Session

# What one message of a budget may have; a larger one counts as so many more.
LINES_PER_MESSAGE = 10
BYTES_PER_MESSAGE = 2048

_REFERENCE = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
# A client's connection is kept alive between the lines too.
_BETWEEN_LINES = frozenset({"PING", "PONG"})


async def batch(server: Server, session: Session, message: Message) -> None:
    """``BATCH +<reference> <type> <target>`` opens, ``BATCH -<reference>`` closes."""
    sign, reference = message.params[0][:1], message.params[0][1:]
    if sign == "+":
        await _open(server, session, message, reference)
        return
    current = session.batch
    if current is None or not _closes(session, message):
        raise Refused(_not_open(message.params[0] if sign != "-" else reference))
    session.batch = None
    if not current.failed:
        # A client that has its label in the wrong place is answered all the same.
        current.label = current.label or label_of(message, session.enabled)
        await _close(server, session, current)


def is_answered_later(session: Session, message: Message) -> bool:
    """Tell whether a message begins or ends a batch: the whole is answered, with one label."""
    if message.command != "BATCH" or not message.params:
        return False
    return message.params[0].startswith("+") or _closes(session, message)


def _closes(session: Session, message: Message) -> bool:
    current = session.batch
    return current is not None and message.params[:1] == (f"-{current.reference}",)


async def _open(server: Server, session: Session, message: Message, reference: str) -> None:
    """Open a batch; one that cannot be is remembered, for its lines are to be ignored."""
    limits = multiline_limits(server.settings)
    kind = message.params[1] if len(message.params) > 1 else ""
    opened = session.batch = Gathering(
        reference,
        session.user.source,
        limits,
        target=message.params[2] if len(message.params) > 2 else "",
        tags=client_tags(session, message),
        label=label_of(message, session.enabled),
        opened=trio.current_time(),
    )
    if not _REFERENCE.fullmatch(reference):
        text = "A reference tag has letters, digits and hyphens only"
        await _refuse(session, opened, fail("BATCH", "INVALID_REFTAG", reference, text=text))
    elif kind != BATCH_TYPE or session.enabled & (BATCH | MULTILINE) != BATCH | MULTILINE:
        text = "Unknown batch type"
        await _refuse(session, opened, fail("BATCH", "UNKNOWN_TYPE", reference, kind, text=text))
    elif not opened.target or len(message.params) > 3:
        await _refuse(session, opened, invalid("A multiline batch has one target"))


async def _close(server: Server, session: Session, closed: Gathering) -> None:
    """Say what a batch holds."""
    refusal = closed.finish()
    if refusal is not None:
        await _refuse(session, closed, refusal)
        return
    await _pay(session, closed)
    if closed.label:
        await session.settled()
        async with session.labeling(closed.label):
            await _say(server, session, closed)
    else:
        await _say(server, session, closed)


async def _say(server: Server, session: Session, closed: Gathering) -> None:
    try:
        await say(server, session, closed.command, closed.target, closed.text, closed.tags)
    except Refused as refused:
        if closed.command == "PRIVMSG":  # a NOTICE is never answered
            await session.settled()
            session.reply(*refused.replies)


async def took(session: Session, message: Message) -> bool:
    """Take a line that belongs to a batch; return whether it did, and is done with.

    One that does not, while a batch is open, ends the batch.
    """
    current = session.batch
    reference = message.tags.get("batch") if message.tags else None
    if reference is None:
        if current is not None and not _may_come_between(session, current, message):
            why = "A batch has to be closed before anything else is sent"
            await _refuse(session, current, invalid(why))
        return False
    if current is None or current.reference != reference:
        await broken(session)
        await session.settled()
        session.send(_line(session, _not_open(reference), label_of(message, session.enabled)))
    elif not current.failed:
        refusal = current.add(message)
        if refusal is not None:
            await _refuse(session, current, refusal)
    return True


def _may_come_between(session: Session, current: Gathering, message: Message) -> bool:
    if current.failed or message.command in _BETWEEN_LINES:
        return True
    return message.command == "BATCH" and _closes(session, message)


async def broken(session: Session) -> None:
    """End a session's open batch: a line that may have been its own could not be understood."""
    if session.batch is not None and not session.batch.failed:
        await _refuse(session, session.batch, invalid("A line of the batch could not be read"))


async def _refuse(session: Session, current: Gathering, refusal: Reply) -> None:
    """Answer for a whole batch, and ignore what is still to come of it."""
    current.failed = True
    await _pay(session, current)
    current.pieces.clear()
    await session.settled()
    session.send(_line(session, refusal, current.label))


def _line(session: Session, refusal: Reply, label: str) -> str:
    line = refusal.line(session.server_name, session.user.name)
    return tagged(line, f"label={label}") if label else line


async def _pay(session: Session, current: Gathering) -> None:
    lines, size = len(current.pieces) // LINES_PER_MESSAGE, current.size // BYTES_PER_MESSAGE
    if lines or size:
        await session.turn(session.budgets.messages, max(lines, size))


def end_overdue(session: Session, seconds: float) -> None:
    """End a batch that has been open for longer than this (0: for as long as it takes)."""
    current = session.batch
    if current is None or current.failed or not 0 < seconds <= trio.current_time() - current.opened:
        return
    current.failed = True
    current.pieces.clear()
    text = "The batch was left open for too long"
    refusal = fail("BATCH", "TIMEOUT", current.reference, text=text)
    session.push(_line(session, refusal, current.label))


def _not_open(reference: str) -> Reply:
    return fail("BATCH", "INVALID_REFTAG", reference, text="No batch of this reference is open")


COMMANDS = (
    Command(
        "BATCH",
        batch,
        params_min=1,
        pipelined=True,
        usage="+<reference> draft/multiline <target> | -<reference>",
        help="Begin and end a message of several lines.",
    ),
)
