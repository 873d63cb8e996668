"""Hours that pass on the autojump clock, without the thousands of looks that a server takes in one.

For times in which no other process changes anything and no batch is left open.
"""

from __future__ import annotations

import pytest

from securechat.server import watchers

LOOK_SECONDS = 60.0


def look_rarely(patch: pytest.MonkeyPatch) -> None:
    """Have the server look once a minute for what it otherwise looks for many times."""
    for name in ("CHANGES_SECONDS", "BATCHES_SECONDS", "EXPIRY_SECONDS"):
        patch.setattr(watchers, name, LOOK_SECONDS)
