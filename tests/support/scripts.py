"""Random scripts for a ``Party``: commands that make sense, commands that do not, and no commands.

One number makes one script, the same each time. ``reduced`` makes a failing one short.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from support.party import SEATS, Hang, Restart, Say, Step, Wait

from securechat.protocol.capabilities import CAPABILITIES
from securechat.server.commands.table import COMMANDS

CHANNELS = "#a #b #A #c #lobby #a #b"
NICKS = "alice bob carol dave erin BOB"
ANY = "* 0 + -1 99999999999 timestamp=2020-01-01T00:00:00.000Z msgid=x é"
MODES = """
+o -o +v -v +h -h +ov -ovh +i -i +m -m +s -s -t -n +b -b +e +I +l -l +k -k +x b + - +lk -imnst +oo
"""
MASKS = "bob *!*@* carol!*@* mute:bob mute:*!*@* $a:bob account:bob ~account:bob !"
TIMES = "1s 5s 2m 7d 0 off -3 9999999d x"
# What others than IRC take for ends of lines.
SEPARATORS = "a\u2028b\x85c\x0bd\x1ce"

# What a letter in a template stands for, and what it does most often.
LIKELY: dict[str, list[str]] = {
    "c": ["#a", "#a", "#b"],
    "n": ["alice", "bob", "carol", "dave", "erin"],
    "m": ["+o", "-o", "+v", "-v", "+h", "-h", "+ov-v", "-i"],
}
WORDS: dict[str, list[str]] = {
    "c": [
        *CHANNELS.split() * 3,
        "#",
        "a",
        "&a",
        "#" + "x" * 70,
        "#é",
        "#a\x07",
        "*",
        "0",
        "@#a",
        ":",
    ],
    "n": [*NICKS.split() * 3, "frank", "nobody", "*", "x!y@z"],
    "t": ["hi", "", "a b", ":", "é" * 100, "x" * 390, "x" * 520, "\x01ACTION x\x01", SEPARATORS],
    "w": ANY.split(),
    "p": [*(sign + row.name for row in CAPABILITIES for sign in ("", "-")), "nonsense"],
    "m": MODES.split(),
    "k": ["key", "other", "3", "1", "0"],
    "b": MASKS.split(),
    "d": TIMES.split(),
}


def _templates(text: str) -> list[str]:
    return [item.strip() for line in text.splitlines() for item in line.split("|") if item]


COMMON = _templates("""
JOIN c | JOIN c | JOIN c,c | PART c | KICK c n | MODE c m n | MODE c m n | MODE c m n n
INVITE n c | TOPIC c :t | RENAME c c | PRIVMSG c :t | PRIVMSG n :t
""")

TEMPLATES = _templates("""
JOIN c | JOIN c | JOIN c | JOIN c | JOIN c,c k,k | JOIN c,c,c | JOIN c,c,c | JOIN 0 | JOIN c k
JOIN | PART c :t | PART c,c | KICK c n :t | KICK c n,n,n | KICK c,c n,n :t | INVITE n c
INVITE n c | INVITE | MODE c | MODE c m n | MODE c m n | MODE c m n | MODE c m n n | MODE c m k
MODE c m b | MODE c m m | MODE c +o+v n n | MODE c +vb-l n b | MODE n m | MODE n +Biw
TOPIC c :t | TOPIC c :t | TOPIC c | NICK n | NICK w | NAMES c,c | NAMES | LIST | LIST c | LIST >1
PRIVMSG c :t | PRIVMSG c,n,c :t | PRIVMSG n :t | PRIVMSG @c :t | NOTICE c :t | NOTICE n,n :t
PRIVMSG c,c,c,c,n,n :t | TAGMSG c | TAGMSG n | AWAY :t | AWAY | WHO c | WHO n
WHO c %tcuihsnfdlaor,1 | WHOIS n | WHOIS n n | WHOWAS n | USERHOST n n | ISON n n
MONITOR + n,n | MONITOR - n | MONITOR L | MONITOR S | MONITOR C
CHATHISTORY LATEST c * 5 | CHATHISTORY BEFORE c w 3 | CHATHISTORY AROUND c w 3
CHATHISTORY BETWEEN c w w 7 | CHATHISTORY TARGETS w w 5 | CHATHISTORY LATEST n * w
DROP c c :t | DROP #a #a | DROP #b #b | DROP c
RENAME c c :t | RENAME c c | RENAME #a #b | RENAME #b #a | RENAME #a #A
BAN c b d :t | BAN c n | UNBAN c b | UNBAN c n | MUTE c n d :t | UNMUTE c n | SLOWMODE c d
RETENTION c d | RETENTION c 20 | RETENTION c
SLOWMODE c | SETNAME :t | CAP LIST | CAP LS 302 | CAP REQ :p | CAP REQ :p p | CAP END | CAP w
TOKEN ADD :t | TOKEN LIST | TOKEN REVOKE w | TOKEN w w
OPER w w | KILL n :t | WALLOPS :t | REHASH | SUSPEND n d :t | UNSUSPEND n | UNSUSPEND n | AUDIT w
MOTD | LUSERS | VERSION | HELP w | STATS w | INFO | ADMIN | PING | PING :t | PONG t | ERROR :t
USER w w w :t | PASS :t | AUTHENTICATE w | QUIT :t | QUIT
""")

TAGS = ["", "", "", "@+typing=active", "@+draft/reply=x;+draft/react=é", "@time=x;account=y"]
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


def script_of(seed: int, length: int = 40) -> list[Step]:
    """Return the script that a number makes, of at most so many steps."""
    random = Random(seed)
    return [_step(random) for _ in range(random.randint(1, length))]


def _step(random: Random) -> Step:
    luck = random.random()
    if luck < 0.03:
        return Wait(random.choice([1, 10, 200]))
    if luck < 0.05:
        return Restart()
    # At the same time, so that they meet each other between their checks and their commits.
    return [_item(random) for _ in range(random.choice([1, 1, 2, 3, 6, 12]))]


def _item(random: Random) -> Say | Hang:
    seat = random.randrange(len(SEATS))
    luck = random.random()
    if luck < 0.02:
        return Hang(seat)
    if luck < 0.05:
        return Say(seat, random.choice(GARBAGE))
    if luck < 0.06:
        return Say(seat, random.randbytes(random.randint(1, 40)))
    templates = COMMON if luck > 0.5 else TEMPLATES
    command = _anything(random) if luck < 0.1 else _filled(random, random.choice(templates))
    label = f"L{random.randrange(100)}" if random.random() < 0.5 else ""
    tags = random.choice(TAGS)
    if label:
        tags = f"{tags or '@'}{';' if len(tags) > 1 else ''}label={label}"
    return Say(seat, (f"{tags} {command}" if tags else command).encode(), label)


def _anything(random: Random) -> str:
    """Return any command of the table with any words."""
    words = [random.choice(WORDS[random.choice("cntwd")]) for _ in range(random.randint(0, 4))]
    return " ".join([random.choice(sorted(COMMANDS)), *words])


def _filled(random: Random, template: str) -> str:
    """Return a template's command, with words in the place of its letters."""
    command, *params = template.split(" ")
    for place, param in enumerate(params):
        before = "".join(sign for sign in ":@" if param.startswith(sign))
        letters = param.removeprefix(before).split(",")
        if all(letter in WORDS for letter in letters):
            params[place] = before + ",".join(_word(random, letter) for letter in letters)
    return " ".join([command, *params])


def _word(random: Random, letter: str) -> str:
    likely = letter in LIKELY and random.random() < 0.8
    return random.choice(LIKELY[letter] if likely else WORDS[letter])


def reduced(
    script: list[Step], fails: Callable[[list[Step]], bool], attempts: int = 300
) -> list[Step]:
    """Return a part of a failing script that fails as well, and of which little can be left out."""
    size = max(1, len(script) // 2)
    while size and attempts > 0:
        start = 0
        while start < len(script) and attempts > 0:
            attempts -= 1
            shorter = script[:start] + script[start + size :]
            if fails(shorter):
                script = shorter
            else:
                start += size
        size //= 2
    for place, step in enumerate(script):
        if isinstance(step, list):
            script = [*script[:place], _fewer(script, place, step, fails), *script[place + 1 :]]
    return script


def _fewer(
    script: list[Step],
    place: int,
    items: list[Say | Hang],
    fails: Callable[[list[Step]], bool],
) -> list[Say | Hang]:
    """Return what of one burst is needed for the script to fail."""
    for item in list(items):
        fewer = [other for other in items if other is not item]
        if fails([*script[:place], fewer, *script[place + 1 :]]):
            items = fewer
    return items
