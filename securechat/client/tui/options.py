"""How the full screen looks and behaves: what is set for it, and what ``/set`` changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol

from securechat.errors import UserError


@dataclass(frozen=True, slots=True)
class Options:
    """The interface's settings.

    ``time_format`` is one of ``strftime``; ``member_list`` is ``auto``, ``always`` or ``never``.
    ``mute`` are conversations that never notify, ``highlights`` words that do, beside the own
    name. ``keys`` maps actions to their keys.
    """

    theme: str = "auto"
    notifications: bool = True
    bell: bool = True
    typing: bool = True
    mouse: bool = True
    time_format: str = "%H:%M"
    member_list: str = "auto"
    colors: str = "auto"
    mute: tuple[str, ...] = ()
    highlights: tuple[str, ...] = ()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Interface(Protocol):
    """The table ``interface`` of the settings file, as whoever reads it holds it."""

    @property
    def theme(self) -> str: ...
    @property
    def notifications(self) -> bool: ...
    @property
    def bell(self) -> bool: ...
    @property
    def typing(self) -> bool: ...
    @property
    def mouse(self) -> bool: ...
    @property
    def time_format(self) -> str: ...
    @property
    def member_list(self) -> str: ...
    @property
    def colors(self) -> str: ...
    @property
    def mute(self) -> tuple[str, ...]: ...
    @property
    def highlights(self) -> tuple[str, ...]: ...


def options_of(interface: Interface, keys: Mapping[str, tuple[str, ...]]) -> Options:
    """Return the options that a settings file means: its interface and its keys."""
    names = [one.name for one in fields(Options) if one.name != "keys"]
    return Options(**{name: getattr(interface, name) for name in names}, keys=keys)


_FLAGS = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
_WORDS = {"member_list": ("auto", "always", "never"), "theme": (), "time_format": ()}
_LISTS = ("highlights",)

SETTINGS = tuple(
    one.name for one in fields(Options) if one.type == "bool" or one.name in (*_WORDS, *_LISTS)
)
"""What can be changed while the program runs."""


def changed(options: Options, name: str, value: str) -> Options:
    """Return the options with one of them set from text. Raises ``UserError``."""
    if name not in SETTINGS:
        raise UserError(f"There is no setting {name!r}; there are {', '.join(SETTINGS)}.")
    values: dict[str, Any] = {}
    if name in _LISTS:
        values[name] = tuple(value.split())
        return replace(options, **values)
    if name in _WORDS:
        allowed = _WORDS[name]
        if allowed and value not in allowed:
            raise UserError(f"{name} must be {' or '.join(allowed)}.")
        values[name] = value
        return replace(options, **values)
    if value.lower() not in _FLAGS:
        raise UserError(f"{name} must be on or off.")
    values[name] = _FLAGS[value.lower()]
    return replace(options, **values)
