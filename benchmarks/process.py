"""Child processes of the benchmark: started on a chosen core, ended by pid whatever happens."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import children_on

ROOT = Path(__file__).resolve().parent.parent
_END_S = 5.0
_TAIL_LINES = 20


class ServerFailed(Exception):
    """A server did not come up or went down; the text says what its log ended with."""


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def tail(log: Path) -> str:
    """Return the last lines of a log, for a person to read."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_TAIL_LINES:]) or "(its log is empty)"


@contextmanager
def running(
    argv: Sequence[str],
    log: Path,
    *,
    core: int | None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the block lasts, its output going to ``log``.

    It gets a process group of its own, so that Ctrl-C reaches the benchmark alone, which then
    ends it here: SIGTERM, and SIGKILL when that does not help.
    """
    with log.open("wb") as output, children_on(core):
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Make a process end and collect it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_port(
    process: subprocess.Popen[bytes], port: int, log: Path, *, seconds: float = 20.0
) -> None:
    """Return when somebody listens on ``port``. Raises ``ServerFailed`` with the log's tail."""
    deadline = time.monotonic() + seconds
    while True:
        if process.poll() is not None:
            raise ServerFailed(f"ended with status {process.returncode}:\n{tail(log)}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise ServerFailed(f"not listening after {seconds:.0f} s:\n{tail(log)}") from None
            time.sleep(0.05)
        else:
            return


def measured_apart(module: str, plan: str, limit: float) -> str:
    """Return what a module of this package prints, run in a process of its own.

    ``plan`` is its standard input, ``limit`` in seconds. Raises ``ServerFailed`` with what it says.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            input=plan,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
            cwd=ROOT,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise ServerFailed(f"{module} was not done after {limit:.0f} s") from None
    if done.returncode:
        raise ServerFailed(done.stderr.strip() or f"{module} ended with {done.returncode}")
    return done.stdout
