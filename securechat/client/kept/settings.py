"""The client's settings: ``client.toml``, as a person writes it and as programs read it.

::

    default_profile = "work"

    [profiles.work]
    host = "chat.example.org"
    account = "alice"
    channels = ["#ops"]

    [interface]
    theme = "dark"

    [keys]
    quit = ["ctrl q"]

What is not there has its default. A value that cannot be, and a name that means nothing, is one
sentence that says where it is and what is allowed. Changing the file, which keeps its comments, is
in :mod:`~securechat.client.kept.settings_file`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import tomlkit
from tomlkit.exceptions import TOMLKitError

from securechat.addresses import DEFAULT_PORT, canonical_host
from securechat.client.files import read_text, settings_path
from securechat.errors import ConfigError, UserError
from securechat.protocol.names import is_channel_name

MEMBER_LIST = ("auto", "always", "never")
COLORS = ("auto", "16", "256", "24bit", "none")
_NOT_IN_AN_ACCOUNT = frozenset(" @:,!*?")

Check = Callable[[object], Any]
"""Returns a value as it is kept, or raises ``ValueError`` with what is allowed."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A server and an account, under a name. ``ca`` is trusted alone where it is given."""

    name: str
    host: str
    account: str
    port: int = DEFAULT_PORT
    ca: Path | None = None
    channels: tuple[str, ...] = ()


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - what a file says, not a caller
    return value


