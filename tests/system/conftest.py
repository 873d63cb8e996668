"""What every whole-system test starts from."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.system import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)
