"""The terminal: which colours it has, what is switched on there, and that all of it is undone.

urwid's screen does the work. What it asks the terminal for is forced here, because a terminal
multiplexer may not answer: pasted text comes as such, and the terminal says when it has the focus,
and when its colours become dark or light.
Ctrl-C comes as a key. Ctrl-Z stays with the terminal: urwid restores it before the process stops.
"""

from __future__ import annotations

import os
import re
import termios
import tty
from typing import Any, Protocol, TextIO

import trio
import urwid

from securechat.client.tui.capable import ASK_BACKGROUND, color_count
from securechat.client.tui.palette import Colors

ANSWER_SECONDS = 0.1
_ASK_JOINING = b"\x1b[?2027$p"  # DECRQM of the mode in which graphemes are shown as one
_JOINING = re.compile(rb"\x1b\[\?2027;[13]\$y")
_ASK_WHO = b"\x1b[c"  # every terminal answers this, so that nobody waits for one that is silent
_WHO = re.compile(rb"\x1b\[\?[0-9;]*c")
_ANSWER_MAX = 4096
# Private mode 2031 (contour's "color palette update notifications"), and what it reports.
_SCHEMES_ON, _SCHEMES_OFF = "\x1b[?2031h", "\x1b[?2031l"
_SCHEMES = {"[?997;1n": "colors dark", "[?997;2n": "colors light"}

for _sequence, _key in _SCHEMES.items():  # as urwid knows the reports of the focus
    urwid.display.escape.input_trie.add(urwid.display.escape.input_trie.data, _sequence, _key)


async def ask_terminal(stdin: TextIO, stdout: TextIO) -> bytes:
    """Ask a terminal for its background (OSC 11) and whether it joins emoji; return its answer.

    That may be nothing; it has a tenth of a second. Call it before the screen is started.
    """
    fd = stdin.fileno()
    if not (os.isatty(fd) and stdout.isatty() and _takes_sequences(os.environ.get("TERM", ""))):
        return b""
    before = termios.tcgetattr(fd)
    answer = b""
    try:
        tty.setcbreak(fd, termios.TCSANOW)
        stdout.write((ASK_BACKGROUND + _ASK_JOINING + _ASK_WHO).decode())
        stdout.flush()
        with trio.move_on_after(ANSWER_SECONDS):
            while len(answer) < _ANSWER_MAX and not _WHO.search(answer):
                await trio.lowlevel.wait_readable(fd)
                data = os.read(fd, _ANSWER_MAX)
                if not data:
                    break  # hung up: the screen notices too
                answer += data
    finally:
        termios.tcsetattr(fd, termios.TCSANOW, before)
    return answer


def joins_emoji(answer: bytes) -> bool:
    """Tell from a terminal's answer whether it shows a joined emoji as one character."""
    return _JOINING.search(answer) is not None


def _takes_sequences(term: str) -> bool:
    """Tell whether a terminal swallows the sequences (OSC) that it does not know.

    The console of Linux prints them.
    """
    return not term.startswith(("linux", "fbterm", "dumb"))


class AnyScreen(Protocol):
    """What there must be of a screen beside urwid's own."""

    colors: Colors

    def say(self, sequence: str) -> None:
        """Send a sequence to the terminal."""

    def clear(self) -> None:
        """Draw everything anew next time."""

    def set_mouse_tracking(self, enable: bool = True) -> None:
        """Have the mouse told, or not."""

    def set_title(self, title: str | None) -> None:
        """Set the window's title."""


class Screen(urwid.display.raw.Screen):
    """A terminal, as the full-screen client needs it."""

    def __init__(self, stdin: TextIO, stdout: TextIO, colors: str = "auto") -> None:
        # The extended keyboard, where there is one, tells Shift-Enter from Enter.
        super().__init__(
            stdin, stdout, bracketed_paste_mode=True, focus_reporting=True, extended_keys=True
        )
        # Three-digit colours would be rounded; all of ours are written #rrggbb.
        count = color_count(os.environ, "truecolor" if colors == "24bit" else colors)
        self.set_terminal_properties(
            colors=count,  # type: ignore[arg-type]  # urwid has a list of literals
            hyperlinks=_takes_sequences(self.term),
        )

    def _start(self, alternate_buffer: bool = True, *args: Any, **kwargs: Any) -> None:
        super()._start(alternate_buffer, *args, **kwargs)
        # stop() restores all there was.
        self.tty_signal_keys(intr="undefined", quit="undefined")
        self._take_flow_control_keys()
        if _takes_sequences(self.term):
            self.write(_SCHEMES_ON)
            self.flush()

    def _stop(self) -> None:
        if _takes_sequences(self.term):
            self.write(_SCHEMES_OFF)  # goes out with the rest, which may be to a terminal hung up
        super()._stop()

    def _take_flow_control_keys(self) -> None:
        """Let Ctrl-Q and Ctrl-S come as keys (termios(3), IXON)."""
        fd = self._input_fileno()
        if fd is not None and os.isatty(fd):
            mode = termios.tcgetattr(fd)
            mode[tty.IFLAG] &= ~(termios.IXON | termios.IXOFF)
            termios.tcsetattr(fd, termios.TCSANOW, mode)

    def say(self, sequence: str) -> None:
        """Send a sequence of the program's own, such as a notification."""
        if self._started and (_takes_sequences(self.term) or sequence == "\a"):
            self.write(sequence)
            self.flush()
