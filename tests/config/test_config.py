"""Settings from four places: the file, the environment, the command line, and the defaults."""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from securechat.config import (
    SETTINGS,
    Settings,
    click_options,
    limit,
    load_settings,
    print_config,
)
from securechat.errors import ConfigError


def load(
    tmp_path: Path | None = None,
    toml: str | None = None,
    environ: dict[str, str] | None = None,
    **flags: object,
) -> Settings:
    config = None
    if toml is not None:
        assert tmp_path is not None
        config = tmp_path / "config.toml"
        config.write_text(toml)
    return load_settings(config=config, environ=environ or {}, flags=flags)


def test_every_field_is_a_setting_and_passes_its_own_check() -> None:
    settings = Settings()
    assert list(SETTINGS) == [name for name in settings.__dict__ if name != "origins"]
    for name, setting in SETTINGS.items():
        assert setting.check(getattr(settings, name), name) == getattr(settings, name)
        assert setting.about.endswith("."), name


def test_the_defaults_are_those_of_the_safety_table() -> None:
    settings = load()
    assert settings == Settings()
    assert (settings.port, settings.lobby, settings.tls_minimum) == (6697, "#lobby", "1.3")
    assert (settings.handshake_seconds, settings.login_seconds) == (10, 60)
    assert (settings.ping_seconds, settings.drop_seconds) == (90, 150)
    assert (settings.messages_per_second, settings.message_burst) == (5, 20)
    assert (settings.connections_per_address, settings.new_connections_per_address) == (16, 32)
    assert (settings.waiting_per_address, settings.waiting_drop_from) == (10, 10)
    assert settings.waiting_drop_all == 100
    assert (settings.login_attempts_per_minute, settings.login_attempts_per_connection) == (3, 3)
    assert (settings.sasl_bytes_max, settings.outbox_bytes_max) == (8192, 1 << 20)
    assert settings.password_characters_min == 15
    assert settings.origins == {}


def test_each_place_wins_over_the_one_before(tmp_path: Path) -> None:
    toml = "port = 1\nmessage_burst = 1\ntopic_bytes_max = 1\n"
    environ = {"SECURECHAT_PORT": "2", "SECURECHAT_MESSAGE_BURST": "2", "HOME": "/"}
    settings = load(tmp_path, toml, environ, port=3, host=(), data=None)
    assert (settings.port, settings.message_burst, settings.topic_bytes_max) == (3, 2, 1)
    assert settings.away_bytes_max == 200
    assert settings.origins == {
        "port": "--port",
        "message_burst": "SECURECHAT_MESSAGE_BURST",
        "topic_bytes_max": str(tmp_path / "config.toml"),
    }


def test_a_variable_can_name_the_file_and_a_flag_wins_over_it(tmp_path: Path) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text("port = 1")
    other.write_text("port = 2")
    environ = {"SECURECHAT_CONFIG": str(one)}
    assert load_settings(config=None, environ=environ, flags={}).port == 1
    assert load_settings(config=other, environ=environ, flags={}).port == 2
    assert load_settings(config=None, environ={"SECURECHAT_CONFIG": ""}, flags={}).port == 6697


def test_a_file_may_use_all_of_toml(tmp_path: Path) -> None:
    toml = 'host = ["127.0.0.1", "::1"]\nmotd = """Hello,\nall"""\nmessages_per_second = 0.5\n'
    settings = load(tmp_path, toml)
    assert settings.host == ("127.0.0.1", "::1")
    assert settings.motd == "Hello,\nall"
    assert settings.messages_per_second == 0.5


def test_several_hosts_in_a_variable() -> None:
    assert load(environ={"SECURECHAT_HOST": "127.0.0.1, ::1"}).host == ("127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("toml", "environ", "flags", "sentence"),
    [
        ("prot = 1", {}, {}, r"prot in .*config.toml is not a setting; the nearest is port\."),
        (
            "",
            {"SECURECHAT_MESAGE_BURST": "1"},
            {},
            r"SECURECHAT_MESAGE_BURST is not a setting; the nearest is SECURECHAT_MESSAGE_BURST\.",
        ),
        ("", {}, {"hots": "x"}, r"hots is not a setting; the nearest is host\."),
        ("[limits]\nport = 1", {}, {}, "limits in .* is not a setting"),
        ("port = 65536", {}, {}, r"port in .*config.toml is 65536, but must be a whole number"),
        ("[port]\nx = 1", {}, {}, r"port in .* is {'x': 1}, but must be"),
        ("", {"SECURECHAT_PORT": "x"}, {}, r"SECURECHAT_PORT is 'x', but must be a whole number"),
        ("", {}, {"port": "x"}, r"--port is 'x', but must be a whole number from 0 to 65535\."),
        ("lobby = 'lobby'", {}, {}, r"lobby in .* must be # and a name"),
        ("lobby = '#a b'", {}, {}, r"lobby in .* must be # and a name"),
        ("server_name = 'localhost'", {}, {}, "must be a host name with a dot"),
        ("server_name = 'a b.c'", {}, {}, "must be a host name with a dot"),
        ("network = 'Our Chat'", {}, {}, "must be a word of at most 64"),
        ("network = ''", {}, {}, "must be a word of at most 64"),
        (r'motd = "a\u0000"', {}, {}, "motd in .* must be text"),
        ("tls_minimum = 1.2", {}, {}, 'must be "1.3" or "1.2"'),
        ("host = '::1'", {}, {}, "must be an address"),
        ("port =", {}, {}, "config.toml is not valid TOML: Invalid value"),
    ],
)
def test_a_mistake_is_one_sentence(
    tmp_path: Path, toml: str, environ: dict[str, str], flags: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        load(tmp_path, toml, environ, **flags)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    with pytest.raises(ConfigError, match=r"missing.toml: No such file or directory\."):
        load_settings(config=missing, environ={}, flags={})
    with pytest.raises(ConfigError, match=r"Is a directory\."):
        load_settings(config=tmp_path, environ={}, flags={})
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'motd = "caf\xe9"')
    with pytest.raises(ConfigError, match=r"latin.toml is not UTF-8 text"):
        load_settings(config=latin, environ={}, flags={})


