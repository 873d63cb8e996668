"""The full-screen client: its tasks, who owns the screen, and how it ends.

Theory of operation
-------------------
Everything is one nursery. The tasks in it:

*   **painter**: the only one that draws. It waits until something is *dirty*, draws, and sleeps a
    thirtieth of a second, so that a flood of messages costs thirty frames a second and no more.
*   **events**: takes the client's events into the model, and lets others run every so many.
*   **input**: urwid's; it calls ``View.keypress``, which changes the model or starts a task.
*   **clock**: once a second, for what time alone changes: countdowns, typing, midnight.
*   **lag**: measures now and then how long the server takes to answer.
*   **signals**: SIGINT, SIGTERM and SIGHUP end it. Ctrl-C is a key.
*   one task for each thing that waits for the server: a line until it is stored, a page of history.

Nothing but the painter writes to the terminal, but for short sequences of the program's own
(``Screen.say``). Leaving cancels the nursery; urwid's screen is a context inside it, so the
terminal is restored whatever ends it: a command, a signal, a terminal that hung up, an error.

What is done at a key is in ``actions``, at a command in ``doing``, with the server in ``talk``.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterable, Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TextIO

import trio
import urwid
from urwid.display.common import InputClosedError

from securechat.client import events
from securechat.client.connection import Client
from securechat.client.errors import NoAnswer, NotOffered
from securechat.client.events import Event
from securechat.client.groups import unwrapped
from securechat.client.tui import actions, filtering, intake, mouse, people, talk
from securechat.client.tui.conversation import Conversation, Entry
from securechat.client.tui.draw import Span
from securechat.client.tui.editor import Editor
from securechat.client.tui.keeping import Save
from securechat.client.tui.keynames import as_ever
from securechat.client.tui.keys import resolve
from securechat.client.tui.model import Model
from securechat.client.tui.notify import Notifier
from securechat.client.tui.options import Options
from securechat.client.tui.overlays import Overlay, Question
from securechat.client.tui.palette import Looks, Palette
from securechat.client.tui.pasting import Pasting
from securechat.client.tui.screen import AnyScreen, Screen, ask_terminal, joins_emoji
from securechat.client.tui.text import clean, clip, terminal_joins
from securechat.client.tui.themes import AUTO, ThemeError
from securechat.client.tui.view import View

FRAME_SECONDS = 1 / 30
EVENTS_AT_ONCE = 64
HINT_SECONDS = 6.0
TITLE_MAX = 80
LAG_SECONDS = 20.0
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Input = str | tuple[str, int, int, int]
"""A key, or what the mouse did: kind, button, column, row."""


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
        options: Options | None = None,
        *,
        save: Save | None = None,
        themes: Path | None = None,
        background: bytes = b"",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.client = client
        self.screen = screen
        self.options = options or Options()
        self.now = now
        self.save = save
        self.saving = trio.Lock()
        self.watched: set[str] = set()
        self.knows_names = False
        self.dirty = trio.Event()
        self.looks = Looks(os.environ, background, themes)
        self.keymap = resolve(self.options.keys)
        self._first: Overlay | None = None
        self.model = Model(
            client.nick,
            client.is_channel,
            lambda: client.channels,
            client.profile,
            highlights=self.options.highlights,
            mute=self.options.mute,
            favourites=self.options.favourites,
            changed=self.touch,
        )
        self.model.connection.up = client.connected
        self.view = View(
            self.model,
            self._first_palette(),
            on_key=self.on_key,
            on_mouse=self.on_mouse,
            clock=trio.current_time,
            now=now,
            keymap=self.keymap,
            time_format=self.options.time_format,
            member_list=self.options.member_list,
            show_sidebar=self.options.sidebar,
        )
        self.view.overlay = self._first
        self.pasting = Pasting(self)
        self.notifier = Notifier(self._muted, focused=False)
        self.nursery: trio.Nursery | None = None
        self.parting = ""
        self.typed_at: float | None = None
        self.cleared_at = float("-inf")
        self._hint_until = 0.0
        self._title = ""
        self._day: date = now().astimezone().date()

    # --- what others call ----------------------------------------------------------------------

    @property
    def here(self) -> Conversation:
        """The conversation that is looked at."""
        return self.model.here

    @property
    def editor(self) -> Editor:
        """The editor of the conversation that is looked at."""
        return self.view.input.editor(self.model.here)

    def _muted(self, name: str) -> bool:
        conversation = self.model.get(name)
        return conversation is not None and conversation.muted

    def _first_palette(self) -> Palette:
        """Return the palette that is wished for, or else one of ours, and say why."""
        try:
            theme = self.looks.theme(self.options.theme)
        except ThemeError as error:
            go_on = ("enter", "go on", lambda: None)
            what = [Span(clean(str(error)))]
            self._first = Question("This theme cannot be used", what, [go_on], self.uncover)
            theme = self.looks.ours()
        return Palette(theme, self.screen.colors)

    def touch(self) -> None:
        """Say that something must be drawn."""
        self.dirty.set()

    def start(self, task: Callable[..., Awaitable[Any]], *args: object) -> None:
        """Run something that waits, until it is done or the screen ends."""
        if self.nursery is not None:
            self.nursery.start_soon(task, *args)

    def leave(self, parting: str = "") -> None:
        """End the full screen."""
        self.parting = parting
        if self.nursery is not None:
            self.nursery.cancel_scope.cancel()

    def hint(self, text: str) -> None:
        """Show something short at the foot of the screen for some seconds."""
        self.view.hint = text
        self._hint_until = trio.current_time() + HINT_SECONDS
        self.touch()

    def tell(self, text: str) -> None:
        """Show something in the log, for this person alone."""
        self.here.append(Entry("event", self.now(), text))
        self.view.log.to_bottom()
        self.touch()

    def complain(self, text: str) -> None:
        """Show in the log that something was not done, for this person alone."""
        self.here.append(Entry("error", self.now(), text))
        self.view.log.to_bottom()
        self.touch()

    def set_options(self, options: Options) -> None:
        """Look and behave otherwise from now on. Raises ``ThemeError``."""
        if options.theme != self.options.theme:
            self.view.palette = Palette(self.looks.theme(options.theme), self.screen.colors)
        if options.mouse != self.options.mouse:
            self.screen.set_mouse_tracking(options.mouse)
        self.view.time_format = options.time_format
        self.view.show_sidebar = options.sidebar
        self.view.member_list = options.member_list
        self.model.set_highlights(options.highlights)
        self.options = options
        self.touch()

    def show(self, overlay: Overlay) -> None:
        """Lay something over the screen."""
        self.view.overlay = overlay
        self.touch()

    def uncover(self) -> None:
        """Take away what lies over the screen."""
        self.view.overlay = None
        self.touch()

    def go(self, name: str) -> None:
        """Look at a conversation, a new one if need be."""
        talk.stop_typing(self)
        here = self.here
        here.draft = here.kind != "server" and self.view.input.drafts.unsent(here.key)
        self.view.cycle = None
        self.model.look_at(name)
        self.view.log.reset()
        filtering.end(self, clear=True)

    # --- tasks ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until somebody leaves."""
        event_loop = urwid.TrioEventLoop()
        loop = Loop(
            self.view,
            screen=self.screen,  # type: ignore[arg-type]  # a protocol: tests have their own
            event_loop=event_loop,
            input_filter=self._input,
            handle_mouse=self.options.mouse,
        )
        with unwrapped():
            async with trio.open_nursery() as self.nursery:
                for task in (self._events, self._clock, self._lag, self._signals):
                    self.nursery.start_soon(task)
                try:
                    with loop.start():
                        self.nursery.start_soon(self._painter, loop)
                        await event_loop.run_async()
                except InputClosedError:
                    pass  # the terminal is gone, and so is whoever looked at it
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
        if log.at_bottom and model.focused:
            talk.mark_read(self, here)
        if log.at_top:
            talk.want_older(self, here)
        people.watch(self)
        if here.detached is not None and log.below == 0:
            talk.want_newer(self, here)
        count = f"(@{model.urgent}) " if model.urgent else ""
        count = count or (f"({model.unread}) " if model.unread else "")
        title = clip(f"{count}{clean(here.name)} - {clean(model.connection.network)}", TITLE_MAX)
        if title != self._title:
            self._title = title
            self.screen.set_title(title)

    async def _events(self) -> None:
        await self.listen(self.client)
        self.leave()

    async def listen(self, source: AsyncIterable[Event]) -> None:
        """Take events until there are no more; others get their turn every so many."""
        taken = 0
        async for event in source:
            self.take(event)
            taken += 1
            if taken % EVENTS_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()

    def take(self, event: Event) -> None:
        """Take one of the client's events."""
        told = intake.apply(self.model, event, trio.current_time())
        if told is not None:
            talk.notify(self, *told)
        if isinstance(event, events.LoggedIn):
            self.start(talk.load_people, self)
            if not self.knows_names:
                self.knows_names = True
                self.start(people.learn_names, self)
        elif isinstance(event, events.ChannelRenamed):
            self.view.input.drafts.rename(event.old, event.new)

    async def _clock(self) -> None:
        while True:
            await trio.sleep(1)
            now, here = trio.current_time(), self.here
            if self.view.hint and now >= self._hint_until:
                self.view.hint = ""
                self.touch()
            today = self.now().astimezone().date()
            if self.model.connection.retry_at is not None or here.typing or today != self._day:
                self._day = today
                self.touch()
            self.pasting.tick(now)
            talk.pause_typing(self, now)

    async def _lag(self) -> None:
        connection = self.model.connection
        while True:
            await trio.sleep(LAG_SECONDS)
            try:
                lag = await self.client.ping()
            except NoAnswer:
                lag = None
            except NotOffered:
                return  # another server than ours, which has no labels: there is no measuring it
            if lag != connection.lag:
                connection.lag = lag
                self.touch()

    async def _signals(self) -> None:
        with trio.open_signal_receiver(*ENDING_SIGNALS) as signals:
            async for _ in signals:
                self.leave()

    # --- input ---------------------------------------------------------------------------------

    def _input(self, keys: list[Input], raw: list[int]) -> list[Input]:
        del raw
        self.touch()
        return keys

    def on_key(self, key: str) -> None:
        """Take a key."""
        self.touch()
        key = as_ever(key)
        if key.startswith("colors "):
            self.looks.background_is(dark=key == "colors dark")
            if self.options.theme == AUTO:
                self.view.palette = Palette(self.looks.theme(AUTO), self.screen.colors)
        elif key in ("focus in", "focus out"):
            self.model.focused = key == "focus in"
        elif self.pasting.take(key):
            pass
        elif self.view.overlay is not None:
            action = self.keymap.action(key, "popup")
            self.view.overlay.key(actions.POPUP.get(action or "", key))
        elif filtering.press(self, key):
            pass
        else:
            actions.press(self, key)

    def on_mouse(self, event: str, button: int, column: int, row: int) -> None:
        """Take a click or a turn of the wheel."""
        self.touch()
        mouse.take(self, event, button, column, row)


async def run_full_screen(
    client: Client,
    options: Options | None = None,
    *,
    channel: str = "",
    save: Save | None = None,
    themes: Path | None = None,
    stdin: TextIO = sys.stdin,
    stdout: TextIO = sys.stdout,
) -> bool:
    """Run the full screen on a terminal until somebody leaves; return ``True`` then.

    ``channel`` is looked at first; it should be one that the client was told to join. ``save``
    writes changed options down, ``themes`` is the folder of the person's own. Raises ``WrongKey``
    for keys that cannot be, before the screen is touched. A theme that cannot be used is told on
    the screen, which has one of ours then.
    """
    options = options or Options()
    screen = Screen(stdin, stdout, options.colors)
    answer = await ask_terminal(stdin, stdout)
    terminal_joins(joins_emoji(answer))
    app = App(client, screen, options, save=save, themes=themes, background=answer)
    if channel:
        app.go(channel)
    await app.run()
    await client.quit(app.parting)
    return True
