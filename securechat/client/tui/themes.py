"""Themes: what roles and surfaces look like, in as many colours as the terminal has.

A *role* says what a text is (``time``, ``nick.3``, ``link``), a *surface* what it lies on (``log``,
``panel``, ``selected``). A theme is a TOML file: ``kind`` (``dark`` or ``light``), a table
``colors`` with the names of :data:`INKS`, a table ``surfaces`` with those of :data:`SURFACES`,
``nicks`` (sixteen colours), and, where it wants, ``roles`` (a role and its ink) and ``fallback16``
and ``fallback256`` (a colour of text, and urwid's name for the one to show instead). All colours
are ``#rrggbb``; fallbacks that are not given are the nearest that can be read. With ``base``, the
name of a theme of ours, a file says only what it has otherwise.
"""

from __future__ import annotations

import re
import tomllib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

from securechat.client.tui.colors import (
    SIXTEEN,
    TWO_FIFTY_SIX,
    contrast,
    nearest16,
    nearest256,
    rgb,
)
from securechat.errors import UserError
from securechat.protocol.names import fold

TEXT_RATIO = 4.5
"""The contrast of what is read (WCAG 2.2, 1.4.3)."""
DIM_RATIO = 3.0
"""The contrast of what only accompanies: times, muted conversations."""
NICKS = 16
AUTO = "auto"
"""Not a theme, but the wish for the one that fits the terminal's background."""
TRUE_COLORS = 2**24

INKS = (
    "text", "soft", "dim", "line", "strong", "accent", "good", "warn", "bad", "code", "on_accent"
)  # fmt: skip
SURFACES = (
    "log", "panel", "header", "status", "input", "selected", "mention", "current", "popup",
    "popup.current", "banner", "banner.error", "chip", "chip.own", "badge", "code", "accent",
)  # fmt: skip


class Role(NamedTuple):
    """The ink of a role, its attributes in urwid's words, and a surface of its own if any."""

    ink: str
    attributes: str = ""
    surface: str = ""


ROLES: Mapping[str, Role] = {
    "text": Role("text"),
    "strong": Role("strong", "bold"),
    "soft": Role("soft"),
    "dim": Role("dim"),
    "faint": Role("line"),
    "border": Role("line"),
    "time": Role("dim"),
    "mark": Role("dim"),
    "edited": Role("dim", "italics"),
    "day": Role("soft", "bold"),
    "day.line": Role("line"),
    "unread": Role("accent", "bold"),
    "unread.line": Role("accent"),
    "bar": Role("accent"),
    "link": Role("accent", "underline"),
    "code": Role("code", "", "code"),
    "self": Role("accent", "bold"),
    "channel.link": Role("accent"),
    "nick.own": Role("strong", "bold"),
    "action": Role("text", "italics"),
    "notice": Role("soft", "italics"),
    "pending": Role("dim"),
    "failed": Role("bad"),
    "deleted": Role("dim", "italics"),
    "event": Role("dim"),
    "server": Role("soft"),
    "error": Role("bad", "bold"),
    "error.text": Role("bad"),
    "quote": Role("soft"),
    "quote.bar": Role("line"),
    "chip": Role("soft", "", "chip"),
    "chip.own": Role("strong", "bold", "chip.own"),
    "title": Role("strong", "bold"),
    "topic": Role("soft"),
    "accent": Role("accent"),
    "accent.strong": Role("accent", "bold"),
    "prompt": Role("accent", "bold"),
    "hint": Role("dim"),
    "match": Role("accent", "bold,underline"),
    "badge": Role("text", "", "badge"),
    "badge.mention": Role("on_accent", "bold", "accent"),
    "channel": Role("soft"),
    "channel.unread": Role("strong", "bold"),
    "channel.muted": Role("dim"),
    "heading": Role("dim", "bold"),
    "good": Role("good"),
    "warn": Role("warn"),
    "key": Role("text", "", "badge"),
    "banner": Role("strong", "bold"),
    "scroll": Role("on_accent", "bold", "accent"),
    **{f"nick.{n}": Role(f"nick.{n}", "bold") for n in range(NICKS)},
}
"""What texts there are. Roles whose ink is ``line`` draw lines, so nobody has to read them."""

# Without colours only these tell surfaces apart.
_MONO_SURFACES = {
    "selected": "standout", "current": "standout", "popup.current": "standout",
    "mention": "bold", "banner": "standout", "banner.error": "standout", "accent": "standout",
    "chip.own": "bold", "badge": "standout", "code": "underline",
}  # fmt: skip
# Among sixteen colours the nearest of every surface would be the same one.
_SIXTEEN_SURFACES = {
    True: {
        "selected": "dark blue", "current": "dark blue", "popup.current": "dark blue",
        "accent": "dark cyan", "banner": "brown", "banner.error": "dark red",
        "chip.own": "dark blue",
    },
    False: {
        "selected": "light gray", "current": "light gray", "popup.current": "light gray",
        "accent": "dark blue", "banner": "yellow", "banner.error": "dark red",
        "chip.own": "light gray",
    },
}  # fmt: skip
_MERGED = ("colors", "surfaces", "roles", "fallback16", "fallback256")
_TABLES = {"base", "kind", "nicks", *_MERGED}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)


