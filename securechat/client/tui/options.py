"""How the full screen looks and behaves: what is set for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Options:
    """The interface's settings.

    ``time_format`` is one of ``strftime``. ``mute`` are conversations that never notify,
    ``highlights`` words that do, beside the own name. ``keys`` maps actions to their keys.
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
