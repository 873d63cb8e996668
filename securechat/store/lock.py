"""One server at a time on one data folder: two would each serve half of the journal's order."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from securechat.errors import UserError

LOCK_NAME = "server.lock"


@contextmanager
def sole_server(folder: Path) -> Iterator[None]:
    """Hold the folder for this server; the system lets go of it even after ``kill -9``.

    Raises ``UserError`` when another server holds it.
    """
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"Another server is running on {folder}: stop it, or choose another folder "
                "with --data."
            ) from None
        yield
    finally:
        os.close(descriptor)
