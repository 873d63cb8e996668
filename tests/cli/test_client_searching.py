"""``securechat-client --search``: its options; what it prints is tested with a whole server."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from securechat.cli.client import main


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--in", "#lobby"], "need --search"),
        (["--limit", "5"], "need --search"),
        (["--search", "x", "--limit", "0"], "0 is not in the range"),
        (["--search", "x", "--after", "yesterday"], "'yesterday' is no time: write 2026-11-22"),
        (["--search", "x", "--before", "9999-12-31T23:59-23:00"], "is no time"),
    ],
)
def test_wrong_usage(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(main, ["alice@localhost", *arguments])
    assert result.exit_code == 2
    assert sentence in result.output
