"""The benchmark of history and search: its arithmetic, its checks, and one small whole run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("benchmarks", reason="the benchmark is not part of the wheel")
if sys.platform != "linux":
    pytest.skip("the benchmark reads Linux's /proc", allow_module_level=True)

from benchmarks import memory, memory_report
from benchmarks.__main__ import main
from securechat.store.contract import Stored


def test_a_small_run_of_memory_ends_with_figures(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    argv = ["memory", "--messages", "3000", "--channels", "5", "--json", str(target)]
    outcome = CliRunner().invoke(main, argv)
    assert outcome.exit_code == 0, outcome.output
    record = json.loads(target.read_text())
    result = record["result"]
    assert result["appends_per_s"] > 0
    assert 0 < result["lag_worst_events"] <= 3000
    assert result["journal_bytes"] > 100
    assert result["index_bytes"] > 10
    assert result["memory_peak"] > 1024 * 1024
    assert result["deep_ratio"] == max(result["deep_ms"].values()) / result["newest_ms"]
    assert result["slowest_search_ms"] == max(it["first_ms"] for it in result["searches"])
    assert outcome.output.count("target m") == 2
    assert "wor*" in outcome.output


def test_of_memory_each_target_is_met_or_missed() -> None:
    result = memory.MemoryResult(
        appends_per_s=1.0,
        lag_p50_ms=1.0,
        lag_worst_ms=1.0,
        lag_worst_events=1,
        caught_up_ms=1.0,
        newest_ms=2.0,
        deep_ms={"90%": 1.0, "10%": 4.5},
        searches=[memory.Search("a", 49.0, 60.0), memory.Search("b", 1.0, 1.0)],
        journal_bytes=1.0,
        index_bytes=1.0,
        memory_peak=1,
    )
    history, search = memory_report.remarks(result)
    assert "2.25 times the newest one (target missed: at most 2)" in history
    assert "49.0 ms (target met: under 50)" in search


def test_the_lag_is_the_age_of_the_oldest_commit_that_the_index_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noted = memory.Appending()
    noted.commits.extend([(10, 1.0), (20, 2.0), (30, 4.0)])
    monkeypatch.setattr("time.perf_counter", lambda: 5.0)
    for position in (0, 10, 25, 30):
        noted.look(position)
    assert noted.lags_ms == [4000, 3000, 1000, 0]
    assert noted.behind == 30


def test_a_page_with_something_else_on_it_is_noticed() -> None:
    talk = memory.Talk(1)
    [first, *_] = talk.entries(1, 1)
    page = [Stored(1, first.event)]
    channel, account = first.event.conversation, first.event.account
    assert not memory.wrong_history(channel, 2)(page)
    assert memory.wrong_history(channel, 1)(page)
    assert memory.wrong_history("#another", 2)(page)
    word = first.event.text.split()[0]
    here = {channel: 0}
    assert not memory.wrong_search(word, here, account, 2, some=True)(page)
    assert not memory.wrong_search(word[:2] + "*", here, "", 2, some=True)(page)
    for text, floors, author, before in (
        ("another", here, "", 2),
        (word, {"#another": 0}, "", 2),
        (word, here, "another", 2),
        (word, here, "", 1),
    ):
        assert memory.wrong_search(text, floors, author, before, some=False)(page)
    assert memory.wrong_search(word, here, "", 2, some=True)([])
    assert not memory.wrong_search(memory.NOWHERE, here, "", 2, some=False)([])
