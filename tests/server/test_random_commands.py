"""Random commands, well-formed and not, from several sessions at once; the invariants after each.

The whole server runs in memory. After each burst of commands everybody's own bookkeeping, made of
nothing but what it was sent, agrees with the server's answers and with its directory; every line
keeps to its limits and to what was negotiated; every labeled command has one labeled answer; and
no bug was logged. In the end the server is started again on the same folder and knows the same.

``SECURECHAT_RANDOM_EXAMPLES`` sets how many conversations the slow test makes up.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support.house import open_house
from support.party import ACCOUNTS, ADMINS, MODERATORS, SEATS, Hang, Party, Restart, Say, Step, Wait
from trio.testing import MockClock

from securechat.protocol.capabilities import CAPABILITIES
from securechat.server.commands.table import COMMANDS
from securechat.store.database import FILE_NAME

MEMORY = Path("/dev/shm")


# --- what is sent ---------------------------------------------------------------------------------

CHANNEL = ["#a", "#b", "#A", "#c", "#lobby", "#a", "#b"] * 3
CHANNEL += ["#", "a", "&a", "#a,b", "#" + "x" * 70, "#é", "#a\x07", "*", "0", "@#a", "+%#b", ":"]
NICK = ["alice", "bob", "carol", "dave", "erin", "BOB"] * 3 + ["frank", "nobody", "*", "x!y@z"]
TEXT = ["hi", "", "two words", ":", "é" * 100, "x" * 390, "x" * 520, "\x01ACTION x\x01"]
TEXT += ["a\u2028b\x85c\x0bd\x1ce"]  # ends of lines elsewhere, not here
WORD = ["*", "0", "+", "-1", "99999999999", "timestamp=2020-01-01T00:00:00.000Z", "msgid=x", "é"]
CAP = [*(row.name for row in CAPABILITIES), *(f"-{row.name}" for row in CAPABILITIES), "nonsense"]
MODE = ["+o", "-o", "+v", "-v", "+h", "-h", "+ov", "-ovh", "+i", "-i", "+m", "+s", "-s", "-t", "-n"]
MODE += [
    "+b",
    "-b",
    "+e",
    "+I",
    "+l",
    "-l",
    "+k",
    "-k",
    "+x",
    "b",
    "+",
    "-",
    "+lk",
    "-imnst",
    "+oo",
]
MASK = ["bob", "*!*@*", "carol!*@*", "mute:bob", "mute:*!*@*", "$a:bob", "~account:bob", "a b", "!"]
DURATION = ["1s", "5s", "2m", "7d", "0", "off", "-3", "9999999d", "x"]

WORDS = {
    "c": st.sampled_from(CHANNEL),
    "n": st.sampled_from(NICK),
    "t": st.sampled_from(TEXT),
    "w": st.sampled_from(WORD),
    "p": st.sampled_from(CAP),
    "m": st.sampled_from(MODE),
    "k": st.sampled_from(["key", "other", "3", "1", "0"]),
    "b": st.sampled_from(MASK),
    "d": st.sampled_from(DURATION),
}

# What people do most stands several times.
COMMAND_TEXTS = """
JOIN c | JOIN c | JOIN c | JOIN c,c k,k | JOIN c,c,c | JOIN 0 | JOIN c k | JOIN
PART c :t | PART c,c | KICK c n :t | KICK c n,n,n | KICK c,c n,n :t
INVITE n c | INVITE n c | INVITE | MODE c | MODE c m n | MODE c m n | MODE c m n | MODE c m n n
MODE c m k | MODE c m b | MODE c m m | MODE c mm b n k | MODE n m | MODE n +Biw | MODE c b
TOPIC c :t | TOPIC c :t | TOPIC c | NICK n | NICK w | NAMES c,c | NAMES | LIST | LIST c | LIST >1
PRIVMSG c :t | PRIVMSG c,n,c :t | PRIVMSG n :t | PRIVMSG @c :t | NOTICE c :t | NOTICE n,n :t
PRIVMSG c,c,c,c,n,n :t | TAGMSG c | TAGMSG n | AWAY :t | AWAY | WHO c | WHO n
WHO c %tcuihsnfdlaor,1 | WHOIS n | WHOIS n n | WHOWAS n | USERHOST n n | ISON n n
MONITOR + n,n | MONITOR - n | MONITOR L | MONITOR S | MONITOR C
CHATHISTORY LATEST c * 5 | CHATHISTORY BEFORE c w 3
CHATHISTORY AROUND c w 3 | CHATHISTORY BETWEEN c w w 7 | CHATHISTORY TARGETS w w 5
CHATHISTORY LATEST n * w | RENAME c c :t | RENAME c c | BAN c b d :t | BAN c n | UNBAN c b
UNBAN c n | MUTE c n d :t | UNMUTE c n | SLOWMODE c d | SLOWMODE c | SETNAME :t
CAP LIST | CAP LS 302 | CAP REQ :p | CAP REQ :p p | CAP END | CAP w
OPER w w | KILL n :t | WALLOPS :t | REHASH
SUSPEND n d :t | UNSUSPEND n | AUDIT w | MOTD | LUSERS | VERSION | HELP w | STATS w | INFO | ADMIN
PING | PING :t | PONG t | ERROR :t | USER w w w :t | PASS :t | AUTHENTICATE w | QUIT :t | QUIT
"""
TEMPLATES = [
    text.strip() for line in COMMAND_TEXTS.splitlines() for text in line.split("|") if text
]

TAGS = [
    "",
    "",
    "",
    "@+typing=active",
    "@+draft/reply=x;+draft/react=é",
    "@time=x;account=y;msgid=z",
]
TAGS += ["@batch=x", f"@+x={'y' * 4000}", f"@+x={'y' * 4095}", "@", "@=;;", "@+a=\\:\\s\\\\\\r\\n"]
GARBAGE = [
    b"\xff\xfe\xfd",
    b"PRIVMSG #a :\xc3",
    b"PRIVMSG #a :x\0y",
    b"A" * 600,
    b"PRIVMSG #a :" + b"x" * 5000,
    b"@label=bad",
    b":",
    b":source",
    b"@a @b PING x",
    b":someone!else@there PRIVMSG #a :forged",
    b":alice JOIN #c",
    b"   JOIN    #a    ",
    b"JOIN :#a",
    b"join #a\r",
    b"-",
    b"\xe2\x84\xaaICK a b",
    b"001 alice :hello",
]


@st.composite
def filled(draw: st.DrawFn) -> str:
    """Return a template's command with words in it."""
    command, *params = draw(st.sampled_from(TEMPLATES)).split(" ")
    out = []
    for param in params:
        colon, word = (":", param[1:]) if param.startswith(":") else ("", param)
        parts = word.split(",")
        if all(part in WORDS for part in parts):
            word = ",".join(draw(WORDS[part]) for part in parts)
        elif word == "@c":
            word = f"@{draw(WORDS['c'])}"
        elif word == "mm":
            word = draw(WORDS["m"]) + draw(WORDS["m"])
        out.append(colon + word)
    return " ".join([command, *out])


