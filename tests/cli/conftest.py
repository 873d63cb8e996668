"""What tests of the programs share."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.client_program import PASSWORD


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a file with alice's password, for its owner alone."""
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_text(f"{PASSWORD}\n")
    return path
