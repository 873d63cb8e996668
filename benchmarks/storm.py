"""Many logins at once while others chat: how much later their chat arrives.

Two processes of load. The chatters' process sends at a fixed rate, first in calm, then while the
other one logs everybody in at the same moment. Run by ``benchmarks.__main__``; by itself
(``python -m benchmarks.storm chat`` or ``login``) it is one of the two, with its plan as JSON on
standard input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.fanout import ROOT, Certificate
from benchmarks.link import LinkLost
from benchmarks.load import Load, LoadFailed
from benchmarks.measure import (
    forget_peak,
    peak_bytes,
    percentile,
    process_cpu_ns,
    resident_bytes,
)
from benchmarks.plan import LoadPlan
from benchmarks.process import ServerFailed, free_port, running, tail, wait_for_port
from benchmarks.servers import CHANNEL, Securechat

_MIB = 1024 * 1024
_NS = 1_000_000_000
_LIMIT_S = 300.0
_SLICE_S = 0.25


@dataclass(frozen=True, slots=True)
class StormResult:
    """Latencies of those who chat, in calm and in the storm, and what the storm took."""

    chatters: int
    logins: int
    calm_p50_ms: float
    calm_p99_ms: float
    storm_p50_ms: float
    storm_p99_ms: float
    storm_worst_ms: float
    storm_s: float
    login_p50_s: float
    login_worst_s: float
    server_cpu_s: float
    memory_before: int
    """Resident bytes before the storm."""
    memory_peak: int
    """The most resident bytes during it."""


@dataclass(frozen=True, slots=True)
class _Storm:
    """The two plans, as the chatters' process gets them."""

    chat: LoadPlan
    login: LoadPlan

    def to_json(self) -> str:
        return json.dumps({"chat": self.chat.to_json(), "login": self.login.to_json()})

    @classmethod
    def from_json(cls, text: str) -> _Storm:
        raw = json.loads(text)
        return cls(LoadPlan.from_json(raw["chat"]), LoadPlan.from_json(raw["login"]))


def run(
    *,
    chatters: int,
    logins: int,
    rate: float,
    seconds: float,
    fast: bool,
    say: Callable[[str], None],
) -> StormResult:
    """Run it against SecureChat. Raises ``ServerFailed``.

    ``fast`` takes the fast profile of password hashing instead of the default one. Nothing is
    pinned to a core: hashing in threads is what is looked at.
    """
    chat_names = [f"user{number}" for number in range(chatters + 1)]
    login_names = [f"late{number}" for number in range(logins)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        made = Certificate.make(folder)
        server = Securechat(folder, free_port(), made.certificate, made.key, fast=fast)
        passwords = server.passwords([*chat_names, *login_names])
        say(f"making {len(passwords)} accounts ...")
        server.prepare(passwords)
        log = folder / "server.log"
        process = stack.enter_context(
            running(server.command(), log, core=None, env=server.environment(), cwd=ROOT)
        )
        wait_for_port(process, server.port, log)

        def plan(names: list[str]) -> LoadPlan:
            return LoadPlan(
                port=server.port,
                cafile=str(made.authority),
                server_pid=process.pid,
                login=server.login,
                passwords={name: passwords[name] for name in names},
                channel=CHANNEL,
                joins_by_itself=server.joins_by_itself,
                rate=rate,
                seconds=seconds,
            )

        say(f"{chatters} chat, {logins} log in at once ...")
        storm = _Storm(plan(chat_names), plan(login_names))
        try:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.storm", "chat"],
                input=storm.to_json(),
                capture_output=True,
                text=True,
                timeout=_LIMIT_S,
                check=False,
                cwd=ROOT,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise ServerFailed(f"not done after {_LIMIT_S:.0f} s:\n{tail(log)}") from None
        if done.returncode:
            raise ServerFailed(f"{done.stderr.strip()}\nThe server's log ends with:\n{tail(log)}")
        return StormResult(**json.loads(done.stdout))


def table(result: StormResult) -> Table:
    """Return the figures as a table."""
    made = Table(
        title=f"{result.logins} logins at once while {result.chatters} chat",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    for heading in ("", "in calm", "in the storm"):
        made.add_column(heading, justify="right" if heading else "left")
    made.add_row("latency p50 ms", f"{result.calm_p50_ms:.2f}", f"{result.storm_p50_ms:.2f}")
    made.add_row("latency p99 ms", f"{result.calm_p99_ms:.2f}", f"{result.storm_p99_ms:.2f}")
    made.add_row("worst ms", "", f"{result.storm_worst_ms:.2f}")
    made.add_row(
        "memory MiB",
        f"{result.memory_before / _MIB:.0f}",
        f"{result.memory_peak / _MIB:.0f} at most",
    )
    made.add_row("a login, median s", "", f"{result.login_p50_s:.2f}")
    made.add_row("the last login s", "", f"{result.login_worst_s:.2f}")
    return made


def _chat(storm: _Storm) -> StormResult:
    """Chat in calm and through the storm, which is started here."""
    plan = storm.chat
    load = Load(plan)
    try:
        load.log_in()
        load.settle()
        calm = load.phase(lambda: load.fixed(plan.seconds))
        forget_peak(plan.server_pid)
        before, cpu = resident_bytes(plan.server_pid), process_cpu_ns(plan.server_pid)
        start = time.monotonic()
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.storm", "login"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as login:
            try:
                assert login.stdin is not None
                login.stdin.write(storm.login.to_json())
                login.stdin.close()
                login.stdin = None
                stormy = load.phase(lambda: _chat_until(load, lambda: login.poll() is not None))
                text, errors = login.communicate(timeout=_LIMIT_S)
            finally:
                login.kill()
        if login.returncode:
            raise LoadFailed(errors.strip())
        took: list[float] = sorted(json.loads(text))
        return StormResult(
            chatters=len(plan.passwords) - 1,
            logins=len(took),
            calm_p50_ms=calm.p50_ms,
            calm_p99_ms=calm.p99_ms,
            storm_p50_ms=stormy.p50_ms,
            storm_p99_ms=stormy.p99_ms,
            storm_worst_ms=stormy.worst_ms,
            storm_s=time.monotonic() - start,
            login_p50_s=percentile(took, 0.5),
            login_worst_s=took[-1],
            server_cpu_s=(process_cpu_ns(plan.server_pid) - cpu) / _NS,
            memory_before=before,
            memory_peak=peak_bytes(plan.server_pid),
        )
    finally:
        load.close()


def _chat_until(load: Load, over: Callable[[], bool]) -> int:
    sent = 0
    while not over():
        sent += load.fixed(_SLICE_S)
    return sent


def _log_in(plan: LoadPlan) -> list[float]:
    """Log everybody in at once and return how long each took, in seconds."""
    load = Load(plan)
    load.logins_at_once = len(plan.passwords)
    try:
        return load.log_in()
    finally:
        load.close()


def main() -> int:
    """Be one of the two processes of load; return 0, or 1 with the reason on standard error."""
    text = sys.stdin.read()
    try:
        if sys.argv[1] == "chat":
            print(json.dumps(asdict(_chat(_Storm.from_json(text)))))
        else:
            print(json.dumps(_log_in(LoadPlan.from_json(text))))
    except (LoadFailed, LinkLost, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
