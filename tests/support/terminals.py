"""Terminals for our own programs: a pty, and pyte, which keeps what a person would see.

Unlike :mod:`support.screens`, which asks tmux, this one sees every byte: what is drawn with which
colours, what the terminal is set to, and whether anything reached it raw. Waiting for the screen is
waiting for the next bytes, never for the clock.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pyte
import trio
from support.system import PATIENCE_SECONDS

# Makes standard input the terminal that controls a new session, as a login does (setsid(2)).
_LOG_IN = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
_READ_BYTES = 65_536
# Private sequences (ECMA-48 5.4.1) about the keyboard, which pyte takes for others.
_PRIVATE = re.compile(rb"\x1b\[(?:[<=>][0-9;]*[@-~]|\?[0-9;]*[um])")
_PRIVATE_BEGUN = re.compile(rb"\x1b(\[([<=>?][0-9;]*)?)?$")
# Kitty, "Comprehensive keyboard handling in terminals".
_KEYBOARD_QUERY, _KEYBOARD_PLAIN = b"\x1b[?u", b"\x1b[?0u"
KEYS = {
    "enter": "\r",
    "tab": "\t",
    "shift tab": "\x1b[Z",
    "esc": "\x1b",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "page up": "\x1b[5~",
    "page down": "\x1b[6~",
    "delete": "\x1b[3~",
    "f1": "\x1bOP",
    "ctrl up": "\x1b[1;5A",
    "ctrl down": "\x1b[1;5B",
}
"""What xterm sends for the keys that are no character; ``ctrl x`` and ``meta x`` need no row."""


class _Screen(pyte.Screen):
    """A screen that answers what programs ask of a terminal."""

    def __init__(self, columns: int, rows: int, keyboard: int) -> None:
        self._keyboard = keyboard
        super().__init__(columns, rows)

    def write_process_input(self, data: str) -> None:
        os.write(self._keyboard, data.encode())


Modes = list[int | list[bytes | int]]


class Terminal:
    """One program on one terminal; ``raw`` is every byte that it wrote."""

    def __init__(
        self, ends: tuple[int, int], columns: int, rows: int, *, extended: bool = False
    ) -> None:
        self._keyboard, self._program = ends
        self.screen = _Screen(columns, rows, self._keyboard)
        self._stream = pyte.ByteStream(self.screen)
        self._unread = b""
        self._extended = extended
        self._fed = trio.lowlevel.ParkingLot()
        self.raw = bytearray()
        self.modes_before: Modes = termios.tcgetattr(self._program)
        self.process: trio.Process
        self._set_size(columns, rows)

    # --- looking -------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """What is on the screen, line by line, without the spaces at the lines' ends."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    async def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something on the screen is so."""
        with trio.move_on_after(PATIENCE_SECONDS):
            while not condition():
                await self._fed.park()
            return
        raise AssertionError(f"the screen never showed {what}:\n{self.text}")

    async def wait_for(self, *patterns: str) -> str:
        """Wait until all of these regular expressions are on the screen at once; return it."""

        def there() -> bool:
            return all(re.search(one, self.text, re.MULTILINE) for one in patterns)

        await self.wait_until(there, repr(patterns))
        return self.text

    async def wait_gone(self, pattern: str) -> None:
        """Wait until this regular expression is nowhere on the screen."""
        await self.wait_until(
            lambda: not re.search(pattern, self.text, re.MULTILINE), f"{pattern!r} gone"
        )

    def modes(self) -> Modes:
        """Return how the terminal is set, as ``termios.tcgetattr`` does."""
        return termios.tcgetattr(self._program)

    # --- typing --------------------------------------------------------------------------------

    async def write(self, text: str | bytes) -> None:
        """Type text, or send raw bytes."""
        data = text.encode() if isinstance(text, str) else text
        with trio.fail_after(PATIENCE_SECONDS):
            while data:
                await trio.lowlevel.wait_writable(self._keyboard)
                data = data[os.write(self._keyboard, data[:1024]) :]

    async def press(self, *keys: str) -> None:
        """Press keys by urwid's names for them: ``enter``, ``page up``, ``ctrl k``, ``meta a``."""
        for key in keys:
            prefix, _, last = key.rpartition(" ")
            if key in KEYS:
                await self.write(KEYS[key])
            elif prefix == "ctrl":
                await self.write(chr(ord(last.upper()) ^ 0x40))
            elif prefix == "meta":
                await self.write("\x1b" + KEYS.get(last, last))
            else:
                await self.write(key)

    async def paste(self, text: str) -> None:
        """Paste as a terminal with bracketed paste does."""
        await self.write(f"\x1b[200~{text}\x1b[201~")

    def resize(self, columns: int, rows: int) -> None:
        """Change the window's size; the kernel tells the program by SIGWINCH."""
        self.screen.resize(rows, columns)
        self._set_size(columns, rows)

    # --- the program ---------------------------------------------------------------------------

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait for the program's end and return its exit status."""
        with trio.fail_after(PATIENCE_SECONDS):
            return await self.process.wait()

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._program, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    async def read(self) -> None:
        """Feed the screen with what the program writes, until cancelled."""
        while True:
            await trio.lowlevel.wait_readable(self._keyboard)
            data = os.read(self._keyboard, _READ_BYTES)
            self.raw += data
            if self._extended and _KEYBOARD_QUERY in data:
                os.write(self._keyboard, _KEYBOARD_PLAIN)
            self._feed(data)
            self._fed.unpark_all()

    def _feed(self, data: bytes) -> None:
        data = _PRIVATE.sub(b"", self._unread + data)
        broken = _PRIVATE_BEGUN.search(data)
        end = broken.start() if broken else len(data)
        self._unread = data[end:]
        self._stream.feed(data[:end])


@asynccontextmanager
async def on_a_terminal(
    *command: str | Path,
    columns: int = 80,
    rows: int = 24,
    environment: Mapping[str, str] = {},
    folder: Path | None = None,
    extended: bool = False,
) -> AsyncIterator[Terminal]:
    """Run a program on a terminal of its own for the length of the block.

    With ``extended`` the terminal says that it has kitty's keyboard protocol.
    It gets PATH, a terminal type with 24-bit colours, UTC and ``environment``, and no more.
    """
    inherited = {key: os.environ[key] for key in ("PATH", "TMPDIR") if key in os.environ}
    kind = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "TZ": "UTC"}
    ends = pty.openpty()
    terminal = Terminal(ends, columns, rows, extended=extended)
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", _LOG_IN, *map(str, command)],
        stdin=ends[1],
        stdout=ends[1],
        stderr=ends[1],
        env={**inherited, **kind, **environment},
        cwd=folder,
    )
    terminal.process = process
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminal.read)
            yield terminal
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
        for end in ends:
            os.close(end)
