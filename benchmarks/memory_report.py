"""The figures of ``benchmarks.memory`` as a table for people and as JSON for programs."""

from __future__ import annotations

from dataclasses import asdict

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.memory import PAGE, MemoryResult, Settings
from benchmarks.report import machine, verdict

DEEP_TARGET = 2.0
"""A page of history takes at most so many times as long as the newest one, however deep."""
SEARCH_TARGET_MS = 50.0
"""The first page of any search takes less than this at a million messages."""
_MIB = 1024 * 1024


def to_record(result: MemoryResult, settings: Settings) -> dict[str, object]:
    """Return everything as plain types for JSON."""
    return {
        "scenario": "memory",
        "machine": machine(),
        "settings": asdict(settings),
        "result": asdict(result)
        | {"deep_ratio": result.deep_ratio, "slowest_search_ms": result.slowest_search_ms},
        "targets": {"deep_at_most": DEEP_TARGET, "search_ms_under": SEARCH_TARGET_MS},
    }


def show(result: MemoryResult, settings: Settings, console: Console) -> None:
    """Print two tables and whether the targets are met."""
    figures = _table(f"{settings.messages:,} messages in {settings.channels} channels", "")
    for name, value in (
        ("appends/s, the index following", f"{result.appends_per_s:,.0f}"),
        ("index behind, median ms", f"{result.lag_p50_ms:.0f}"),
        ("index behind, at most ms", f"{result.lag_worst_ms:.0f}"),
        ("index behind, at most messages", f"{result.lag_worst_events:,}"),
        ("index complete after the last, ms", f"{result.caught_up_ms:.0f}"),
        ("journal, bytes a message", f"{result.journal_bytes:.0f}"),
        ("index, bytes a message", f"{result.index_bytes:.0f}"),
        ("memory at most, MiB", f"{result.memory_peak / _MIB:.0f}"),
    ):
        figures.add_row(name, value)
    pages = _table(f"A page of {PAGE}, ms", "first page", "deep page")
    slowest = max(result.deep_ms.values())
    pages.add_row("history of a channel", f"{result.newest_ms:.2f}", f"{slowest:.2f}")
    for search in result.searches:
        pages.add_row(search.name, f"{search.first_ms:.1f}", f"{search.deep_ms:.1f}")
    console.print(figures)
    console.print()
    console.print(pages)
    for remark in remarks(result):
        console.print(remark, markup=False, highlight=False, soft_wrap=True)


def remarks(result: MemoryResult) -> list[str]:
    """Return whether each target is met."""
    deep, search = result.deep_ratio, result.slowest_search_ms
    first = (
        f"the slowest page of history takes {deep:.2f} times the newest one"
        f" ({verdict(deep <= DEEP_TARGET)}: at most {DEEP_TARGET:g})"
    )
    second = (
        f"the slowest first page of a search takes {search:.1f} ms"
        f" ({verdict(search < SEARCH_TARGET_MS)}: under {SEARCH_TARGET_MS:g})"
    )
    return [first, second]


def _table(title: str, *headings: str) -> Table:
    made = Table(
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        show_header=any(headings),
    )
    made.add_column("")
    for heading in headings:
        made.add_column(heading, justify="right")
    return made
