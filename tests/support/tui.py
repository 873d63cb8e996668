"""The full screen without a terminal: a screen that tests type at and read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import trio
import urwid
from urwid.testing import ScriptedScreen

from securechat.client.events import Said
from securechat.client.state.channels import Channel, Member
from securechat.client.tui.app import App
from securechat.client.tui.conversation import Conversation, Entry, entry_of
from securechat.client.tui.keys import DEFAULT
from securechat.client.tui.model import Model
from securechat.client.tui.palette import Colors, Palette
from securechat.client.tui.themes import load
from securechat.client.tui.view import View
from securechat.protocol.names import fold

START = datetime(2030, 1, 1, 9, 0, tzinfo=UTC)


_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: str) -> bool:
    """Tell whether nothing in a text controls a terminal or turns its direction."""
    return _HARMFUL.search(text) is None


class FakeScreen(ScriptedScreen):
    """A terminal of any size. ``type`` presses keys; ``said`` is what was sent beside the grid."""

    colors: Colors = 16777216

    def __init__(self, size: tuple[int, int] = (80, 24)) -> None:
        super().__init__(size=size)
        self.drawn = trio.lowlevel.ParkingLot()
        self.said: list[str] = []
        self.title = ""
        self.mouse = True
        self._callback: Callable[[list[Any], list[int]], Any] | None = None

    def draw_screen(self, size: tuple[int, int], canvas: urwid.Canvas) -> None:
        super().draw_screen(size, canvas)
        self.drawn.unpark_all()

    def hook_event_loop(self, event_loop: object, callback: Callable[..., Any]) -> None:
        self._callback = callback

    def unhook_event_loop(self, event_loop: object) -> None:
        self._callback = None

    def type(self, *keys: str | tuple[str, int, int, int]) -> None:
        assert self._callback is not None, "the screen is not running"
        self._callback(list(keys), [])

    def write(self, text: str) -> None:
        """Press a key for each character."""
        self.type(*text)

    def resize(self, columns: int, rows: int) -> None:
        self.size = (columns, rows)
        self.type("window resize")

    def say(self, sequence: str) -> None:
        self.said.append(sequence)

    def set_title(self, title: str | None) -> None:
        self.title = title or ""

    def set_mouse_tracking(self, enable: bool = True) -> None:
        self.mouse = enable

    @property
    def text(self) -> str:
        return "\n".join(self.last_text) if self.canvases else ""


def a_model(*members: str, nick: str = "alice") -> Model:
    """Return a model of somebody in #lobby with these people."""
    channel = Channel("#lobby")
    channel.members = {fold(one): Member(one) for one in (nick, *members)}
    model = Model(nick, lambda name: name.startswith("#"), lambda: (channel,))
    model.connection.up = True
    model.look_at("#lobby")
    return model


def said(text: str, minute: float = 0, sender: str = "bob", **more: Any) -> Said:
    number = more.pop("msgid", f"m{minute}-{sender}-{text[:20]}")
    conversation = more.pop("conversation", "#lobby")
    return Said(
        time=START + timedelta(minutes=minute),
        conversation=conversation,
        sender=sender,
        text=text,
        msgid=number,
        **more,
    )


def filled(conversation: Conversation, count: int, start: int = 0) -> list[Entry]:
    """Put so many messages of two people into a conversation."""
    entries = [
        entry_of(said(f"message {n}", n, "bob" if n % 3 else "carol", msgid=f"id{n}"))
        for n in range(start, start + count)
    ]
    for entry in entries:
        conversation.append(entry)
    return entries


def a_view(model: Model, *, theme: str = "dark", colors: Any = 2**24, **more: Any) -> View:
    return View(
        model,
        Palette(load(theme), colors),
        on_key=lambda key: None,
        on_mouse=lambda *event: None,
        clock=lambda: 0.0,
        now=lambda: START + timedelta(hours=3),
        keymap=DEFAULT,
        **more,
    )


def rendered(view: View, columns: int, rows: int) -> list[str]:
    """Return the text of the screen, row by row; the canvas must have just that size."""
    canvas = view.render((columns, rows), focus=True)
    assert (canvas.cols(), canvas.rows()) == (columns, rows)
    if canvas.cursor is not None:
        x, y = canvas.cursor
        assert 0 <= x < columns
        assert 0 <= y < rows
    lines = [line.decode() for line in canvas.text]
    for line in lines:
        assert urwid.calc_width(line, 0, len(line)) == columns, line
    return lines


@contextmanager
def utf8() -> Iterator[None]:
    """Let urwid encode as on a terminal of today."""
    before = urwid.util.get_encoding()
    urwid.set_encoding("utf-8")
    yield
    urwid.set_encoding(before)


@dataclass
class Person:
    """Somebody at the program: what they type at, and what they see."""

    app: App
    screen: FakeScreen

    async def sees(self, *texts: str, seconds: float = 60) -> str:
        """Wait until all of this is on the screen."""
        with trio.move_on_after(seconds):
            while not all(text in self.screen.text for text in texts):
                await self.screen.drawn.park()
            return self.screen.text
        raise AssertionError(f"not all of {texts} in\n{self.screen.text}")

    async def until(self, condition: Callable[[], object]) -> None:
        with trio.fail_after(60):
            while not condition():  # noqa: ASYNC110 - not all of it is drawn
                await trio.sleep(0.05)

    def types(self, text: str) -> None:
        self.screen.write(text)

    def presses(self, *keys: str) -> None:
        self.screen.type(*keys)


Open = Callable[..., Any]
"""Opens the program for a person; tests/client/tui/conftest.py has it."""
