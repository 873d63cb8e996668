"""The prompt, with keys from a pipe and a screen that is a file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import trio
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.widgets import TextArea

from securechat.client.lineclient.terminal import Terminal

UP, LEFT, TAB, CTRL_A, CTRL_C, CTRL_D = "\x1b[A", "\x1b[D", "\t", "\x01", "\x03", "\x04"


class Bench:
    """A terminal with its keyboard and what is on its screen."""

    def __init__(self, keys: PipeInput) -> None:
        self.keys = keys
        self.screen = io.StringIO()
        output = Vt100_Output(self.screen, lambda: Size(24, 80), term="dumb", enable_cpr=False)
        words = ["/join", "/part", "bob", "bobby", "#dev"]
        self.terminal = Terminal(lambda: "#lobby", lambda: words, source=keys, output=output)

    @property
    def area(self) -> TextArea:
        return self.terminal._area

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that happens in prompt_toolkit's thread, which tells nobody."""
        for _ in range(500):
            if condition():
                return
            await trio.sleep(0.01)  # real: a thread has no virtual clock
        pytest.fail("it did not happen")

    async def line(self) -> str | None:
        with trio.fail_after(5):
            return await self.terminal.next_line()


@pytest.fixture
def bench() -> Iterator[Bench]:
    with create_pipe_input() as keys:
        yield Bench(keys)


@contextmanager
def soon() -> Iterator[None]:
    with trio.fail_after(10):
        yield


async def test_lines_are_typed_and_brought_back(bench: Bench) -> None:
    with soon():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.terminal.run)
            bench.keys.send_text("hello\r")
            assert await bench.line() == "hello"
            bench.keys.send_text(f"world{CTRL_A}my \r")
            assert await bench.line() == "my world"
            # prompt_toolkit reads its history in a task of its own.
            await bench.until(lambda: len(bench.area.buffer._working_lines) >= 3)
            bench.keys.send_text(f"{UP}{UP}!\r")
            assert await bench.line() == "hello!"
            bench.keys.send_text(CTRL_C)
            assert await bench.line() is None
    assert bench.terminal.interactive
    assert "#lobby>" in bench.screen.getvalue()


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("/jo", "/join "),
        ("say bo", "say bob"),
        ("bobb", "bobby: "),
        ("#d", "#dev "),
        ("see /jo", "see /jo"),
        ("xyz", "xyz"),
        ("", ""),
    ],
)
async def test_tab_completes(bench: Bench, typed: str, line: str) -> None:
    with soon():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.terminal.run)
            bench.keys.send_text(typed + TAB)
            await bench.until(lambda: bench.area.text == line)
            bench.keys.send_text(".\r")
            assert await bench.line() == line + "."
            bench.terminal.leave()


async def test_pasted_lines_come_one_by_one(bench: Bench) -> None:
    with soon():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.terminal.run)
            bench.keys.send_text("\x1b[200~one\ntwo\x1b[201~\r")
            assert [await bench.line(), await bench.line()] == ["one", "two"]
            bench.terminal.leave()


async def test_text_is_shown_above_the_prompt_at_any_time(bench: Bench) -> None:
    await bench.terminal.show("before the start\n")
    with soon():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.terminal.run)
            bench.keys.send_text("half a line")
            for n in range(50):
                await bench.terminal.show(f"text {n}\n", error=bool(n % 2))
            bench.keys.send_text(" more\r")
            assert await bench.line() == "half a line more"
            await bench.terminal.show("just before the end \x1b[31m\n")
            bench.terminal.leave()
    await bench.terminal.show("after the end\n")
    shown = bench.screen.getvalue()
    expected = [*(f"text {n}\n" for n in range(50)), "just before the end", "after the end"]
    places = [shown.find(text) for text in ["before the start", *expected]]
    assert -1 not in places
    assert places == sorted(places)
    assert "\x1b[31m" not in shown


async def test_ctrl_d_deletes_or_leaves(bench: Bench) -> None:
    with soon():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.terminal.run)
            bench.keys.send_text(f"ab{LEFT}{CTRL_D}\r")
            assert await bench.line() == "a"
            bench.keys.send_text(CTRL_D)
            assert await bench.line() is None


async def test_a_terminal_that_is_gone(bench: Bench) -> None:
    with soon():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.terminal.run)
            bench.keys.send_text("x\r")
            assert await bench.line() == "x"
            bench.keys.close()
            assert await bench.line() is None


@pytest.mark.parametrize("seconds", [0, 0.3])
async def test_cancelling_ends_it(bench: Bench, seconds: float) -> None:
    with soon(), trio.move_on_after(seconds) as scope:
        await bench.terminal.run()
    assert scope.cancelled_caught
    assert await bench.line() is None


async def test_leaving_twice_and_at_once(bench: Bench) -> None:
    with soon():
        bench.terminal.leave()
        bench.terminal.leave()
        await bench.terminal.run()
    bench.terminal.leave()
