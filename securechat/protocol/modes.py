"""Channel modes: the table of them, MODE strings, and what a channel's settings are.

Pure. Modern IRC Client Protocol, "MODE message", "Modes" and the ISUPPORT parameters ``CHANMODES``,
``PREFIX``, ``EXCEPTS``, ``INVEX``, ``MODES`` and ``MAXLIST``. Masks are in ``banmasks.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from securechat.protocol.banmasks import same_mask

LIST_MAX = 100
"""How many masks one list holds (MAXLIST)."""

CHANGES_MAX = 12
"""How many changes with a parameter one MODE makes (MODES); a line has at most 15 parameters."""

KEY_BYTES_MAX = 32
LIMIT_MAX = 999_999_999


class Kind(Enum):
    """The types of modes; ``A`` to ``D`` as CHANMODES orders them."""

    LIST = "A"
    KEY = "B"
    LIMIT = "C"
    FLAG = "D"
    ROLE = "prefix"


@dataclass(frozen=True, slots=True)
class Mode:
    """A row: the letter, its type, and the least role that may change it."""

    letter: str
    kind: Kind
    role: str
    meaning: str


CHANNEL_MODES: tuple[Mode, ...] = (
    Mode("b", Kind.LIST, "h", "Ban: who matches may neither join nor speak."),
    Mode("e", Kind.LIST, "h", "Exception: who matches is not concerned by bans."),
    Mode("I", Kind.LIST, "h", "Invitation: who matches needs none where there is +i."),
    Mode("k", Kind.KEY, "o", "Key: a word that one has to know to join."),
    Mode("l", Kind.LIMIT, "o", "Limit: how many may be in the channel."),
    Mode("i", Kind.FLAG, "o", "Invitation only; the channel is hidden from who is not in it."),
    Mode("m", Kind.FLAG, "h", "Moderated: only who has a role may speak."),
    Mode("n", Kind.FLAG, "o", "No messages from who is not in the channel."),
    Mode("s", Kind.FLAG, "o", "Secret: the channel is hidden from who is not in it."),
    Mode("t", Kind.FLAG, "h", "The topic is set by operators and half-operators alone."),
    Mode("o", Kind.ROLE, "o", "Operator."),
    Mode("h", Kind.ROLE, "o", "Half-operator."),
    Mode("v", Kind.ROLE, "h", "Voice: may speak where there is +m or a ban."),
)

BY_LETTER: Mapping[str, Mode] = {mode.letter: mode for mode in CHANNEL_MODES}

# The roles, the highest first: the mode's letter, and its sign before a name.
PREFIXES = {"o": "@", "h": "%", "v": "+"}

USER_MODES = {"B": "bot", "i": "invisible", "w": "wallops"}
"""What users set of themselves. ``o``, for administrators, only shows."""


def letters(*kinds: Kind) -> str:
    """Return the letters of the modes of these types, in the table's order."""
    return "".join(mode.letter for mode in CHANNEL_MODES if mode.kind in kinds)


def chanmodes() -> str:
    """Return the value of CHANMODES: the letters of the four types."""
    return ",".join(letters(kind) for kind in (Kind.LIST, Kind.KEY, Kind.LIMIT, Kind.FLAG))


@dataclass(frozen=True, slots=True)
class ModeChange:
    """One change: ``+b mask``; a ``param`` of ``None`` means that there is none."""

    adding: bool
    letter: str
    param: str | None = None

    @property
    def kind(self) -> Kind:
        """The mode's type."""
        return BY_LETTER[self.letter].kind


def parse_changes(words: Sequence[str]) -> tuple[list[ModeChange], list[str]]:
    """Read a mode string and its parameters; return the changes and the unknown letters.

    A list's letter without a parameter asks for the list. Parameters left over are ignored.
    """
    changes: list[ModeChange] = []
    unknown: dict[str, None] = {}
    params = iter(words[1:])
    adding = True
    for letter in words[0] if words else "":
        mode = BY_LETTER.get(letter)
        if letter in "+-":
            adding = letter == "+"
        elif mode is None:
            unknown[letter] = None
        else:
            bare = mode.kind is Kind.FLAG or (mode.kind is Kind.LIMIT and not adding)
            changes.append(ModeChange(adding, letter, None if bare else next(params, None)))
    return changes, list(unknown)


