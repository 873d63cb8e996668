"""One setting at a time: reading, checking and describing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from securechat.config.setting import Setting
from securechat.errors import ConfigError

COUNT = Setting("lines_max", int, 10, "Lines kept.", unit="lines")
PORT = Setting("port", int, 1, "Port.", maximum=65535)
SECONDS = Setting("wait_seconds", float, 1.0, "Wait.", unit="seconds", zero="for ever")
COLOUR = Setting("colour", str, "red", "Colour.", choices=("red", "blue"))
WORD = Setting("word", str, "a", "Word.", fits=str.isalpha, wanted="letters")
FOLDER = Setting("folder", Path, Path("x"), "Folder.")
WORDS = Setting("words", tuple[str, ...], (), "Words.", fits=str.isalpha, wanted="letters")


@pytest.mark.parametrize(
    ("setting", "value", "checked"),
    [
        (COUNT, 0, 0),
        (PORT, 65535, 65535),
        (SECONDS, 2, 2.0),
        (SECONDS, 0.25, 0.25),
        (COLOUR, "blue", "blue"),
        (WORD, "b", "b"),
        (FOLDER, "a/b", Path("a/b")),
        (FOLDER, Path("a/b"), Path("a/b")),
        (WORDS, ["a", "b"], ("a", "b")),
        (WORDS, (), ()),
    ],
)
def test_a_value_that_is_allowed_is_kept(setting: Setting, value: object, checked: object) -> None:
    result = setting.check(value, "here")
    assert result == checked
    assert type(result) is type(checked)


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        (COUNT, -1, "a whole number, 0 or more"),
        (COUNT, 1.5, "a whole number, 0 or more"),
        (COUNT, True, "a whole number, 0 or more"),
        (COUNT, "7", "a whole number, 0 or more"),
        (PORT, 65536, "a whole number from 0 to 65535"),
        (SECONDS, -0.5, "a number, 0 or more"),
        (SECONDS, float("nan"), "a number, 0 or more"),
        (SECONDS, float("inf"), "a number, 0 or more"),
        (SECONDS, 10**400, "a number, 0 or more"),
        (SECONDS, {}, "a number, 0 or more"),
        (COLOUR, "green", '"red" or "blue"'),
        (WORD, "", "letters"),
        (WORD, 1, "letters"),
        (WORD, "a\udc80", "letters"),
        (FOLDER, "", "a path"),
        (FOLDER, "a\0b", "a path"),
        (FOLDER, 3, "a path"),
        (WORDS, "a", "letters"),
        (WORDS, ["a", "1"], "letters"),
    ],
)
def test_another_value_is_refused_with_what_is_allowed(
    setting: Setting, value: object, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        setting.check(value, "colour in x.toml")
    assert str(caught.value) == f"colour in x.toml is {value!r}, but must be {allowed}."


def test_a_folder_may_begin_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    assert FOLDER.check("~/chat", "here") == Path("/home/alice/chat")


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        (COUNT, "12", 12),
        (SECONDS, "0.5", 0.5),
        (COLOUR, "blue", "blue"),
        (FOLDER, "a b", Path("a b")),
        (WORDS, "a, b  c", ("a", "b", "c")),
        (WORDS, "", ()),
    ],
)
def test_text_becomes_a_value(setting: Setting, text: str, value: object) -> None:
    assert setting.parse(text, "here") == value


@pytest.mark.parametrize("text", ["", "x", "1.5", "-1", "1e3"])
def test_text_that_is_no_number_is_refused_as_it_was_typed(text: str) -> None:
    with pytest.raises(ConfigError, match="whole number"):
        COUNT.parse(text, "COUNT")


def test_it_knows_its_names() -> None:
    assert COUNT.variable == "SECURECHAT_LINES_MAX"
    assert COUNT.flag == "--lines-max"


@pytest.mark.parametrize(
    ("setting", "help_text", "metavar"),
    [
        (COUNT, "Lines kept. [lines; 0: no limit]", "NUMBER"),
        (SECONDS, "Wait. [seconds; 0: for ever]", "NUMBER"),
        (PORT, "Port.", "NUMBER"),
        (COLOUR, "Colour.", "red|blue"),
        (FOLDER, "Folder.", "PATH"),
        (WORDS, "Words.", "TEXT"),
    ],
)
def test_it_describes_itself(setting: Setting, help_text: str, metavar: str) -> None:
    assert setting.help == help_text
    assert setting.metavar == metavar
