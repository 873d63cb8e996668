"""Looking for the settings in all the places where they may be, and checking them once.

A value is looked for in four places, the later winning:

1. the default in the table;
2. the TOML file named by ``--config`` or ``SECURECHAT_CONFIG``: flat keys of the same names;
3. the environment: ``SECURECHAT_`` and the name in capitals;
4. the command line: ``--`` and the name with dashes.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from securechat.config.setting import VARIABLE_PREFIX, Setting
from securechat.config.table import SETTINGS, Settings
from securechat.errors import ConfigError
from securechat.protocol.framing import SERVER_TAG_BYTES_MAX

CONFIG_VARIABLE = "SECURECHAT_CONFIG"
"""Names the file as ``--config`` does."""

NO_SETTINGS = frozenset({CONFIG_VARIABLE, "SECURECHAT_CLIENT_CONFIG"})
"""The ``SECURECHAT_*`` variables that are no settings; the second one is the client's."""

MULTILINE_LINE_BYTES = 320
"""What a line of a message of several lines takes besides its text: tags, source and target."""


def load_settings(
    *, config: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]
) -> Settings:
    """Gather the settings from all four places.

    ``config`` is the file that the command line named; without one, ``SECURECHAT_CONFIG`` may
    name it. In ``flags``, a value of ``None`` or an empty tuple means that it was not given.

    Raises ``ConfigError`` with one sentence that names the place, and what is allowed there.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}

    def take(name: str, value: object, origin: str) -> None:
        values[name] = value
        origins[name] = origin

    if config is None and environ.get(CONFIG_VARIABLE):
        config = Path(environ[CONFIG_VARIABLE])
    if config is not None:
        for key, value in _read_toml(config).items():
            setting = _find(key, SETTINGS, f"{key} in {config}")
            take(key, setting.check(value, f"{key} in {config}"), str(config))

    by_variable = {setting.variable: setting for setting in SETTINGS.values()}
    for variable in sorted(environ):
        if variable.startswith(VARIABLE_PREFIX) and variable not in NO_SETTINGS:
            setting = _find(variable, by_variable, variable)
            take(setting.name, setting.parse(environ[variable], variable), variable)

    for name, value in flags.items():
        if value is not None and value != ():
            setting = _find(name, SETTINGS, name)
            take(name, setting.check(value, setting.flag), setting.flag)

    settings = Settings(**values, origins=origins)
    _check_pairs(settings)
    _check_room_for_messages(settings)
    return settings


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read the settings in {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text, as TOML has to be.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error


def _find(name: str, known: Mapping[str, Setting], where: str) -> Setting:
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    raise ConfigError(f"{where} is not a setting; the nearest is {near}.")


def _check_pairs(settings: Settings) -> None:
    pairs = (("ping_seconds", "drop_seconds"), ("waiting_drop_from", "waiting_drop_all"))
    for lower, upper in pairs:
        least, most = getattr(settings, lower), getattr(settings, upper)
        if least and most and least > most:
            raise ConfigError(
                f"{lower} is {least:g}{_from(settings, lower)}, but must not be more than {upper}, "
                f"which is {most:g}{_from(settings, upper)}."
            )


def _check_room_for_messages(settings: Settings) -> None:
    """Check that a message in its longest form finds room in what may wait to be sent."""
    lines = settings.multiline_lines_max * MULTILINE_LINE_BYTES
    need = settings.multiline_bytes_max + lines + SERVER_TAG_BYTES_MAX
    if 0 < settings.outbox_bytes_max < need:
        raise ConfigError(
            f"outbox_bytes_max is {settings.outbox_bytes_max}{_from(settings, 'outbox_bytes_max')},"
            f" but must be 0 or at least {need}, for multiline_bytes_max is "
            f"{settings.multiline_bytes_max}{_from(settings, 'multiline_bytes_max')} and "
            f"multiline_lines_max is {settings.multiline_lines_max}"
            f"{_from(settings, 'multiline_lines_max')}."
        )


def _from(settings: Settings, name: str) -> str:
    return f" ({settings.origins.get(name, 'default')})"
