"""How the full screen looks and behaves: what is set for it, and what ``/set`` changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any

from securechat.client.kept.settings import INTERFACE, MEMBER_LIST, Interface
from securechat.errors import UserError


@dataclass(frozen=True, slots=True)
class Options(Interface):
    """The interface's settings; ``keys`` maps actions to their keys."""

    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def options_of(interface: Interface, keys: Mapping[str, tuple[str, ...]]) -> Options:
    """Return the options that a settings file means: its interface and its keys."""
    return Options(
        **{one.name: getattr(interface, one.name) for one in fields(Interface)}, keys=keys
    )


_FLAGS = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
_WORDS = {"member_list": MEMBER_LIST, "theme": (), "time_format": ()}
_LISTS = ("highlights",)
_EMPTY = ("none", '""', "''")  # what makes a list empty

SETTINGS = tuple(
    one.name for one in fields(Options) if one.type == "bool" or one.name in (*_WORDS, *_LISTS)
)
"""What can be changed while the program runs."""


def shown(options: Options, name: str) -> str:
    """Return a setting as ``/set`` takes it. Raises ``UserError``."""
    _check_name(name)
    value = getattr(options, name)
    if isinstance(value, bool):
        return "on" if value else "off"
    if name in _LISTS:
        return " ".join(value) or _EMPTY[0]
    return str(value)


def _check_name(name: str) -> None:
    if name not in SETTINGS:
        near = get_close_matches(name, SETTINGS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(SETTINGS)}."
        raise UserError(f"There is no setting {name}: {hint}")


def _checked(name: str, value: str) -> object:
    try:
        return INTERFACE[name](value)
    except ValueError as error:
        raise UserError(f"{name} must be {error}.") from None


def changed(options: Options, name: str, value: str) -> Options:
    """Return the options with one of them set from text; ``none`` empties a list.

    Raises ``UserError``.
    """
    _check_name(name)
    values: dict[str, Any] = {}
    if name in _LISTS:
        values[name] = () if value in _EMPTY else tuple(value.split())
        return replace(options, **values)
    if name in _WORDS:
        allowed = _WORDS[name]
        if allowed and value not in allowed:
            raise UserError(f"{name} must be {' or '.join(allowed)}.")
        values[name] = _checked(name, value)
        return replace(options, **values)
    if value.lower() not in _FLAGS:
        raise UserError(f"{name} must be on or off.")
    values[name] = _FLAGS[value.lower()]
    return replace(options, **values)
