"""What ``securechat-client`` does once it is in: the full screen, the line mode, or one message."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import trio

from securechat.client.connection import Client
from securechat.client.files import themes_path
from securechat.client.kept.settings import Settings
from securechat.client.kept.settings_file import save_interface
from securechat.client.lineclient.commands import COMMANDS
from securechat.client.lineclient.plain import LineMode, Options, Screen
from securechat.client.lineclient.stdio import StdStreams
from securechat.client.lines import visible

_COMMANDS = tuple(f"/{name}" for name in COMMANDS)


async def full_screen(client: Client, settings: Settings, channel: str) -> bool:
    """Run the full screen until its person leaves."""
    from securechat.client.tui import options_of, run_full_screen  # noqa: PLC0415 - urwid is slow

    options = options_of(settings.interface, settings.keys)
    save = partial(save_interface, path=settings.path)
    return await run_full_screen(client, options, channel=channel, save=save, themes=themes_path())


async def line_mode(client: Client, options: Options, *, terminal: bool) -> bool:
    """Run the line mode; return whether everything asked for was done."""
    screen: Screen
    if terminal:
        # prompt_toolkit is slow to load, and a script has no use for it.
        from securechat.client.lineclient.terminal import Terminal  # noqa: PLC0415 - pipes need none

        prompt = Terminal(lambda: visible(mode.current), lambda: [*_COMMANDS, *mode.nicks])
        screen = prompt
    else:
        screen = StdStreams()
    mode = LineMode(client, screen, options, lambda: datetime.now(UTC))
    done = False
    async with trio.open_nursery() as nursery:
        if terminal:
            nursery.start_soon(prompt.run)
            nursery.start_soon(_on_signals, prompt.leave)
        else:
            nursery.start_soon(_on_signals, nursery.cancel_scope.cancel)
        done = await mode.run()
        nursery.cancel_scope.cancel()
    return done


async def send(client: Client, target: str, text: str, *, as_json: bool) -> bool:
    """Say one thing, each of its lines by itself, and wait for the server's receipts.

    A channel is joined first, as ``--channel`` does. Raises ``NotSent`` and ``JoinRefused``.
    """
    if client.is_channel(target):
        await client.join(target)
    msgids: list[str] = []
    for line in text.splitlines():
        if line.strip():
            receipt = await client.say(target, line)
            msgids += receipt.msgids
    if as_json:
        done = {"event": "receipt", "target": target, "msgids": msgids}
        await StdStreams().show(json.dumps(done, ensure_ascii=False) + "\n")
    return True


async def _on_signals(leave: Callable[[], None]) -> None:
    """Leave when somebody asks the process to end."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async for _ in signals:
            leave()
