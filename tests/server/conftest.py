"""What every test of the server gets: a folder in memory where there is one, and a quiet log."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.hours import look_rarely

MEMORY = Path("/dev/shm")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a server's data. Nobody pulls a plug here, so it need not be on a disk."""
    where = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where) as name:
        yield Path(name)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """The log's entries so far, which are not printed."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let hours pass in little time."""
    look_rarely(monkeypatch)
