"""HELP and HELPOP: the table of commands, as people read it.

Modern IRC Client Protocol, "HELP message". The texts are the rows' own, so a command without one
cannot be forgotten here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from securechat.protocol import replies
from securechat.protocol.message import Message
from securechat.protocol.replies import in_lines
from securechat.server.commands.base import Command, Refused
from securechat.server.context import Server
from securechat.server.sessions.session import Session

_COLUMNS = 72


def rows(table: Mapping[str, Command]) -> tuple[Command, ...]:
    """Return the rows of the commands that explain a table, themselves included."""

    async def help_(server: Server, session: Session, message: Message) -> None:
        subject = " ".join(message.params).strip()
        if not subject:
            _show(session, "*", "Help: the commands of this server", _index(table))
            return
        row = table.get(subject.upper())
        if row is None:
            raise Refused(replies.ERR_HELPNOTFOUND(subject))
        _show(session, subject, f"Help: {row.name}", _explained(row))

    usage = "[<command>]"
    return (
        Command("HELP", help_, usage=usage, help="Explain a command, or list them all."),
        Command("HELPOP", help_, usage=usage, help="Do what HELP does, for clients that want it."),
    )


def _index(table: Mapping[str, Command]) -> list[str]:
    return [*in_lines(sorted(table), _COLUMNS), "Send HELP and one of these to read about it."]


def _explained(row: Command) -> list[str]:
    return [f"{row.name} {row.usage}".strip(), *in_lines(row.help.split(), _COLUMNS)]


def _show(session: Session, subject: str, title: str, lines: Sequence[str]) -> None:
    *middle, last = lines
    session.reply(
        replies.RPL_HELPSTART(subject, text=title),
        *(replies.RPL_HELPTXT(subject, text=line) for line in ("", *middle)),
        replies.RPL_ENDOFHELP(subject, text=last),
    )
