"""The operator's side of a running server: what it says at the start, and what it listens to.

The texts are made by pure functions; the tasks at the end read the terminal and the signals.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import structlog
import trio

import securechat
from securechat.addresses import lan_addresses, with_port
from securechat.certificates import colon_form
from securechat.config import Settings

EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound
# A terminal in the hands of another job is looked at again after this long.
BACKGROUND_SECONDS = 1.0

log = structlog.get_logger(__name__)


def reachable_at(bound: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the names under which this machine, and then others, reach these bound addresses."""
    if EVERYWHERE.isdisjoint(bound):
        own = [address for address in bound if address in {"127.0.0.1", "::1"}]
        return (["localhost"] if own else []), [item for item in bound if item not in own]
    return ["localhost"], lan_addresses()


def banner(
    settings: Settings,
    *,
    bound: Sequence[str],
    port: int,
    fingerprint: str,
    expires: datetime,
    account: str | None,
    on_terminal: bool,
    programs: str = "",
) -> str:
    """Return what is printed once the server listens: where, as whom, and what to type next.

    ``programs`` is what a shell here needs before the name of a program, as in ``.venv/bin/``.
    """
    here, elsewhere = reachable_at(bound)
    name = account or "NAME"
    ca = settings.cert.with_name("ca.pem")
    rows = [
        ("this machine", ", ".join(with_port(host, port) for host in here)),
        ("the network", ", ".join(with_port(host, port) for host in elsewhere)),
        ("certificate", f"valid until {expires:%Y-%m-%d}"),
        ("  SHA-256", fingerprint),
        ("", colon_form(fingerprint)),
    ]
    users = [f"{programs}securechat-users", "add", "NAME"]
    if settings.data != Settings().data:
        users[1:1] = ["--data", str(settings.data)]
    rows.append(("an account" if account is None else "add somebody", shlex.join(users)))
    if here:
        known = ca == Path("certs/ca.pem")
        own = [] if known else ["--ca", str(ca)]
        rows.append(("log in here", _client_command(programs, name, here[0], port, *own)))
    if elsewhere:
        asking = _client_command("", name, elsewhere[0], port)
        rows.append(
            ("from elsewhere", f"{asking}   (it shows a SHA-256: compare it with this one)")
        )
        rows.append(("", f"{asking} --ca ca.pem   (with a copy of {ca})"))
    lines = [f"SecureChat {securechat.__version__} is listening.", ""]
    lines += [f"  {label:<16}{text}" for label, text in rows if text]
    if on_terminal:
        lines += ["", "  A line typed here is announced to everybody. Ctrl-C stops the server."]
    return "\n".join(lines) + "\n"


def _client_command(programs: str, name: str, host: str, port: int, *more: str) -> str:
    return shlex.join([f"{programs}securechat-client", f"{name}@{with_port(host, port)}", *more])


async def read_console(announce: Callable[[str], object]) -> None:
    """Announce each line typed at the terminal, until its end (Ctrl-D). Waits without a deadline.

    Reading a terminal from the background would stop the whole process, so that is not tried.
    """
    descriptor = sys.stdin.fileno()
    pending = b""
    while True:
        await trio.lowlevel.wait_readable(descriptor)
        if os.tcgetpgrp(descriptor) != os.getpgrp():
            await trio.sleep(BACKGROUND_SECONDS)
            continue
        data = os.read(descriptor, 4096)
        if not data:
            return
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").strip()
            if text:
                announce(text)


def open_signals() -> AbstractContextManager[AsyncIterator[int]]:
    """Take over SIGTERM, SIGINT and SIGHUP for the block: it yields them as they come.

    The block is to last until the very end. Stopping takes its time, and the system would end the
    process at once by a second signal that nobody takes; ``timeout`` sends two, as do people.
    """
    return trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


async def watch_signals(
    signals: AsyncIterator[int], stop: Callable[[], None], reload: Callable[[], object]
) -> None:
    """Call ``reload`` at SIGHUP and ``stop`` at the others, each time, until cancelled."""
    async for number in signals:
        if number == signal.SIGHUP:
            reload()
        else:
            log.info("asked to stop", signal=signal.Signals(number).name)
            stop()
