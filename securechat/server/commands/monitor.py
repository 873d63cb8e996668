"""MONITOR, as the IRCv3 ``monitor`` specification defines it."""

from __future__ import annotations

from collections.abc import Iterable

from securechat.protocol import replies
from securechat.protocol.message import Message
from securechat.protocol.names import fold
from securechat.protocol.replies import Numeric, fail, in_lines
from securechat.server import monitors
from securechat.server.commands.base import Command, Refused
from securechat.server.context import Server
from securechat.server.sessions.session import Session

# What fits beside the longest server name and nick.
_ROOM = 400


async def monitor(server: Server, session: Session, message: Message) -> None:
    modifier = message.params[0].upper()
    names = [name for name in message.params[1].split(",") if name] if message.params[1:] else []
    if modifier in {"+", "-"} and not names:
        raise Refused(replies.ERR_NEEDMOREPARAMS("MONITOR"))
    match modifier:
        case "+":
            _add(server, session, names)
        case "-":
            for name in names:
                monitors.remove(server, session, fold(name))
        case "C":
            monitors.forget(server, session)
        case "L":
            _list(session, replies.RPL_MONLIST, session.monitored.values())
            session.reply(replies.RPL_ENDOFMONLIST())
        case "S":
            _status(server, session, session.monitored.values())
        case _:
            text = "MONITOR takes +, -, C, L or S"
            raise Refused(fail("MONITOR", "INVALID_PARAMS", message.params[0], text=text))


def _add(server: Server, session: Session, names: list[str]) -> None:
    limit = server.settings.monitor_targets_max
    for place, name in enumerate(names):
        if limit and len(session.monitored) >= limit and fold(name) not in session.monitored:
            _status(server, session, names[:place])
            session.send(*server.metadata.monitored_lines(session, names[:place]))
            session.reply(replies.ERR_MONLISTFULL(str(limit), ",".join(names[place:])))
            return
        monitors.add(server, session, fold(name), name)
    _status(server, session, names)
    session.send(*server.metadata.monitored_lines(session, names))


def _status(server: Server, session: Session, names: Iterable[str]) -> None:
    found = {name: server.directory.user(name) for name in names}
    _list(session, replies.RPL_MONONLINE, [user.source for user in found.values() if user])
    _list(session, replies.RPL_MONOFFLINE, [name for name, user in found.items() if not user])


def _list(session: Session, numeric: Numeric, words: Iterable[str]) -> None:
    session.reply(*(numeric(text=line) for line in in_lines(words, _ROOM, ",")))


COMMANDS = (
    Command(
        "MONITOR",
        monitor,
        params_min=1,
        usage="<+|-|C|L|S> [<nick>{,<nick>}]",
        help="Be told when people come and go: add, remove, clear, list, or ask now.",
    ),
)
