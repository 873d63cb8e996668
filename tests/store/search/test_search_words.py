"""Common beginnings of words are looked for in the texts: the answers are the same.

That is what ``soju.im/search`` asks of any search: the messages that match, and no others.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.store_conformance import entry, event
from support.store_conformance_search import edit, found, keeping

from securechat.store.contract import Entry
from securechat.store.search import words as search_words
from securechat.store.search.text import match_of, terms_of
from securechat.store.sqlite import open_store

MESSAGES = 600
ROOMS = 12


def said(number: int) -> str:
    """Return a text: ``wor…`` and ``all`` are nearly everywhere, ``rare…`` is not."""
    generator = random.Random(number)
    words = [f"wor{generator.choice('dkm')}{generator.randrange(9)}"] * (number % 40 > 0)
    words += ["Allé"] * (number % 7 > 0) + [f"rare{number}"] * (number % 50 == 0)
    words += ["\x02wor\x02se"] * (number % 11 == 0) + ["one two"] * (number % 3 == 0)
    return " ".join(words)


def fits(number: int, wanted: str) -> bool:
    """Tell in Python whether a text has what is wanted."""
    words = said(number).replace("\x02", "").lower().replace("é", "e").split()
    return all(
        any(word.startswith(term[:-1]) if term.endswith("*") else word == term for word in words)
        for term in wanted.split()
    )


@pytest.mark.parametrize("share", [-1.0, 0.05, 2.0], ids=["texts", "as it is", "index"])
@pytest.mark.parametrize(
    "wanted", ["wor*", "al* wor*", "rare*", "wor* rare*", "one wor*", "two wors*", "none* wor*"]
)
async def test_the_answers_are_the_same(
    wanted: str, share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_words, "COMMON_SHARE", share)
    async with open_store(tmp_path) as store, keeping(store):
        await store.append(
            [
                Entry(event(n, text=said(n), conversation=f"#{n % ROOMS}", account=f"u{n % 5}"))
                for n in range(MESSAGES)
            ]
        )
        # Positions begin with 1, so an event's floor is its number.
        floors = {f"#{room}": room * 40 for room in range(0, ROOMS, 2)}
        some = {key: floors[key] for key in list(floors)[:2]}
        for where in (floors, some):
            readable = [n for n in range(MESSAGES) if n >= where.get(f"#{n % ROOMS}", MESSAGES)]
            right = [n for n in readable if fits(n, wanted)]
            for limit in (5, 1000):
                assert await found(store, wanted, where, limit=limit) == right[:limit]
                newest = await found(store, wanted, where, limit=limit, newest=True)
                assert newest == right[-limit:]
            by = await found(store, wanted, where, limit=1000, author="u3", after=100, before=500)
            assert by == [n for n in right if n % 5 == 3 and 100 <= n < 499]


async def test_what_was_removed_is_not_found_in_texts(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store, keeping(store):
        await store.append([entry(n, text="common words") for n in range(10)])
        await store.append([edit(10, 3, ""), edit(11, 4, "another")])
        assert await found(store, "wor*") == [0, 1, 2, 5, 6, 7, 8, 9]


def test_a_beginning_is_told_from_a_word() -> None:
    assert terms_of(match_of('one tw* "three AND fo"* "five six" x')) == (
        ['"one"', '"five six"', '"x"'],
        ['"tw*" *', '"three AND fo" *'],
    )
