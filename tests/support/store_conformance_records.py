"""What every store must do about records, and when it is closed.

Goes on from ``store_conformance.py`` and is used in the same way.
"""

from __future__ import annotations

from typing import Any

import pytest
import trio
from support.store_conformance import StoreFactory, entries, entry, numbers, take

from securechat.errors import Conflict, StoreUnavailable
from securechat.store.contract import Change, Record, Store


class TestRecords:
    """``get``, ``scan``, ``put`` and ``changed``: promise 5."""

    async def test_put_and_get(self, store_factory: StoreFactory) -> None:
        value = {"text": "Zoë \N{SNOWMAN}", "number": 3, "list": [1, None, True], "deep": {"a": {}}}
        async with store_factory() as store:
            assert await store.get("account", "alice") is None
            (record,) = await store.put([Change("account", "alice", value)])
            assert record == Record("account", "alice", 1, value)
        async with store_factory() as store:
            assert await store.get("account", "alice") == record
            assert await store.get("account", "Alice") is None
            assert await store.get("other", "alice") is None

    async def test_get_all_answers_in_order(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            one, two = await store.put([Change("k", "a", {"n": 1}), Change("other", "a", {"n": 2})])
            wanted = [("other", "a"), ("k", "none"), ("k", "a"), ("k", "a")]
            assert list(await store.get_all(wanted)) == [two, None, one, one]
            assert list(await store.get_all([])) == []

    async def test_put_of_nothing(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            assert await store.put([]) == []

    async def test_the_expected_version(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.put([Change("k", "a", {"n": 1}, expected=0)])
            (record,) = await store.put([Change("k", "a", {"n": 2}, expected=1)])
            assert record == Record("k", "a", 2, {"n": 2})
            for wrong in (0, 1, 3):
                with pytest.raises(Conflict) as caught:
                    await store.put([Change("k", "a", {"n": 9}, expected=wrong)])
                assert (caught.value.kind, caught.value.key) == ("k", "a")
            with pytest.raises(Conflict):
                await store.put([Change("k", "new", {"n": 9}, expected=1)])
            (record,) = await store.put([Change("k", "a", {"n": 3}, expected=None)])
            assert record == Record("k", "a", 3, {"n": 3})

    async def test_versions_count_on_over_a_removal(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.put([Change("k", "a", {"n": 1})])
            with pytest.raises(Conflict):
                await store.put([Change("k", "a", None, expected=7)])
            (removed,) = await store.put([Change("k", "a", None, expected=1)])
            assert removed == Record("k", "a", 2, None)
            assert await store.get("k", "a") is None
            # Removed: what is expected of it is 0, not the version that it had.
            with pytest.raises(Conflict):
                await store.put([Change("k", "a", {"n": 3}, expected=2)])
            (again,) = await store.put([Change("k", "a", {"n": 3}, expected=0)])
            assert again == Record("k", "a", 3, {"n": 3})

    async def test_several_changes_are_applied_together_or_not_at_all(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store:
            await store.put([Change("k", "b", {"n": 1})])
            with pytest.raises(Conflict):
                await store.put(
                    [Change("k", "a", {"n": 1}), Change("k", "b", {"n": 2}, expected=0)]
                )
            assert await store.get("k", "a") is None
            records = await store.put(
                [Change("k", "a", {"n": 1}), Change("k", "b", None, expected=1)]
            )
            assert records == [Record("k", "a", 1, {"n": 1}), Record("k", "b", 2, None)]

    async def test_a_record_changed_twice_in_one_step(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            records = await store.put(
                [Change("k", "a", {"n": 1}, expected=0), Change("k", "a", {"n": 2}, expected=1)]
            )
            assert records == [Record("k", "a", 2, {"n": 2})] * 2

    async def test_concurrent_compare_and_set_loses_no_change(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store, store_factory() as other:
            await store.put([Change("k", "count", {"n": 0})])

            async def add_ten(through: Store) -> None:
                added = 0
                while added < 10:
                    record = await through.get("k", "count")
                    assert record is not None
                    assert record.value is not None
                    value = {"n": int(str(record.value["n"])) + 1}
                    try:
                        await through.put([Change("k", "count", value, expected=record.version)])
                    except Conflict:
                        continue
                    added += 1

            async with trio.open_nursery() as nursery:
                for through in (store, store, other, other):
                    nursery.start_soon(add_ten, through)
            assert await store.get("k", "count") == Record("k", "count", 41, {"n": 40})

    async def test_scan(self, store_factory: StoreFactory) -> None:
        keys = ["#b x", "#a y", "#a x", "#ab x", "#a", "#a \U0010ffff", "#a \U0010ffffz", "%", "é"]
        async with store_factory() as store:
            assert await store.scan("member") == []
            await store.put([Change("member", key, {"key": key}) for key in keys])
            await store.put([Change("other", "#a x", {}), Change("member", "#a z", {})])
            await store.put([Change("member", "#a z", None)])
            everything = await store.scan("member")
            assert [record.key for record in everything] == sorted(keys)
            assert all(record.value == {"key": record.key} for record in everything)
            for prefix in ("#a ", "#a", "#", "#a \U0010ffff", "%", "_", "é", "zz", "#A"):
                found = [record.key for record in await store.scan("member", prefix)]
                assert found == sorted(key for key in keys if key.startswith(prefix)), prefix

    async def test_scan_in_pages(self, store_factory: StoreFactory) -> None:
        keys = [f"{number:03}" for number in range(20)] + ["1", "1\ud7ff", "1\ud7ffx", "1\ue000"]
        async with store_factory() as store:
            await store.put([Change("k", key, {}) for key in keys])
            await store.put([Change("k", "005", None), Change("l", "006", {})])
            present = sorted(set(keys) - {"005"})

            async def found(*prefix: str, **arguments: Any) -> list[str]:
                return [record.key for record in await store.scan("k", *prefix, **arguments)]

            assert await found() == present
            assert await found("1\ud7ff") == ["1\ud7ff", "1\ud7ffx"]
            assert await found(limit=3) == ["000", "001", "002"]
            assert await found(limit=2, newest=True) == present[-2:]
            assert await found("0", limit=2, newest=True) == ["018", "019"]
            assert await found("0", after="003", limit=2) == ["004", "006"]
            assert await found(before="006", newest=True, limit=2) == ["003", "004"]
            assert await found(after="003", before="007") == ["004", "006"]
            assert await found(after="", before="001x") == ["000", "001"]
            assert await found("01", after="2") == []
            assert await found(limit=0) == []
            assert await found(limit=-1) == []
            forwards: list[str] = []
            while page := await found(after=forwards[-1] if forwards else None, limit=4):
                forwards += page
            backwards: list[str] = []
            latest: dict[str, Any] = {"limit": 4, "newest": True}
            while page := await found(before=backwards[0] if backwards else None, **latest):
                backwards = page + backwards
            assert forwards == backwards == present

    async def test_prune(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.put([Change("k", f"{number}", {"n": number}) for number in range(9)])
            await store.put([Change("k", "1", None), Change("other", "0", {})])
            _, mark = await store.changed(0)
            assert await store.prune("k", before="5", limit=2) == 2
            assert [record.key for record in await store.scan("k")] == list("2345678")
            assert await store.prune("k", before="5", limit=0) == 0
            assert await store.prune("k", before="5", limit=100) == 3
            assert await store.prune("k", before="5", limit=100) == 0
            assert [record.key for record in await store.scan("k")] == list("5678")
            assert await store.get("other", "0") is not None
            # Nobody is told, and as what was pruned never was, its versions start again.
            assert await store.changed(mark) == ([], mark)
            (again,) = await store.put([Change("k", "0", {"n": 0}, expected=0)])
            assert again == Record("k", "0", 1, {"n": 0})
            assert (await store.changed(mark))[0] == [again]

    async def test_prune_never_lets_a_mark_be_used_twice(self, store_factory: StoreFactory) -> None:
        """Who asked for what changed since the last mark hears of what comes after pruning."""
        async with store_factory() as store:
            await store.put([Change("k", "1", {}), Change("k", "2", {})])
            _, mark = await store.changed(0)
            assert await store.prune("k", before="9", limit=100) == 1
            assert [record.key for record in await store.scan("k")] == ["2"]
        async with store_factory() as store:
            records = await store.put([Change("k", "3", {})])
            assert (await store.changed(mark))[0] == records
            assert await store.prune("k", before="9", limit=100) == 1

    async def test_changed(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            assert await store.changed(0) == ([], 0)
            (a,) = await store.put([Change("k", "a", {"n": 1})])
            (b,) = await store.put([Change("k", "b", {"n": 1})])
            records, mark = await store.changed(0)
            assert records == [a, b]
            assert await store.changed(mark) == ([], mark)
            await store.put([Change("k", "a", {"n": 2})])
            await store.append([entry(1, Change("room", "r", {"n": 1}))])
            (gone,) = await store.put([Change("k", "b", None)])
            records, after = await store.changed(mark)
            assert after > mark
            # Each record once, as it is now, removed ones too.
            assert records == [
                Record("k", "a", 2, {"n": 2}),
                Record("room", "r", 1, {"n": 1}),
                gone,
            ]
            # Older marks keep working.
            assert (await store.changed(0))[1] == after
            assert len((await store.changed(0))[0]) == 3
        async with store_factory() as store:
            assert await store.changed(after) == ([], after)
            assert await store.changed(mark) == (records, after)

    async def test_changes_of_another_process_show_up(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store, store_factory() as other:
            mark = 0
            for number in range(5):
                through = other if number % 2 else store
                records = await through.put([Change("k", f"key {number}", {"n": number})])
                assert await store.changed(mark) == (records, mark + 1 if mark else 1)
                _, mark = await store.changed(mark)
                assert await store.changed(mark) == ([], mark)

    async def test_a_change_made_while_asking_is_not_lost(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store, store_factory() as other:
            seen: set[str] = set()

            async def write(through: Store, name: str) -> None:
                for number in range(20):
                    await through.put([Change("k", f"{name} {number}", {})])

            async def watch() -> None:
                mark = 0
                while len(seen) < 40:
                    records, mark = await store.changed(mark)
                    keys = [record.key for record in records]
                    assert seen.isdisjoint(keys)
                    seen.update(keys)

            with trio.fail_after(20):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(watch)
                    nursery.start_soon(write, store, "own")
                    nursery.start_soon(write, other, "other")


class TestClosing:
    """Whatever was acknowledged is kept, whatever was not asked in time is refused."""

    async def test_a_closed_store_says_so(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.append(entries([1]))
            await store.aclose()
            await store.aclose()
            for attempt in (
                lambda: store.append(entries([2])),
                lambda: anext(store.feed(0)),
                store.last,
                lambda: store.history("#lobby", limit=1),
                lambda: store.locate("m1"),
                lambda: store.position_at(0),
                lambda: store.get("k", "a"),
                lambda: store.scan("k"),
                lambda: store.prune("k", before="b", limit=1),
                lambda: store.put([Change("k", "a", {})]),
                lambda: store.changed(0),
            ):
                with pytest.raises(StoreUnavailable):
                    await attempt()
        async with store_factory() as store:
            assert numbers(await take(store, 0, 1)) == [1]

    async def test_closing_waits_for_what_is_under_way(self, store_factory: StoreFactory) -> None:
        acknowledged: list[int] = []
        async with store_factory() as store:

            async def append(number: int) -> None:
                try:
                    await store.append(entries([number]))
                except StoreUnavailable:
                    return
                acknowledged.append(number)

            with trio.fail_after(10):
                async with trio.open_nursery() as nursery:
                    for number in range(20):
                        nursery.start_soon(append, number)
                    await trio.lowlevel.checkpoint()
                    await store.aclose()
        async with store_factory() as store:
            kept = numbers(await store.history("#lobby", limit=100))
        assert kept == sorted(acknowledged)
