"""The command line: ``python -m benchmarks fanout``."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from benchmarks import client as client_scenario
from benchmarks import fanout as fanout_scenario
from benchmarks import memory as memory_scenario
from benchmarks import memory_report, report
from benchmarks import storm as storm_scenario
from benchmarks.process import ServerFailed
from benchmarks.servers import SERVERS

_DEFAULT_SERVERS = "securechat,ngircd,inspircd"


def _names(_context: click.Context, _option: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    for name in names:
        if name not in SERVERS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(SERVERS)}")
    if not names:
        raise click.BadParameter("name at least one server")
    return names


def _write(record: Mapping[str, object], json_file: Path | None) -> None:
    """Write what was measured where ``--json`` says, if it does."""
    if json_file is not None:
        json_file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


_POSITIVE = click.FloatRange(min=0, min_open=True)
_json_file = click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write JSON too."
)


@click.group()
def main() -> None:
    """Measure SecureChat, beside other servers where they are installed."""


@main.command()
@click.option("--receivers", type=click.IntRange(1, 5000), default=200, show_default=True)
@click.option(
    "--rate",
    type=_POSITIVE,
    default=200,
    show_default=True,
    help="Messages per second of the fixed-rate phase.",
)
@click.option(
    "--seconds",
    type=_POSITIVE,
    default=10,
    show_default=True,
    help="Length of the fixed-rate phase.",
)
@click.option(
    "--burst",
    type=click.IntRange(2, 100_000),
    default=2000,
    show_default=True,
    help="Messages under way in the pipelined phase; half of them are written at once.",
)
@click.option(
    "--burst-seconds",
    type=click.FloatRange(min=0),
    default=5,
    show_default=True,
    help="Length of the pipelined phase.",
)
@click.option(
    "--text-bytes",
    type=click.IntRange(32, 400),
    default=64,
    show_default=True,
    help="Length of a message's text.",
)
@click.option(
    "--servers",
    callback=_names,
    default=_DEFAULT_SERVERS,
    show_default=True,
    help=f"Any of {', '.join(SERVERS)}.",
)
@click.option("--tags/--no-tags", default=True, help="A second row with capabilities negotiated.")
@click.option("--pin/--no-pin", default=True, help="Server on one core, load on another.")
@click.option(
    "--repeat",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Measure each so often, in turns, and take the medians.",
)
@_json_file
def fanout(
    *,
    receivers: int,
    rate: float,
    seconds: float,
    burst: int,
    burst_seconds: float,
    text_bytes: int,
    servers: tuple[str, ...],
    tags: bool,
    pin: bool,
    repeat: int,
    json_file: Path | None,
) -> None:
    """Send to a channel of many receivers, at a fixed rate and then pipelined."""
    settings = fanout_scenario.Settings(
        servers=servers,
        receivers=receivers,
        rate=rate,
        seconds=seconds,
        burst=burst,
        burst_seconds=burst_seconds,
        text_bytes=text_bytes,
        tags=tags,
        pin=pin,
        repeat=repeat,
    )
    progress = Console(stderr=True)
    rows = fanout_scenario.run(settings, progress.print)
    report.show(rows, settings, Console())
    _write(report.to_record(rows, settings), json_file)
    if any(row.failed for row in rows):
        sys.exit(1)


@main.command()
@click.option("--chatters", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option(
    "--logins",
    type=click.IntRange(1, 5000),
    default=500,
    show_default=True,
    help="Connections of the first two waves: TLS alone, and by tokens.",
)
@click.option(
    "--passwords",
    type=click.IntRange(1, 5000),
    default=100,
    show_default=True,
    help="Logins by passwords; each takes as long however many they are.",
)
@click.option("--rate", type=_POSITIVE, default=20, show_default=True)
@click.option(
    "--seconds",
    type=_POSITIVE,
    default=5,
    show_default=True,
    help="Length of the calm before it.",
)
@click.option("--fast/--no-fast", default=False, help="The fast profile of password hashing.")
@_json_file
def storm(
    *,
    chatters: int,
    logins: int,
    passwords: int,
    rate: float,
    seconds: float,
    fast: bool,
    json_file: Path | None,
) -> None:
    """Have many come back at once while others chat (SecureChat only).

    By TLS handshakes alone, by device tokens, and by passwords.
    """
    progress = Console(stderr=True)
    try:
        result = storm_scenario.run(
            chatters=chatters,
            logins=logins,
            passwords=passwords,
            rate=rate,
            seconds=seconds,
            fast=fast,
            say=progress.print,
        )
    except ServerFailed as error:
        raise click.ClickException(str(error)) from error
    out = Console()
    out.print(storm_scenario.table(result))
    out.print(
        f"Tokens accepted in the time of one TLS handshake: {result.ratio:.2f}"
        f" (on the floor {result.floor_ratio:.2f})"
    )
    record = {"scenario": "storm", "machine": report.machine(), "result": result.to_record()}
    _write(record, json_file)


@main.command()
@click.option("--messages", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True)
@click.option(
    "--idle-seconds",
    type=_POSITIVE,
    default=10,
    show_default=True,
    help="How long the client is looked at while nothing happens.",
)
@_json_file
def client(*, messages: int, idle_seconds: float, json_file: Path | None) -> None:
    """Start the full-screen client, flood it with messages, type, and let it idle."""
    progress = Console(stderr=True)
    try:
        result = client_scenario.run(
            messages=messages, idle_seconds=idle_seconds, say=progress.print
        )
    except (ServerFailed, client_scenario.ClientFailed) as error:
        raise click.ClickException(str(error)) from error
    Console().print(client_scenario.table(result))
    record = {"scenario": "client", "machine": report.machine(), "result": asdict(result)}
    _write(record, json_file)


@main.command()
@click.option("--messages", type=click.IntRange(1000), default=1_000_000, show_default=True)
@click.option("--channels", type=click.IntRange(1, 10_000), default=200, show_default=True)
@click.option(
    "--group",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="Messages of one commit.",
)
@_json_file
def memory(*, messages: int, channels: int, group: int, json_file: Path | None) -> None:
    """Append a history, then read and search it (SecureChat's store only)."""
    settings = memory_scenario.Settings(messages=messages, channels=channels, group=group)
    try:
        result = memory_scenario.run(settings, Console(stderr=True).print)
    except ServerFailed as error:
        raise click.ClickException(str(error)) from error
    memory_report.show(result, settings, Console())
    _write(memory_report.to_record(result, settings), json_file)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    """End like Ctrl-C does, so that everything that was started is ended too."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminate)
    main(prog_name="python -m benchmarks")
