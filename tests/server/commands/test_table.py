"""The table of commands: each command without parameters has exactly one answer, and is explained.

A new command that needs no parameter gets a line in ``WITHOUT``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.house import open_house
from trio.testing import MockClock

from securechat.protocol.message import parse
from securechat.server.commands.table import COMMANDS

# What a command that needs no parameter answers without one: the codes, in their order. Modern
# IRC Client Protocol, "Client Messages"; what it leaves out is RFC 2812's.
WITHOUT = {
    "ADMIN": ["256", "257", "258", "259"],
    "AUDIT": ["481"],
    "AUTHENTICATE": ["907"],
    "AWAY": ["305"],
    "CAP": ["461"],
    "DIE": ["481"],
    "HELP": ["704", "705+", "706"],
    "HELPOP": ["704", "705+", "706"],
    "INFO": ["371+", "374"],
    "INVITE": ["337"],
    "ISUPPORT": ["005+"],
    "LINKS": ["364", "365"],
    "LIST": ["321", "322", "323"],
    "LUSERS": ["251", "252", "253", "254", "255", "265", "266"],
    "MARKREAD": ["FAIL"],
    "MOTD": ["422"],
    "NAMES": ["366"],
    "NICK": ["431"],
    "NOTICE": [],
    "PASS": ["462"],
    "PING": ["409"],
    "PONG": [],
    "PRIVMSG": ["411"],
    "QUIT": ["ERROR"],
    "REHASH": ["481"],
    "RESTART": ["481"],
    "SUMMON": ["445"],
    "TAGMSG": ["411"],
    "TIME": ["391"],
    "UNREAD": ["UNREAD"],
    "USER": ["462"],
    "USERS": ["446"],
    "VERSION": ["351", "005+"],
    "WHO": ["352", "315"],
    "WHOIS": ["431"],
    "WHOWAS": ["431"],
}


@pytest.mark.parametrize("name", sorted(COMMANDS))
async def test_a_command_without_parameters(
    folder: Path, autojump_clock: MockClock, name: str
) -> None:
    """461 where parameters are needed, else what the command's own specification says."""
    async with open_house(folder) as house:
        alice = await house.login("alice")
        await alice.send(name)
        lines = await (alice.rest() if name == "QUIT" else alice.sync())
    if COMMANDS[name].params_min:
        assert lines == [f":securechat.internal 461 alice {name} :Not enough parameters"]
        return
    # "705+" is any number of them, from one on.
    pattern = "".join(re.sub(r"(\w+)(\+?)", r"(\1,)\2", code) for code in WITHOUT[name])
    assert re.fullmatch(pattern, "".join(f"{parse(line).command}," for line in lines)), lines


@pytest.mark.parametrize("name", sorted(COMMANDS))
async def test_a_command_with_empty_parameters_is_answered(
    folder: Path, autojump_clock: MockClock, name: str
) -> None:
    """An empty parameter is as good as none, or a name that nothing has: no session ends by it."""
    async with open_house(folder) as house:
        alice = await house.login("alice")
        await alice.send(f"{name} :", f"{name} x :", f"{name} x x :", f"{name} x x x :")
        if name != "QUIT":
            await alice.sync()


def test_every_command_is_explained() -> None:
    for row in COMMANDS.values():
        assert row.help.endswith("."), row.name
        assert "  " not in row.help


def test_a_command_is_one_row() -> None:
    assert all(name == row.name == name.upper() for name, row in COMMANDS.items())
