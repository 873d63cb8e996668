"""One setting: what it is for, how it is read from text, checked, and described to people.

``securechat.config`` declares them all; this file knows none of them by name.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from securechat.errors import ConfigError

VARIABLE_PREFIX = "SECURECHAT_"
NO_LIMIT = "no limit"

_T = TypeVar("_T")


def declare(default: _T, about: str, **rule: Any) -> _T:
    """Declare a setting. ``rule`` is any of the fields of ``Setting`` after ``about``."""
    return field(default=default, metadata={"about": about, **rule})


@dataclass(frozen=True)
class Setting:
    """One row of the table: how a value is read from text, checked, and described."""

    name: str
    kind: Any
    default: Any
    about: str
    unit: str = ""
    minimum: int = 0
    maximum: int | None = None
    zero: str = NO_LIMIT
    choices: tuple[str, ...] = ()
    fits: Callable[[str], bool] | None = None
    wanted: str = "text"

    @property
    def variable(self) -> str:
        """The name of its environment variable."""
        return VARIABLE_PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """The name of its flag on a command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def several(self) -> bool:
        """Whether it holds any number of values."""
        return self.kind not in (int, float, str, Path)

    @property
    def metavar(self) -> str:
        """What stands for its value in a command line's help."""
        if self.choices:
            return "|".join(self.choices)
        return {int: "NUMBER", float: "NUMBER", Path: "PATH"}.get(self.kind, "TEXT")

    @property
    def help(self) -> str:
        """What it is for, its unit, and what 0 means."""
        notes = [self.unit] if self.unit else []
        if self.kind in (int, float) and self.maximum is None:
            notes.append(f"0: {self.zero}")
        return self.about + (f" [{'; '.join(notes)}]" if notes else "")

    @property
    def allowed(self) -> str:
        """What it may be, in words that follow "must be"."""
        if self.choices:
            return " or ".join(f'"{choice}"' for choice in self.choices)
        if self.kind in (int, float):
            noun = "a whole number" if self.kind is int else "a number"
            if self.maximum is None:
                return f"{noun}, {self.minimum} or more"
            return f"{noun} from {self.minimum} to {self.maximum}"
        return "a path" if self.kind is Path else self.wanted

    def check(self, value: object, where: str) -> Any:
        """Return the value in its type; raise ``ConfigError`` naming ``where`` it came from."""
        try:
            return self._typed(value)
        except (ValueError, OverflowError):
            raise ConfigError(f"{where} is {value!r}, but must be {self.allowed}.") from None

    def parse(self, text: str, where: str) -> Any:
        """Read the value from a variable or a flag; several are split at spaces and commas."""
        value: object = text
        if self.kind in (int, float):
            try:
                value = self.kind(text)
            except ValueError:
                value = text  # which ``check`` refuses, with the sentence it has for it
        elif self.several:
            value = text.replace(",", " ").split()
        return self.check(value, where)

    def _typed(self, value: object) -> Any:
        if self.kind in (int, float):
            return self._number(value)
        if self.kind is Path:
            return as_path(value)
        if self.kind is str:
            return self._text(value)
        if not isinstance(value, list | tuple):
            raise ValueError(value)  # noqa: TRY004 - ``check`` turns it into the one sentence
        return tuple(self._text(item) for item in value)

    def _number(self, value: object) -> int | float:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole and not (self.kind is float and isinstance(value, float)):
            raise ValueError(value)
        number: int | float = self.kind(value)
        if not self.minimum <= number < math.inf:
            raise ValueError(value)
        if self.maximum is not None and number > self.maximum:
            raise ValueError(value)
        return number

    def _text(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(value)  # noqa: TRY004 - what a file says, not a caller
        value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
        if self.choices and value not in self.choices:
            raise ValueError(value)
        if self.fits is not None and not self.fits(value):
            raise ValueError(value)
        return value


def as_path(value: object) -> Path:
    """Return a path with its ``~`` expanded; raise ``ValueError`` when it cannot be one."""
    if not isinstance(value, str | Path):
        raise ValueError(value)  # noqa: TRY004 - the caller says it in one sentence
    text = str(value)
    text.encode()
    if not text or "\0" in text:
        raise ValueError(value)
    # Neither a file nor a variable is expanded by a shell.
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path's raises where there is no home
