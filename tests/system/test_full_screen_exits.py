"""However the full-screen client ends, the terminal is afterwards what it was before.

One case for each way out: termios (tcgetattr(3)) is compared, and of what was switched on by
private modes (xterm, "ctlseqs") everything must have been switched off by the last word about it.
"""

from __future__ import annotations

import re
import signal

import pytest
from support.full_screen import client, flat, two_talk
from support.system import Home
from support.terminals import Terminal, on_a_terminal

# alternate screen, bracketed paste, focus and colour reports, and the kinds of mouse reports
PRIVATE_MODES = ("1049", "2004", "1004", "2031", "1000", "1002", "1003", "1006")
PUSH, POP = b"\x1b[>5u", b"\x1b[<u"  # kitty's flags: put on its stack, and taken off
CRASH = """
from securechat.client.tui.app import App
def broken(self, *arguments):
    raise RuntimeError("planted")
App.{method} = broken
"""


def assert_restored_keyboard(terminal: Terminal) -> None:
    assert terminal.raw.count(PUSH) == terminal.raw.count(POP), "the extended keyboard was left on"


def assert_restored(terminal: Terminal) -> None:
    assert terminal.modes() == terminal.modes_before
    raw = bytes(terminal.raw)
    for mode in PRIVATE_MODES:
        changes = re.findall(rb"\x1b\[\?(?:\d+;)*" + mode.encode() + rb"(?:;\d+)*([hl])", raw)
        assert changes[-1:] != [b"h"], f"mode {mode} was left on"
    assert_restored_keyboard(terminal)
    shown = re.findall(rb"\x1b\[\?25([hl])", raw)
    assert shown[-1:] != [b"l"], "the cursor was left hidden"


@pytest.mark.parametrize("way", ["ctrl q", "slash quit", "ctrl c twice"])
async def test_leaving_by_the_keyboard(home: Home, way: str) -> None:
    async with two_talk(home) as (_, terminal, _bob):
        if way == "ctrl q":
            await terminal.press("ctrl q")
        elif way == "slash quit":
            await terminal.write("/quit\r")
        else:
            await terminal.press("ctrl c")
            await terminal.wait_for("once more leaves")
            await terminal.press("ctrl c")
        assert await terminal.ended() == 0
        assert_restored(terminal)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_being_told_to_end(home: Home, number: signal.Signals) -> None:
    async with two_talk(home) as (_, terminal, _bob):
        terminal.send_signal(number)
        await terminal.ended()
        assert_restored(terminal)
        assert "Traceback" not in terminal.text


@pytest.mark.parametrize("method", ["take", "after_drawing", "on_key"])
async def test_a_fault_of_our_own_shows_its_traceback_on_a_terminal_that_works(
    home: Home, method: str
) -> None:
    """Wherever it is: in what comes, in the painter, at a key."""
    async with flat(home) as at, client(at, before=CRASH.format(method=method)) as terminal:
        if method == "on_key":
            await terminal.wait_for("#lobby")
            await terminal.write("x")
        assert await terminal.ended() != 0
        assert b"planted" in terminal.raw
        assert_restored(terminal)


async def test_the_extended_keyboard_is_given_back(home: Home) -> None:
    """Shift-Enter is a new line where the terminal tells it from Enter (kitty's protocol)."""
    async with flat(home) as at, client(at, extended=True) as terminal:
        await terminal.wait_until(lambda: PUSH in terminal.raw, "the extended keyboard")
        await terminal.wait_for("#lobby")
        await terminal.write("one\x1b[13;2utwo")
        await terminal.wait_for("one$", r"^ +\S? *two$")
        await terminal.write("\x1b[99;5u\x1b[113;5u")  # Ctrl-C, Ctrl-Q
        assert await terminal.ended() == 0
        assert_restored(terminal)


@pytest.mark.parametrize("extended", [False, True])
async def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(
    home: Home, extended: bool
) -> None:
    """Job control (termios(3), VSUSP): a shell of no job control stops nothing, so bash runs it."""
    async with flat(home) as at:
        command = " ".join(f"'{word}'" for word in at.command())
        async with on_a_terminal(
            *("bash", "--norc", "-i"),
            columns=100,
            rows=30,
            environment={**at.environment, "PS1": "shell> "},
            folder=at.folder,
            extended=extended,
        ) as terminal:
            await terminal.wait_for("shell>")
            await terminal.write(command + "\n")
            await terminal.wait_for("#lobby")
            if extended:
                await terminal.wait_until(lambda: PUSH in terminal.raw, "the extended keyboard")
                await terminal.write("\x1b[122;5u")
            else:
                await terminal.press("ctrl z")
            await terminal.wait_for(r"Stopped")
            assert_restored_keyboard(terminal)
            await terminal.write("echo the shell $((6 * 7))\n")
            await terminal.wait_for("the shell 42")
            await terminal.write("fg\n")
            await terminal.wait_until(
                lambda: "the shell 42" not in terminal.text and "#lobby" in terminal.text,
                "the client again",
            )
            await terminal.write("/quit\r")
            await terminal.wait_for("shell>")
            await terminal.write("stty -a | grep -c ' icanon'\n")
            await terminal.wait_for("^1$")
