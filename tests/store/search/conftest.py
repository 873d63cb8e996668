"""Where the search index is."""

from __future__ import annotations

from pathlib import Path

import pytest

from securechat.store.search import index as search_index


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / search_index.FILE_NAME
