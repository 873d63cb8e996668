"""The settings on the command line: the flags that they make, and the printing of all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from securechat.config.loading import CONFIG_VARIABLE
from securechat.config.setting import Setting
from securechat.config.table import SETTINGS, Settings
from securechat.errors import ConfigError

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _read_flag(setting: Setting) -> Callable[..., Any]:
    """Return click's callback for a flag, so that it refuses what the file refuses."""

    def read(
        ctx: click.Context, _param: click.Parameter, value: str | tuple[str, ...] | None
    ) -> Any:
        if value is None:
            return None
        try:
            text = value if isinstance(value, str) else " ".join(value)
            return setting.parse(text, setting.flag)
        except ConfigError as error:
            raise click.UsageError(str(error), ctx) from error

    return read


def click_options(*names: str) -> Callable[[_Command], _Command]:
    """Return a decorator that gives a click command the flags of the settings.

    With ``names``, of those settings alone, and ``--config``; without, of all of them,
    ``--config`` and ``--print-config``. The command's function gets ``config`` (a ``Path`` or
    ``None``), ``print_config`` (a ``bool``) and ``**flags``, as ``load_settings`` wants them.
    """

    def decorate(command: _Command) -> _Command:
        for name in reversed(names or tuple(SETTINGS)):
            setting = SETTINGS[name]
            command = click.option(
                setting.flag,
                name,
                callback=_read_flag(setting),
                metavar=setting.metavar,
                multiple=setting.several,
                help=setting.help,
            )(command)
        if not names:
            command = click.option(
                "--print-config", is_flag=True, help="Print the settings as TOML and exit."
            )(command)
        return click.option(
            "--config",
            type=click.Path(path_type=Path),
            help=f"File of settings (TOML); else the one that {CONFIG_VARIABLE} names.",
        )(command)

    return decorate


def print_config(settings: Settings) -> str:
    """Return the settings as TOML that reads back as the same, with where each came from."""
    lines = ["# The settings of SecureChat in effect, and where each came from.\n"]
    for setting in SETTINGS.values():
        origin = settings.origins.get(setting.name, "default")
        value = _toml(getattr(settings, setting.name))
        lines += [f"# {setting.help}", f"{setting.name} = {value}  # {_comment(origin)}\n"]
    return "\n".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, str | Path):
        # A JSON string is a TOML string, but for the one control character JSON leaves alone.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Iterable):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _comment(origin: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in origin)
