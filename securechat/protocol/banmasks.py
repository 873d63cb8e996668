"""Masks of bans and exceptions: how they are completed, compared and matched.

Pure. Modern IRC Client Protocol, "Ban Channel Mode" and the ISUPPORT parameter ``EXTBAN``; account
masks by the IRCv3 ``account-extban`` specification. Besides ``nick!user@host`` there are
``account:NAME`` (or ``a:``), and ``mute:MASK`` (or ``m:``), which forbids to speak but not to join.
"""

from __future__ import annotations

import re

from securechat.protocol.masks import matches
from securechat.protocol.names import fold

MASK_BYTES_MAX = 200

EXTBANS = {"a": "a", "account": "a", "m": "m", "mute": "m"}
"""The names of the extended bans, and the letter of each."""

_UNKNOWN_EXTBAN = re.compile(r"[^!@:*?]*:")


def split_extban(mask: str) -> tuple[str, str]:
    """Return the letter of an extended ban and what it is about; an ordinary mask's is ``""``."""
    name, colon, rest = mask.partition(":")
    letter = EXTBANS.get(fold(name), "") if colon else ""
    return (letter, rest) if letter else ("", mask)


def normal_mask(text: str) -> str:
    """Return a mask with what it leaves out: ``nick`` means ``nick!*@*``.

    The name of an extended ban stays as it is spelled. Raises ``ValueError`` with a sentence.
    """
    if not text or " " in text or text.startswith(":"):
        raise ValueError("A mask is not empty, has no space and does not start with a colon")
    if len(text.encode()) > MASK_BYTES_MAX:
        raise ValueError(f"A mask has at most {MASK_BYTES_MAX} bytes")
    letter, rest = split_extban(text)
    if letter == "a":
        if not rest:
            raise ValueError("Name the account: account:NAME")
        return text
    if letter == "m":
        if split_extban(rest)[0] == "m":
            raise ValueError("A mute is about a mask or an account, not about a mute")
        return text.removesuffix(rest) + normal_mask(rest)
    if _UNKNOWN_EXTBAN.match(text):
        raise ValueError("There is no such extended ban: use account: or mute:")
    nick, bang, address = text.partition("!")
    if not bang:
        nick, address = ("", text) if "@" in text else (text, "")
    user, _, host = address.partition("@")
    return f"{nick or '*'}!{user or '*'}@{host or '*'}"


def same_mask(one: str, other: str) -> bool:
    """Tell whether two completed masks mean the same."""
    return _canonical(one) == _canonical(other)


def _canonical(mask: str) -> str:
    letter, rest = split_extban(mask)
    if letter == "m":
        rest = _canonical(rest)
    return f"{letter}:{rest}" if letter == "m" else f"{letter}:{fold(rest)}"


def is_mute(mask: str) -> bool:
    """Tell whether a mask is about speaking alone."""
    return split_extban(mask)[0] == "m"


def fits(mask: str, source: str, account: str) -> bool:
    """Tell whether a completed mask means a user: by ``nick!user@host``, or by account."""
    letter, rest = split_extban(mask)
    if letter == "m":
        return fits(rest, source, account)
    return matches(rest, account if letter == "a" else source)
