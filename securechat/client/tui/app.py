"""The full-screen client: its tasks, who owns the screen, and how it ends.

Theory of operation
-------------------
Everything is one nursery. The tasks in it:

*   **painter**: the only one that draws. It waits until something is *dirty*, draws, and sleeps a
    thirtieth of a second, so that a flood of messages costs thirty frames a second and no more.
*   **events**: takes the client's events into the model, and lets others run every so many.
*   **input**: urwid's; it calls ``View.keypress``, which changes the model or starts a task.
*   **clock**: says dirty when time alone changes the screen: countdowns, typing, midnight.
*   **signals**: SIGTERM and SIGHUP end it. Ctrl-C is a key.
*   one task for each thing that waits for the server: a line until it is stored, a page of history.

Nothing but the painter writes to the terminal, but for short sequences of the program's own.
Leaving cancels the nursery; urwid's screen is a context inside it, so the terminal is restored
whatever ends it: a command, a signal, a terminal that hung up, an error.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TextIO

import trio
import urwid
from urwid.display.common import InputClosedError

from securechat.client import events
from securechat.client.connection import Client, Saying
from securechat.client.errors import HistoryUnavailable, NotSent
from securechat.client.groups import unwrapped
from securechat.client.tui import intake
from securechat.client.tui.conversation import Conversation, Entry, entry_of
from securechat.client.tui.model import Model
from securechat.client.tui.palette import Colors, Palette
from securechat.client.tui.screen import Screen
from securechat.client.tui.view import View

FRAME_SECONDS = 1 / 30
EVENTS_AT_ONCE = 64
HISTORY_PAGE = 50


Input = str | tuple[str, int, int, int]
"""A key, or what the mouse did: kind, button, column, row."""


class AnyScreen(Protocol):
    """What there must be of a screen beside urwid's own."""

    colors: Colors


class Loop(urwid.MainLoop):
    """urwid's loop, which leaves the drawing to the painter."""

    def entering_idle(self) -> None:
        """Draw nothing: the painter does."""


class App:
    """One client on one screen."""

    def __init__(
        self,
        client: Client,
        screen: AnyScreen,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.client = client
        self.screen = screen
        self.now = now
        self.dirty = trio.Event()
        self.model = Model(
            client.nick, client.is_channel, lambda: client.channels, changed=self.touch
        )
        self.model.connection.up = client.connected
        self.view = View(
            self.model,
            Palette(screen.colors),
            on_key=self.on_key,
            on_mouse=self.on_mouse,
            clock=trio.current_time,
            now=now,
        )
        self.nursery: trio.Nursery | None = None

    def touch(self) -> None:
        """Say that something must be drawn."""
        self.dirty.set()

    # --- tasks ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until somebody leaves."""
        event_loop = urwid.TrioEventLoop()
        loop = Loop(
            self.view,
            screen=self.screen,  # type: ignore[arg-type]
            event_loop=event_loop,
            input_filter=self._input,
        )
        with unwrapped():
            async with trio.open_nursery() as self.nursery:
                self.nursery.start_soon(self._events)
                self.nursery.start_soon(self._clock)
                self.nursery.start_soon(self._signals)
                try:
                    with loop.start():
                        self.nursery.start_soon(self._painter, loop)
                        await event_loop.run_async()
                except InputClosedError:
                    pass  # the terminal is gone, and so is whoever looked at it
                self.nursery.cancel_scope.cancel()

    def leave(self) -> None:
        """End the program's full screen."""
        assert self.nursery is not None  # noqa: S101 - keys come while it runs
        self.nursery.cancel_scope.cancel()

    async def _painter(self, loop: Loop) -> None:
        while True:
            await self.dirty.wait()
            self.dirty = trio.Event()
            loop.draw_screen()
            self.after_drawing()
            await trio.sleep(FRAME_SECONDS)

    def after_drawing(self) -> None:
        """Note what was seen, and ask for what is missing."""
        model, log = self.model, self.view.log
        here = model.here
        model.at_bottom = log.at_bottom
        if log.at_bottom and model.focused and here.unread:
            here.read()
            self.touch()
        if log.at_top and here.kind != "server" and not here.whole and not here.loading:
            here.loading = True
            self.start(self._load_older, here)

    def start(self, task: Callable[..., Awaitable[Any]], *args: object) -> None:
        """Run something that waits."""
        assert self.nursery is not None  # noqa: S101 - nothing waits before it runs
        self.nursery.start_soon(task, *args)

    async def _events(self) -> None:
        taken = 0
        async for event in self.client:
            told = intake.apply(self.model, event, trio.current_time())
            if isinstance(event, events.Joined) and event.own:
                self.model.open(event.channel).whole = False
            del told
            taken += 1
            if taken % EVENTS_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
        self.leave()

    async def _clock(self) -> None:
        while True:
            await trio.sleep(1)
            here = self.model.here
            if self.model.connection.retry_at is not None or here.typing:
                self.touch()

    async def _signals(self) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
            async for _ in signals:
                self.leave()

    async def _load_older(self, conversation: Conversation) -> None:
        try:
            page = await self.client.history(
                conversation.name, limit=HISTORY_PAGE, before=conversation.oldest
            )
        except HistoryUnavailable:
            conversation.whole = True
        else:
            added = conversation.prepend([entry_of(said) for said in page])
            conversation.whole = not added
        finally:
            conversation.loading = False
            self.touch()

    # --- input ---------------------------------------------------------------------------------

    def _input(self, keys: list[Input], raw: list[int]) -> list[Input]:
        del raw
        self.touch()
        return keys

    def on_mouse(self, event: str, button: int, column: int, row: int) -> None:
        """Take a click or a turn of the wheel."""
        if event == "mouse press" and button in (4, 5):
            self.view.log.scroll(self.model.here, -3 if button == 4 else 3)

    def on_key(self, key: str) -> None:
        """Take a key."""
        log, here = self.view.log, self.model.here
        match key:
            case "ctrl c" | "ctrl q":
                self.leave()
            case "enter":
                self.submit()
            case "page up":
                log.page(here, -1)
            case "page down":
                log.page(here, 1)
            case "focus in" | "focus out":
                self.model.focused = key == "focus in"
            case "meta down" | "meta up":
                self.go(self.model.neighbour(1 if key == "meta down" else -1).name)
            case _:
                self.view.input.key(key)

    def go(self, name: str) -> None:
        """Look at a conversation."""
        self.model.look_at(name)
        self.view.log.reset()

    def submit(self) -> None:
        """Say what is typed."""
        text = self.view.input.take().strip()
        if text:
            self.say(self.model.here, text)

    def say(self, conversation: Conversation, text: str) -> None:
        """Say something there."""
        saying = self.client.speak(conversation.name, text)
        entry = self.model.waiting(conversation, text, self.now())
        self.view.log.to_bottom()
        self.start(self._settle, conversation, entry, saying)

    async def _settle(self, conversation: Conversation, entry: Entry, saying: Saying) -> None:
        try:
            await saying.receipt(float("inf"))
        except NotSent as error:
            self.model.settled(conversation, entry, str(error))
        else:
            self.model.settled(conversation, entry)


async def run_full_screen(
    client: Client,
    *,
    channel: str = "",
    stdin: TextIO = sys.stdin,
    stdout: TextIO = sys.stdout,
) -> bool:
    """Run the full-screen client on a terminal until somebody leaves; return ``True`` then."""
    screen = Screen(stdin, stdout)
    app = App(client, screen)
    if channel:
        app.go(channel)
    await app.run()
    return True
