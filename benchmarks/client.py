"""The full-screen client by itself: how soon it draws, and what messages and idling cost it.

The client is a process on a pty, as on a person's terminal. This process is its terminal, and the
one who talks: it only looks for marks in the bytes that are drawn, so that it costs little beside
the client, whose CPU time is read from its own clock.
"""

from __future__ import annotations

import fcntl
import os
import pty
import secrets
import select
import ssl
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.fanout import Certificate
from benchmarks.link import Link, LinkLost
from benchmarks.login import Login, LoginRefused
from benchmarks.measure import memory_bytes, process_cpu_ns
from benchmarks.process import ROOT, ServerFailed, end, free_port, running, wait_for_port
from benchmarks.servers import CHANNEL, Securechat

COLUMNS, ROWS = 120, 40
ALTERNATE_SCREEN = b"\x1b[?1049h"
"""What xterm's control sequences begin a full screen with; the first frame follows it."""
_MIB = 1024 * 1024
_MS = 1_000_000
_LIMIT_S = 120.0
_QUIET_S = 1.0
_GATHER = 100  # messages a write
_KEYS = "jackdawsloveyourbigsphinx"


class ClientFailed(Exception):
    """The client did not do what it should; the text says what, and what it drew last."""


@dataclass(frozen=True, slots=True)
class ClientResult:
    """What one run of the client showed."""

    messages: int
    first_frame_ms: float
    """From exec to the first byte of the full screen."""
    ready_ms: float
    """From exec until somebody's message is on the screen: connected, logged in, drawn."""
    start_cpu_ms: float
    cpu_s_per_10_000: float
    """CPU seconds for 10,000 messages that come as fast as the server delivers."""
    wall_s: float
    """From the first of these messages sent to the last one on the screen."""
    key_ms: float
    """CPU milliseconds of one typed key."""
    idle_share: float
    """CPU seconds per second of a client to which nothing happens."""
    memory_before: int
    memory_after: int
    """Bytes (PSS) before and after the messages."""


