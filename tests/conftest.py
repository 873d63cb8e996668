"""What every test has: no way to the person's own settings, remembered servers and keyring.

And Hypothesis without its clock: a busy machine is not a failure.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no-clock", deadline=None, print_blob=True)
settings.load_profile("no-clock")


@pytest.fixture(autouse=True)
def nobodys_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder in which the client finds its files."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("SECURECHAT_CLIENT_CONFIG", str(folder / "client.toml"))
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return folder
