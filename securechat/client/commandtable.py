"""The commands of both interfaces: one table of their names, what follows them, and help. Pure.

The line mode does the rows that :data:`securechat.client.lineclient.commands.ACTIONS` names; the
full-screen client does all of them. A row with a ``wire`` is passed to the server under that name,
in a line whose parameters are what was typed.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from securechat.errors import UserError
from securechat.protocol.names import CHANNEL_BYTES_MAX, is_channel_name

Kind = Literal["channel", "nick", "target", "command", "theme", "onoff", "setting", "emoji", "text"]
"""What can stand at a place, so that it can be completed; a ``target`` is a channel or a nick."""

Group = Literal["Talking", "Channels", "People", "Messages", "Moderation", "This client"]


class Wrong(UserError):
    """A command that cannot be done; the text says what to type instead."""


class Row(NamedTuple):
    """A command: what is typed after it, what it does for people, and how it is completed.

    In ``usage`` square brackets mean that a word may be left out. ``kinds`` are those of the words
    in their order; the last one goes on. Where a ``channel`` in brackets is left out, the current
    one is meant.
    """

    usage: str
    help: str
    group: Group
    kinds: tuple[Kind, ...] = ("text",)
    aliases: tuple[str, ...] = ()
    wire: str = ""
    least: int = 0
    """How many words there must be."""


ROWS: dict[str, Row] = {
    "join": Row(
        "CHANNEL", "join a channel and talk there", "Channels", ("channel",), ("j",), least=1
    ),
    "part": Row(
        "[CHANNEL] [REASON]", "leave a channel", "Channels", ("channel", "text"), ("leave",)
    ),
    "msg": Row(
        "NAME TEXT",
        "say something to a person or in another channel",
        "Talking",
        ("target", "text"),
        ("m",),
        least=2,
    ),
    "query": Row(
        "NICK [TEXT]",
        "open the conversation with a person",
        "Talking",
        ("nick", "text"),
        ("q",),
        least=1,
    ),
    "notice": Row(
        "NAME TEXT",
        "the same, as a notice, which nobody answers",
        "Talking",
        ("target", "text"),
        least=2,
    ),
    "me": Row("ACTION", "say what you do: /me waves", "Talking", least=1),
    "topic": Row(
        "[CHANNEL] [TOPIC]", "show the topic, or set it", "Channels", ("channel", "text"), ("t",)
    ),
    "names": Row("[CHANNEL]", "list who is in a channel", "Channels", ("channel",)),
    "list": Row("[CONDITION]", "list the channels there are", "Channels"),
    "invite": Row("NICK [CHANNEL]", "invite somebody", "Channels", ("nick", "channel"), least=1),
    "who": Row("[NAME]", "tell more about the people in a channel, or one", "People", ("target",)),
    "whois": Row("NICK", "tell about a person", "People", ("nick",), ("w",), least=1),
    "name": Row(
        "[NAME]", "give yourself a name that stands behind your nickname, or none", "People"
    ),
    "away": Row("[REASON]", "be away; without a reason, be back", "People"),
    "back": Row("", "be back", "People", ()),
    "nick": Row("", "is not there: your nickname is your account's name", "People", ()),
    "search": Row(
        "WORDS", 'find what was said; "two words" next to each other', "Messages", least=1
    ),
    "reply": Row("TEXT", "answer the latest message, or the one selected", "Messages", least=1),
    "edit": Row("[TEXT]", "change your latest message, or the one selected", "Messages"),
    "delete": Row("[REASON]", "delete your latest message, or the one selected", "Messages"),
    "react": Row(
        "EMOJI",
        "react to the latest message, or the one selected",
        "Messages",
        ("emoji",),
        ("+",),
        least=1,
    ),
    "mark": Row("", "mark everything here as read", "Messages", ()),
    "kick": Row(
        "NICK [REASON]",
        "remove somebody from this channel",
        "Moderation",
        ("nick", "text"),
        wire="KICK",
        least=1,
    ),
    "ban": Row(
        "NICK [DURATION] [REASON]",
        "let somebody neither join nor write here, such as for 2h",
        "Moderation",
        ("nick", "text"),
        wire="BAN",
        least=1,
    ),
    "unban": Row("NICK", "undo /ban", "Moderation", ("nick",), wire="UNBAN", least=1),
    "silence": Row(
        "NICK [DURATION] [REASON]",
        "let somebody read here but not write",
        "Moderation",
        ("nick", "text"),
        ("mute-person",),
        wire="MUTE",
        least=1,
    ),
    "unsilence": Row(
        "NICK",
        "undo /silence",
        "Moderation",
        ("nick",),
        ("unmute-person",),
        wire="UNMUTE",
        least=1,
    ),
    "slowmode": Row(
        "[DURATION|off]",
        "tell or set how often each member may write here",
        "Moderation",
        wire="SLOWMODE",
    ),
    "mode": Row(
        "[CHANGES]", "tell or change what this channel is set to", "Moderation", wire="MODE"
    ),
    "help": Row("[COMMAND]", "show this", "This client", ("command",), ("h", "?")),
    "mute": Row(
        "[NAME]", "let a conversation neither count nor notify", "This client", ("target",)
    ),
    "unmute": Row("[NAME]", "undo /mute", "This client", ("target",)),
    "favourite": Row(
        "[NAME]",
        "keep a conversation at the top of the list, or undo that",
        "This client",
        ("target",),
        ("fav",),
    ),
    "mouse": Row("on|off", "off lets the terminal select text", "This client", ("onoff",), least=1),
    "theme": Row("[NAME]", "look otherwise; without a name, choose", "This client", ("theme",)),
    "set": Row(
        "[NAME [VALUE]]",
        "show or change settings of this client",
        "This client",
        ("setting", "text"),
    ),
    "clear": Row("", "remove what is on the screen; it stays in the history", "This client", ()),
    "reconnect": Row("", "try to connect now", "This client", ()),
    "raw": Row(
        "LINE",
        "send a line of the protocol as it is",
        "This client",
        ("text",),
        ("quote",),
        least=1,
    ),
    "quit": Row("[REASON]", "leave", "This client", ("text",), ("exit",)),
}

NAMES: dict[str, str] = {
    **{name: name for name in ROWS},
    **{alias: name for name, row in ROWS.items() for alias in row.aliases},
}
"""What may be typed, aliases too, and the row that it means."""


def as_channel(name: str) -> str:
    """Return a channel's name with the ``#`` that a shell, or haste, may have left out.

    Raises ``Wrong`` where no channel can have that name: a server may not answer a JOIN of it.
    """
    channel = name if name.startswith("#") else f"#{name}"
    if not is_channel_name(channel):
        raise Wrong(
            f"{name!r} cannot be a channel's name: it has no spaces or commas, "
            f"and at most {CHANNEL_BYTES_MAX} bytes."
        )
    return channel
