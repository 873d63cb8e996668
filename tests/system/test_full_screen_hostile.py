"""What strangers write neither breaks the full-screen client's layout nor reaches the terminal raw.

Escape sequences (ECMA-48), bidirectional controls (UAX #9), characters of no width, wide ones and
emoji, in messages and topics; windows of any size; and more messages than anybody can read.
"""

from __future__ import annotations

import pytest
from support.full_screen import two_talk
from support.system import Home

SIZES = [(10, 3), (20, 5), (40, 10), (60, 20), (80, 24), (120, 40), (200, 60), (11, 50), (200, 3)]
HOSTILE = {
    "title": "\x1b]0;owned\x07 after",
    "clear": "\x1b[2J\x1b[H after",
    "c1": "\x9b31m \x9d0;owned\x9c after",
    "bidi": "abc \u202e txet desrever \u2066 x after",
    "zero width": "a\u200bb\u200cc\ufeffd after",
    "zalgo": "z" + "\u0301" * 100 + " after",
    "tabs": "a\tb\x0b\x0c\x7f after",
    "device": "\x1b[c\x1b[6n\x1bP+q\x1b\\ after",
}
FORBIDDEN = (
    *(b"\x1b]0;owned", b"\x1b[c", b"\x1b[6n", b"\x1bP", b"\xc2\x9b", b"\xc2\x9d"),
    *("\u202e".encode(), "\u2066".encode(), "\u200b".encode(), "\ufeff".encode()),
)


@pytest.mark.parametrize("kind", HOSTILE)
async def test_nothing_raw_reaches_the_terminal(home: Home, kind: str) -> None:
    async with two_talk(home) as (_, terminal, bob):
        start = len(terminal.raw)  # before it, the client itself asked the terminal who it is
        await bob.send(f"TOPIC #lobby :{HOSTILE[kind]}", f"PRIVMSG #lobby :{HOSTILE[kind]}")
        await bob.send("PRIVMSG #lobby :and all is well")
        await terminal.wait_for("and all is well", "after")
        for sequence in FORBIDDEN:
            assert terminal.raw.find(sequence, start) < 0
        await terminal.press("ctrl q")
        assert await terminal.ended() == 0


async def test_wide_letters_and_emoji_keep_the_columns(home: Home) -> None:
    """What stands to the right of the log begins in the same column in every row."""
    async with two_talk(home, columns=140, rows=30) as (_, terminal, bob):
        await bob.send("PRIVMSG #lobby :plain words")
        await terminal.wait_for("plain words")
        texts = (
            "漢字かな交じり文",
            "👩‍👩‍👧‍👦 family",
            "🇸🇪 flag",
            "👍🏽 skin",
            "é combining",
            "ﷺ long",
        )
        await bob.send(*(f"PRIVMSG #lobby :{text}" for text in texts), "PRIVMSG #lobby :the end")
        await terminal.wait_for("the end")
        screen = terminal.screen
        panel = screen.buffer[0][screen.columns - 1].bg
        begins = {
            next(column for column in range(screen.columns - 1, 0, -1) if row[column].bg != panel)
            for row in (screen.buffer[number] for number in range(1, screen.lines - 5))
        }
        assert len(begins) == 1, terminal.text


async def test_any_size_of_window(home: Home) -> None:
    async with two_talk(home) as (_, terminal, bob):
        for columns, rows in SIZES:
            terminal.resize(columns, rows)
            await bob.send(f"PRIVMSG #lobby :at {columns} by {rows}")
            await bob.ping()
        terminal.resize(100, 30)
        await terminal.wait_for("at 200 by 3", "at 10 by 3")
        await terminal.write("still here")
        await terminal.press("enter")
        await bob.expect("PRIVMSG", "#lobby", "still here")


@pytest.mark.slow
async def test_a_flood_of_100_000_messages_leaves_typing_alive(home: Home) -> None:
    await _flood(home, 100_000)


async def test_a_flood_leaves_typing_alive(home: Home) -> None:
    await _flood(home, 5_000)


async def _flood(home: Home, count: int) -> None:
    """While messages pour in, a typed word is drawn before the last of them is."""
    async with two_talk(home) as (_, terminal, bob):
        lines = [f"PRIVMSG #lobby :number {number}" for number in range(count)]
        for start in range(0, count, 500):
            await bob.send(*lines[start : start + 500])
            if start == count // 2 // 500 * 500:
                await terminal.write("typed meanwhile")
                await terminal.wait_for("typed meanwhile")
                assert f"number {count - 1}" not in terminal.text
        await terminal.wait_for(f"number {count - 1}", "typed meanwhile")
        await terminal.press("enter")
        await terminal.wait_for("typed meanwhile")
        await terminal.press("ctrl q")
        assert await terminal.ended() == 0
