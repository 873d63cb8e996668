"""Write docs/protocol.md from the server's own tables; a test holds the file to them.

Only what no table can tell, the introduction and the deviations, is written here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import trio

from securechat.config import SETTINGS, Settings
from securechat.protocol.capabilities import CAPABILITIES
from securechat.protocol.modes import CHANNEL_MODES, USER_MODES
from securechat.server.commands.table import COMMANDS
from securechat.server.run import make_server
from securechat.server.welcome import isupport_tokens
from securechat.store.sqlite import open_store

TARGET = Path(__file__).resolve().parents[1] / "docs" / "protocol.md"

_ROLES = {"o": "operators", "h": "half-operators", "v": "who has voice", "": "everybody"}

_INTRODUCTION = """\
# The protocol

SecureChat speaks IRC over TLS: the [Modern IRC Client Protocol](https://modern.ircdocs.horse/), RFC
2812 where that is silent, and the [IRCv3](https://ircv3.net/irc/) extensions below. This file is
written by `python scripts/protocol_doc.py` from the tables that the server itself uses.
"""

_DEVIATIONS = """\
Where the server does otherwise than the specifications say, or chooses where they leave a
choice:

* **There is no plaintext port and no `sts`.** A client that connects without TLS is not
  understood, so there is nothing to upgrade from.
* **Nobody is inside without an account.** Before login only CAP, AUTHENTICATE, PASS, NICK,
  USER, PING, PONG and QUIT do something, and what their capabilities allow: AWAY and ISUPPORT.
  Everything else is answered with 451. `PASS account:password` is for clients without SASL.
* **A nickname is the account's name.** NICK can ask for the name that one has, in its own
  spelling; any other is refused with 432, or 433 where somebody is here by that name. So no
  NICK message is ever sent, and 330 repeats the nickname.
* **Case mapping is `ascii`.** Account names are ASCII; channel names may be any UTF-8 and are
  told apart by their letters outside of A-Z exactly.
* **Nothing is cut in silence.** A message that relaying would make longer than 512 bytes is
  refused with 417. Lines that are not UTF-8 are refused with `FAIL … INVALID_UTF8`.
* **What is announced is committed.** The answers to a command wait until what it changed is on
  disk; a failure to store is `FAIL <command> NOT_STORED`, and nobody has seen the message.
* **Several sessions are one user.** JOIN, PART and TOPIC concern the account. The others see
  one JOIN and one QUIT; the user is away when all sessions are. WHO and WHOIS tell of the user,
  not of sessions.
* **Membership lasts.** The counts of LIST, and NAMES, are of those who are here; a member who
  is away from the network comes back without JOIN. Everybody is in the lobby, which nobody can
  leave.
* **Who is an operator is decided by the account.** OPER confirms an administrator (381) and
  refuses everybody else (491), whatever the name and the password are. There are no
  operators besides; moderators have no `*` in WHO.
* **DIE and RESTART are refused (481)** to everybody: the server is stopped where it runs.
  CONNECT and SQUIT answer 402, for there is no other server; TRACE is not known. USERS (446)
  and SUMMON (445) are disabled, as RFC 2812 allows.
* **STATS tells the uptime (`u`) alone.** Every other letter has an empty answer.
* **Addresses are private.** WHOIS (338) and WHOX (`i`) show where somebody connects from to
  that person and to administrators; everybody else is shown 255.255.255.255. The host in
  `nick!user@host` is the server's name.
* **The user mode `i` hides nobody**: everybody shares the lobby. LUSERS counts who has it.
* **Private channels do not exist for who is outside.** `+s` and `+i` hide a channel
  from NAMES, LIST, WHO, WHOIS, TOPIC, MODE and LUSERS; administrators see it. JOIN alone tells
  that the name is taken: 473 where there is `+i`, before any other reason.
* **Channels last, and their roles with them.** A channel stays when nobody is in it, until DROP:
  then each member's client is told that its own user parts. Its founder,
  whom the first JOIN makes, is an operator again at every JOIN, is kept out by nothing and cannot
  be kicked or lose `o` by anybody but an administrator. Whoever leaves by PART gives other roles
  up; who only disconnects keeps them, and the others are shown them by MODE at the return.
* **In a channel of more than `announce_members_max` people** JOIN is sent to nobody else, and PART
  and QUIT only of those whose JOIN was sent. NAMES and WHO are complete, and tell of the moment:
  names that a client took from them there may have left without a word.
* **Members who are away can be kicked and given roles**, for they are members: 441 is for who
  is none. A mode that needs a parameter and has none is answered with 696; a key can be
  replaced without removing it first (no 467).
* **An invitation by an operator or half-operator** lets in past `+i`, `+k`, `+l` and bans that
  are older. It counts once, outlives a restart, and can be given to who is not here.
* **What goes to `@#channel` is not in the channel's history**, which all its members can read.
* **RENAME keeps everything**, the history too. The last five names of a channel lead to it (470,
  or `FAIL JOIN CHANNEL_RENAMED`) for who may know of it, until a new channel takes one.
* **KILL is for moderators too**, though not against administrators (723); it is noted in the audit
  log before it happens.
* **WHOWAS forgets** with the process, and keeps the last 1000 who left.
* **WHOIS takes one nickname** (TARGMAX): of a list the first is told about.
* **LIST conditions** may be mixed with names and masks in either parameter: all the conditions
  must hold, and one of the names and masks. Something that is no condition is a name.
"""


async def protocol_document() -> str:
    """Return the document: sections of tables, with the settings at their defaults."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder))
        async with open_store(settings.data) as store:
            tokens = isupport_tokens(await make_server(settings, store))
    return "\n".join(
        [
            _INTRODUCTION,
            "## Commands\n",
            *_table(
                ("Command", "Parameters", "What it does"),
                (
                    (name, _code(row.usage), _text(row.help))
                    for name, row in sorted(COMMANDS.items())
                ),
            ),
            "## Capabilities\n",
            *_table(
                ("Capability", "Value", "Specification"),
                ((_code(row.name), _code(row.value), row.specification) for row in CAPABILITIES),
            ),
            "## ISUPPORT\n",
            "What 005 announces while the settings are at their defaults.\n",
            *_table(
                ("Token", "Value"),
                (
                    (name, _code(value))
                    for name, _, value in (item.partition("=") for item in tokens)
                ),
            ),
            "## Modes\n",
            "Of channels; the letters b, e and I are lists.\n",
            *_table(
                ("Mode", "May be changed by", "What it means"),
                (
                    (_code(row.letter), _ROLES[row.role], _text(row.meaning))
                    for row in CHANNEL_MODES
                ),
            ),
            "Of users; `o` is shown where the account is an administrator's, and cannot be set.\n",
            *_table(
                ("Mode", "What it means"),
                ((_code(letter), meaning) for letter, meaning in sorted(USER_MODES.items())),
            ),
            "## Limits\n",
            "These are settings, with their defaults.\n",
            *_table(
                ("Setting", "Default", "What it limits"),
                (
                    (_code(row.name), f"{row.default}".removesuffix(".0"), row.help)
                    for row in SETTINGS.values()
                    if row.kind in (int, float) and row.name != "port"
                ),
            ),
            "## Deviations and choices\n",
            _DEVIATIONS,
        ]
    )


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _text(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    lines = [head, ["---"] * len(head), *cells]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


if __name__ == "__main__":
    TARGET.write_text(trio.run(protocol_document), encoding="utf-8")