class Screen:
    """The terminal's side of a pty: takes what is drawn and looks for marks in it."""

    def __init__(self, keyboard: int, process: subprocess.Popen[bytes]) -> None:
        self._keyboard = keyboard
        self._process = process
        self._last = b""
        self.begun_ns: int | None = None

    def take(self, seconds: float) -> bytes:
        """Wait so long at most for something drawn and return it."""
        if not select.select([self._keyboard], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self._keyboard, 1 << 16)
        except OSError as error:
            raise ClientFailed(f"the client has ended: {self._words()}") from error
        if self.begun_ns is None and ALTERNATE_SCREEN in self._last + data:
            self.begun_ns = time.monotonic_ns()
        self._last = (self._last + data)[-4096:]
        return data

    def until(self, mark: bytes, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Take what is drawn until the mark is in it. Raises ``ClientFailed``."""
        deadline = time.monotonic() + _LIMIT_S
        tail = b""
        while True:
            data = tail + self.take(0.02)
            if mark in data:
                return
            tail = data[-len(mark) :]
            meanwhile()
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ClientFailed(f"{mark.decode()!r} was never drawn: {self._words()}")

    def rest(self, seconds: float) -> None:
        """Take what is drawn for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.take(left)

    def type(self, text: str) -> None:
        """Type, key by key, each drawn before the next."""
        for key in text:
            os.write(self._keyboard, key.encode())
            self.take(1.0)
            self.rest(0.05)

    def _words(self) -> str:
        return self._last.decode(errors="replace")[-400:]


def run(*, messages: int, idle_seconds: float, say: Callable[[str], None]) -> ClientResult:
    """Run it. Raises ``ServerFailed`` and ``ClientFailed``."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        made = Certificate.make(folder)
        server = Securechat(folder, free_port(), made.certificate, made.key)
        passwords = {name: secrets.token_urlsafe(18) for name in ("reader", "talker")}
        server.prepare(passwords)
        log = folder / "server.log"
        process = stack.enter_context(
            running(server.command(), log, core=None, env=server.environment(), cwd=ROOT)
        )
        wait_for_port(process, server.port, log)
        talker = _log_in("talker", passwords["talker"], made.authority, server.port)
        stack.callback(talker.close)
        _say(talker, ["the first of all"])
        secret = folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(passwords["reader"] + "\n", encoding="utf-8")
        command = [
            *(str(Path(sys.executable).with_name("securechat-client")),),
            *(f"reader@localhost:{server.port}", "--ca", str(made.authority)),
            *("--password-file", str(secret)),
        ]
        say("starting the client ...")
        start = time.monotonic_ns()
        screen, client = stack.enter_context(_on_a_pty(command, folder))
        screen.until(b"the first of all")
        ready = time.monotonic_ns()
        if screen.begun_ns is None:
            raise ClientFailed("the client drew no full screen")
        start_cpu = process_cpu_ns(client.pid)
        screen.rest(_QUIET_S)
        before = memory_bytes(client.pid)
        say(f"{messages} messages ...")
        cpu, begun = process_cpu_ns(client.pid), time.monotonic()
        _flood(talker, screen, messages)
        wall = time.monotonic() - begun
        spent = process_cpu_ns(client.pid) - cpu
        screen.rest(_QUIET_S)
        after = memory_bytes(client.pid)
        cpu = process_cpu_ns(client.pid)
        screen.type(_KEYS)
        typed = process_cpu_ns(client.pid) - cpu
        say(f"idling for {idle_seconds:g} s ...")
        screen.rest(_QUIET_S)
        cpu = process_cpu_ns(client.pid)
        screen.rest(idle_seconds)
        idle = process_cpu_ns(client.pid) - cpu
        return ClientResult(
            messages=messages,
            first_frame_ms=(screen.begun_ns - start) / _MS,
            ready_ms=(ready - start) / _MS,
            start_cpu_ms=start_cpu / _MS,
            cpu_s_per_10_000=spent / 1e9 / messages * 10_000,
            wall_s=wall,
            key_ms=typed / _MS / len(_KEYS),
            idle_share=idle / 1e9 / idle_seconds,
            memory_before=before,
            memory_after=after,
        )


def table(result: ClientResult) -> Table:
    """Return the figures as a table."""
    made = Table(
        title=f"The full-screen client at {COLUMNS}x{ROWS}",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        show_header=False,
    )
    made.add_column()
    made.add_column(justify="right")
    rate = result.messages / result.wall_s
    for what, figure in (
        ("first frame ms", f"{result.first_frame_ms:.0f}"),
        ("logged in and drawn ms", f"{result.ready_ms:.0f}"),
        ("CPU until then ms", f"{result.start_cpu_ms:.0f}"),
        ("CPU for 10,000 messages s", f"{result.cpu_s_per_10_000:.2f}"),
        ("messages/s in a flood", f"{rate:,.0f}"),
        ("CPU for a typed key ms", f"{result.key_ms:.2f}"),
        ("idle CPU %", f"{result.idle_share:.2%}"),
        ("memory MiB", f"{result.memory_before / _MIB:.0f}"),
        (f"memory after {result.messages:,} messages MiB", f"{result.memory_after / _MIB:.0f}"),
    ):
        made.add_row(what, figure)
    return made


def _flood(talker: Link, screen: Screen, messages: int) -> None:
    """Say so many messages and wait for the last one on the screen."""
    texts = iter(
        [*(f"message {number} of many" for number in range(messages - 1)), "the very last"]
    )

    def go_on() -> None:
        if talker.wants_write:
            talker.flush()
        elif some := [text for _, text in zip(range(_GATHER), texts, strict=False)]:
            _say(talker, some)
        talker.lines()

    screen.until(b"the very last", go_on)


def _say(talker: Link, texts: list[str]) -> None:
    talker.write("".join(f"PRIVMSG {CHANNEL} :{text}\r\n" for text in texts).encode())


def _log_in(name: str, password: str, authority: Path, port: int) -> Link:
    context = ssl.create_default_context(cafile=authority)
    link = Link(name, context, "127.0.0.1", port)
    login = Login(name, password, channel=CHANNEL, sasl=True, joins=False)
    deadline = time.monotonic() + _LIMIT_S
    try:
        link.write(login.hello().encode())
        while not login.done:
            if time.monotonic() > deadline:
                raise ServerFailed(f"{name} was not let in in {_LIMIT_S:.0f} s")
            select.select([link.socket], [], [], 1.0)
            for line in link.lines():
                link.write(login.answer(line).encode())
    except (LinkLost, LoginRefused, ServerFailed) as error:
        link.close()
        raise ServerFailed(str(error)) from error
    return link


@contextmanager
def _on_a_pty(command: list[str], home: Path) -> Iterator[tuple[Screen, subprocess.Popen[bytes]]]:
    """Run the client on a terminal of its own while the block lasts."""
    keyboard, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    kind = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    try:
        process = subprocess.Popen(
            command,
            stdin=program,
            stdout=program,
            stderr=program,
            env={"PATH": os.environ["PATH"], "HOME": str(home), **kind},
            start_new_session=True,
        )
        try:
            yield Screen(keyboard, process), process
        finally:
            end(process)
    finally:
        os.close(keyboard)
        os.close(program)
