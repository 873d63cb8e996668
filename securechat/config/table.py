"""Settings: one table, from which the defaults, the file, the variables and the flags all come.

``Settings`` *is* that table. A field's annotation is its type, its value here the default,
and its metadata says what it is for, its unit and what is allowed. A value is looked for in four
places, the later winning:

1. the default written here;
2. the TOML file named by ``--config`` or ``SECURECHAT_CONFIG``: flat keys of the same names;
3. the environment: ``SECURECHAT_`` and the name in capitals;
4. the command line: ``--`` and the name with dashes.

Everything is checked once, here, so the code that uses a setting never does. A limit of 0 is
off; ``limit`` turns that into infinity where arithmetic wants it. Secrets are never settings:
variables and flags show in the list of processes, and a file of settings gets copied around.
Relative paths count from the folder the program was started in, wherever they were written.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import click

from securechat.config.setting import VARIABLE_PREFIX, Setting, declare
from securechat.errors import ConfigError
from securechat.protocol.framing import SERVER_TAG_BYTES_MAX
from securechat.protocol.names import CHANNEL_BYTES_MAX, is_channel_name

CONFIG_VARIABLE = "SECURECHAT_CONFIG"
"""Names the file as ``--config`` does."""

NO_SETTINGS = frozenset({CONFIG_VARIABLE, "SECURECHAT_CLIENT_CONFIG"})
"""The ``SECURECHAT_*`` variables that are no settings; the second one is the client's."""

NO_DEADLINE = "never"
MULTILINE_LINE_BYTES = 320
"""What a line of a message of several lines takes besides its text: tags, source and target."""

SERVER_NAME_LENGTH_MAX = 63

_Command = TypeVar("_Command", bound=Callable[..., Any])


_LINE = "a line of at most 300 bytes"


def _is_server_name(text: str) -> bool:
    return len(text) <= SERVER_NAME_LENGTH_MAX and bool(
        re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", text)
    )


def _is_word(text: str) -> bool:
    return 0 < len(text) <= 64 and text.isprintable() and " " not in text


def _has_no_nul(text: str) -> bool:
    return "\0" not in text


def _is_line(text: str) -> bool:
    return len(text.encode()) <= 300 and (not text or text.isprintable())


