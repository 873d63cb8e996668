"""The client's program against a small server on loopback TLS, in pipes and at a pty."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import select
import ssl
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import trio
from support.fake_server import FakeServer
from support.tls_servers import Authority, Pair

from securechat.errors import ConnectionLost, HandshakeFailed
from securechat.transport import sockets
from securechat.transport.tls import TLSLink

PASSWORD = "wonderland-rabbit"
PROGRAM = [sys.executable, "-c", "from securechat.cli.client import main; main()"]


class Served:
    """A server on loopback TLS, in a thread of its own; ``call`` runs a function there."""

    def __init__(self, folder: Path) -> None:
        self.chat = FakeServer(alice=PASSWORD, bob="x")
        self.folder = folder
        self.port = 0
        self.ca = Authority()
        (folder / "ca.pem").write_bytes(self.ca.pem())
        self.pair = self.ca.issue("localhost", addresses=("127.0.0.1",))
        self.context: ssl.SSLContext = self.pair.context(folder)
        self._ready = threading.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope: trio.CancelScope | None = None
        self._thread = threading.Thread(target=trio.run, args=(self._run,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        assert self._scope is not None
        self.call(self._scope.cancel)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def call(self, function: Callable[..., Any], *arguments: object) -> Any:
        assert self._token is not None
        return trio.from_thread.run_sync(function, *arguments, trio_token=self._token)

    async def _run(self) -> None:
        async def serve(wire: sockets.SocketWire, address: str) -> None:
            link = TLSLink.server(wire, self.context)
            try:
                await self.chat.serve(link)
            except (HandshakeFailed, ConnectionLost):
                pass  # the client did not like the certificate

        listeners = await sockets.listen(["127.0.0.1"], 0)
        self.port = listeners[0].socket.getsockname()[1]
        with trio.CancelScope() as self._scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(sockets.serve, listeners, serve, nursery)
                self._token = trio.lowlevel.current_trio_token()
                self._ready.set()

    def shows(self, pair: Pair) -> None:
        """Serve with another certificate from now on."""
        self.pair = pair
        self.context = pair.context(self.folder)

    @property
    def arguments(self) -> list[str]:
        return [f"alice@127.0.0.1:{self.port}", "--ca", str(self.folder / "ca.pem")]


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        start_new_session=True,  # without a controlling terminal
        check=False,
    )


class Person:
    """Somebody at a pseudo-terminal on which the program runs."""

    def __init__(self, arguments: list[str], **environment: str) -> None:
        self.leader, follower = pty.openpty()
        self.follower = follower
        self.modes = termios.tcgetattr(follower)
        usual = {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env={**usual, **environment},
            start_new_session=True,
            preexec_fn=lambda: take_over(follower),  # noqa: PLW1509 - one ioctl, no lock
        )
        self.seen = io.StringIO()
        self.unseen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.leader)
        os.close(self.follower)

    def types(self, text: str) -> None:
        os.write(self.leader, text.encode())

    def sees(self, text: str) -> None:
        """Read the screen until this shows up, after what was seen before."""
        deadline = time.monotonic() + 20
        while text not in self.unseen:
            ready, _, _ = select.select([self.leader], [], [], deadline - time.monotonic())
            assert ready, f"{text!r} did not come; only {self.unseen!r}"
            try:
                piece = os.read(self.leader, 65536).decode(errors="replace")
            except OSError:  # EIO: the program has ended
                piece = ""
            assert piece, f"{text!r} did not come; only {self.unseen!r}"
            self.unseen += piece
            self.seen.write(piece)
        self.unseen = self.unseen.partition(text)[2]

    def leaves_in_order(self, status: int) -> None:
        """The program ends, and the terminal is as it was."""
        assert self.process.wait(20) == status
        assert termios.tcgetattr(self.follower) == self.modes


def take_over(terminal: int) -> None:
    """Make it the controlling terminal of this new session."""
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
