"""The log: two forms, one road, no secrets, no escape sequences."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from securechat.logs import MASK, configure


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """Put back what ``configure`` changes for the whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logged(**values: Any) -> dict[str, Any]:
    stream = io.StringIO()
    configure("json", "info", stream)
    structlog.get_logger().info("happened", **values)
    event: dict[str, Any] = json.loads(stream.getvalue())
    return event


def on_terminal(event: str, **values: Any) -> str:
    stream = Terminal()
    configure("auto", "info", stream)
    structlog.get_logger().info(event, **values)
    return stream.getvalue()


def test_json_is_one_object_a_line_with_time_in_utc() -> None:
    event = logged(port=6697, peer="::1")
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "happened", "level": "info", "port": 6697, "peer": "::1"}


def test_auto_is_json_but_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = io.StringIO()
    configure("auto", "info", stream)
    structlog.get_logger().info("happened")
    assert stream.getvalue().startswith("{")
    assert "\x1b[" in on_terminal("happened")


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """no-color.org: when present and not empty, no ANSI colour is added."""
    monkeypatch.setenv("NO_COLOR", "1")
    line = on_terminal("listening", port=6697)
    assert "\x1b" not in line
    assert "listening" in line
    assert "port=6697" in line


def test_console_without_a_terminal_has_no_colours() -> None:
    stream = io.StringIO()
    configure("console", "info", stream)
    structlog.get_logger().info("happened")
    assert "\x1b" not in stream.getvalue()


def test_stderr_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", "info")
    structlog.get_logger().info("happened")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert '"happened"' in captured.err


def test_the_level_is_the_least_that_is_logged() -> None:
    stream = io.StringIO()
    configure("json", "warning", stream)
    structlog.get_logger().info("no")
    logging.getLogger("library").info("no")
    structlog.get_logger().warning("yes")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["yes"]


def test_the_standard_library_takes_the_same_road() -> None:
    stream = io.StringIO()
    configure("json", "info", stream)
    logging.getLogger("library").warning("took %d s", 3)
    event = json.loads(stream.getvalue())
    assert (event["event"], event["level"]) == ("took 3 s", "warning")


def test_configuring_again_replaces() -> None:
    earlier, later = io.StringIO(), io.StringIO()
    configure("json", "info", earlier)
    log = structlog.get_logger()
    log.info("one")
    configure("json", "info", later)
    log.info("two")
    assert earlier.getvalue().count("\n") == later.getvalue().count("\n") == 1


def test_context_is_part_of_each_event() -> None:
    with structlog.contextvars.bound_contextvars(peer="::1"):
        assert logged()["peer"] == "::1"


@pytest.mark.parametrize(
    "key", ["password", "old_passwd", "Authorization", "device_token", "secret", "private_key"]
)
def test_telling_keys_are_masked(key: str) -> None:
    assert logged(**{key: "hunter2"})[key] == MASK


def test_a_token_is_masked_wherever_it_stands() -> None:
    """docs/safety.md, "Device tokens"."""
    token = "sct_" + 43 * "x"
    event = logged(line=f":alice TOKEN ADD 01234567 phone :{token}", items=[token, "ascii_sct"])
    assert token not in str(event)
    assert event["items"] == [MASK, "ascii_sct"]


def test_masks_reach_into_what_is_nested() -> None:
    event = logged(request={"token": "t", "path": "/"}, items=[{"password": "p"}, 1])
    assert event["request"] == {"token": MASK, "path": "/"}
    assert event["items"] == [{"password": MASK}, 1]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("PASS alice:hunter2", f"PASS {MASK}"),
        ("authenticate AGEAYgBj", f"authenticate {MASK}"),
        ("@label=1 :a PASS x y\r\n", f"@label=1 :a PASS {MASK}"),
        (b"AUTHENTICATE AGEAYgBj", f"AUTHENTICATE {MASK}"),
        ("PRIVMSG #a :PASS it on", "PRIVMSG #a :PASS it on"),
    ],
)
def test_lines_with_a_password_are_masked(line: str | bytes, shown: str) -> None:
    assert logged(line=line)["line"] == shown


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_leaves_local_variables_out(form: str) -> None:
    stream = io.StringIO()
    configure(form, "info", stream)
    local = "hunter" + "2"
    try:
        raise ExceptionGroup("several", [ValueError("one"), KeyError(len(local))])
    except ExceptionGroup:
        structlog.get_logger().exception("crashed")
    text = stream.getvalue()
    assert "ValueError: one" in text
    assert "KeyError: 7" in text
    assert "test_logs.py" in text
    assert "hunter2" not in text


def test_a_terminal_gets_no_escape_sequence_and_no_second_line_of_a_peer() -> None:
    stream = io.StringIO()
    configure("console", "info", stream)
    structlog.get_logger().info("joined\x1b[2J", nick="a\x1b[31m\nb", text="caf\xe9")
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert r"nick=a\x1b[31m\nb" in line
    assert "caf\xe9" in line


def test_a_traceback_on_a_terminal_keeps_its_lines_but_no_escape_sequence() -> None:
    stream = io.StringIO()
    configure("console", "info", stream)
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        structlog.get_logger().exception("crashed")
    text = stream.getvalue()
    assert "\x1b" not in text
    assert text.count("\n") > 3
