"""Terminals for programs that need one: tmux runs them, types for us and shows the screen as text.

The programs are foreign and tell nobody what they are doing, so a screen is looked at again and
again. Every wait for one has a deadline and fails with the screen as it was last.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from support.system import PATIENCE_SECONDS

LOOK_SECONDS = 0.05
COLUMNS, ROWS = 120, 50


class _Tmux:
    """A tmux of our own: no configuration, and a socket that nobody else uses."""

    def __init__(self, socket: str) -> None:
        self._start = ("tmux", "-u", "-f", "/dev/null", "-S", socket)

    async def __call__(self, *words: str, env: dict[str, str] | None = None) -> str:
        done = await trio.run_process([*self._start, *words], capture_stdout=True, env=env)
        return done.stdout.decode()

    async def is_up(self) -> bool:
        done = await trio.run_process(
            [*self._start, "has-session"], check=False, capture_stderr=True, capture_stdout=True
        )
        return done.returncode == 0


class Screen:
    """The screen and the keyboard of one program."""

    def __init__(self, tmux: _Tmux) -> None:
        self._tmux = tmux

    async def write(self, text: str) -> None:
        """Type text and leave the cursor after it."""
        await self._tmux("send-keys", "-l", "--", text)

    async def type(self, *lines: str) -> None:
        """Type lines, each with the Enter key after it."""
        for line in lines:
            await self.write(line)
            await self.press("Enter")

    async def press(self, *keys: str) -> None:
        """Press keys by the names that tmux gives them, as ``C-c`` and ``M-1``."""
        await self._tmux("send-keys", *keys)

    async def wait_for_text(self, *patterns: str) -> str:
        """Wait until all of these regular expressions are on the screen at once; return it."""
        text = ""
        with trio.move_on_after(PATIENCE_SECONDS):
            while True:
                text = await self._tmux("capture-pane", "-p")
                if all(re.search(pattern, text, re.MULTILINE) for pattern in patterns):
                    return text
                await trio.sleep(LOOK_SECONDS)
        missing = [item for item in patterns if not re.search(item, text, re.MULTILINE)]
        raise AssertionError(f"the screen lacks {missing}:\n{text.rstrip()}")

    async def ended(self) -> None:
        """Wait until the program has ended by itself, which ends its tmux too."""
        with trio.fail_after(PATIENCE_SECONDS):
            while await self._tmux.is_up():  # noqa: ASYNC110 - another process: no event
                await trio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def on_a_screen(home: Path, *command: str | Path) -> AsyncIterator[Screen]:
    """Run a program on a screen of its own for the length of the block, with ``home`` as HOME."""
    environment = {key: os.environ[key] for key in ("PATH", "TMPDIR") if key in os.environ}
    environment |= {"HOME": str(home), "LANG": "C.UTF-8", "TZ": "UTC", "TERM": "xterm-256color"}
    size = ("-x", str(COLUMNS), "-y", str(ROWS))
    # Apart from ``home``, whose name is long: a socket's has at most 107 bytes (unix(7)).
    with tempfile.TemporaryDirectory() as folder:
        tmux = _Tmux(f"{folder}/tmux")
        try:
            line = shlex.join(map(str, command))
            await tmux("new-session", "-d", *size, line, env=environment)
            yield Screen(tmux)
        finally:
            with trio.CancelScope(shield=True), trio.move_on_after(PATIENCE_SECONDS):
                if await tmux.is_up():
                    await tmux("kill-server")
