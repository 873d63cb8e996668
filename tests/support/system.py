"""The programs as processes for whole-system tests: a home for them, servers, and one-off runs.

Everything here is outside the server: it knows the command lines, the log's JSON and the signals,
and nothing of the server's insides. Accounts alone are made through the store, because starting a
program for each would take most of the time of the tests.
"""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import argon2
import trio
import trustme

from securechat.store.credentials.accounts import Accounts, NewAccount
from securechat.store.credentials.passwords import FAST
from securechat.store.sqlite import open_store

PASSWORD = "correct horse battery staple"
PROGRAMS = Path(sys.executable).parent

PATIENCE_SECONDS = 30.0
"""How long anything may take that is not itself under test; generous, as machines may be slow."""

NO_CONNECTION_LIMITS: dict[str, object] = {
    "connections_per_address": 0,
    "new_connections_per_address": 0,
    "waiting_per_address": 0,
    "waiting_drop_from": 0,
    "waiting_drop_all": 0,
}
NO_FLOOD_LIMIT: dict[str, object] = {"messages_per_second": 0}

Row = dict[str, Any]


@functools.cache
def authority() -> trustme.CA:
    """Return the CA that everybody here trusts; one for the whole run."""
    return trustme.CA()


@functools.cache
def password_hash() -> str:
    """Return a hash of ``PASSWORD`` in the fast profile; one for every account."""
    hasher = argon2.PasswordHasher(
        time_cost=FAST.time_cost, memory_cost=FAST.memory_kib, parallelism=FAST.parallelism
    )
    return hasher.hash(PASSWORD)


class Home:
    """A folder with what a server needs: a certificate, its key, and room for data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cert = folder / "server.pem"
        self.key = folder / "server.key"
        self.data = folder / "data"
        self.issue(self.cert, self.key)

    @staticmethod
    def issue(cert: Path, key: Path) -> None:
        """Write a new certificate for localhost and its key."""
        leaf = authority().issue_cert("localhost", "127.0.0.1")
        leaf.cert_chain_pems[0].write_to_path(cert)
        key.touch(0o600)
        leaf.private_key_pem.write_to_path(key)

    async def add(self, *names: str) -> None:
        """Make accounts whose password is ``PASSWORD``, whether or not a server runs."""
        async with open_store(self.data) as store:
            await Accounts(store).add_all(NewAccount(name, password_hash()) for name in names)

    def server_flags(self, port: int = 0) -> list[str]:
        """Return the flags that make a server live here."""
        flags = {"--host": "127.0.0.1", "--port": port, "--cert": self.cert, "--key": self.key}
        return [str(word) for pair in (flags | {"--data": self.data}).items() for word in pair]


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Return this process's environment with these settings, and none that it had itself."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("SECURECHAT_")
    }
    given = {f"SECURECHAT_{name.upper()}": str(value) for name, value in settings.items()}
    return inherited | {"SECURECHAT_PASSWORD_HASH": "fast", "NO_COLOR": "1"} | given


async def run_program(
    name: str,
    *arguments: str | Path,
    stdin: str = "",
    settings: Mapping[str, object] = {},
) -> subprocess.CompletedProcess[bytes]:
    """Run one of the programs to its end and return its exit status and output."""
    with trio.fail_after(PATIENCE_SECONDS):
        return await trio.run_process(
            [str(PROGRAMS / name), *map(str, arguments)],
            stdin=stdin.encode(),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env=environment(settings),
        )


@dataclass(frozen=True)
class _Log:
    """What a server logged so far, and who waits for more."""

    rows: list[Row]
    waiting: trio.lowlevel.ParkingLot

    def note(self, line: str) -> None:
        try:
            row = json.loads(line)
        except ValueError:
            row = {"level": "not logged", "event": line}
        self.rows.append(row)
        self.waiting.unpark_all()


class Server:
    """A server that runs, or ran."""

    def __init__(self, process: trio.Process, home: Home) -> None:
        self._process = process
        self._log = _Log([], trio.lowlevel.ParkingLot())
        self.home = home
        self.port = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def rows(self, event: str = "", **fields: object) -> list[Row]:
        """Return the log's rows that have this event and these fields."""
        return [
            row
            for row in self._log.rows
            if event in ("", row["event"])
            and all(row.get(key) == value for key, value in fields.items())
        ]

    async def logged(self, event: str, *, count: int = 1, **fields: object) -> list[Row]:
        """Wait until the log has this many such rows, and return them."""
        try:
            with trio.fail_after(PATIENCE_SECONDS):
                while len(rows := self.rows(event, **fields)) < count:
                    await self._log.waiting.park()
        except trio.TooSlowError:
            raise AssertionError(
                f"{len(self.rows(event, **fields))} of {count} rows {event!r} {fields}"
                f" are in the log: {self._log.rows[-20:]}"
            ) from None
        return rows

    def complaints(self, *, besides: str = "") -> list[Row]:
        """Return the log's errors other than this one, tracebacks, and what is no row of it."""
        return [
            row
            for row in self._log.rows
            if "exception" in row
            or (row["level"] not in ("debug", "info", "warning") and row["event"] != besides)
        ]

    def memory_mib(self, kind: str = "VmRSS") -> float:
        """Return the resident memory: ``VmRSS`` is now, ``VmHWM`` the most so far (proc(5))."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = re.search(rf"^{kind}:\s+(\d+) kB$", status, re.MULTILINE)
        assert found
        return int(found[1]) / 1024

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self._process.kill()

    async def ended(self) -> int:
        """Wait for its end and return the exit status."""
        with trio.fail_after(PATIENCE_SECONDS):
            return await self._process.wait()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, wait for that, and return the exit status."""
        if self._process.returncode is None:
            self.send_signal(number)
        return await self.ended()

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        pending = b""
        async for chunk in self._process.stderr:
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._log.note(line.decode())
        if pending:
            self._log.note(pending.decode())

    async def _read_banner(self) -> None:
        assert self._process.stdout is not None
        banner = b""
        try:
            with trio.fail_after(PATIENCE_SECONDS):
                async for chunk in self._process.stdout:
                    banner += chunk
                    if found := re.search(rb"localhost:(\d+)\n", banner):
                        self.port = int(found[1])
                        return
        except trio.TooSlowError:
            pass
        raise AssertionError(f"the server did not start: {banner!r} {self._log.rows}")


@asynccontextmanager
async def running_server(
    home: Home,
    settings: Mapping[str, object] = {},
    *,
    port: int = 0,
    through: Sequence[str] = (),
    stdin: int = subprocess.DEVNULL,
    error: str = "",
) -> AsyncIterator[Server]:
    """Run ``securechat-server`` for the length of the block, then have it stop gracefully.

    ``through`` is a command that prepares something and then becomes the server. Fails where the
    log holds a traceback, or an error whose event is not ``error``.
    """
    command = [*through, str(PROGRAMS / "securechat-server"), *home.server_flags(port)]
    process = await trio.lowlevel.open_process(
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(settings),
    )
    server = Server(process, home)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server._read_log)
            await server._read_banner()
            yield server
            await server.stop()
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None
                await pipe.aclose()
    assert server.complaints(besides=error) == []