@dataclass(frozen=True)
class Settings:
    """Every setting, checked. Made by ``load_settings``, or directly in tests."""

    # Where the server is, and what it is called.
    host: tuple[str, ...] = declare(
        (), "Address to listen on; none given means every one.", fits=_is_word, wanted="an address"
    )
    port: int = declare(6697, "TCP port to listen on; 0 lets the system choose.", maximum=65535)
    cert: Path = declare(Path("certs/server.pem"), "The server's certificate and its chain.")
    key: Path = declare(Path("certs/server.key"), "The key of that certificate.")
    data: Path = declare(Path("data"), "Folder of accounts and history.")
    server_name: str = declare(
        "securechat.internal",
        "What the server calls itself on the wire.",
        fits=_is_server_name,
        wanted="a host name with a dot in it, of at most 63 characters",
    )
    network: str = declare(
        "SecureChat",
        "The name that clients show for this server.",
        fits=_is_word,
        wanted="a word of at most 64 characters",
    )
    lobby: str = declare(
        "#lobby",
        "The channel that everybody is in.",
        fits=is_channel_name,
        wanted=f"# and a name without space or comma, of at most {CHANNEL_BYTES_MAX} bytes",
    )
    motd: str = declare(
        "", "Message of the day; may have several lines.", fits=_has_no_nul, wanted="text"
    )
    admin_location: str = declare(
        "", "Where the server is, for ADMIN.", fits=_is_line, wanted=_LINE
    )
    admin_info: str = declare("", "Who runs the server, for ADMIN.", fits=_is_line, wanted=_LINE)
    admin_email: str = declare(
        "", "Mail address of who runs the server, for ADMIN.", fits=_is_line, wanted=_LINE
    )

    # Passwords and TLS.
    password_hash: str = declare(
        "standard",
        "Cost of a password's hash: 64 MiB, or 19 MiB for small machines.",
        choices=("standard", "fast"),
    )
    password_characters_min: int = declare(
        15, "Shortest password that a person may choose.", unit="characters"
    )
    hashes_at_once: int = declare(
        0, "Passwords hashed at the same time.", zero="the number of cores, at most 2"
    )
    tls_minimum: str = declare("1.3", "Oldest TLS that is spoken.", choices=("1.3", "1.2"))

    # The log.
    log_format: str = declare(
        "auto",
        "Form of the log; auto is console on a terminal, json elsewhere.",
        choices=("auto", "console", "json"),
    )
    log_level: str = declare(
        "info", "Least that is logged.", choices=("debug", "info", "warning", "error")
    )

    # Deadlines.
    handshake_seconds: float = declare(
        10.0, "Time to agree on TLS.", unit="seconds", zero=NO_DEADLINE
    )
    login_seconds: float = declare(
        60.0, "Time to log in after that.", unit="seconds", zero=NO_DEADLINE
    )
    ping_seconds: float = declare(
        90.0, "Silence after which a client is pinged.", unit="seconds", zero=NO_DEADLINE
    )
    drop_seconds: float = declare(
        150.0, "Silence after which a client is dropped.", unit="seconds", zero=NO_DEADLINE
    )
    drain_seconds: float = declare(
        5.0, "Time for everybody's last lines when stopping.", unit="seconds", zero=NO_DEADLINE
    )

    # What is kept.
    keep_days: int = declare(
        0,
        "How long messages are kept; channels may set less.",
        unit="days",
        zero="for ever",
    )
    keep_messages: int = declare(
        0,
        "How many of the latest messages are kept of a channel, and of two people; channels may "
        "set less.",
        unit="messages",
        zero="all",
    )
    audit_days: int = declare(
        400, "How long the audit log tells of an act.", unit="days", zero="for ever"
    )

    # Connections. An address is one IPv4 address or one IPv6 /64 network.
    connections_per_address: int = declare(16, "Open at once from one address.")
    new_connections_per_address: int = declare(
        32, "New from one address.", unit="connections in 10 minutes"
    )
    waiting_per_address: int = declare(10, "Not logged in, from one address.")
    waiting_drop_from: int = declare(
        10, "Not logged in, in all: from here on some new ones are dropped at random."
    )
    waiting_drop_all: int = declare(
        100, "Not logged in, in all: from here on every new one is dropped."
    )

    # Logins.
    login_attempts_per_minute: int = declare(3, "Wrong passwords for one account from one address.")
    login_attempts_per_connection: int = declare(3, "Wrong passwords in one connection.")
    login_floor_milliseconds: int = declare(
        500,
        "Least time that a refusal takes, so that it tells nothing.",
        unit="milliseconds",
        zero="no least time",
    )
    sasl_bytes_max: int = declare(8192, "Longest login message.", unit="bytes")

    # What one session may send and be sent.
    messages_per_second: float = declare(
        5.0,
        "Lines handled at a steady rate; more wait. 0 leaves queries and joins without limit too.",
    )
    message_burst: int = declare(20, "Lines handled at once before that rate holds.")
    history_requests_per_second: float = declare(1.0, "The same for requests of history.")
    history_request_burst: int = declare(16, "Requests of history before that rate holds.")
    queries_per_second: float = declare(
        2.0, "The same for WHO, WHOIS, NAMES, LIST and their like.", unit="per second"
    )
    query_burst: int = declare(40, "Such queries before that rate holds.")
    searches_per_second: float = declare(0.5, "The same for searches.", unit="per second")
    search_burst: int = declare(10, "Searches before that rate holds.")
    joins_per_second: float = declare(1.0, "The same for each channel joined.", unit="per second")
    join_burst: int = declare(30, "Channels joined before that rate holds.")
    metadata_changes_per_second: float = declare(
        0.5, "The same for each change of METADATA, which is refused past it.", unit="per second"
    )
    metadata_change_burst: int = declare(20, "Such changes before that rate holds.")
    rename_cooldown_seconds: float = declare(
        60.0, "Time until a channel may be renamed again.", unit="seconds", zero="at once"
    )
    gather_milliseconds: int = declare(
        10,
        "Time between two sends to more than 64 sessions; what is said meanwhile goes together.",
        unit="milliseconds",
        zero="every message at once",
    )
    outbox_bytes_max: int = declare(
        1048576, "Most that waits to be sent; past it the session ends.", unit="bytes"
    )

    # Messages of several lines, and what may be done to messages later.
    multiline_bytes_max: int = declare(
        16384, "Longest message of several lines.", unit="bytes", minimum=512, maximum=65536
    )
    multiline_lines_max: int = declare(
        100, "Most lines in one message.", unit="lines", minimum=1, maximum=1000
    )
    multiline_seconds: float = declare(
        30.0, "Time to send all of its lines.", unit="seconds", zero=NO_DEADLINE
    )
    edit_seconds: float = declare(
        86400.0, "Time in which one may edit a message of one's own.", unit="seconds"
    )
    redact_seconds: float = declare(
        86400.0, "Time in which one may remove a message of one's own.", unit="seconds"
    )

    # Sizes.
    replay_messages_max: int = declare(
        50, "Latest messages of a channel shown at login.", unit="messages", zero="none"
    )
    history_page_max: int = declare(100, "Most that one request of history gets.", unit="messages")
    history_from: str = declare(
        "all",
        "From where members read a channel's history, unless its HISTORY setting says: all of it, "
        "or from their last join on.",
        choices=("all", "joined"),
    )
    catch_up_messages_max: int = declare(
        1000,
        "Most messages of one conversation shown at login to a device that comes back.",
        unit="messages",
        zero="without limit",
    )
    channels_per_account_max: int = declare(100, "Channels that one account may be in.")
    tokens_per_account_max: int = declare(
        100, "Tokens that the devices of one account may ask for to log in by."
    )
    announce_members_max: int = declare(
        500,
        "People in a channel up to whom coming and going is told to all of them; NAMES and WHO "
        "always tell who is there.",
        unit="people",
    )
    monitor_targets_max: int = declare(100, "Names that one session may monitor.")
    topic_bytes_max: int = declare(390, "Longest topic of a channel.", unit="bytes")
    away_bytes_max: int = declare(200, "Longest away message.", unit="bytes")

    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Where each value that is not the default came from: a file, a variable or a flag."""


def _table() -> dict[str, Setting]:
    kinds = get_type_hints(Settings)
    return {
        row.name: Setting(row.name, kinds[row.name], row.default, **row.metadata)
        for row in fields(Settings)
        if row.metadata
    }


SETTINGS: Mapping[str, Setting] = _table()
"""The table by name, in the order in which it is shown."""


def limit(value: float) -> float:
    """Return a limit or a deadline as arithmetic wants it: infinity where 0 turned it off."""
    return value or math.inf


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
