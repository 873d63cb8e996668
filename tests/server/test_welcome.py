"""The welcome: true ISUPPORT values and a message of the day that fits its lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.house import House, open_house
from trio.testing import MockClock

from securechat.protocol.message import parse


async def tokens(house: House) -> dict[str, str]:
    """Return what 005 announces, by asking again."""
    alice = await house.login("alice")
    lines = [parse(line) for line in await alice.ask("VERSION") if " 005 " in line]
    assert all(len(line.params) <= 15 for line in lines)  # 13 tokens, the nick, the text
    words = [word for line in lines for word in line.params[1:-1]]
    assert words == sorted(words)
    return {name: value for name, _, value in (word.partition("=") for word in words)}


async def test_isupport_tells_the_limits_that_hold(folder: Path, autojump_clock: MockClock) -> None:
    """Modern IRC Client Protocol, "RPL_ISUPPORT Parameters"."""
    async with open_house(folder) as house:
        got = await tokens(house)
    assert got == {
        "ACCOUNTEXTBAN": "account,a",
        "AWAYLEN": "200",
        "BOT": "B",
        "CASEMAPPING": "ascii",
        "CHANLIMIT": "#:100",
        "CHANMODES": "beI,k,l,imnst",
        "CHANNELLEN": "64",
        "CHANTYPES": "#",
        "CHATHISTORY": "100",
        "ELIST": "CMNTU",
        "HOSTLEN": "63",
        "INVEX": "I",
        "KEYLEN": "32",
        "KICKLEN": "255",
        "LINELEN": "512",
        "MAXLIST": "b:100,e:100,I:100",
        "MODES": "12",
        "MONITOR": "100",
        "MSGREFTYPES": "msgid,timestamp",
        "NAMELEN": "100",
        "NETWORK": "SecureChat",
        "NICKLEN": "32",
        "PREFIX": "(ohv)@%+",
        "SAFELIST": "",
        "EXCEPTS": "e",
        "EXTBAN": ",am",
        "STATUSMSG": "@%+",
        "TARGMAX": got["TARGMAX"],
        "TOPICLEN": "390",
        "USERLEN": "18",
        "UTF8ONLY": "",
        "WHOX": "",
        "draft/ACCOUNTREQUIRED": "",
    }
    assert {"PRIVMSG:4", "NOTICE:4", "TAGMSG:4", "WHOIS:1"} < set(got["TARGMAX"].split(","))


async def test_a_limit_that_is_off_is_not_announced(
    folder: Path, autojump_clock: MockClock
) -> None:
    """CHATHISTORY=0 means no maximum (IRCv3 chathistory); CHANLIMIT without a number likewise."""
    names = ("away_bytes_max", "topic_bytes_max", "history_page_max", "channels_per_account_max")
    async with open_house(folder, changes=dict.fromkeys(names, 0)) as house:
        got = await tokens(house)
    assert "AWAYLEN" not in got
    assert "TOPICLEN" not in got
    assert got["CHATHISTORY"] == "0"
    assert got["CHANLIMIT"] == "#:"


@pytest.mark.parametrize(
    ("motd", "shown"),
    [
        ("Be kind.", ["- Be kind."]),
        ("One.\n\nTwo.", ["- One.", "- ", "- Two."]),
        ("word " * 200, None),
    ],
)
async def test_the_message_of_the_day(
    folder: Path, autojump_clock: MockClock, motd: str, shown: list[str] | None
) -> None:
    changes: dict[str, Any] = {"motd": motd}
    async with open_house(folder, changes=changes) as house:
        alice = await house.login("alice")
        lines = await alice.ask("MOTD")
        assert all(len(line.encode()) <= 510 for line in lines)
        replies = [parse(line) for line in lines]
        assert [reply.command for reply in (replies[0], replies[-1])] == ["375", "376"]
        texts = [reply.params[1] for reply in replies[1:-1]]
        if shown is None:
            assert "".join(text.removeprefix("-") for text in texts).split() == motd.split()
        else:
            assert texts == shown
