"""The check that compares the search index with the journal."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from support.search_files import (
    do_damage,
)
from support.store_conformance import entries
from support.store_conformance_search import (
    edit,
    found,
    keeping,
    texts,
)

from securechat.store.runner import inline
from securechat.store.search import index as search_index
from securechat.store.search.check import disagreements
from securechat.store.sqlite import open_store


async def test_the_check_finds_words_too_many_and_too_few(folder: Path, path: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append(texts("one two", "three"))
        assert disagreements(folder) == []  # there is no index yet
        async with keeping(store):
            await found(store)
        for statement, which in (
            ("INSERT INTO messages (rowid, text) VALUES (2, 'zoo')", "has a word too many"),
            (
                "INSERT INTO messages (messages, rowid, text) VALUES ('delete', 2, 'three zoo')",
                "lacks a word",
            ),
        ):
            with closing(search_index.connect(path)) as index:
                index.execute(statement)
            (sentence,) = disagreements(folder)
            assert which in sentence
            assert "position 2" in sentence
        # What is to be followed still is not looked at.
        await store.append([edit(2, 1, "")])
        assert disagreements(folder) == []


async def test_the_check_of_a_damaged_file(folder: Path, path: Path) -> None:
    async with open_store(folder, runner=inline) as store:
        await store.append(entries(range(3000)))
        async with keeping(store):
            await found(store)
    for damage in ("torn", "garbage", "empty"):
        do_damage(path, damage)
        (sentence,) = disagreements(folder)
        assert sentence.startswith("The search index ")


async def test_the_check_of_an_index_without_a_state(folder: Path, path: Path) -> None:
    async with open_store(folder, runner=inline) as store, keeping(store):
        await found(store)
    with closing(search_index.connect(path)) as index:
        index.execute("DELETE FROM state")
    assert "how far" in disagreements(folder)[0]
    async with open_store(folder, runner=inline) as store, keeping(store):
        assert await found(store) == []
