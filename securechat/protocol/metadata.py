"""Metadata: what may be a key and a value, how many there may be, and how they are written.

Pure. IRCv3 ``metadata`` (``draft/metadata-2``). With the longest names of server, people and
channels, and the longest key, a line holds a value of ``VALUE_BYTES_MAX``: nothing is ever cut.
"""

from __future__ import annotations

import re
import unicodedata

KEY_BYTES_MAX = 48
VALUE_BYTES_MAX = 256
KEYS_MAX = 50
"""What one account or channel may have."""
SUBSCRIPTIONS_MAX = 100
"""What one session may be told about."""

CAPABILITY_VALUE = (
    f"max-subs={SUBSCRIPTIONS_MAX},max-keys={KEYS_MAX},max-value-bytes={VALUE_BYTES_MAX}"
)

_KEY = re.compile(rf"[a-z0-9_./-]{{1,{KEY_BYTES_MAX}}}", re.ASCII)
# Control characters, what breaks a line or a paragraph, and what is half a character.
_REFUSED_CATEGORIES = frozenset({"Cc", "Zl", "Zp", "Cs"})
# What turns the direction of the text around it, so that one name reads as another.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_key(text: str) -> bool:
    """Tell whether this can be a key ("Keys and Values")."""
    return bool(_KEY.fullmatch(text))


def is_value(text: str) -> bool:
    """Tell whether this can be a value: text that stays on its line, or nothing at all."""
    return len(text.encode(errors="surrogatepass")) <= VALUE_BYTES_MAX and not any(
        character in _TURNING or unicodedata.category(character) in _REFUSED_CATEGORIES
        for character in text
    )


def metadata_line(source: str, target: str, key: str, value: str | None) -> str:
    """Return the line that tells a value; ``None`` is told as the absence of one.

    Every value is visible to everybody who may know of its target, which is what ``*`` says.
    """
    line = f":{source} METADATA {target} {key} *"
    return line if value is None else f"{line} :{value}"
