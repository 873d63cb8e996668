"""Accounts as CSV, for ``securechat-users import`` and ``export``.

Columns: ``name``, ``password`` or ``password_hash`` (argon2id), ``role``, ``disabled``,
``suspended``; ``admin`` (yes or no) is an older word for the role. The text
is UTF-8 with or without a byte order mark, as spreadsheets write it.
"""

from __future__ import annotations

import csv
import io
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import trio
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from securechat.cli.common import console
from securechat.cli.users_data import operator, utc
from securechat.errors import UserError
from securechat.protocol.names import fold
from securechat.store.credentials.accounts import (
    ADMIN,
    MEMBER,
    ROLES,
    Account,
    Accounts,
    NewAccount,
    Suspension,
    check_name,
)
from securechat.store.credentials.password_rules import check_password
from securechat.store.credentials.passwords import Hasher, check_hash

EXPORTED = ("name", "password_hash", "role", "disabled", "suspended")
COLUMNS = ("name", "password", "password_hash", "admin", "role", "disabled", "suspended")

_FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}


@dataclass(frozen=True, slots=True)
class _Row:
    """One account to be; either ``password`` or ``password_hash`` is empty."""

    line: int
    name: str
    password: str
    password_hash: str
    role: str
    disabled: bool
    suspension: Suspension | None


async def import_accounts(file: Path, accounts: Accounts, hasher: Hasher) -> int:
    """Make every account in a file, or none; return how many.

    Raises ``UserError`` that lists each mistake with its line.
    """
    taken = {account.key for account in await accounts.list()}
    rows = _checked(_lines(_text(file)), taken)
    hashes = dict.fromkeys((row.line for row in rows), "")
    to_hash = [row for row in rows if not row.password_hash]
    with _progress() as progress:
        task = progress.add_task("Hashing passwords", total=len(to_hash))

        async def hash_one(row: _Row) -> None:
            hashes[row.line] = await hasher.hash(row.password)
            progress.advance(task)

        # All at once: the hasher itself lets only a few run.
        async with trio.open_nursery() as nursery:
            for row in to_hash:
                nursery.start_soon(hash_one, row)
    await accounts.add_all(
        NewAccount(
            row.name,
            row.password_hash or hashes[row.line],
            role=row.role,
            disabled=row.disabled,
            suspension=row.suspension,
        )
        for row in rows
    )
    return len(rows)


def _progress() -> Progress:
    """Return a bar on standard error, which is not drawn where that is no terminal."""
    err = console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def _text(file: Path) -> str:
    content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{file} is not UTF-8 text: save it as UTF-8.") from None


def _lines(text: str) -> list[tuple[int, dict[str, str]]]:
    """Return each line with its number; raises ``UserError`` for a wrong heading."""
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="", strict=True)
    try:
        columns = [column.strip().lower() for column in reader.fieldnames or ()]
        named = set(columns)
        if (
            not named.issubset(COLUMNS)
            or len(named) < len(columns)
            or "name" not in named
            or named.isdisjoint(("password", "password_hash"))
        ):
            # What stands there is not repeated: without a heading it is somebody's password.
            raise UserError(
                "The first line must name the columns, with commas between them: name, password "
                "or password_hash, and if you like role, disabled, suspended."
            )
        reader.fieldnames = columns
        return [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise UserError(f"Line {reader.line_num} is not CSV: {error}.") from None


def _checked(lines: Sequence[tuple[int, dict[str, str]]], taken: set[str]) -> list[_Row]:
    """Return the rows, or raise ``UserError`` with every mistake in them."""
    rows: list[_Row] = []
    mistakes: list[str] = []
    seen: dict[str, int] = {}
    for line, cells in lines:
        row, wrong = _row(line, cells)
        key = fold(row.name)
        if key in taken:
            wrong.append(f"An account named {row.name} exists already: leave out its line.")
        if key in seen:
            wrong.append(f"The name {row.name} is on line {seen[key]} already.")
        seen.setdefault(key, line)
        mistakes.extend(f"line {line}: {text}" for text in wrong)
        rows.append(row)
    if mistakes:
        raise UserError("Nothing was imported.\n" + "\n".join(mistakes))
    return rows


def _row(line: int, cells: dict[str, str]) -> tuple[_Row, list[str]]:
    """Return what a line says, and what is wrong with it; no text repeats a password."""
    wrong: list[str] = []
    if "" in cells:
        wrong.append("There are more cells than columns.")
    name = cells["name"].strip()
    password = cells.get("password", "")
    password_hash = cells.get("password_hash", "").strip()
    try:
        check_name(name)
    except UserError as error:
        wrong.append(str(error))
    if bool(password) == bool(password_hash):
        wrong.append("Exactly one of password and password_hash must be filled in.")
    elif password:
        try:
            check_password(password, name)
        except UserError as error:
            wrong.append(str(error))
    else:
        try:
            check_hash(password_hash)
        except ValueError as error:
            wrong.append(f"The password_hash cannot be taken: {error}.")
    words = {column: cells.get(column, "").strip().lower() for column in COLUMNS}
    wrong += [
        f"The column {column} takes yes or no only."
        for column in ("admin", "disabled")
        if words[column] not in _FLAGS
    ]
    admin, disabled = (_FLAGS.get(words[column], False) for column in ("admin", "disabled"))
    role = words["role"]
    if role not in {"", *ROLES}:
        wrong.append(f"The column role takes {', '.join(ROLES[:-1])} or {ROLES[-1]} only.")
    elif role and words["admin"] and admin is not (role == ADMIN):
        wrong.append("The columns role and admin contradict each other.")
    role = role or (ADMIN if admin else MEMBER)
    try:
        suspension = _suspension(words["suspended"])
    except ValueError:
        suspension = None
        wrong.append("The column suspended takes no, yes, or a time such as 2026-11-22T20:26:00Z.")
    return _Row(line, name, password, password_hash, role, disabled, suspension), wrong


def _suspension(word: str) -> Suspension | None:
    """Return what a cell of the column means; raises ``ValueError``."""
    now_ms = time.time_ns() // 1_000_000
    if word in _FLAGS:
        return Suspension(now_ms, 0, operator(), "") if _FLAGS[word] else None
    until = datetime.fromisoformat(word.upper())
    until_ms = round(until.replace(tzinfo=until.tzinfo or UTC).timestamp() * 1000)
    return Suspension(now_ms, until_ms, operator(), "")


def export_text(accounts: Iterable[Account]) -> str:
    """Return accounts as CSV that ``import_accounts`` takes."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(EXPORTED)
    for account in accounts:
        writer.writerow(
            (
                account.name,
                account.password_hash,
                account.role,
                "yes" if account.disabled else "no",
                _suspended(account),
            )
        )
    return out.getvalue()


def _suspended(account: Account) -> str:
    suspension = account.suspended(time.time_ns() // 1_000_000)
    if suspension is None:
        return "no"
    return utc(suspension.until_ms) if suspension.until_ms else "yes"


def write_private(file: Path, text: str) -> None:
    """Write a new file that only its owner can read, from its first moment on.

    Raises ``UserError`` when there is one already: it might be readable for others.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UserError(f"{file} exists already: name another file, or remove it first.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
        out.write(text)
