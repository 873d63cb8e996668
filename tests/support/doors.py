"""The doors to a channel: every way to ask a command about one, and which commands have none.

``{c}`` is the channel's name. ``{id}`` is the msgid of a message there of somebody else's,
``{own}`` of one of the asker's own, ``{gone}`` of one that was removed; of a channel that does not
exist they are msgids that nothing has. ``{me}`` is who asks. A door of several lines has LF between
them.

A command is in ``DOORS`` or in ``NO_DOOR``: a new one has to be put into one of them.
"""

from __future__ import annotations

from securechat.protocol.message import parse

EVER = "timestamp=2001-01-01T00:00:00.000Z"
NEVER = "timestamp=2999-01-01T00:00:00.000Z"

DOORS: tuple[str, ...] = (
    # History, in the channel and by its msgids from elsewhere.
    *(
        f"CHATHISTORY {subcommand} {target} {reference} 50"
        for subcommand in ("LATEST", "BEFORE", "AFTER", "AROUND")
        for target, reference in (
            ("{c}", EVER),
            ("{c}", "msgid={id}"),
            ("{c}", "msgid={own}"),
            ("#lobby", "msgid={id}"),
            ("#lobby", "msgid={gone}"),
            ("alice", "msgid={id}"),
        )
    ),
    "CHATHISTORY LATEST {c} * 50",
    "CHATHISTORY LATEST @{c} * 50",
    f"CHATHISTORY BETWEEN {{c}} {EVER} {NEVER} 50",
    "CHATHISTORY BETWEEN {c} msgid={own} msgid={id} 50",
    "CHATHISTORY BETWEEN #lobby msgid={own} msgid={id} 50",
    f"CHATHISTORY TARGETS {EVER} {NEVER} 50",
    f"CHATHISTORY TARGETS {NEVER} {EVER} 50",
    "PRIVMSG *playback :PLAY {c} 0",
    "PRIVMSG *playback :PLAY * 0",
    "PRIVMSG *playback :PLAY {c},#lobby 0 9999999999",
    "PRIVMSG *playback :LIST",
    "PRIVMSG *playback :LIST {c}",
    "PRIVMSG *playback :CLEAR {c}",
    # Search.
    "SEARCH in={c}",
    "SEARCH in={c};text=whisper",
    "SEARCH in=@{c}",
    "SEARCH text=whisper",
    "SEARCH text=whisp*",
    "SEARCH from=alice",
    f"SEARCH after={EVER.partition('=')[2]};limit=1000",
    # What is read.
    "MARKREAD {c}",
    f"MARKREAD {{c}} {EVER}",
    "UNREAD {c}",
    "UNREAD",
    # Who and what there is.
    "NAMES {c}",
    "NAMES {c},#lobby",
    "NAMES",
    "WHO {c}",
    "WHO {c} o",
    "WHO {c} %tcuihsnfdlaor,7",
    "WHO * %cnf",
    "WHO alice %tcuihsnfdlaor,7",
    "WHO 0",
    "WHOIS alice",
    "WHOIS alice alice",
    "WHOIS {c}",
    "WHOWAS {c}",
    "ISON alice {c}",
    "USERHOST alice {c}",
    "LIST",
    "LIST {c}",
    "LIST *",
    "LIST !#lobby",
    "LIST >0",
    "LIST <100,>1",
    "LIST C>0",
    "LIST C<100000",
    "LIST T<100000",
    "LIST T>0",
    "LIST {c},#lobby",
    "LUSERS",
    "MONITOR + {c}\nMONITOR S\nMONITOR L\nMONITOR - {c}",
    # Topics, modes, settings.
    "TOPIC {c}",
    "TOPIC {c} :mine",
    "MODE {c}",
    "MODE {c} b",
    "MODE {c} +b",
    "MODE {c} +e",
    "MODE {c} +I",
    "MODE {c} -s",
    "MODE {c} +o {me}",
    "MODE {c} +b *!*@*",
    "MODE {c} +X",
    "HISTORY {c}",
    "HISTORY {c} all",
    "RETENTION {c}",
    "RETENTION {c} 1d",
    "SLOWMODE {c}",
    "SLOWMODE {c} 10s",
    *(
        f"METADATA {{c}} {rest}"
        for rest in (
            "GET display-name",
            "LIST",
            "SYNC",
            "SUB display-name",
            "UNSUB display-name",
            "SUBS",
            "SET display-name :mine",
            "SET display-name",
            "CLEAR",
        )
    ),
    "METADATA * SUB display-name homepage",
    "METADATA * SYNC",
    "METADATA #lobby SYNC",
    "METADATA alice LIST",
    # Speaking, and what is done to messages.
    "PRIVMSG {c} :hello",
    "PRIVMSG @{c} :hello",
    "PRIVMSG +{c} :hello",
    "NOTICE {c} :hello",
    "BATCH +1 draft/multiline {c}\n@batch=1 PRIVMSG {c} :one\n@batch=1 PRIVMSG {c} :two\nBATCH -1",
    "TAGMSG {c}",
    "@+typing=active TAGMSG {c}",
    *(
        f"@+draft/reply={{{msgid}}};{tag} TAGMSG {target}"
        for msgid in ("id", "own", "gone")
        for tag in ("+draft/react=x", "+draft/unreact=x")
        for target in ("{c}", "@{c}", "#lobby")
    ),
    *(
        f"REDACT {target} {{{msgid}}} :because"
        for msgid in ("id", "own", "gone")
        for target in ("{c}", "@{c}", "#lobby", "alice")
    ),
    *(
        f"@draft/target-msgid={{{msgid}}};draft/edit-text=new EDIT {target}"
        for msgid in ("id", "own", "gone")
        for target in ("{c}", "@{c}", "#lobby", "alice")
    ),
    "EDIT {c}",
    # Keeping order, and who is in.
    "INVITE",
    "INVITE {me} {c}",
    "INVITE alice {c}",
    "INVITE nobody {c}",
    "KICK {c} alice",
    "KICK {c} {me}",
    "KICK {c},#lobby alice,alice",
    "BAN {c} alice",
    "BAN {c} alice 10m :reason",
    "UNBAN {c} ben",
    "MUTE {c} alice",
    "UNMUTE {c} alice",
    "RENAME {c} #other",
    "RENAME #lobby {c}",
    "DROP {c}",
    "DROP {c} {c}",
    "PART {c}",
    "PART {c} :bye",
    "AUDIT",
    "AUDIT 100",
    "KILL {c} :because",
    "SUSPEND {c}",
    "UNSUSPEND {c}",
    "HELP {c}",
    "HELPOP {c}",
)

