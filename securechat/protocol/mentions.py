"""Mentions: whether a text names an account.

Pure. A name counts where it stands as a word, in any case: ``Alice: come`` and ``(@alice)`` name
alice; ``malice``, ``alice_`` and ``alice-jane`` do not, for the last two are other accounts' names.
"""

from __future__ import annotations

import re
from functools import lru_cache


def mentions(text: str, name: str) -> bool:
    """Tell whether a text names the account ``name``."""
    return bool(_pattern(name).search(text))


@lru_cache(maxsize=256)
def _pattern(name: str) -> re.Pattern[str]:
    # A hyphen is a part of a name only where the name goes on behind it.
    return re.compile(rf"(?<!\w)(?<!\w-){re.escape(name)}(?!-?\w)", re.IGNORECASE)
