"""What the word at the cursor may become: names, channels, commands, emoji. Pure.

:func:`complete` finds the candidates, :class:`Cycle` goes through them with Tab and Shift-Tab.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from securechat.client.commandtable import NAMES, ROWS
from securechat.client.tui import emojis
from securechat.client.tui.slash import kind_at, usage
from securechat.protocol.names import fold

CANDIDATES_MAX = 50
EMOJI_LETTERS_MIN = 2


class Candidate(NamedTuple):
    """A row of the pop-up: what is shown, what is put into the text, and a hint beside it."""

    shown: str
    insert: str
    hint: str = ""


@dataclass(frozen=True)
class Sources:
    """What there is to complete with.

    ``nicks`` returns names, those who spoke last first; it is asked only where names fit.
    """

    nicks: Callable[[], Sequence[str]] = tuple
    channels: Sequence[str] = ()
    themes: Sequence[str] = ()
    settings: Sequence[str] = ()


class Completion(NamedTuple):
    """What may stand in the place of ``text[start:end]`` (code points), the likeliest first.

    ``eager``: the pop-up may open by itself, without Tab.
    """

    start: int
    end: int
    candidates: tuple[Candidate, ...]
    eager: bool = False


def complete(text: str, cursor: int, sources: Sources, *, asked: bool = True) -> Completion | None:
    """Return what the word before the cursor may become; ``None`` where there is nothing.

    Without ``asked``, as after every key, nothing is looked for that only Tab would show.
    """
    before = text[:cursor]
    kind = kind_at(before)
    start = max(before.rfind(one) for one in " \n") + 1
    word = before[start:]
    if kind == "command" and start == 0:
        return _made(start, cursor, _commands(word), eager=True)
    if kind == "command":
        return _made(
            start,
            cursor,
            [
                one._replace(insert=one.shown + " ")
                for one in _commands("/" + word.removeprefix("/"))
            ],
        )
    named = {
        "theme": sources.themes,
        "onoff": ("on", "off"),
        "setting": sources.settings,
    }.get(kind or "")
    if named is not None:
        return _made(start, cursor, _plain(word, named))
    if kind == "channel":
        return _made(start, cursor, _channels(word, sources))
    if kind in {"nick", "target"} and not word.startswith("#"):
        return _made(start, cursor, _nicks(word, sources, " "))
    if kind == "emoji" and not word.startswith(":"):
        return _made(start, cursor, _emoji(word))
    return _in_text(before, start, word, sources, asked=asked)


def _in_text(
    before: str, start: int, word: str, sources: Sources, *, asked: bool
) -> Completion | None:
    cursor = len(before)
    opening = len(word) - len(word.lstrip("(['\""))
    start, word = start + opening, word[opening:]
    if word.startswith("#"):
        return _made(start, cursor, _channels(word, sources), eager=len(word) > 1)
    colon = word.rfind(":")
    if colon >= 0 and not word[:colon].isascii():
        start, word = start + colon, word[colon:]  # right after another emoji
    if word.startswith(":"):
        letters = word[1:]
        eager = len(letters) >= EMOJI_LETTERS_MIN
        return _made(start, cursor, _emoji(letters), eager=eager) if letters else None
    if not word.removeprefix("@"):
        return None
    # The sign of a mention is kept, and at the beginning of a text one is spoken to.
    at = "@" if word.startswith("@") else ""
    if not (asked or at):
        return None
    after = ": " if start == 0 and not at else " "
    found = _nicks(word[len(at) :], sources, after)
    return _made(start + len(at), cursor, found, eager=bool(at))


def _made(
    start: int, end: int, candidates: Sequence[Candidate], *, eager: bool = False
) -> Completion | None:
    if not candidates:
        return None
    return Completion(start, end, tuple(candidates[:CANDIDATES_MAX]), eager)


def _commands(word: str) -> list[Candidate]:
    wanted = word.removeprefix("/").lower()
    names = [name for name in ROWS if name.startswith(wanted)]
    if not names and wanted:
        names = list(dict.fromkeys(NAMES[one] for one in NAMES if one.startswith(wanted)))
    return [
        Candidate(
            f"/{name}",
            f"/{name}{' ' if ROWS[name].kinds else ''}",
            f"{usage(name).partition(' ')[2]}  {ROWS[name].help}".strip(),
        )
        for name in names
    ]


def _plain(word: str, names: Sequence[str]) -> list[Candidate]:
    return [Candidate(name, name + " ") for name in names if fold(name).startswith(fold(word))]


def _channels(word: str, sources: Sources) -> list[Candidate]:
    wanted = fold(word.removeprefix("#"))
    first = [one for one in sources.channels if fold(one)[1:].startswith(wanted)]
    within = [one for one in sources.channels if wanted in fold(one)[1:] and one not in first]
    return [Candidate(one, one + " ") for one in (*first, *within)]


def _nicks(word: str, sources: Sources, after: str) -> list[Candidate]:
    wanted = fold(word)
    return [Candidate(one, one + after) for one in sources.nicks() if fold(one).startswith(wanted)]


def _emoji(letters: str) -> list[Candidate]:
    return [
        Candidate(f"{sign} :{name}:", sign + " ")
        for name, sign in emojis.search(letters, CANDIDATES_MAX)
    ]


@dataclass
class Cycle:
    """Going through the candidates of one completion; typing anything ends it.

    The first Tab completes what all candidates begin with, if that is more than what was typed;
    then each Tab shows the next candidate, Shift-Tab the one before.
    """

    text: str
    completion: Completion
    chosen: int | None = None
    _shared: bool = field(default=False, repr=False)

    def forward(self) -> tuple[str, int]:
        """Return the text and the cursor after a Tab."""
        candidates = self.completion.candidates
        if self.chosen is None and len(candidates) > 1 and not self._shared:
            self._shared = True
            typed = self.text[self.completion.start : self.completion.end]
            shared = _shared_beginning([one.insert for one in candidates])
            if len(shared) > len(typed) and fold(shared).startswith(fold(typed)):
                return self._with(shared)
        return self._step(1)

    def backward(self) -> tuple[str, int]:
        """Return the text and the cursor after a Shift-Tab."""
        return self._step(-1)

    def take(self, which: int) -> tuple[str, int]:
        """Return the text and the cursor with a candidate by its number in the pop-up."""
        self.chosen = which
        return self._with(self.completion.candidates[which].insert)

    def _step(self, by: int) -> tuple[str, int]:
        if self.chosen is None:
            return self.take(0 if by > 0 else len(self.completion.candidates) - 1)
        return self.take((self.chosen + by) % len(self.completion.candidates))

    def _with(self, insert: str) -> tuple[str, int]:
        start, end = self.completion.start, self.completion.end
        rest = self.text[end:]
        if insert.endswith(" ") and rest.startswith(" "):
            rest = rest[1:]
        return self.text[:start] + insert + rest, start + len(insert)


def _shared_beginning(words: list[str]) -> str:
    first = words[0]
    for length in range(len(first), 0, -1):
        if all(fold(one).startswith(fold(first[:length])) for one in words):
            return first[:length]
    return ""
