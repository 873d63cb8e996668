"""RPL_ISUPPORT as lines, and before login where the capability allows it."""

from __future__ import annotations

from support.talk import Talk

from securechat.protocol.capabilities import BATCH, EXTENDED_ISUPPORT
from securechat.protocol.isupport import isupport_lines

TOKENS = [f"TOKEN{number}={number}" for number in range(30)]


def test_at_most_thirteen_tokens_stand_in_a_line() -> None:
    """Modern IRC, "RPL_ISUPPORT (005)"."""
    lines = isupport_lines(TOKENS, "irc.example", "wiz", 0)
    words = [line.removesuffix(" :are supported by this server").split(" ")[3:] for line in lines]
    assert [word for line in words for word in line] == TOKENS
    assert all(len(line) <= 13 for line in words)


def test_a_batch_is_used_where_both_capabilities_are_enabled() -> None:
    """IRCv3 extended-isupport, "draft/isupport batch"."""
    first, *lines, last = isupport_lines(TOKENS, "irc.example", "wiz", BATCH | EXTENDED_ISUPPORT)
    name = first.removeprefix(":irc.example BATCH +").removesuffix(" draft/isupport")
    assert last == f":irc.example BATCH -{name}"
    assert all(line.startswith(f"@batch={name} :irc.example 005 wiz ") for line in lines)
    assert isupport_lines(["A"], "irc.example", "wiz", EXTENDED_ISUPPORT)[0].startswith(":")


def test_away_before_login_needs_its_capability() -> None:
    """IRCv3 pre-away."""
    talk = Talk()
    assert talk.says("AWAY :x") == ["S: :irc.example 451 * :You have not registered: log in first"]
    talk.says("CAP REQ :draft/pre-away")
    assert talk.says("AWAY :x") == ["S: :irc.example 306 * :You have been marked as being away"]
    assert talk.says("AWAY") == ["S: :irc.example 305 * :You are no longer marked as being away"]
