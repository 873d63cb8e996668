"""Device tokens, as they look: what one is, what it may be called, and what device it stands for.

A token is used in place of a password, so that a device need not know the password. It is random:
nobody guesses it, and its hash needs no salt and no cost. Its beginning tells people, and programs
that look for secrets, what it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

PREFIX = "sct_"
RANDOM_BYTES = 32
NAME_LENGTH_MAX = 64
ID_LENGTH = 8

DEVICE_LENGTH_MAX = 32

_TOKEN = re.compile(r"sct_[A-Za-z0-9_-]{43}", re.ASCII)
_NOT_IN_DEVICES = re.compile(r"[^a-z0-9_-]+", re.ASCII)


def is_token(text: str) -> bool:
    """Tell whether a text has the form of a token: the prefix, and 32 bytes in base64url."""
    return _TOKEN.fullmatch(text) is not None


def check_token_name(name: str) -> str:
    """Return what a token is called in one spelling: NFC, without spaces around it.

    Raises ``ValueError`` with a sentence unless it is a line of 1 to 64 characters.
    """
    normal = unicodedata.normalize("NFC", name).strip()
    if not 0 < len(normal) <= NAME_LENGTH_MAX or not normal.isprintable():
        raise ValueError(
            f"A device's name is one line of 1 to {NAME_LENGTH_MAX} characters, such as phone."
        )
    return normal


def device_of(name: str, token_id: str, taken: Collection[str]) -> str:
    """Return the device (``account@device``) that a token of this name stands for.

    That is its name in the characters that a device's name may have. Where nothing is left of it,
    or another token stands for that device already, the token's id tells them apart.
    """
    plain = unicodedata.normalize("NFKD", name).casefold()
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    device = _NOT_IN_DEVICES.sub("-", plain).strip("-")[:DEVICE_LENGTH_MAX].rstrip("-")
    if not device:
        return token_id
    if device in taken:
        device = f"{device[: DEVICE_LENGTH_MAX - len(token_id) - 1].rstrip('-')}-{token_id}"
    return device
