"""What every store must do when it searches: ``contract.Store.search``, as tests.

Used like ``store_conformance``.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from support.store_conformance import StoreFactory, entries, entry, event, numbers

from securechat.errors import StoreUnavailable
from securechat.store.contract import Amendment, Entry, Store

LOBBY = {"#lobby": 0}


@asynccontextmanager
async def keeping(store: Store) -> AsyncIterator[None]:
    """Have a store's index follow for the length of the block."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.keep_index)
        yield
        nursery.cancel_scope.cancel()


async def found(
    store: Store, text: str = "", floors: Mapping[str, int] = LOBBY, **arguments: Any
) -> list[int]:
    """Return the numbers of the events that are found."""
    with trio.fail_after(20):
        return numbers(await store.search(floors, text=text, **({"limit": 100} | arguments)))


def edit(number: int, of: int, text: str) -> Entry:
    """Return what replaces an event's text, or with an empty one erases it."""
    kind = "EDIT" if text else "REDACT"
    msgid = event(of).msgid
    return Entry(event(number, kind=kind, text=text, parent=msgid), (), [Amendment(msgid, text)])


def texts(*said: str, start: int = 0) -> list[Entry]:
    return [entry(number, text=text) for number, text in enumerate(said, start)]


class TestSearch:
    async def test_words(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, keeping(store):
            await store.append(texts("The lost key", "a key", "Käse!", "nothing"))
            assert await found(store, "key") == [0, 1]
            assert await found(store, "KEY lost") == [0]
            assert await found(store, '"lost key"') == [0]
            assert await found(store, '"key lost"') == []
            assert await found(store, "kase") == [2]
            assert await found(store, "no*") == [3]
            assert await found(store, "no") == []
            assert await found(store, "!!!") == []
            assert await found(store) == [0, 1, 2, 3]

    async def test_what_was_appended_before_is_found(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, keeping(store):
            for number in range(20):
                await store.append([entry(number, text=f"word{number}")])
                assert await found(store, f"word{number}") == [number]

    async def test_what_was_there_before_is_found(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.append(entries(range(2500)))
        async with store_factory() as store, keeping(store):
            assert await found(store, "text", limit=5000) == list(range(2500))
            assert await found(store, "1234") == [1234]
        async with store_factory() as store, keeping(store):
            assert await found(store, "1234") == [1234]

    async def test_only_what_people_say_is_searched(self, store_factory: StoreFactory) -> None:
        kinds = ("PRIVMSG", "TOPIC", "NOTICE", "JOIN", "EDIT")
        async with store_factory() as store, keeping(store):
            await store.append([entry(n, kind=kind, text="word") for n, kind in enumerate(kinds)])
            assert await found(store, "word") == [0, 2]

    async def test_conversations_and_their_floors(self, store_factory: StoreFactory) -> None:
        names = ("#a", "#b", "alice bob")
        async with store_factory() as store, keeping(store):
            p = await store.append([entry(n, conversation=names[n % 3]) for n in range(12)])

            async def within(**floors: int) -> list[int]:
                names = {"a": "#a", "b": "#b", "ab": "alice bob", "none": "#none"}
                return await found(store, "text", {names[k]: v for k, v in floors.items()})

            assert await within(a=0) == [0, 3, 6, 9]
            assert await within(ab=0) == [2, 5, 8, 11]
            assert await within(a=p[3], b=p[7]) == [6, 9, 10]
            assert await within(a=p[9], b=0) == [1, 4, 7, 10]
            assert await within(a=p[11]) == []
            assert await within(none=0) == []
            assert await within() == []

    async def test_ranges(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, keeping(store):
            p = await store.append(entries(range(10)))
            assert await found(store, "text", limit=3) == [0, 1, 2]
            assert await found(store, "text", limit=3, newest=True) == [7, 8, 9]
            assert await found(store, "text", after=p[4]) == [5, 6, 7, 8, 9]
            assert await found(store, "text", before=p[4]) == [0, 1, 2, 3]
            assert await found(store, "text", before=p[4], limit=2, newest=True) == [2, 3]
            assert await found(store, after=p[2], before=p[6]) == [3, 4, 5]
            assert await found(store, after=p[3], before=p[4]) == []
            assert await found(store, before=p[0]) == []
            assert await found(store, before=0) == []
            assert await found(store, after=p[9]) == []
            assert await found(store, limit=0) == []

    async def test_authors(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, keeping(store):
            await store.append([entry(n, account=("alice", "bob")[n % 2]) for n in range(6)])
            assert await found(store, author="bob") == [1, 3, 5]
            assert await found(store, "text", author="alice", limit=1, newest=True) == [4]
            assert await found(store, author="carol") == []
            assert await found(store, "alice") == []

    async def test_paging_skips_and_repeats_nothing(self, store_factory: StoreFactory) -> None:
        choose = random.Random(3)
        names = [f"#{n}" for n in range(9)]
        async with store_factory() as store, keeping(store):
            p = await store.append(
                [entry(n, conversation=choose.choice(names), text="word") for n in range(900)]
            )
            floors = {name: choose.choice([0, choose.choice(p)]) for name in names[1:]}
            wanted = await found(store, "word", floors, limit=1000)
            read = await store.search(floors, limit=1000)
            assert all(one.position > floors[one.event.conversation] for one in read)
            assert numbers(read) == wanted
            before, backwards = p[-1] + 1, list[int]()
            while page := await store.search(floors, before=before, limit=7, newest=True):
                backwards = numbers(page) + backwards
                before = page[0].position
            after, forwards = 0, list[int]()
            while page := await store.search(floors, after=after, limit=7):
                forwards += numbers(page)
                after = page[-1].position
            assert backwards == forwards == wanted

    async def test_what_was_edited_is_found_by_its_present_text(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store, keeping(store):
            await store.append(texts("first words", "other words"))
            assert await found(store, "first") == [0]
            await store.append([edit(2, 0, "second words")])
            assert await found(store, "first") == []
            assert await found(store, "second") == [0]
            # Twice before the index can follow, and one that is new itself.
            await store.append([edit(3, 0, "third"), edit(4, 0, "fourth"), *texts("new", start=5)])
            await store.append([edit(6, 5, "newer")])
            assert await found(store, "third") == []
            assert await found(store, "fourth") == [0]
            assert await found(store, "new") == []
            assert await found(store, "newer") == [5]
            assert await found(store) == [0, 1, 5]

    async def test_what_was_erased_is_not_found(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, keeping(store):
            await store.append(texts("my secret", "no secret"))
            assert await found(store, "secret") == [0, 1]
            await store.append([edit(2, 0, "")])
            assert await found(store, "secret") == [1]
            assert await found(store, "my") == []
            # What has no text can be given one again.
            await store.append([edit(3, 0, "back again")])
            assert await found(store, "back") == [0]
            assert await found(store, "my") == []

    async def test_what_was_forgotten_is_not_found(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, keeping(store):
            p = await store.append(entries(range(30)))
            assert len(await found(store, "text")) == 30
            while await store.forget(before=p[20], limit=7):
                assert await found(store, "0") == []
            assert await found(store, "text") == list(range(20, 30))
            await store.append([entry(30)])
            assert await found(store, "text") == list(range(20, 31))

    async def test_without_a_kept_index_it_fails(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.append(texts("word"))
            with trio.fail_after(20), pytest.raises(StoreUnavailable):
                await store.search(LOBBY, text="word", limit=1)

    async def test_a_closed_store(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, trio.open_nursery() as nursery:
            nursery.start_soon(store.keep_index)
            await found(store)
            await store.aclose()
            with pytest.raises(StoreUnavailable):
                await store.search(LOBBY, limit=1)

    async def test_many_at_once(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, keeping(store):
            await store.append(texts(*(f"word{n} all" for n in range(50))))

            async def one(number: int) -> None:
                assert await found(store, f"word{number}") == [number]

            async with trio.open_nursery() as nursery:
                for number in range(50):
                    nursery.start_soon(one, number)