class ThemeError(UserError):
    """A theme that is not there or cannot be used; the text is one sentence."""


@dataclass(frozen=True)
class Theme:
    """A theme that was checked: every ink and every surface is there."""

    name: str
    dark: bool
    inks: Mapping[str, str]
    surfaces: Mapping[str, str]
    roles: Mapping[str, Role] = field(default_factory=lambda: ROLES)
    fallback16: Mapping[str, str] = field(default_factory=dict)
    fallback256: Mapping[str, str] = field(default_factory=dict)

    def look(self, role: str, surface: str, colors: int) -> tuple[str, str]:
        """Return urwid's foreground and background for a role on a surface.

        ``colors`` is 1 (attributes only), 16, 256 or ``TRUE_COLORS``. Raises ``KeyError`` for a
        role or a surface that there is not.
        """
        how = self.roles[role]
        surface = how.surface or surface
        if colors < 16:
            attributes = [*how.attributes.split(","), _MONO_SURFACES.get(surface, "")]
            return ",".join(dict.fromkeys(one for one in attributes if one)) or "default", "default"
        ink, paper = self.inks[how.ink], self.surfaces[surface]
        if colors <= 256:
            ink, paper = self._fewer(ink, surface, _ratio(how.ink), colors)
        return ",".join(filter(None, (ink, how.attributes))), paper

    def _fewer(self, ink: str, surface: str, ratio: float, colors: int) -> tuple[str, str]:
        paper = self.surfaces[surface]
        if colors >= 256:
            values, given, nearest = TWO_FIFTY_SIX, self.fallback256, nearest256
        else:
            values, given, nearest = SIXTEEN, self.fallback16, nearest16
        background = nearest(rgb(paper)) if colors >= 256 else self._paper16(surface)
        return given.get(ink) or nearest(rgb(ink), values[background], ratio), background

    def _paper16(self, surface: str) -> str:
        plain = "black" if self.dark else "white"
        return _SIXTEEN_SURFACES[self.dark].get(surface, plain)

    def entries(self) -> list[tuple[str, str, str, str, str, str]]:
        """Return urwid's palette: ``role@surface``, then 16 colours, mono, and 24-bit ones."""
        rows = []
        for role, how in self.roles.items():
            for surface in [how.surface] if how.surface else self.surfaces:
                few, mono = self.look(role, surface, 16), self.look(role, surface, 1)
                many = self.look(role, surface, TRUE_COLORS)
                rows.append((f"{role}@{surface}", *few, mono[0], *many))
        return rows


def _ratio(ink: str) -> float:
    return {"line": 1.0, "dim": DIM_RATIO}.get(ink, TEXT_RATIO)


def nick_role(name: str) -> str:
    """Return the role of a person's name: the same on every device, in any case."""
    return f"nick.{zlib.crc32(fold(name).encode('utf-8', 'replace')) % NICKS}"


def nick_color(name: str, theme: Theme) -> str:
    """Return the colour of a person's name, as ``#rrggbb``."""
    return theme.inks[nick_role(name)]