def test_what_must_be_in_order_is(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=re.escape(
            "ping_seconds is 90 (default), but must not be more than drop_seconds, "
            "which is 60 (SECURECHAT_DROP_SECONDS)."
        ),
    ):
        load(environ={"SECURECHAT_DROP_SECONDS": "60"})
    with pytest.raises(ConfigError, match="waiting_drop_from is 10"):
        load(tmp_path, "waiting_drop_all = 9")


def test_what_waits_has_room_for_a_whole_message() -> None:
    """Multiline, "Server implementation considerations": the limits are configured together."""
    flags = {"outbox_bytes_max": 50_000, "multiline_lines_max": 50}
    load_settings(config=None, environ={}, flags=flags)
    load_settings(config=None, environ={}, flags={"outbox_bytes_max": 0})
    sentence = (
        r"outbox_bytes_max is 50000 \(--outbox-bytes-max\), but must be 0 or at least 56575, for "
        r"multiline_bytes_max is 16384 \(default\) and multiline_lines_max is 100 \(default\)\."
    )
    with pytest.raises(ConfigError, match=sentence):
        load_settings(config=None, environ={}, flags={"outbox_bytes_max": 50_000})


def test_what_is_off_is_in_no_order(tmp_path: Path) -> None:
    settings = load(tmp_path, "drop_seconds = 0\nwaiting_drop_from = 0\nwaiting_drop_all = 1")
    assert settings.drop_seconds == 0


def test_zero_turns_every_limit_off() -> None:
    """Every number but one with a least value may be 0, and the two orders do not forbid it."""
    numbers = [
        name
        for name, setting in SETTINGS.items()
        if setting.kind in (int, float) and not setting.minimum
    ]
    flags = dict.fromkeys(numbers, 0)
    settings = load_settings(config=None, environ={}, flags=flags)
    assert all(getattr(settings, name) == 0 for name in numbers)


def test_limit_is_infinite_where_off() -> None:
    assert limit(0) == math.inf
    assert limit(0.5) == 0.5


# --- the command line -------------------------------------------------------------------------


@click.command()
@click_options()
def program(config: Path | None, *, print_config: bool, **flags: Any) -> None:
    settings = load_settings(config=config, environ={}, flags=flags)
    click.echo(f"{settings.host} {settings.port} {settings.origins} {print_config}")


@click.command()
@click_options("data")
def small_program(config: Path | None, data: Path | None) -> None:
    click.echo(f"{config} {data}")


def test_flags_are_read(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("port = 1")
    arguments = ["--config", str(config), "--host", "::1", "--host", "127.0.0.1", "--print-config"]
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == 0, result.output
    origins = {"port": str(config), "host": "--host"}
    assert result.output == f"('::1', '127.0.0.1') 1 {origins} True\n"


def test_a_wrong_flag_is_wrong_usage() -> None:
    result = CliRunner().invoke(program, ["--port", "many"])
    assert result.exit_code == 2
    assert "--port is 'many', but must be a whole number from 0 to 65535." in result.stderr


def test_every_setting_has_a_flag_with_help() -> None:
    text = " ".join(CliRunner().invoke(program, ["--help"]).output.split())
    for setting in SETTINGS.values():
        assert f"{setting.flag} {setting.metavar}" in text
    assert "Silence after which a client is pinged. [seconds; 0: never]" in text


def test_a_program_may_take_some_settings_alone() -> None:
    result = CliRunner().invoke(small_program, ["--data", "x"])
    assert result.output == "None x\n"
    assert CliRunner().invoke(small_program, ["--port", "1"]).exit_code == 2
    assert CliRunner().invoke(small_program, ["--print-config"]).exit_code == 2


# --- printing ---------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(motd=texts, folder=texts.filter(bool), seconds=st.floats(0, 1e9), hosts=st.booleans())
def test_what_is_printed_reads_back_as_the_same(
    motd: str, folder: str, seconds: float, hosts: bool
) -> None:
    settings = Settings(
        motd=motd,
        data=Path("x" + folder),
        drain_seconds=seconds,
        host=("::1", "127.0.0.1") if hosts else (),
        origins={"motd": "a\nfile"},
    )
    values = tomllib.loads(print_config(settings))
    assert {name: SETTINGS[name].check(value, name) for name, value in values.items()} == {
        name: getattr(settings, name) for name in SETTINGS
    }


def test_printing_says_what_each_is_for_and_where_it_came_from(tmp_path: Path) -> None:
    text = print_config(load(tmp_path, "port = 7000", {"SECURECHAT_LOBBY": "#hall"}))
    assert f"port = 7000  # {tmp_path / 'config.toml'}\n" in text
    assert '# The channel that everybody is in.\nlobby = "#hall"  # SECURECHAT_LOBBY\n' in text
    assert "drop_seconds = 150  # default\n" in text
