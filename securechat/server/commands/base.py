"""What a row of the command table is, and how a handler refuses.

A handler checks, then posts an event to the journal or sends an answer. It never counts
parameters (its row does) and never catches its own refusal (dispatch does).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from securechat.protocol.message import Message
from securechat.protocol.replies import Reply
from securechat.server.context import Server
from securechat.server.sessions.session import LINES_AT_ONCE, Session

Handler = Callable[[Server, Session, Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Command:
    """A row. ``params_min`` parameters are needed, or 461 is the answer.

    ``pipelined`` commands may follow each other without waiting for the commit between them; they
    post messages and change nothing that a later command could ask about. A ``query`` may have a
    long answer: it has a budget of its own.
    ``usage`` shows the parameters and ``help`` says in sentences what it does, for HELP and the
    documentation.
    """

    name: str
    handler: Handler
    params_min: int = 0
    pipelined: bool = False
    query: bool = False
    usage: str = ""
    help: str = ""


class Refused(Exception):
    """A command that is answered with these replies and changes nothing."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__(*(reply.code for reply in replies))
        self.replies = replies


async def reply_at_length(session: Session, replies: Iterable[Reply]) -> None:
    """Answer with any number of replies, each piece when the client has taken enough of the last.

    ``replies`` must hold what it will give: others may change the directory in between.
    """
    name, server = session.user.name, session.server_name
    await send_at_length(session, (reply.line(server, name) for reply in replies))


async def send_at_length(session: Session, lines: Iterable[str]) -> None:
    """Answer with any number of lines as ``reply_at_length`` does."""
    rest = iter(lines)
    while piece := list(islice(rest, LINES_AT_ONCE)):
        await session.outbox.room()
        session.send(*piece)
