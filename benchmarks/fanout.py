"""Fan-out on one channel: one sender, many receivers, the same load on each server in turn."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import trustme

from benchmarks.measure import core_for
from benchmarks.plan import LoadPlan, Phase, RunResult
from benchmarks.process import (
    ServerFailed,
    free_port,
    measured_apart,
    running,
    tail,
    wait_for_port,
)
from benchmarks.servers import CHANNEL, MODERN_CAPS, SERVERS, Server

_SPARE_S = 180.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person asked for."""

    servers: tuple[str, ...]
    receivers: int = 200
    rate: float = 200.0
    seconds: float = 10.0
    burst: int = 2000
    burst_seconds: float = 5.0
    text_bytes: int = 64
    tags: bool = True
    """Whether servers that can are measured a second time with ``MODERN_CAPS`` negotiated."""
    pin: bool = True
    repeat: int = 1
    """How often each is measured, in turns; each phase's median run is what counts."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report: a result, or why there is none."""

    server: str
    tags: bool
    result: RunResult | None = None
    skipped: str = ""
    """Why it was not measured although nothing is wrong."""
    failed: str = ""
    """What went wrong."""

    @property
    def label(self) -> str:
        return self.server + (" +tags" if self.tags else "")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A throw-away authority's file and the certificate it issued for this machine."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> Certificate:
        authority = trustme.CA()
        issued = authority.issue_cert("localhost", "127.0.0.1")
        made = cls(folder / "ca.pem", folder / "server.pem", folder / "server.key")
        authority.cert_pem.write_to_path(made.authority)
        for blob in issued.cert_chain_pems:
            blob.write_to_path(made.certificate, append=True)
        made.key.touch(mode=0o600)
        issued.private_key_pem.write_to_path(made.key)
        return made


def run(settings: Settings, say: Callable[[str], None]) -> list[Row]:
    """Measure every server that was asked for, one after the other; ``say`` tells the progress."""
    runs: dict[tuple[str, bool], list[Row]] = {}
    for turn in range(1, settings.repeat + 1):
        for name in settings.servers:
            server = SERVERS[name]
            missing = server.missing()
            if missing:
                runs[name, False] = [Row(name, tags=False, skipped=missing)]
                continue
            for tags in (False, True) if settings.tags and server.has_modern_caps else (False,):
                earlier = runs.setdefault((name, tags), [])
                if any(row.failed for row in earlier):
                    continue
                row = Row(name, tags=tags)
                say(f"{row.label}: {settings.receivers} receivers, run {turn} ...")
                earlier.append(_measure(server, settings, tags=tags))
    return [median(rows) for rows in runs.values()]


def median(rows: Sequence[Row]) -> Row:
    """Return one row of several runs of the same: each phase from its median run.

    A run that failed or was skipped stands for all of them.
    """
    for row in rows:
        if row.result is None:
            return row
    results = [row.result for row in rows if row.result is not None]
    middle = (len(results) - 1) // 2
    fixed = sorted((result.fixed for result in results), key=lambda it: it.cpu_us_per_delivery)
    pipelined = sorted((result.pipelined for result in results), key=_rate)
    packed = sorted((result.packed for result in results), key=_rate)
    chosen = replace(
        results[middle], fixed=fixed[middle], pipelined=pipelined[middle], packed=packed[middle]
    )
    return replace(rows[0], result=chosen)


def _rate(phase: Phase) -> float:
    return phase.deliveries_per_s


def _measure(kind: type[Server], settings: Settings, *, tags: bool) -> Row:
    try:
        return Row(kind.name, tags, _run_one(kind, settings, MODERN_CAPS if tags else ()))
    except ServerFailed as error:
        return Row(kind.name, tags, failed=str(error))


def _run_one(kind: type[Server], settings: Settings, caps: Sequence[str]) -> RunResult:
    cores = sorted(os.sched_getaffinity(0)) if settings.pin else []
    names = ["sender", *(f"user{number}" for number in range(settings.receivers))]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        made = Certificate.make(folder)
        server = kind(folder, free_port(), made.certificate, made.key)
        passwords = server.passwords(names)
        server.prepare(passwords)
        log = folder / "server.log"
        process = stack.enter_context(
            running(
                server.command(),
                log,
                core=core_for("server", cores),
                env=server.environment(),
                # InspIRCd leaves a core dump where it runs.
                cwd=folder,
            )
        )
        wait_for_port(process, server.port, log)
        plan = LoadPlan(
            port=server.port,
            cafile=str(made.authority),
            server_pid=process.pid,
            login=server.login,
            passwords=passwords,
            channel=CHANNEL,
            joins_by_itself=server.joins_by_itself,
            caps=tuple(caps),
            sender_oper=server.sender_oper,
            rate=settings.rate,
            seconds=settings.seconds,
            burst=settings.burst,
            burst_seconds=settings.burst_seconds,
            text_bytes=settings.text_bytes,
            core=core_for("load", cores),
        )
        try:
            return generate(plan)
        except ServerFailed as error:
            raise ServerFailed(f"{error}\nThe server's log ends with:\n{tail(log)}") from error


def generate(plan: LoadPlan) -> RunResult:
    """Run the load generator in its own process. Raises ``ServerFailed`` with what it says."""
    limit = plan.seconds + 2 * plan.burst_seconds + _SPARE_S
    return RunResult.from_json(measured_apart("benchmarks.load", plan.to_json(), limit))
