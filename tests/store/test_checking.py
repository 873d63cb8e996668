"""What ``check`` finds, and that it finds nothing where all is well."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import trio
from support.store_conformance import entries, entry, event

from securechat.errors import UserError
from securechat.store.checking import FAULTS_MAX, counts, faults
from securechat.store.contract import Amendment, Change, Entry
from securechat.store.credentials import accounts
from securechat.store.credentials.accounts import Accounts, NewAccount
from securechat.store.database import FILE_NAME
from securechat.store.runner import inline
from securechat.store.schema import SCHEMA_STEPS
from securechat.store.sqlite import open_store

PARSERS = {accounts.KIND: accounts.account_of}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    async def make() -> None:
        async with open_store(tmp_path, runner=inline) as store:
            p = await store.append(entries(range(20)))
            edit = event(30, kind="EDIT", parent="m00000007", text="new", tags={"+a": "b"})
            await store.append([Entry(edit, amends=[Amendment("m00000007", "new")])])
            await store.forget(before=p[4], limit=10)
            await Accounts(store, by="root").add(NewAccount("alice", "hash"))
            await store.put([Change("other", "a", {}), Change("other", "b", None)])

    trio.run(make)
    return tmp_path


def found(folder: Path) -> list[str]:
    return list(faults(folder, PARSERS, stage=lambda stage: None))


def spoil(folder: Path, *statements: str) -> None:
    with sqlite3.connect(folder / FILE_NAME) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_where_all_is_well_nothing_is_found(folder: Path) -> None:
    stages: list[str] = []
    assert list(faults(folder, PARSERS, stage=stages.append)) == []
    assert stages == ["the database", "the messages", "the records", "the search index"]
    assert counts(folder) == (17, 3)


def test_a_database_of_an_older_version_is_sound(tmp_path: Path) -> None:
    spoil(tmp_path, *SCHEMA_STEPS[0], "PRAGMA user_version = 1")
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("CREATE TABLE songs (a)", "table songs in the database is not SecureChat's."),
        ("DROP INDEX records_by_mark", "index records_by_mark is missing in the database."),
        (
            "ALTER TABLE records ADD COLUMN more TEXT",
            "table records in the database is not as SecureChat made it.",
        ),
        (
            "UPDATE events SET msgid = 'a' WHERE position = 9",
            "The msgid at position 9 is not above the one before it.",
        ),
        (
            "UPDATE events SET time_ms = 1 WHERE position = 9",
            "The time at position 9 is before that of the one before it.",
        ),
        ("UPDATE events SET tags = '[]' WHERE position = 9", "The tags at position 9 cannot be"),
        ("UPDATE events SET tags = '{' WHERE position = 9", "The tags at position 9 cannot be"),
        (
            """UPDATE events SET tags = '{"a": 1}' WHERE position = 9""",
            "The tags at position 9 cannot be read.",
        ),
        (
            "UPDATE sqlite_sequence SET seq = 3 WHERE name = 'events'",
            "Position 21 is used, but 3 is noted as the last one given out.",
        ),
        ("UPDATE records SET value = '{' WHERE key = 'a'", "The record other a cannot be read."),
        ("UPDATE records SET value = '7' WHERE key = 'a'", "The record other a cannot be read."),
        (
            "UPDATE records SET value = '{}' WHERE key = 'alice'",
            "The record account alice is not as it should be: KeyError('name').",
        ),
    ],
)
def test_one_thing_that_is_wrong(folder: Path, statement: str, fault: str) -> None:
    spoil(folder, statement)
    (sentence,) = found(folder)
    assert sentence.startswith(fault)


def test_not_everything_is_told_where_all_is_wrong(folder: Path) -> None:
    async def fill() -> None:
        async with open_store(folder, runner=inline) as store:
            await store.append([entry(n, tags={"a": "b"}) for n in range(100, 200)])

    trio.run(fill)
    spoil(folder, "UPDATE events SET tags = 'x'")
    told = found(folder)
    assert len(told) == FAULTS_MAX + 1
    assert told[-1] == "There is more of that sort."


def test_a_damaged_file(folder: Path) -> None:
    path = folder / FILE_NAME
    content = path.read_bytes()
    path.write_bytes(content[:-4096] + b"\xff" * 4096)
    told = found(folder)
    assert told
    assert all(sentence.startswith("The database is damaged: ") for sentence in told)


def test_an_index_that_cannot_be_read(folder: Path) -> None:
    (folder / "search.db").write_bytes(b"no database" * 1000)
    (sentence,) = found(folder)
    assert sentence.startswith("The search index cannot be read: ")


def test_a_database_of_a_newer_version(folder: Path) -> None:
    spoil(folder, f"PRAGMA user_version = {len(SCHEMA_STEPS) + 1}")
    with pytest.raises(UserError, match="newer SecureChat: check it with that"):
        found(folder)


def test_no_database(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no SecureChat data in"):
        found(tmp_path)
