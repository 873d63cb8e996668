"""Names: how accounts and channels are spelled, folded and paired.

Case mapping is ``ascii`` (announced in 005): only A-Z and a-z are equal, as the Modern IRC Client
Protocol defines it. A nickname *is* the account's name.
"""

from __future__ import annotations

import re
import string

ACCOUNT_LENGTH_MAX = 32
CHANNEL_BYTES_MAX = 64

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_ACCOUNT = re.compile(r"[a-z][a-z0-9_-]{1,31}", re.ASCII)
_CHANNEL = re.compile(r"#[^\x00-\x20,\x7f-\x9f\ud800-\udfff]+")

# Names that would read as the server's own services or as "anybody" in a client.
RESERVED_NAMES = frozenset(
    {"anonymous", "chanserv", "everyone", "memoserv", "nickserv", "operserv", "server", "system"}
)


def fold(name: str) -> str:
    """Return the name by which equal names are one."""
    return name.lower() if name.isascii() else name.translate(_LOWER)


def check_account_name(name: str) -> None:
    """Raise ``ValueError`` with a sentence unless this can name an account."""
    key = fold(name)
    if not _ACCOUNT.fullmatch(key):
        raise ValueError(
            f"{name!r} cannot be an account's name: use 2 to {ACCOUNT_LENGTH_MAX} letters (a-z), "
            "digits, - and _, starting with a letter."
        )
    if key in RESERVED_NAMES:
        raise ValueError(f"{name!r} is reserved: choose another name.")


def is_channel(target: str) -> bool:
    """Tell whether a target means a channel rather than a person."""
    return target.startswith("#")


def is_channel_name(name: str) -> bool:
    """Tell whether this can name a channel: ``#``, then no space, comma or control character."""
    return bool(_CHANNEL.fullmatch(name)) and len(name.encode()) <= CHANNEL_BYTES_MAX


def conversation_with(one: str, other: str) -> str:
    """Return the key of the direct conversation of two accounts, the same from both sides."""
    return " ".join(sorted((fold(one), fold(other))))


def partner_in(conversation: str, account: str) -> str | None:
    """Return the other one of a direct conversation; ``None`` when ``account`` is not in it.

    The partner in a conversation with oneself is oneself.
    """
    pair = conversation.split(" ")
    key = fold(account)
    if len(pair) != 2 or key not in pair:
        return None
    return pair[1] if pair[0] == key else pair[0]
