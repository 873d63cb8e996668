"""The table of commands, and dispatch: from one line to its handler and its answer."""

from __future__ import annotations

from securechat.errors import MessageError
from securechat.protocol import replies
from securechat.protocol.framing import BadLine, Fault
from securechat.protocol.message import Message, parse
from securechat.protocol.replies import Reply, fail
from securechat.server.commands import (
    banning,
    batches,
    channels,
    connection,
    drop,
    editing,
    helping,
    history,
    info,
    listing,
    messages,
    metadata,
    moderation,
    modes,
    monitor,
    operators,
    people,
    reading_state,
    rename,
    retention,
    searching,
    suspending,
    tagging,
    tokens,
    who,
)
from securechat.server.commands.base import Command, Refused
from securechat.server.context import Server
from securechat.server.sessions.labels import label_of
from securechat.server.sessions.session import Session

FAMILIES = (
    banning,
    batches,
    channels,
    connection,
    drop,
    editing,
    history,
    info,
    listing,
    messages,
    metadata,
    moderation,
    modes,
    monitor,
    operators,
    people,
    reading_state,
    rename,
    retention,
    searching,
    suspending,
    tagging,
    tokens,
    who,
)

COMMANDS: dict[str, Command] = {row.name: row for family in FAMILIES for row in family.COMMANDS}
COMMANDS.update({row.name: row for row in helping.rows(COMMANDS)})

# How many messages of one session may wait for their commit before its next line is read.
PENDING_MAX = 512


async def dispatch(server: Server, session: Session, line: str | BadLine) -> None:
    """Handle one line from a session, in order with those before it."""
    if isinstance(line, BadLine):
        await batches.broken(session)
        await _refuse(session, bad_line(line))
        return
    try:
        message = parse(line)
    except MessageError as error:
        await batches.broken(session)
        text = str(error)
        await _refuse(session, fail("*", "INVALID_MESSAGE", text=text[:1].upper() + text[1:]))
        return
    in_batch = session.batch is not None or "batch" in message.tags
    if in_batch and await batches.took(session, message):
        return
    label = label_of(message, session.enabled)
    if not label or batches.is_answered_later(session, message):
        await _handle(server, session, message)
    else:
        await session.settled()
        async with session.labeling(label):
            await _handle(server, session, message)


async def _handle(server: Server, session: Session, message: Message) -> None:
    row = COMMANDS.get(message.command)
    if row is None:
        await _refuse(session, replies.ERR_UNKNOWNCOMMAND(message.command))
        return
    if not row.pipelined or session.pending >= PENDING_MAX:
        await session.settled()
    if row.query:
        await session.turn(session.budgets.queries)
    try:
        if len(message.params) < row.params_min:
            raise Refused(replies.ERR_NEEDMOREPARAMS(message.command))
        await row.handler(server, session, message)
    except Refused as refused:
        await _refuse(session, *refused.replies)
    if not row.pipelined:
        # What it posted may change what the next command may do.
        await session.settled()


async def _refuse(session: Session, *answers: Reply) -> None:
    await session.settled()
    session.reply(*answers)


def bad_line(line: BadLine) -> Reply:
    """Return what answers a line that could not be read."""
    if line.fault is Fault.TOO_LONG:
        return replies.ERR_INPUTTOOLONG()
    return fail(line.command, "INVALID_UTF8", text="Message rejected: it is not UTF-8")