JOINING = frozenset({"JOIN"})
"""Commands with a door that has to tell: names are unique, so whoever wants to make a channel of a
name that is taken has to learn that (Modern IRC Client Protocol, "JOIN message")."""

NO_DOOR = frozenset(
    {
        # The connection and the account.
        *("AUTHENTICATE", "CAP", "NICK", "OPER", "PASS", "PING", "PONG", "QUIT", "SETNAME"),
        *("TOKEN", "USER"),
        # The server, and what only an administrator may.
        *("ADMIN", "CONNECT", "DIE", "INFO", "ISUPPORT", "LINKS", "MOTD", "REHASH", "RESTART"),
        *("SQUIT", "STATS", "SUMMON", "TIME", "USERS", "VERSION", "WALLOPS"),
        # Told to all who share a room with the sender, and names none.
        "AWAY",
    }
)
"""Commands that take no channel and tell of none."""


def command_of(door: str) -> str:
    """Return the command that a door belongs to."""
    return parse(door.partition("\n")[0]).command


def blind_doors(command: str) -> list[str]:
    """Return ways to name a channel to any command at all, where it wants one or not."""
    return [
        f"{command} {{c}}",
        f"{command} {{c}} nobody",
        f"{command} nobody {{c}}",
        f"{command} {{c}} {{c}} :more",
        f"{command} * {{c}} :more",
    ]