def parse(name: str, text: str) -> Theme:
    """Return the theme that a file's text describes. Raises ``ThemeError``.

    Colours that could not be read are refused: the message names the two and their contrast.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ThemeError(f"The theme {name} is not TOML: {error}.") from None
    unknown = sorted(set(table) - _TABLES)
    if unknown:
        raise ThemeError(f"The theme {name} has {unknown[0]!r}, which no theme has.")
    if "base" in table:
        table = _on_base(name, table)
    if table.get("kind") not in {"dark", "light"}:
        raise ThemeError(f'The theme {name} must say kind = "dark" or kind = "light".')
    nicks = table.get("nicks")
    if not isinstance(nicks, list) or len(nicks) != NICKS:
        raise ThemeError(f"The theme {name} must have a list nicks of {NICKS} colours.")
    inks = _checked(name, "colors", INKS, table.get("colors"))
    inks |= _checked(
        name,
        "nicks",
        [f"nick.{n}" for n in range(NICKS)],
        {f"nick.{n}": color for n, color in enumerate(nicks)},
    )
    surfaces = _checked(name, "surfaces", SURFACES, table.get("surfaces"))
    theme = Theme(
        name,
        table["kind"] == "dark",
        inks,
        surfaces,
        _roles(name, inks, table.get("roles", {})),
        _fallback(name, "fallback16", SIXTEEN, table.get("fallback16", {})),
        _fallback(name, "fallback256", TWO_FIFTY_SIX, table.get("fallback256", {})),
    )
    for ink, surface, found, needed in unreadable(theme):
        raise ThemeError(
            f"In the theme {name} {ink} ({inks[ink]}) on {surface} ({surfaces[surface]}) has a "
            f"contrast of {found:.1f}, but needs {needed:g} to be read."
        )
    return theme


def _on_base(name: str, table: dict[str, Any]) -> dict[str, Any]:
    """Return what a theme says, with that of its base for whatever it leaves out."""
    base = table.pop("base")
    if base not in names():
        raise ThemeError(
            f"The theme {name} has the base {base!r}: it must be one of {', '.join(names())}."
        )
    whole = tomllib.loads(_ours(base).read_text(encoding="utf-8"))
    for key, value in table.items():
        both = key in _MERGED and isinstance(value, dict)
        whole[key] = {**whole.get(key, {}), **value} if both else value
    return whole


def unreadable(theme: Theme) -> list[tuple[str, str, float, float]]:
    """Return the inks and surfaces that meet and contrast too little: both, ratio, and least."""
    wrong: dict[tuple[str, str], tuple[float, float]] = {}
    for how in theme.roles.values():
        own = {"chip", "chip.own", "badge", "code", "accent"}
        for surface in [how.surface] if how.surface else set(theme.surfaces) - own:
            found = contrast(rgb(theme.inks[how.ink]), rgb(theme.surfaces[surface]))
            if found < _ratio(how.ink):
                wrong[how.ink, surface] = (found, _ratio(how.ink))
    return [(*pair, *ratios) for pair, ratios in sorted(wrong.items())]


def _checked(
    name: str, table: str, wanted: tuple[str, ...] | list[str], given: object
) -> dict[str, str]:
    if not isinstance(given, dict):
        raise ThemeError(f"The theme {name} must have a table {table}.")
    for key in [*wanted, *given]:
        if key not in given:
            raise ThemeError(f"The theme {name} lacks {key!r} in its table {table}.")
        if key not in wanted:
            raise ThemeError(f"The theme {name} has {key!r} in {table}, where no theme has it.")
        try:
            rgb(str(given[key]))
        except ValueError as error:
            raise ThemeError(f"In the theme {name}, {key} in {table}: {error}.") from None
    return {key: str(given[key]).lower() for key in wanted}


def _roles(name: str, inks: Mapping[str, str], given: object) -> dict[str, Role]:
    roles = dict(ROLES)
    for role, ink in given.items() if isinstance(given, dict) else ():
        if role not in roles or ink not in inks:
            raise ThemeError(f"In the theme {name}, roles: {role} = {ink!r} names nothing known.")
        roles[role] = roles[role]._replace(ink=ink)
    return roles


def _fallback(name: str, table: str, known: Mapping[str, object], given: object) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for color, other in given.items() if isinstance(given, dict) else ():
        if other not in known:
            raise ThemeError(f"In the theme {name}, {table}: {other!r} is no colour of urwid's.")
        chosen[color.lower()] = other
    return chosen


def names(folder: Path | None = None) -> list[str]:
    """Return the themes there are: ours, and those in a folder of the person's."""
    ours = [one.name for one in resources.files(__package__).joinpath("themes").iterdir()]
    try:
        theirs = [one.name for one in folder.iterdir()] if folder else []
    except OSError:
        theirs = []  # there is none, as for most people, or none that may be read
    stems = {one.removesuffix(".toml") for one in [*ours, *theirs] if one.endswith(".toml")}
    return sorted(one for one in stems if _NAME.fullmatch(one) and one != AUTO)


def _ours(name: str) -> Traversable:
    return resources.files(__package__).joinpath("themes", f"{name}.toml")


def load(name: str, folder: Path | None = None) -> Theme:
    """Return a theme by its name; one in the folder wins over ours.

    Raises ``ThemeError``, which names the file where it is one in the folder.
    """
    if not _NAME.fullmatch(name):
        raise ThemeError(f"{name!r} cannot be a theme's name: use letters a-z, digits, - and _.")
    theirs = folder / f"{name}.toml" if folder else None
    if theirs is not None and theirs.is_file():
        return _load_theirs(name, theirs)
    if _ours(name).is_file():
        return parse(name, _ours(name).read_text(encoding="utf-8"))
    raise ThemeError(f"There is no theme {name!r}: there are {AUTO}, {', '.join(names(folder))}.")


def _load_theirs(name: str, path: Path) -> Theme:
    try:
        return parse(name, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ThemeError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ThemeError(f"{path} is not text in UTF-8.") from None
    except ThemeError as error:
        raise ThemeError(f"{path}: {error}") from None
