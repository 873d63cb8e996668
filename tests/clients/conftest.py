"""What every test with a real client starts from."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.certified import CertifiedHome


@pytest.fixture
def home(tmp_path: Path) -> CertifiedHome:
    return CertifiedHome(tmp_path)
