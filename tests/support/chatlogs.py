"""What a person saw in an IRC client, told step by step as a text that is checked in.

The lines come from the logs that a client writes, one for each of its windows: they have every line
once, in order and whole, where a screen wraps and scrolls them. Two kinds of lines are told: those
of a window's log, all of them, and single lines of the screen that matter.
"""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import trio
from support.screens import LOOK_SECONDS, Screen
from support.system import PATIENCE_SECONDS

REWRITE = "REWRITE_TRANSCRIPTS"
"""The environment variable that has transcripts written anew instead of compared."""

Logs = Callable[[str], Iterable[Path]]
Tidy = Callable[[str], str]


class Transcript:
    """What one person typed and saw.

    ``logs`` gives the files that hold a window's log, oldest first, as far as they exist. ``tidy``
    replaces what differs from run to run, as the time. Where it leaves nothing of a line, that is
    no chat.
    """

    def __init__(self, program: str, logs: Logs, tidy: Tidy) -> None:
        self._logs = logs
        self._tidy = tidy
        self._told: Counter[str] = Counter()
        self._text = [program]

    def step(self, title: str) -> None:
        """Begin a section."""
        self._text += ["", f"== {title}"]

    async def types(self, screen: Screen, line: str) -> None:
        """Type a line."""
        self._text.append(f"{'types':>8} | {line}")
        await screen.type(line)

    async def sees(self, window: str, *patterns: str) -> None:
        """Wait until new lines of the window match all of these; tell its new lines up to then."""
        new: list[str] = []
        with trio.move_on_after(PATIENCE_SECONDS):
            while True:
                new = self._lines(window)[self._told[window] :]
                if all(found := [_first(pattern, new) for pattern in patterns]):
                    count = max(found)
                    self._told[window] += count
                    self._text += [f"{window:>8} | {line}" for line in new[:count]]
                    return
                await trio.sleep(LOOK_SECONDS)
        missing = [pattern for pattern in patterns if not _first(pattern, new)]
        raise AssertionError(f"{window} lacks {missing}, after\n{self.text}it has {new}")

    async def notices(self, screen: Screen, pattern: str) -> None:
        """Wait until the screen shows this, and tell it alone."""
        found = re.search(pattern, await screen.wait_for_text(pattern), re.MULTILINE)
        assert found
        self._text.append(f"{'screen':>8} | {found[0]}")

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._text)

    def compare(self, file: Path) -> None:
        """Fail with the differences from the file, unless that tells of another release.

        Each release words things as it likes, so only what was waited for is checked there.
        """
        if os.environ.get(REWRITE):
            file.write_text(self.text, encoding="utf-8")
            return
        kept = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        if kept and kept[0] != self._text[0]:
            return
        differences = list(difflib.unified_diff(kept, self._text, file.name, "now", lineterm=""))
        advice = f"If this is right, run the test again with {REWRITE}=1."
        assert not differences, "\n".join([*differences, advice])

    def _lines(self, window: str) -> list[str]:
        text = "".join(file.read_text(encoding="utf-8") for file in self._logs(window))
        whole = text[: text.rfind("\n") + 1]
        return [tidied for line in whole.splitlines() if (tidied := self._tidy(line))]


def _first(pattern: str, lines: Sequence[str]) -> int:
    """Return the number of the first line that matches, counted from 1, or 0."""
    return next((number for number, line in enumerate(lines, 1) if re.search(pattern, line)), 0)
