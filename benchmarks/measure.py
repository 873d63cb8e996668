"""Figures about a running process, read from Linux itself, and the arithmetic on samples.

Nothing here needs a package: the CPU time of a process comes from its own CPU clock, which counts
every thread of it, also those that have ended, in nanoseconds (clock_getcpuclockid(3)); memory
comes from ``/proc/PID/smaps_rollup`` (proc(5)).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_CPUCLOCK_SCHED = 2
_KIB = 1024


def process_cpu_ns(pid: int) -> int:
    """Return the user and system time of ``pid``, all its threads together, in nanoseconds.

    The clock's number is what the C library's ``clock_getcpuclockid`` computes on Linux. Raises
    ``ProcessLookupError`` when there is no such process.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError as error:
        raise ProcessLookupError(f"no process {pid}") from error


def system_share(before: tuple[int, int], after: tuple[int, int]) -> float:
    """Return which part of the CPU time between two ``user_and_system_ticks`` was the kernel's."""
    user, system = after[0] - before[0], after[1] - before[1]
    return system / (user + system) if user + system else 0.0


def user_and_system_ticks(pid: int) -> tuple[int, int]:
    """Return the user and the system time of ``pid`` in clock ticks (1/100 s on most systems)."""
    return parse_stat(Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace"))


def parse_stat(text: str) -> tuple[int, int]:
    """Return ``utime`` and ``stime`` of a ``/proc/PID/stat``; the name in it may hold spaces."""
    fields = text.rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def memory_bytes(pid: int) -> int:
    """Return the memory of ``pid`` in bytes, pages it shares counted by their part (PSS)."""
    return parse_kib(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"), "Pss")


def parse_kib(text: str, name: str) -> int:
    """Return in bytes what a line such as ``Pss: 12 kB`` says; ``ValueError`` without one."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * _KIB
    raise ValueError(f"no line of {name}")


def resident_bytes(pid: int) -> int:
    """Return the resident memory of ``pid`` in bytes."""
    return _status_bytes(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """Return the most resident memory of ``pid`` since ``forget_peak``, in bytes."""
    return _status_bytes(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Begin anew to note the most resident memory of ``pid``."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _status_bytes(pid: int, name: str) -> int:
    return parse_kib(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), name)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of samples in ascending order; 0.0 of none.

    ``share`` is 0 to 1: 0.99 is the smallest sample that at least 99 % of them do not exceed.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share is between 0 and 1, not {share}")
    if not ordered:
        return 0.0
    rank = -(-len(ordered) * share // 1)
    return ordered[max(int(rank), 1) - 1]


def core_for(role: str, available: Sequence[int]) -> int | None:
    """Return the core to pin a ``"server"`` or a ``"load"`` to; ``None`` on a single core."""
    if len(available) < 2:
        return None
    return available[0] if role == "server" else available[1]


@contextmanager
def children_on(core: int | None) -> Iterator[None]:
    """Make processes that are started inside run on ``core`` only, from their first thread on."""
    if core is None:
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)
