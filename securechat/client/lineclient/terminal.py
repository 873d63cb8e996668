"""The prompt on a terminal: one line at the bottom to type in, what happens above it.

How it works: prompt_toolkit has an asyncio loop of its own, so it runs in a worker thread, as one
application for the whole time. Lines typed go to Trio through ``run_sync_soon``; text to show goes
the other way through ``call_soon_threadsafe`` to one asyncio task, which alone prints. When it is
time to leave, that task prints what is left and ends the application, which puts the terminal back
as it was; the thread is always waited for. Text shown after that is written directly.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Iterable, Sequence

import trio
from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import Layout
from prompt_toolkit.output import Output
from prompt_toolkit.widgets import TextArea


class _Words(Completer):
    """Completes the word before the cursor; a name at the line's beginning gets a colon."""

    def __init__(self, words: Callable[[], Sequence[str]]) -> None:
        self._words = words

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        start = document.get_word_before_cursor(WORD=True)
        first = document.text_before_cursor == start
        for word in self._words():
            if start and word.lower().startswith(start.lower()):
                if word.startswith("/") and not first:
                    continue
                ending = "" if not first else " " if word[0] in "/#" else ": "
                yield Completion(word + ending, start_position=-len(start), display=word)


def _enter(event: KeyPressEvent) -> None:
    event.current_buffer.validate_and_handle()


class Terminal:
    """A screen and a source of lines. ``prompt`` and ``words`` are asked whenever they are shown.

    ``run`` must run for both to work. ``source`` and ``output`` are prompt_toolkit's, for tests;
    unless given they are this process's terminal.
    """

    interactive = True

    def __init__(
        self,
        prompt: Callable[[], str],
        words: Callable[[], Sequence[str]],
        *,
        source: Input | None = None,
        output: Output | None = None,
    ) -> None:
        keys = KeyBindings()
        keys.add("enter")(_enter)
        keys.add("c-c")(self._leave)
        keys.add("c-d")(self._leave_if_empty)
        self._area = TextArea(
            multiline=True,  # or a long line would not wrap; Enter ends it all the same
            prompt=lambda: f"{prompt()}> ",
            completer=_Words(words),
            complete_while_typing=False,
            dont_extend_height=True,
        )
        self._application: Application[None] = Application(
            layout=Layout(self._area),
            key_bindings=keys,
            erase_when_done=True,
            input=source,
            output=output,
        )
        self._lock = threading.Lock()
        self._to_show: list[str] = []
        self._leaving = False
        self._ended = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._lines, self._typed = trio.open_memory_channel[str](math.inf)

    # --- on Trio's side ------------------------------------------------------------------------

    async def run(self) -> None:
        """Run the prompt until somebody leaves, by key or by ``leave``, or this is cancelled."""
        token = trio.lowlevel.current_trio_token()
        self._area.accept_handler = lambda buffer: self._typed_in(token, buffer)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._leave_when_cancelled)
                await trio.to_thread.run_sync(self._run_application)
                nursery.cancel_scope.cancel()
        finally:
            self._lines.close()

    async def next_line(self) -> str | None:
        """Return the next line typed; ``None`` when the person left."""
        try:
            return await self._typed.receive()
        except trio.EndOfChannel:
            return None

    async def show(self, text: str, *, error: bool = False) -> None:
        """Show text above the prompt, on lines of its own. Errors look no different here."""
        del error
        await trio.lowlevel.checkpoint()
        with self._lock:
            if not self._ended:
                self._to_show.append(text)
                self._wake_up()
                return
        self._write(text)

    def leave(self) -> None:
        """Ask ``run`` to return, from any thread."""
        with self._lock:
            self._leaving = True
            self._wake_up()

    async def _leave_when_cancelled(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self.leave()

    def _wake_up(self) -> None:
        # Before the loop runs there is nobody to wake: the printing task looks by itself then.
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._wake.set)
            except RuntimeError:
                pass  # the loop has closed just now; the thread shows the rest by itself

    # --- on prompt_toolkit's side, in its thread -----------------------------------------------

    def _run_application(self) -> None:
        try:
            self._application.run(
                pre_run=self._started, set_exception_handler=False, handle_sigint=False
            )
        except EOFError:
            pass  # the terminal is gone; so is the person
        finally:
            with self._lock:
                self._ended = True
                self._loop = None
                rest = "".join(self._to_show)
                self._to_show.clear()
            if rest:
                self._write(rest)

    def _started(self) -> None:
        with self._lock:
            self._loop = asyncio.get_running_loop()
        self._application.create_background_task(self._print())

    async def _print(self) -> None:
        while True:
            self._wake.clear()
            with self._lock:
                text = "".join(self._to_show)
                self._to_show.clear()
                leaving = self._leaving
            if text:
                # Not by run_in_terminal: that leaves raw mode for a moment, in which the system
                # takes a Ctrl-D for the end of input, and it is lost.
                self._application.renderer.erase()
                self._write(text)
                self._application.invalidate()
            elif leaving:
                self._exit()
                return
            else:
                await self._wake.wait()

    def _write(self, text: str) -> None:
        output = self._application.output
        output.write(text)  # escape sequences do not pass this
        output.flush()

    def _typed_in(self, token: trio.lowlevel.TrioToken, buffer: Buffer) -> bool:
        for line in buffer.text.splitlines():  # several, where they were pasted
            token.run_sync_soon(self._lines.send_nowait, line)
        return False  # empty the line

    def _leave(self, event: KeyPressEvent) -> None:
        self.leave()

    def _leave_if_empty(self, event: KeyPressEvent) -> None:
        if self._area.text:
            self._area.buffer.delete()
        else:
            self.leave()

    def _exit(self) -> None:
        if not self._application.is_done:
            self._application.exit()
