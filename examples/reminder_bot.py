"""Reminds people: whoever says ``!remind 10m the tea`` is told of the tea in ten minutes.

python examples/reminder_bot.py ACCOUNT HOST PASSWORD_FILE REMINDERS_FILE [CA_FILE]

What it was asked for is in a file before it says so (with the reaction ⏰), and goes from there
when the reminder is stored: so it outlives a restart, of this program and of the server. Killed
between the two, it reminds twice rather than never. What was asked for while its connection was
down comes by the history, with its own time, so it is not late by as much.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import trio

from securechat.client import Client, connect, events
from securechat.client.errors import NoAnswer, NotSent, Refused
from securechat.protocol.durations import parse_duration

WORD = "!remind "
SECONDS_MAX = 366 * 86400


@dataclass(frozen=True)
class Reminder:
    """Who is to be reminded of what, where, in answer to which message, and when (Unix time)."""

    nick: str
    conversation: str
    msgid: str
    text: str
    due: float


class Reminders:
    """What is still to be told, in a file that is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        self.open = {row["msgid"]: Reminder(**row) for row in rows}

    def add(self, reminder: Reminder) -> None:
        """Keep one."""
        self.open[reminder.msgid] = reminder
        self._write()

    def remove(self, reminder: Reminder) -> None:
        """Let one go."""
        del self.open[reminder.msgid]
        self._write()

    def _write(self) -> None:
        new = self._path.with_name(self._path.name + ".new")
        new.write_text(json.dumps([asdict(one) for one in self.open.values()]), encoding="utf-8")
        new.replace(self._path)


def read(event: events.Said) -> Reminder | None:
    """Return what a message asks for; ``None`` where it does not ask, or not in this form."""
    words = event.text.removeprefix(WORD).split(" ", 1)
    if not event.text.startswith(WORD) or len(words) != 2 or event.own or event.bot:
        return None
    try:
        seconds = parse_duration(words[0])
    except ValueError:
        return None
    if not 0 < seconds <= SECONDS_MAX:
        return None
    due = event.time.timestamp() + seconds
    return Reminder(event.sender, event.conversation, event.msgid, words[1], due)


async def remind(
    client: Client,
    reminders: Reminders,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Listen, and remind, until the client ends."""
    client.set_bot()
    async with trio.open_nursery() as nursery:
        for reminder in reminders.open.values():
            nursery.start_soon(_wait_for, client, reminders, reminder, now)
        async for event in client:
            if not isinstance(event, events.Said):
                continue
            asked = read(event)
            if asked is not None and asked.msgid not in reminders.open:
                reminders.add(asked)
                nursery.start_soon(_wait_for, client, reminders, asked, now)
                nursery.start_soon(_acknowledge, client, asked)
        nursery.cancel_scope.cancel()


async def _acknowledge(client: Client, reminder: Reminder) -> None:
    with suppress(NoAnswer, Refused):  # it is kept all the same
        await client.react(reminder.conversation, reminder.msgid, "⏰")


async def _wait_for(
    client: Client, reminders: Reminders, reminder: Reminder, now: Callable[[], datetime]
) -> None:
    await trio.sleep(max(0.0, reminder.due - now().timestamp()))
    text = f"{reminder.nick}: {reminder.text}"
    saying = client.speak(reminder.conversation, text, reply_to=reminder.msgid)
    try:
        await saying.receipt(math.inf)
    except NotSent as error:
        print(error, file=sys.stderr)  # such as a channel that it was removed from
    reminders.remove(reminder)


async def main(arguments: list[str]) -> None:
    """Connect and remind."""
    account, host, password_file, file, *ca = arguments
    password = (await trio.Path(password_file).read_text()).strip()
    cafile = Path(*ca) if ca else None
    async with connect(host, account=account, password=password, cafile=cafile) as client:
        await remind(client, Reminders(Path(file)))


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    trio.run(main, sys.argv[1:])
