"""RPL_ISUPPORT: what the server supports, as lines of 005.

Pure. Modern IRC Client Protocol, "Feature Advertisement", and IRCv3 ``extended-isupport``.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import lru_cache

from securechat.protocol.capabilities import BATCH, EXTENDED_ISUPPORT
from securechat.protocol.replies import RPL_ISUPPORT

# At most 13 tokens stand in a line, besides the nick and the text.
_TOKENS_PER_LINE = 12


def isupport_lines(tokens: Sequence[str], server: str, nick: str, enabled: int) -> list[str]:
    """Return the lines (no CR LF) for a client with these capabilities, in a batch if it is to be.

    ``tokens`` are ``NAME`` or ``NAME=value``.
    """
    lines = [f"{before} {nick} {behind}" for before, behind in _halves(tuple(tokens), server)]
    wanted = EXTENDED_ISUPPORT | BATCH
    if enabled & wanted != wanted:
        return lines
    batch = secrets.token_hex(4)
    return [
        f":{server} BATCH +{batch} draft/isupport",
        *(f"@batch={batch} {line}" for line in lines),
        f":{server} BATCH -{batch}",
    ]


@lru_cache(maxsize=8)
def _halves(tokens: tuple[str, ...], server: str) -> list[tuple[str, str]]:
    """Return what stands in each line before and behind the nick: the same for everybody."""
    lines = [
        RPL_ISUPPORT(*tokens[start : start + _TOKENS_PER_LINE]).line(server, "*")
        for start in range(0, len(tokens), _TOKENS_PER_LINE)
    ]
    halves = [line.partition(" * ") for line in lines]
    return [(before, behind) for before, _, behind in halves]
