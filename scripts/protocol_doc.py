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
* **SEARCH finds whole words**, in any case and with any accents: all of those in `text`, those
  within double quotes next to each other, and with `wor*` every word that begins so. Unknown
  attributes are refused. It is answered whether or not `soju.im/search` was negotiated.
* **What goes to `@#channel` is not in the channel's history**, which all its members can read.
* **A message of several lines is one message**: one msgid, one line against slow mode, all or
  nothing. A batch of one line is sent on as the plain message that it is. Between its lines only
  PING and PONG may come; anything else, and a line that cannot be read, ends the batch with
  `FAIL BATCH MULTILINE_INVALID`. A line of a batch that is not open is answered with
  `INVALID_REFTAG` and not sent.
* **EDIT and REDACT** are answered with `UNKNOWN_MSGID` for a message of another conversation,
  one that the client may not read, and one that was redacted: all alike. `INVALID_TARGET` is the
  answer where one is no member, whether or not there is such a channel. A message is edited 99
  times at most. Who sent either is shown it, without `echo-message` too.
* **A redacted text is erased** from the database and from the search index; what the logs of both
  and the index's file still hold is gone within a quarter of an hour that the server runs.
  History shows a placeholder and REDACT to clients with `draft/message-redaction`, and nothing to
  others.
* **Clients without `draft/message-edit` or `draft/message-redaction`** get a NOTICE from the
  server instead, but for redacted reactions.
* **Reactions are kept** when `+draft/reply` names a message of the same conversation that has not
  been redacted, and the reaction changes something; up to 200 for a message. They are echoed from
  the disk then. Every other TAGMSG is relayed at once and forgotten.
* **RENAME keeps everything**, the history too. The last five names of a channel lead to it (470,
  or `FAIL JOIN CHANNEL_RENAMED`) for who may know of it, until a new channel takes one.
* **KILL is for moderators too**, though not against administrators (723); it is noted in the audit
  log before it happens.
* **WHOWAS forgets** with the process, and keeps the last 1000 who left.
* **WHOIS takes one nickname** (TARGMAX): of a list the first is told about.
* **LIST conditions** may be mixed with names and masks in either parameter: all the conditions
  must hold, and one of the names and masks. Something that is no condition is a name.
* **A `display-name` is decoration.** It comes by METADATA alone: every line's source, NAMES, WHO
  and the `account` tag have the account's name, which nobody can change. A client that shows a
  display name should show the account's name with it, for two people may have the same.
* **The metadata of a channel is for its members**, and for moderators who may know of it; to
  others the target does not exist. It belongs to the channel whatever its name is, and what
  somebody tells goes with the account. Operators of the channel may set it. Moderators of the
  server may remove what others than administrators tell; nobody may set that.
* **A key that was removed is told as `METADATA <target> <key> *`** without a value, for an empty
  one is a value. CLEAR answers with what the values were. `before-connect` is not offered.
* **Read markers** are kept for channels by what never changes of them and survive PART. A channel
  that one is not in is answered about as one that is not there: `INVALID_PARAMS`.
"""


_UNREAD = """\
With the capability `securechat.internal/unread` the server tells at login how much is unread, so
that a client need not ask for all of it to know. The name is in a domain that is reserved for
private use, so nobody else can come to own it.

* `UNREAD <target> <messages> <mentions>` comes after the JOIN, the names and whatever is replayed
  of every channel: for each channel, also where nothing is unread, and for each person from whom
  something is. What is said meanwhile comes behind these lines and is not counted in them.
* `UNREAD [<target>]` asks for it at any other time: for one channel or person, or for all as at
  login. The answer for what one may not read is `FAIL UNREAD INVALID_TARGET <target>`, whether or
  not it is there.
* Counted are the PRIVMSGs and NOTICEs behind the read marker (`MARKREAD`); where there is none,
  those since the last JOIN, in the lobby and with people those since the account was made. One's
  own messages do not count, and neither does what was redacted.
* A mention is a message with the account's name as a word, in any case: `Alice:` and `@alice` name
  alice, `alice-jane` and `malice` do not.
* `max` in the capability's value is how many messages of a conversation are looked at, the newest:
  as a count it means that many or more.
"""


_TOKENS = """\
`TOKEN`, announced by `securechat.internal/tokens`, is SecureChat's own. A device that logs in by a
token in place of the password need not keep the password, and can be shut out by itself.

* `TOKEN ADD :<device name>` is answered with `TOKEN ADD <id> <device> :<token>`, the only time that
  the token is shown. The name is for people: one line of 1 to 64 characters.
* A token is `sct_` and 32 random bytes in base64url, 47 characters in all. It goes where the
  password goes: SASL PLAIN, or `PASS account:token`. The server keeps its SHA-256 alone, so a login
  by it costs no hash of a password, and does not wait for those that do. A wrong one is answered as
  a wrong password is, counts as one, and takes as long.
* `<device>` is made from the name and is the account's alone. A login by the token that names no
  device of its own (`account@device`) is that device, and is shown what it has missed.
* `TOKEN LIST` is answered with `TOKEN LIST <id> <created> <last used> :<device name>` for each
  token, the oldest first, and `TOKEN END` behind the last. Times are as in `server-time`. The last
  use is `*` where there was none, and may be up to an hour old while the device is here.
* `TOKEN REVOKE <id>`, or `*` for all of one's own, is repeated as the answer. The sessions that
  logged in by these tokens end, this one too, after the answer.
* `FAIL TOKEN` has `INVALID_NAME`, `TOO_MANY_TOKENS` (`tokens_per_account_max`), `NO_SUCH_TOKEN`,
  `SUBCOMMAND_INVALID`, `NOT_STORED` and `NEED_PASSWORD`. The last is for a session that itself
  logged in by a token: it cannot ADD, so that a stolen token gives nothing that outlives its
  revocation. It can LIST and REVOKE: who has lost one device shuts it out from another.
* A new password revokes all tokens unless the operator says otherwise; a suspension or a disabled
  account lets none in. No password can begin with `sct_`.
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
            "## Device tokens\n",
            _TOKENS,
            "## Unread counts\n",
            _UNREAD,
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