def _word(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("a text that is not empty")
    return value


def _words(value: object) -> tuple[str, ...]:
    try:
        if isinstance(value, list):
            return tuple(_word(item) for item in value)
    except ValueError:
        pass  # said below, for the whole list
    raise ValueError('a list of texts, such as ["one", "two"]')


def _one_of(*allowed: str) -> Check:
    def check(value: object) -> str:
        if value not in allowed:
            raise ValueError(" or ".join(f'"{word}"' for word in allowed))
        return str(value)

    return check


def _time_format(value: object) -> str:
    text = _word(value)
    try:
        shown = datetime(2026, 11, 22, 20, 26, tzinfo=UTC).strftime(text)
    except ValueError:
        shown = ""
    if not shown or not shown.isprintable() or len(shown) > 32:
        raise ValueError('a format of strftime, such as "%H:%M" or "%d.%m. %H:%M:%S"')
    return text


def _keys(value: object) -> tuple[str, ...]:
    return (_word(value),) if isinstance(value, str) else _words(value)


def _port(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 65536:
        raise ValueError("a number from 1 to 65535")
    return value


def _host(value: object) -> str:
    try:
        return canonical_host(_word(value))
    except UserError:
        raise ValueError("a host name or an IP address") from None


def _account(value: object) -> str:
    text = _word(value)
    if not _NOT_IN_AN_ACCOUNT.isdisjoint(text):
        raise ValueError("the name of an account, without spaces and @")
    return text


def _channels(value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [None]
    if not all(isinstance(name, str) and is_channel_name(name) for name in names):
        raise ValueError('a list of channels, such as ["#lobby"]')
    return tuple(names)


def _path(value: object) -> Path:
    return Path(_word(value)).expanduser()


@dataclass(frozen=True, slots=True)
class Interface:
    """How the full screen looks and behaves.

    ``time_format`` is one of ``strftime``. ``sidebar`` is the list of conversations; of these,
    ``mute`` are those that never notify, ``favourites`` those at the top. ``highlights`` are words
    that notify beside the own name.
    """

    theme: str = field(default="auto", metadata={"check": _word})
    notifications: bool = field(default=True, metadata={"check": _flag})
    bell: bool = field(default=True, metadata={"check": _flag})
    typing: bool = field(default=True, metadata={"check": _flag})
    mouse: bool = field(default=True, metadata={"check": _flag})
    time_format: str = field(default="%H:%M", metadata={"check": _time_format})
    sidebar: bool = field(default=True, metadata={"check": _flag})
    member_list: str = field(default="auto", metadata={"check": _one_of(*MEMBER_LIST)})
    colors: str = field(default="auto", metadata={"check": _one_of(*COLORS)})
    mute: tuple[str, ...] = field(default=(), metadata={"check": _words})
    favourites: tuple[str, ...] = field(default=(), metadata={"check": _words})
    highlights: tuple[str, ...] = field(default=(), metadata={"check": _words})


INTERFACE: Mapping[str, Check] = MappingProxyType(
    {one.name: one.metadata["check"] for one in fields(Interface)}
)
PROFILE: Mapping[str, Check] = MappingProxyType(
    {
        "host": _host,
        "port": _port,
        "account": _account,
        "ca": _path,
        "channels": _channels,
    }
)
_TOP: Mapping[str, Check] = MappingProxyType({"default_profile": _word, "tokens": _flag})
_TABLES = ("profiles", "interface", "keys")


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``client.toml`` says, complete with defaults. ``path`` is where it is, or would be.

    ``keys`` maps the name of an action to its keys, unchecked: the table of the actions is the
    interface's. ``tokens`` tells whether a login asks for a device token of its own.
    """

    path: Path
    default_profile: str = ""
    tokens: bool = True
    profiles: Mapping[str, Profile] = field(default_factory=lambda: MappingProxyType({}))
    interface: Interface = field(default_factory=Interface)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def profile(self, name: str = "") -> Profile | None:
        """Return a profile, the default one unless named; ``None`` where there is no default.

        A single profile is the default where none is named. Raises ``ConfigError``.
        """
        wanted = name or self.default_profile
        if not wanted:
            return next(iter(self.profiles.values())) if len(self.profiles) == 1 else None
        if wanted not in self.profiles:
            known = ", ".join(self.profiles)
            way = f"there is {known}" if known else "securechat-client alone makes the first one"
            raise ConfigError(f"There is no profile {wanted!r} in {self.path}: {way}.")
        return self.profiles[wanted]


def load_settings(path: Path | None = None) -> Settings:
    """Return the settings of a file, the usual one unless given; defaults where there is none.

    Raises ``ConfigError`` for a value that is not allowed, with a sentence that names file, key
    and what is allowed, and ``UserError`` for a file that cannot be read.
    """
    path = path or settings_path()
    return settings_of(path, read_text(path))


def settings_of(path: Path, text: str) -> Settings:
    """Return what a text means as the file ``path``. Raises ``ConfigError``."""
    return _Reader(path).settings(document_of(path, text).unwrap())


def document_of(path: Path, text: str) -> tomlkit.TOMLDocument:
    """Return a settings file's text as a document to change. Raises ``ConfigError``."""
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(f"{path} is not TOML: {str(error).rstrip('.')}.") from error


class _Reader:
    """Reads one file; the path is for its sentences."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def settings(self, document: dict[str, Any]) -> Settings:
        tables = {name: self._table(name, document.pop(name, {})) for name in _TABLES}
        profiles = {name: self._profile(name, table) for name, table in tables["profiles"].items()}
        values = self._values("", document, _TOP, also=_TABLES)
        default = values.get("default_profile")
        if default and default not in profiles:
            self._refuse("default_profile", "the name of a profile of this file")
        return Settings(
            path=self._path,
            profiles=MappingProxyType(profiles),
            interface=Interface(**self._values("interface", tables["interface"], INTERFACE)),
            keys=MappingProxyType(
                {
                    name: self._value(f"keys.{name}", keys, _keys)
                    for name, keys in tables["keys"].items()
                }
            ),
            **values,
        )

    def _profile(self, name: str, value: object) -> Profile:
        place = f"profiles.{name}"
        values = self._values(place, self._table(place, value), PROFILE)
        for needed in ("host", "account"):
            if needed not in values:
                raise ConfigError(f"{self._path}: the profile {name} needs a line {needed} = …")
        return Profile(name, **values)

    def _values(
        self,
        place: str,
        table: dict[str, Any],
        checks: Mapping[str, Check],
        also: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        out = {}
        for key, value in table.items():
            where = f"{place}.{key}" if place else key
            if key not in checks:
                near = get_close_matches(key, [*checks, *also], n=1)
                hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(checks)}."
                raise ConfigError(f"{self._path}: {where} is no setting; {hint}")
            out[key] = self._value(where, value, checks[key])
        return out

    def _value(self, where: str, value: object, check: Check) -> Any:
        try:
            return check(value)
        except ValueError as error:
            self._refuse(where, str(error))

    def _table(self, place: str, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._refuse(place, f"a table: lines after [{place}]")
        return value

    def _refuse(self, where: str, allowed: str) -> NoReturn:
        raise ConfigError(f"{self._path}: {where} must be {allowed}.") from None
