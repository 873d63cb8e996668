"""Rows of figures as a table for people and as JSON for programs."""

from __future__ import annotations

import os
import platform
import ssl
from collections.abc import Sequence
from dataclasses import asdict

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.fanout import Row, Settings
from benchmarks.plan import PHASES, Phase

OTHERS = frozenset({"ngircd", "inspircd"})
OWN = "securechat"
PIPELINED_TARGET = 4.0
"""At least so many times the better of the others' deliveries/s when pipelined."""
CPU_TARGET = 1.6
"""At most so many times the better of the others' CPU for one delivery at the fixed rate."""
_MIB = 1024 * 1024
_KIB = 1024
_BUSY = 0.9


def machine() -> dict[str, object]:
    """Return what the figures were taken on."""
    return {
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
    }


def comparison(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Return, for each of SecureChat's rows, its ratios to the better of the other servers.

    ``pipelined`` and ``packed`` are deliveries/s over theirs, ``cpu`` is CPU for one delivery at
    the fixed rate over theirs. Empty when there is nothing to compare.
    """
    others = [row.result for row in rows if row.result and row.server in OTHERS and not row.tags]
    if not others:
        return {}
    best_rate = max(result.pipelined.deliveries_per_s for result in others)
    best_packed = max(result.packed.deliveries_per_s for result in others)
    best_cpu = min(result.fixed.cpu_us_per_delivery for result in others)
    return {
        row.label: {
            "pipelined": row.result.pipelined.deliveries_per_s / best_rate,
            "packed": row.result.packed.deliveries_per_s / best_packed,
            "cpu": row.result.fixed.cpu_us_per_delivery / best_cpu,
        }
        for row in rows
        if row.result and row.server == OWN
    }


def to_record(rows: Sequence[Row], settings: Settings) -> dict[str, object]:
    """Return everything as plain types for JSON."""
    return {
        "scenario": "fanout",
        "machine": machine(),
        "settings": asdict(settings),
        "rows": [
            {
                "server": row.server,
                "tags": row.tags,
                "skipped": row.skipped or None,
                "failed": row.failed or None,
                "result": row.result.to_record() if row.result else None,
            }
            for row in rows
        ],
        "comparison": comparison(rows),
        "targets": {"pipelined_at_least": PIPELINED_TARGET, "cpu_at_most": CPU_TARGET},
    }


def table(rows: Sequence[Row], settings: Settings) -> Table:
    """Return the rows that have a result as a table."""
    made = Table(
        title=f"Fan-out to {settings.receivers} receivers over TLS",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    made.add_column("server", no_wrap=True)
    for heading in (
        f"CPU µs\n{settings.rate:g}/s",
        "of it\nkernel",
        "p50 ms",
        "p99 ms",
        "pipelined\nper s",
        "packed\nper s",
        "KiB a\nsession",
    ):
        made.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        if row.result is None:
            continue
        fixed, pipelined = row.result.fixed, row.result.pipelined
        made.add_row(
            row.label,
            f"{fixed.cpu_us_per_delivery:.2f}",
            f"{fixed.system_share:.0%}",
            f"{fixed.p50_ms:.2f}",
            f"{fixed.p99_ms:.2f}",
            f"{pipelined.deliveries_per_s:,.0f}",
            f"{row.result.packed.deliveries_per_s:,.0f}",
            f"{row.result.memory_per_session / _KIB:.0f}",
        )
    return made


def remarks(rows: Sequence[Row]) -> list[str]:
    """Return what the table cannot say: ratios, ciphers, what was skipped, failed or doubtful."""
    said: list[str] = []
    for label, ratio in comparison(rows).items():
        said.append(
            f"{label}: {ratio['pipelined']:.2f} times the better one's deliveries/s pipelined"
            f" ({verdict(ratio['pipelined'] >= PIPELINED_TARGET)}: at least {PIPELINED_TARGET:g}),"
            f" {ratio['packed']:.2f} times packed,"
            f" {ratio['cpu']:.2f} times its CPU for a delivery"
            f" ({verdict(ratio['cpu'] <= CPU_TARGET)}: at most {CPU_TARGET:g})"
        )
    ciphers = {row.label: row.result.cipher for row in rows if row.result}
    if len(set(ciphers.values())) == 1:
        said.append(f"cipher of all: {next(iter(ciphers.values()))}")
    else:
        said += [f"{label}: cipher {cipher}" for label, cipher in ciphers.items()]
    for row in rows:
        if row.skipped:
            said.append(f"{row.label}: skipped, {row.skipped}")
        if row.failed:
            said.append(f"{row.label}: FAILED, {row.failed}")
        for name in PHASES if row.result else ():
            phase: Phase = getattr(row.result, name)
            if phase.load_busy > _BUSY > phase.server_busy:
                said.append(f"{row.label}: the load generator was the limit, phase {name}")
    return said


def show(rows: Sequence[Row], settings: Settings, console: Console) -> None:
    """Print the table and the remarks."""
    if any(row.result for row in rows):
        console.print(table(rows, settings))
    for remark in remarks(rows):
        console.print(remark, markup=False, highlight=False, soft_wrap=True)


def verdict(met: bool) -> str:
    """Say whether a target is met."""
    return "target met" if met else "target missed"
