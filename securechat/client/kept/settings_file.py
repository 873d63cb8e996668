"""Changing ``client.toml``: profiles remembered and forgotten, and what the interface saves.

Whatever a person wrote there (comments, order, spacing) stays. The file is read anew under a lock
before each change, so that two clients do not undo each other's, and a file that does not hold
together is left alone: the sentence of :func:`~securechat.client.kept.settings.load_settings` says
why.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomlkit

from securechat.addresses import DEFAULT_PORT
from securechat.client.files import changing, read_text, settings_path, write_text
from securechat.client.kept.settings import Profile, Settings, document_of, settings_of
from securechat.errors import ConfigError

_NAME_MAX = 64


def check_profile_name(name: str) -> str:
    """Return the name of a profile. Raises ``ConfigError`` for what cannot be one."""
    if not name or len(name) > _NAME_MAX or not all(one.isalnum() or one in "-_." for one in name):
        raise ConfigError(
            f"{name!r} cannot be a profile's name: it has letters, digits, - . and _, "
            f"and at most {_NAME_MAX} of them."
        )
    return name


def suggest_name(settings: Settings, host: str) -> str:
    """Return a free name for a profile of this host: its first label, with a number if need be."""
    first = host.partition(".")[0]
    usable = first.isalnum() and not first.isdigit() and len(first) <= _NAME_MAX
    base = first if usable else "home"
    name, number = base, 1
    while name in settings.profiles:
        number += 1
        name = f"{base}{number}"
    return name


def remember_profile(profile: Profile, *, path: Path | None = None, default: bool = False) -> None:
    """Write a profile down, over one of the same name; the first one becomes the default.

    Raises ``ConfigError`` for a name that cannot be one, and as ``load_settings`` does.
    """
    check_profile_name(profile.name)

    def change(document: tomlkit.TOMLDocument) -> None:
        profiles = _table(document, "profiles", is_super=True)
        table = profiles.get(profile.name)
        if table is None:
            table = tomlkit.table()
            profiles[profile.name] = table
        values: dict[str, Any] = {
            "host": profile.host,
            "port": None if profile.port == DEFAULT_PORT else profile.port,
            "account": profile.account,
            "ca": None if profile.ca is None else str(profile.ca),
            "channels": list(profile.channels) or None,
        }
        for key, value in values.items():
            if value is not None:
                table[key] = value
            else:
                table.pop(key, None)
        if default or "default_profile" not in document:
            document["default_profile"] = profile.name

    _change(path, change)


def forget_profile(name: str, *, path: Path | None = None) -> bool:
    """Remove a profile; return whether there was one. Raises as ``load_settings`` does."""
    found = False

    def change(document: tomlkit.TOMLDocument) -> None:
        nonlocal found
        profiles: Any = document.get("profiles", {})
        found = profiles.pop(name, None) is not None
        if document.get("default_profile") == name:
            del document["default_profile"]

    _change(path, change)
    return found


def save_interface(*, path: Path | None = None, **values: bool | str | tuple[str, ...]) -> None:
    """Write values of ``[interface]`` down, by the names of ``Interface``.

    Raises ``ConfigError`` for one that is not allowed, and as ``load_settings`` does.
    """

    def change(document: tomlkit.TOMLDocument) -> None:
        table = _table(document, "interface")
        for key, value in values.items():
            table[key] = list(value) if isinstance(value, tuple) else value

    _change(path, change)


def _change(path: Path | None, change: Callable[[tomlkit.TOMLDocument], None]) -> None:
    """Read, change, check and write; a change that breaks a rule is not written."""
    path = path or settings_path()
    with changing(path):
        before = read_text(path)
        settings_of(path, before)  # nothing is added to a file that the next start would refuse
        document = document_of(path, before)
        change(document)
        after = document.as_string()
        settings_of(path, after)
        if after != before:
            write_text(path, after, keep_mode=True)


def _table(document: tomlkit.TOMLDocument, name: str, *, is_super: bool = False) -> Any:
    """Return a table of the document, made where there is none; a super table has no heading."""
    if name not in document:
        document[name] = tomlkit.table(is_super_table=is_super)
    return document[name]
