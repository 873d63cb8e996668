"""The line mode: events are printed, what is typed is said or done.

The same for a person at a prompt and for a program at the other end of a pipe; the screen differs.
With a person, history is shown and failures are told among the events. With a pipe, the end of the
input is the end of the work: every receipt is awaited, failures go to standard error, and the
result tells whether everything was done.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import trio

from securechat.client import events
from securechat.client.commandtable import Wrong
from securechat.client.connection import Client
from securechat.client.errors import NotSent
from securechat.client.events import Event
from securechat.client.groups import unwrapped
from securechat.client.lineclient.commands import COMMANDS, Quit
from securechat.client.lines import as_json, as_text, visible
from securechat.errors import SecureChatError
from securechat.protocol.names import fold

WELCOME_SECONDS_MAX = 30
UNSETTLED_MAX = 100
LEAVE_SECONDS_MAX = 5  # what a person waits for receipts when leaving


class Screen(Protocol):
    """Where lines come from and go to."""

    @property
    def interactive(self) -> bool:
        """Whether a person types."""
        ...

    async def next_line(self) -> str | None:
        """Return the next line of input; ``None`` when there will be no more."""
        ...

    async def show(self, text: str, *, error: bool = False) -> None:
        """Show text that ends with a line feed."""
        ...


@dataclass(frozen=True, slots=True)
class Options:
    """How the line mode is to be. ``channel`` is joined first and made the current one."""

    channel: str = ""
    json: bool = False


class LineMode:
    """One client and one screen. ``now`` tells the time that dates are compared with."""

    def __init__(
        self, client: Client, screen: Screen, options: Options, now: Callable[[], datetime]
    ) -> None:
        self.client = client
        self._screen = screen
        self._options = options
        self._now = now
        self._room = trio.Semaphore(UNSETTLED_MAX)
        self._unsettled = 0
        self._settled = trio.lowlevel.ParkingLot()
        self._welcomed = trio.Event()
        self.current = ""
        self.failed = False
        self.nicks: tuple[str, ...] = ()
        self._broken_by = ""

    # --- running -------------------------------------------------------------------------------

    async def run(self) -> bool:
        """Do everything until the input ends; return whether all of it was done.

        Raises ``JoinRefused`` where the channel that was asked for cannot be joined.
        """
        with unwrapped():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._show_events, nursery)
                await self._enter()
                parting = ""
                while (line := await self._screen.next_line()) is not None:
                    try:
                        await self._handle(line, nursery)
                    except Quit as leave:
                        parting = leave.reason
                        break
                    except (SecureChatError, ValueError) as error:
                        await self._complain(str(error))
                await self._wait_for_receipts()
                await self.client.quit(parting)
        return not self.failed or self._screen.interactive

    async def _enter(self) -> None:
        channel = self._options.channel
        if channel:
            await self.client.join(channel)
            self.current = channel
            return
        with trio.move_on_after(WELCOME_SECONDS_MAX):
            await self._welcomed.wait()

    async def _wait_for_receipts(self) -> None:
        patience = LEAVE_SECONDS_MAX if self._screen.interactive else float("inf")
        with trio.move_on_after(patience):  # each line has its own deadline
            while self._unsettled:
                await self._settled.park()

    async def _show_events(self, nursery: trio.Nursery) -> None:
        async for event in self.client:
            self._learn(event)
            await self._show(event)
        nursery.cancel_scope.cancel()

    def _learn(self, event: Event) -> None:
        if isinstance(event, events.Joined) and event.own:
            self.current = self.current or event.channel
            self._welcomed.set()
        if isinstance(event, events.ChannelRenamed) and fold(event.old) == fold(self.current):
            self.current = event.new
        if isinstance(event, events.Joined | events.Parted | events.Quitted | events.Names):
            here = (one for one in self.client.channels if fold(one.name) == fold(self.current))
            self.nicks = tuple(member.nick for one in here for member in one.members.values())

    async def _show(self, event: Event) -> None:
        if self._options.json:
            await self._screen.show(as_json(event) + "\n")
        if self._told_before(event):
            return
        lines = as_text(event, current=self.current, today=self._now())
        error = isinstance(event, events.Failed | events.Disconnected | events.HistoryGap)
        if lines and (error or not self._options.json):
            await self._screen.show("".join(f"{line}\n" for line in lines), error=error)

    def _told_before(self, event: Event) -> bool:
        """Tell whether this is one more attempt that failed as the last one did."""
        if isinstance(event, events.Connected):
            self._broken_by = ""
        if not isinstance(event, events.Disconnected):
            return False
        before, self._broken_by = self._broken_by, event.reason
        return event.reason == before and event.retry_in is not None

    async def _complain(self, text: str) -> None:
        self.failed = True
        await self._screen.show(f"{visible(text)}\n", error=True)

    async def tell(self, text: str) -> None:
        """Show what a command has to say."""
        await self._screen.show(f"{text}\n", error=self._options.json)

    # --- doing ---------------------------------------------------------------------------------

    async def _handle(self, line: str, nursery: trio.Nursery) -> None:
        if not line.strip():
            return
        if not line.startswith("/") or line.startswith("//"):
            text = line[1:] if line.startswith("//") else line
            await self.say(nursery, self.here(), text)
            return
        word, _, rest = line[1:].partition(" ")
        command = COMMANDS.get(word.lower())
        if command is None:
            near = difflib.get_close_matches(word.lower(), COMMANDS, n=1)
            hint = f"did you mean /{near[0]}?" if near else "/help lists the commands."
            raise Wrong(f"There is no command /{word}: {hint}")
        await command.action(self, rest.strip(), nursery)

    async def say(
        self,
        nursery: trio.Nursery,
        target: str,
        text: str,
        *,
        notice: bool = False,
        action: bool = False,
    ) -> None:
        """Hand something over to be said; its failing is noted when it is known."""
        await self._room.acquire()
        try:
            saying = self.client.speak(target, text, notice=notice, action=action)
        except BaseException:
            self._room.release()
            raise
        self._unsettled += 1

        async def settle() -> None:
            try:
                await saying.receipt()
            except NotSent:
                self.failed = True  # the event about it is shown
            finally:
                self._room.release()
                self._unsettled -= 1
                self._settled.unpark_all()

        nursery.start_soon(settle)

    def here(self) -> str:
        """Return the current conversation. Raises ``Wrong`` when there is none."""
        if not self.current:
            raise Wrong("You are in no channel: type /join CHANNEL first.")
        return self.current

    def channel_and_rest(self, rest: str) -> tuple[str, str]:
        """Return the channel a command is about, the current one unless named, and the rest."""
        word, _, more = rest.partition(" ")
        if self.client.is_channel(word):
            return word, more.strip()
        return self.here(), rest
