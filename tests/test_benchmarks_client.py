"""``python -m benchmarks client``: a small run, with the real client and server."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("benchmarks", reason="the benchmark is not part of the wheel")
if sys.platform != "linux":
    pytest.skip("the benchmark reads Linux's /proc", allow_module_level=True)

from benchmarks import servers
from benchmarks.__main__ import main


@pytest.mark.skipif(bool(servers.Securechat.missing()), reason="the server is not installed")
def test_a_small_run_of_the_client_ends_with_figures(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    argv = ["client", "--messages", "200", "--idle-seconds", "0.2", "--json", str(target)]
    outcome = CliRunner().invoke(main, argv)
    assert outcome.exit_code == 0, outcome.output
    assert "The full-screen client at 120x40" in outcome.output
    result = json.loads(target.read_text())["result"]
    assert result["messages"] == 200
    assert 0 < result["first_frame_ms"] <= result["ready_ms"]
    assert result["cpu_s_per_10_000"] > 0
    assert result["memory_after"] > 1_000_000
