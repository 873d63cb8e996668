"""The commands of the line mode: what it does at each row of the table that it knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

import trio

from securechat.client.commandtable import ROWS, Wrong, as_channel
from securechat.protocol.names import fold

if TYPE_CHECKING:
    from securechat.client.lineclient.plain import LineMode

_HELP = """\
Type a line to say it. Tab completes names and commands, the arrow keys bring back old lines.
{commands}
To say something that begins with a slash, double it: //like this."""


class Quit(Exception):
    """Somebody wants to leave."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def _join(mode: LineMode, rest: str, nursery: trio.Nursery) -> None:
    if not rest or " " in rest:
        raise Wrong("Type /join CHANNEL.")
    channel = as_channel(rest)
    await mode.client.join(channel)
    mode.current = channel


async def _part(mode: LineMode, rest: str, nursery: trio.Nursery) -> None:
    channel, reason = mode.channel_and_rest(rest)
    mode.client.part(channel, reason)
    if fold(channel) == fold(mode.current):
        others = [one.name for one in mode.client.channels if fold(one.name) != fold(channel)]
        mode.current = others[0] if others else ""


async def _message(
    mode: LineMode, rest: str, nursery: trio.Nursery, *, notice: bool = False
) -> None:
    target, _, text = rest.partition(" ")
    if not text.strip():
        raise Wrong(f"Type /{'notice' if notice else 'msg'} NAME TEXT.")
    await mode.say(nursery, target, text.strip(), notice=notice)


async def _notice(mode: LineMode, rest: str, nursery: trio.Nursery) -> None:
    await _message(mode, rest, nursery, notice=True)


async def _act(mode: LineMode, rest: str, nursery: trio.Nursery) -> None:
    if not rest:
        raise Wrong("Type /me and what you do: /me waves.")
    await mode.say(nursery, mode.here(), rest, action=True)


async def _topic(mode: LineMode, rest: str, nursery: trio.Nursery) -> None:
    channel, topic = mode.channel_and_rest(rest)
    if topic:
        mode.client.set_topic(channel, topic)
    else:
        mode.client.ask_topic(channel)


async def _names(mode: LineMode, rest: str, nursery: trio.Nursery) -> None:
    mode.client.ask_names(mode.channel_and_rest(rest)[0])


async def _who(mode: LineMode, rest: str, nursery: trio.Nursery) -> None:
    mode.client.ask_who(rest or mode.here())


async def _away(mode: LineMode, rest: str, nursery: trio.Nursery) -> None:
    mode.client.set_away(rest)


async def _help(mode: LineMode, rest: str, nursery: trio.Nursery) -> None:
    rows = [(f"/{name} {one.usage}".rstrip(), one.help) for name, one in COMMANDS.items()]
    width = max(len(usage) for usage, _ in rows)
    table = "\n".join(f"  {usage:{width}}  {text}" for usage, text in rows)
    await mode.tell(_HELP.format(commands=table))


async def _leave(mode: LineMode, rest: str, nursery: trio.Nursery) -> None:
    raise Quit(rest)


class Command(NamedTuple):
    """A command: what is typed after it, what it does for people, and what does it."""

    usage: str
    help: str
    action: Callable[[LineMode, str, trio.Nursery], Awaitable[None]]


ACTIONS: dict[str, Callable[[LineMode, str, trio.Nursery], Awaitable[None]]] = {
    "join": _join,
    "part": _part,
    "msg": _message,
    "notice": _notice,
    "me": _act,
    "topic": _topic,
    "names": _names,
    "who": _who,
    "away": _away,
    "help": _help,
    "quit": _leave,
}
COMMANDS: dict[str, Command] = {
    name: Command("" if name == "help" else ROWS[name].usage, ROWS[name].help, action)
    for name, action in ACTIONS.items()
}
