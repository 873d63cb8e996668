"""One server at a time on one data folder."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from securechat.errors import UserError
from securechat.store.lock import LOCK_NAME, sole_server


def test_a_second_server_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    with sole_server(tmp_path):
        with pytest.raises(UserError, match="Another server is running on"), sole_server(tmp_path):
            pass
        assert stat.S_IMODE((tmp_path / LOCK_NAME).stat().st_mode) & 0o077 == 0
    with sole_server(tmp_path):
        pass


def test_kill_9_lets_go_of_the_folder(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from securechat.store.lock import sole_server\n"
        "with sole_server(pathlib.Path(sys.argv[1])): print('held', flush=True), sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(UserError), sole_server(tmp_path):
            pass
        child.kill()
        child.wait(10)
        with sole_server(tmp_path):
            pass
