"""``securechat-server backup``, ``restore`` and ``check``: what is kept, copied and looked over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from securechat.cli.common import Program, console, say
from securechat.config import Settings
from securechat.errors import UserError
from securechat.server.rooms.room import (
    CHANNEL_RECORD,
    INVITATION_RECORD,
    MEMBER_RECORD,
    Invitation,
    Member,
    Room,
)
from securechat.store import audit
from securechat.store.checking import Parser, counts, faults
from securechat.store.contract import Record
from securechat.store.copying import Progress, back_up, no_progress, restore
from securechat.store.credentials import accounts

_FILE = click.Path(path_type=Path)
_data = click.option("--data", type=_FILE, help="Folder of accounts and history.")


@click.command("backup", cls=Program)
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@_data
@click.pass_obj
def backup_command(settings: Settings, file: Path, data: Path | None, *, force: bool) -> None:
    """Copy accounts and history to FILE, as they are now.

    A server may run meanwhile. The copy is checked, and readable by this user alone.
    """
    with _progress("Copying") as progress:
        back_up(data or settings.data, file, force=force, progress=progress)
    say(f"Backed up to {file} ({_size(file)}).")


@click.command("restore", cls=Program)
@click.argument("file", type=_FILE)
@_data
@click.pass_obj
def restore_command(settings: Settings, file: Path, data: Path | None) -> None:
    """Put what backup wrote to FILE in the place of accounts and history.

    The server must not run. What was there before is kept beside it, under another name.
    """
    folder = data or settings.data
    with _progress("Copying") as progress:
        aside = restore(folder, file, progress=progress)
    kept = f" What was there before is {aside}." if aside is not None else ""
    say(f"Restored {file} to {folder}.{kept}")


@click.command("check", cls=Program)
@_data
@click.pass_obj
def check_command(settings: Settings, data: Path | None) -> None:
    """Look over all that is kept: database, messages, records and search index.

    A server may run meanwhile. Exit status 1, with a line for each fault, where something is wrong.
    """
    folder = data or settings.data
    found = 0
    with _stages() as stage:
        for fault in faults(folder, PARSERS, stage=stage):
            click.echo(fault)
            found += 1
    if found:
        raise UserError(
            f"{folder} is not as it should be: make a copy of it, then restore a backup."
        )
    events, records = counts(folder)
    say(f"All is well: {events} events and {records} records in {folder}.")


COMMANDS = (backup_command, restore_command, check_command)


def _value_of(read: Callable[[Mapping[str, object]], object]) -> Parser:
    return lambda record: read(record.value or {})


def _channel(record: Record) -> object:
    return Room.from_value(record.key, record.value or {})


PARSERS: Mapping[str, Parser] = {
    accounts.KIND: accounts.account_of,
    audit.KIND: audit.entry_of,
    CHANNEL_RECORD: _channel,
    MEMBER_RECORD: _value_of(Member.from_value),
    INVITATION_RECORD: _value_of(Invitation.from_value),
}


def _size(file: Path) -> str:
    size = file.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


@contextmanager
def _progress(what: str) -> Iterator[Progress]:
    """Show a bar on a terminal, nothing elsewhere."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield no_progress
        return
    from rich.progress import Progress as Bar  # noqa: PLC0415 - slow to load, seldom needed

    with Bar(console=screen, transient=True) as bar:
        task = bar.add_task(what)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _stages() -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is being checked."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda stage: None
        return
    with screen.status("") as status:
        yield lambda stage: status.update(f"Checking {stage}")
