"""LIST: which channels there are, filtered as ELIST announces.

Modern IRC Client Protocol, "LIST message" and the ISUPPORT parameters ``ELIST`` and ``SAFELIST``:
a long list is sent in pieces, each when the client has taken enough of those before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from securechat.protocol import replies
from securechat.protocol.masks import is_mask, matches
from securechat.protocol.message import Message
from securechat.protocol.names import fold
from securechat.server.commands.base import Command, reply_at_length
from securechat.server.context import Server
from securechat.server.rooms.room import Room
from securechat.server.sessions.session import Session

_NUMBER = re.compile(r"([CT]?)([<>])([0-9]{1,9})", re.ASCII | re.IGNORECASE)
_MINUTE_MS = 60_000


@dataclass(slots=True)
class _Query:
    """What is asked for: names (or else all), any of the masks, and all of the conditions."""

    names: dict[str, None] = field(default_factory=dict)
    masks: list[str] = field(default_factory=list)
    conditions: list[Callable[[Room], bool]] = field(default_factory=list)

    @classmethod
    def read(cls, items: Iterable[str], now_ms: int) -> _Query:
        query = cls()
        for item in items:
            if number := _NUMBER.fullmatch(item):
                letter, sign, digits = number.groups()
                query.conditions.append(_number(letter.upper(), sign, int(digits), now_ms))
            elif item.startswith("!"):
                query.conditions.append(_not(item[1:]))
            elif is_mask(item):
                query.masks.append(item)
            else:
                query.names[fold(item)] = None
        return query

    def fits(self, room: Room) -> bool:
        if self.names or self.masks:
            named = room.key in self.names or any(matches(mask, room.key) for mask in self.masks)
            if not named:
                return False
        return all(condition(room) for condition in self.conditions)


def _not(mask: str) -> Callable[[Room], bool]:
    return lambda room: not matches(mask, room.key)


def _number(letter: str, sign: str, number: int, now_ms: int) -> Callable[[Room], bool]:
    """Return a condition on the users, or on the age in minutes of the channel or its topic."""
    more = sign == ">"

    def compare(value: float) -> bool:
        return value > number if more else value < number

    if letter == "C":
        return lambda room: compare((now_ms - room.created_ms) / _MINUTE_MS)
    if letter == "T":
        return lambda room: bool(room.topic) and compare((now_ms - room.topic_ms) / _MINUTE_MS)
    return lambda room: compare(len(room.present))


async def list_(server: Server, session: Session, message: Message) -> None:
    items = [item for param in message.params[:2] for item in param.split(",") if item]
    query = _Query.read(items, server.now_ms())
    shown = [
        replies.RPL_LIST(room.name, str(len(room.present)), text=room.topic)
        for _, room in sorted(server.directory.rooms.items())
        if server.visible(session, room) and query.fits(room)
    ]
    answers = [replies.RPL_LISTSTART("Channel"), *shown, replies.RPL_LISTEND()]
    await reply_at_length(session, answers)


COMMANDS = (
    Command(
        "LIST",
        list_,
        query=True,
        usage="[<channel>{,<channel>}] [<condition>{,<condition>}]",
        help="List channels with how many are in them and their topics. Conditions: <n or >n "
        "users, a mask, !mask, C<n or C>n minutes old, T<n or T>n minutes since the topic was set.",
    ),
)
