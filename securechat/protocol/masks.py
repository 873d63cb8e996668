"""Masks: patterns in which ``*`` stands for any text and ``?`` for one character.

Pure. Modern IRC Client Protocol, "Wildcard Expressions". Matching takes time in proportion to
the lengths, whatever the mask is.
"""

from __future__ import annotations

import fnmatch
import re

from securechat.protocol.names import fold

# A bracket would start a set of characters, which masks do not have.
_SPECIAL = re.compile(r"\\([*?])|(\[)")


def is_mask(text: str) -> bool:
    """Tell whether a text has wildcards."""
    return "*" in text or "?" in text


def matches(mask: str, text: str) -> bool:
    """Tell whether a whole text matches a mask; letters are equal as in names.

    A backslash before a wildcard makes it an ordinary character.
    """
    pattern = _SPECIAL.sub(lambda found: f"[{found[1] or found[2]}]", fold(mask))
    return fnmatch.fnmatchcase(fold(text), pattern)