def format_changes(changes: Iterable[ModeChange], room: int) -> list[str]:
    """Write changes as mode strings with their parameters, in as few of ``room`` bytes as fit."""
    lines: list[str] = []
    signs, params, sign, size = "", "", "", 0
    count = 0
    for change in changes:
        mark = "+" if change.adding else "-"
        param = "" if change.param is None else f" {change.param}"
        cost = len(param.encode()) + 2
        if signs and (size + cost > room or (param and count == CHANGES_MAX)):
            lines.append(signs + params)
            signs, params, sign, size, count = "", "", "", 0, 0
        signs += change.letter if mark == sign else mark + change.letter
        params += param
        sign, size, count = mark, size + cost, count + bool(param)
    if signs:
        lines.append(signs + params)
    return lines


@dataclass(frozen=True, slots=True)
class Listed:
    """A mask in a list: who put it there, when, and until when it holds (0: until removed)."""

    mask: str
    by: str
    time_ms: int
    until_ms: int = 0

    def holds(self, now_ms: int) -> bool:
        """Tell whether it is to be looked at: its time is not over."""
        return not 0 < self.until_ms <= now_ms


@dataclass(frozen=True, slots=True)
class ChannelModes:
    """A channel's settings: flags, key (or empty), limit (or 0), and the lists by letter."""

    flags: frozenset[str] = frozenset("n")
    key: str = ""
    limit: int = 0
    lists: Mapping[str, tuple[Listed, ...]] = field(default_factory=dict)

    @property
    def hidden(self) -> bool:
        """Whether only those who are in the channel may know of it."""
        return not self.flags.isdisjoint("is")

    def listed(self, letter: str) -> tuple[Listed, ...]:
        """Return a list's entries, the oldest first."""
        return self.lists.get(letter, ())

    def entry(self, letter: str, mask: str) -> Listed | None:
        """Return the entry of a list that means the same as a mask."""
        return next((item for item in self.listed(letter) if same_mask(item.mask, mask)), None)

    def expired(self, now_ms: int) -> list[ModeChange]:
        """Return the changes that remove the entries whose time is over."""
        return [
            ModeChange(False, letter, item.mask)
            for letter, items in self.lists.items()
            for item in items
            if not item.holds(now_ms)
        ]

    def changed(
        self, change: ModeChange, by: str, time_ms: int, *, until_ms: int = 0
    ) -> ChannelModes:
        """Return the settings after a change that is well-formed and no role's."""
        letter, param, adding = change.letter, change.param or "", change.adding
        match change.kind:
            case Kind.KEY:
                return replace(self, key=param if adding else "")
            case Kind.LIMIT:
                return replace(self, limit=int(param) if adding else 0)
            case Kind.LIST:
                kept = tuple(
                    item for item in self.listed(letter) if not same_mask(item.mask, param)
                )
                if adding:
                    kept = (*kept, Listed(param, by, time_ms, until_ms))
                return replace(self, lists={**self.lists, letter: kept})
            case _:
                return replace(
                    self, flags=self.flags | {letter} if adding else self.flags - {letter}
                )

    def words(self, *, key_shown: bool) -> list[str]:
        """Return what RPL_CHANNELMODEIS tells: letters, then key and limit."""
        signs = sorted(self.flags) + ["k"] * bool(self.key) + ["l"] * bool(self.limit)
        params = [self.key if key_shown else "*"] * bool(self.key)
        params += [str(self.limit)] * bool(self.limit)
        return ["+" + "".join(signs), *params]

    def to_value(self) -> dict[str, object]:
        """Return what a record keeps."""
        return {
            "flags": "".join(sorted(self.flags)),
            "key": self.key,
            "limit": self.limit,
            "lists": {
                letter: [[item.mask, item.by, item.time_ms, item.until_ms] for item in items]
                for letter, items in self.lists.items()
            },
        }

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> ChannelModes:
        """Return the settings that a record describes."""
        lists = {
            letter: tuple(Listed(*item) for item in items)
            for letter, items in value["lists"].items()
        }
        return cls(frozenset(value["flags"]), value["key"], value["limit"], lists)


NEW_CHANNEL = ChannelModes(frozenset("nt"))
"""What a channel starts with: no messages from outside, and the topic is the operators'."""