anything = st.builds(
    lambda command, words: " ".join([command, *words]),
    st.sampled_from(sorted(COMMANDS)),
    st.lists(st.one_of(*(WORDS[key] for key in "cntwd")), max_size=4),
)
garbage = st.one_of(st.sampled_from(GARBAGE), st.binary(max_size=40))
seats = st.integers(0, len(SEATS) - 1)


@st.composite
def says(draw: st.DrawFn) -> Say:
    """Return a line from somebody: most are commands, every other one with a label."""
    seat = draw(seats)
    kind = draw(st.integers(0, 19))
    if kind == 19:
        return Say(seat, draw(garbage))
    text = draw(anything if kind > 16 else filled())
    label = f"L{draw(st.integers(0, 99))}" if draw(st.booleans()) else ""
    tags = draw(st.sampled_from(TAGS))
    if label:
        tags = f"{tags or '@'}{';' if len(tags) > 1 else ''}label={label}"
    line = f"{tags} {text}" if tags else text
    return Say(seat, line.encode(), label)


bursts = st.lists(st.one_of(*([says()] * 30), st.builds(Hang, seats)), min_size=1, max_size=6)
waits = st.builds(Wait, st.sampled_from([1, 10, 200]))
steps = st.one_of(*([bursts] * 20), waits, st.builds(Restart))


# --- the tests ---


@cache
def _prepared() -> bytes:
    """Return a store that has the accounts."""

    async def prepare(folder: Path) -> None:
        async with open_house(folder, ACCOUNTS, admins=ADMINS, moderators=MODERATORS):
            pass

    with tempfile.TemporaryDirectory() as name:
        trio.run(prepare, Path(name))
        return (Path(name) / FILE_NAME).read_bytes()


async def _play(folder: Path, script: Sequence[Step]) -> None:
    async with Party(folder) as party:
        await party.open()
        for step in script:
            await party.take(step)
        await party.restart()
        await party.take([])


def _check_conversation(script: Sequence[Step]) -> None:
    prepared = _prepared()
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name,
        capture_logs() as logs,
    ):
        (Path(name) / FILE_NAME).write_bytes(prepared)
        trio.run(_play, Path(name), script, clock=MockClock(autojump_threshold=0))
    bugs = [entry for entry in logs if entry["log_level"] in {"error", "critical"}]
    assert not bugs, bugs


COMMON = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


# A labeled command of several steps, and what others do between these: all in the order in which
# it happened, though the answers wait for each other.
BETWEEN_LABELED_JOINS: list[Step] = [
    [Say(4, b"JOIN #a")],
    [
        Say(1, b"@label=L1 JOIN #a,#b,#c,#d,#e", "L1"),
        *(Say(seat, b"JOIN #a,#b,#c,#d") for seat in (2, 5, 6)),
        *(Say(seat, b"PART #a,#b,#c,#d,#e") for seat in (2, 5, 6)),
    ],
]
# What some take for ends of lines, in a text that is gathered for its label.
SEPARATORS: list[Step] = [
    [Say(1, f"@label=L1 PRIVMSG #lobby :{TEXT[-1]}".encode(), "L1")],
]


@settings(COMMON, max_examples=50)
@given(st.lists(steps, min_size=1, max_size=30))
@example(BETWEEN_LABELED_JOINS)
@example(SEPARATORS)
def test_random_commands_keep_the_invariants(script: list[Step]) -> None:
    """All that the head of this file promises, for a few conversations."""
    _check_conversation(script)


@pytest.mark.slow
@settings(COMMON, max_examples=int(os.environ.get("SECURECHAT_RANDOM_EXAMPLES", "200")))
@given(st.lists(steps, min_size=1, max_size=60))
def test_many_random_commands_keep_the_invariants(script: list[Step]) -> None:
    """The same for many and longer ones."""
    _check_conversation(script)
