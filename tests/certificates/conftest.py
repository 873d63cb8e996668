"""A folder for certificates, and certificates in it."""

from pathlib import Path

import pytest
from support.certificates import HOSTS

from securechat.certificates import (
    Made,
    make_certificates,
)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "certs"


@pytest.fixture
def made(out: Path) -> Made:
    return make_certificates(out, HOSTS, 397)
