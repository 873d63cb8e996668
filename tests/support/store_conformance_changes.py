"""Promise 6 of ``securechat.store.contract``: what changes or removes events, as tests.

Goes on from ``store_conformance.py`` and is used in the same way.
"""

from __future__ import annotations

from typing import Any

import pytest
from support.store_conformance import StoreFactory, entries, entry, event, numbers, take

from securechat.errors import Conflict, StoreUnavailable
from securechat.store.contract import Amendment, Change, Entry, Store, Stored


def amending(number: int, *amends: Amendment, kind: str = "EDIT", **fields: Any) -> Entry:
    """Return an event about the message that it amends first, which it does."""
    fields = {"kind": kind, "parent": amends[0].msgid} | fields
    return Entry(event(number, **fields), amends=amends)


def msgid(number: int) -> str:
    return event(number).msgid


async def texts(store: Store, conversation: str = "#lobby") -> list[str]:
    return [one.event.text for one in await store.history(conversation, limit=1000)]


class TestAbout:
    """``Event.parent`` and ``about``."""

    async def test_a_parent_is_kept(self, store_factory: StoreFactory) -> None:
        reaction = event(2, kind="TAGMSG", text="", parent=msgid(1), tags={"+draft/react": "+1"})
        async with store_factory() as store:
            _, position = await store.append([entry(1), Entry(reaction)])
        async with store_factory() as store:
            assert await store.locate(msgid(2)) == Stored(position, reaction)
            assert await store.about([msgid(1)], limit=9) == [Stored(position, reaction)]

    async def test_about_several_messages(self, store_factory: StoreFactory) -> None:
        about = {4: 1, 5: 2, 6: 1, 7: 9}
        async with store_factory() as store:
            await store.append(entries([1, 2, 3]))
            for number, parent in about.items():
                await store.append([entry(number, kind="TAGMSG", parent=msgid(parent))])

            async def found(*parents: int, limit: int = 9) -> list[int]:
                return numbers(await store.about([msgid(one) for one in parents], limit=limit))

            assert await found(1) == [4, 6]
            assert await found(2, 1) == [4, 5, 6]
            assert await found(3) == []
            assert await found() == []
            # Its message need not be there.
            assert await found(9) == [7]
            assert await found(1, 2, limit=2) == [4, 5]
            assert await found(1, limit=0) == []
            assert await found(1, limit=-1) == []
            # No parent is not the parent of everything.
            assert await store.about([""], limit=9) == []


class TestAmendments:
    """``Entry.amends``."""

    async def test_an_edit_replaces_the_text_alone(self, store_factory: StoreFactory) -> None:
        before = event(1, text="helo", tags={"+draft/reply": "m0"})
        async with store_factory() as store:
            (first,) = await store.append([Entry(before)])
            await store.append([amending(2, Amendment(msgid(1), "hello"), text="hello")])
        async with store_factory() as store:
            stored = await store.locate(msgid(1))
            assert stored is not None
            assert stored.position == first
            assert stored.event == event(1, text="hello", tags={"+draft/reply": "m0"})
            assert numbers(await take(store, 0, 2)) == [1, 2]
            assert await texts(store) == ["hello", "hello"]

    async def test_only_the_last_edit_keeps_its_text(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.append([entry(1, text="a"), entry(2, text="another")])
            for number, text in enumerate(("b", "c", "d"), 3):
                await store.append([amending(number, Amendment(msgid(1), text), text=text)])
            assert await texts(store) == ["d", "another", "", "", "d"]
            # What else is about the message keeps its own.
            await store.append([entry(6, kind="NOTICE", parent=msgid(1), text="nice")])
            await store.append([amending(7, Amendment(msgid(1), "e"), text="e")])
            assert await texts(store) == ["e", "another", "", "", "", "nice", "e"]

    async def test_two_edits_in_one_batch(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.append(
                [
                    entry(1, text="a"),
                    amending(2, Amendment(msgid(1), "b"), text="b"),
                    amending(3, Amendment(msgid(1), "c"), text="c"),
                ]
            )
            assert await texts(store) == ["c", "", "c"]

    async def test_erasing_takes_text_tags_and_edits(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.append([entry(1, text="secret", tags={"+draft/reply": "secret too"})])
            await store.append([amending(2, Amendment(msgid(1), "secreter"), text="secreter")])
            await store.append([amending(3, Amendment(msgid(1), ""), kind="REDACT", text="why")])
            assert await texts(store) == ["", "", "why"]
            stored = await store.locate(msgid(1))
            assert stored is not None
            assert stored.event == event(1, text="")
            assert numbers(await store.about([msgid(1)], limit=9)) == [2, 3]

    async def test_one_event_may_amend_several(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.append(entries([1, 2, 3]))
            both = (Amendment(msgid(1), ""), Amendment(msgid(3), ""))
            await store.append([amending(4, *both, kind="REDACT", text="")])
            assert await texts(store) == ["", "text 2", "", ""]

    async def test_what_is_not_there_is_not_amended(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.append([entry(1), amending(2, Amendment(msgid(9), "x"), text="x")])
            assert await texts(store) == ["text 1", "x"]

    async def test_a_msgid_appended_again_does_not_amend_again(
        self, store_factory: StoreFactory
    ) -> None:
        """The journal retries what may be stored (promise 1); an older edit must not come back."""
        first = amending(2, Amendment(msgid(1), "b"), text="b")
        second = amending(3, Amendment(msgid(1), "c"), text="c")
        async with store_factory() as store:
            positions = await store.append([entry(1, text="a"), first])
            (last,) = await store.append([second])
            assert await store.append([first]) == positions[1:]
            assert await texts(store) == ["c", "", "c"]
            # With something new in the same batch, too.
            again = await store.append([entry(1, text="a"), first, second, entry(4, text="new")])
            assert again[:3] == [*positions, last]
            assert await texts(store) == ["c", "", "c", "new"]

    async def test_a_msgid_twice_in_one_batch_amends_once(
        self, store_factory: StoreFactory
    ) -> None:
        edit = amending(2, Amendment(msgid(1), "b"), text="b")
        async with store_factory() as store:
            positions = await store.append([entry(1, text="a"), edit, edit])
            assert positions[1] == positions[2]
            assert await texts(store) == ["b", "b"]

    async def test_a_conflict_amends_nothing(self, store_factory: StoreFactory) -> None:
        edit = amending(2, Amendment(msgid(1), "b"))
        refused = Entry(edit.event, [Change("k", "a", {}, expected=7)], edit.amends)
        async with store_factory() as store:
            await store.append([entry(1, text="a")])
            with pytest.raises(Conflict):
                await store.append([refused])
            assert await texts(store) == ["a"]

    async def test_a_feed_that_comes_later_shows_the_text_of_now(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store:
            await store.append([entry(1, text="a")])
            await store.append([amending(2, Amendment(msgid(1), ""), kind="REDACT", text="")])
        async with store_factory() as store:
            shown = await take(store, 0, 2)
            assert [one.event.text for one in shown] == ["", ""]


class TestForgetting:
    """``forget`` and what chooses what is forgotten: ``conversations``, ``nth_newest``."""

    async def test_the_oldest_go_first(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            p = await store.append(entries(range(10)))
            assert await store.forget(before=p[6], limit=4) == 4
            assert numbers(await store.history("#lobby", limit=99)) == [4, 5, 6, 7, 8, 9]
            assert await store.forget(before=p[6], limit=4) == 2
            assert await store.forget(before=p[6], limit=4) == 0
            assert await store.locate(msgid(5)) is None
            assert await store.forget(before=p[9], limit=0) == 0
            assert await store.forget(before=p[9], limit=-1) == 0
        async with store_factory() as store:
            assert numbers(await take(store, 0, 4)) == [6, 7, 8, 9]

    async def test_one_conversation(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            p = [
                (await store.append([entry(n, conversation=("#a", "#b")[n % 2])]))[0]
                for n in range(8)
            ]
            assert await store.forget(before=p[5], limit=99, conversation="#a") == 3
            assert numbers(await store.history("#a", limit=99)) == [6]
            assert numbers(await store.history("#b", limit=99)) == [1, 3, 5, 7]
            assert await store.forget(before=p[5], limit=99, conversation="#c") == 0

    async def test_what_is_about_a_message_goes_with_it(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            p = await store.append(entries([1, 2]))
            await store.append([entry(3, kind="TAGMSG", parent=msgid(1))])
            await store.append([entry(4, kind="TAGMSG", parent=msgid(2))])
            await store.append([amending(5, Amendment(msgid(1), ""), kind="REDACT")])
            assert await store.forget(before=p[1], limit=9) == 3
            assert numbers(await store.history("#lobby", limit=9)) == [2, 4]
            assert await store.about([msgid(1)], limit=9) == []

    async def test_much_about_one_message_goes_in_steps(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            p = await store.append(entries([1, 2]))
            await store.append(entries(range(3, 23), kind="TAGMSG", parent=msgid(1)))
            steps = []
            while count := await store.forget(before=p[1], limit=5):
                steps.append(count)
                left = await store.about([msgid(1)], limit=99)
                # Never something about a message that is gone.
                assert (await store.locate(msgid(1)) is not None) or not left
            assert sum(steps) == 21
            assert max(steps) <= 10
            assert numbers(await store.history("#lobby", limit=99)) == [2]

    async def test_a_place_is_never_given_again(self, store_factory: StoreFactory) -> None:
        """Positions grow, though the newest events were removed; feeds go on (promise 3)."""
        async with store_factory() as store:
            feed = store.feed(0)
            p = await store.append(entries(range(3)))
            assert numbers(await anext(feed)) == [0, 1, 2]
            assert await store.forget(before=p[2] + 1, limit=9) == 3
            assert await store.last() is None
        async with store_factory() as store:
            (position,) = await store.append([entry(7)])
            assert position > p[2]
            assert numbers(await take(store, 0, 1)) == [7]
            assert numbers(await take(store, p[2], 1)) == [7]

    async def test_times_are_found_though_the_oldest_are_gone(
        self, store_factory: StoreFactory
    ) -> None:
        async with store_factory() as store:
            p = await store.append([entry(n, time_ms=n * 10) for n in range(10)])
            await store.forget(before=p[4], limit=9)
            assert await store.position_at(0) == p[4]
            assert await store.position_at(45) == p[5]
            assert await store.position_at(99) == p[9] + 1
            await store.forget(before=p[9] + 1, limit=9)
            assert await store.position_at(0) > 0

    async def test_a_msgid_that_is_gone_is_new(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            (first,) = await store.append([entry(1)])
            await store.forget(before=first + 1, limit=1)
            (again,) = await store.append([entry(1)])
            assert again > first

    async def test_conversations(self, store_factory: StoreFactory) -> None:
        keys = ["#a", "#a 2", "#é", "@#a", "alice bob", "alice carol"]
        async with store_factory() as store:
            assert await store.conversations(limit=9) == []
            for number in range(60):
                await store.append([entry(number, conversation=keys[number % 6])])
            assert await store.conversations(limit=99) == sorted(keys)
            assert await store.conversations(limit=2) == sorted(keys)[:2]
            assert await store.conversations("#a", limit=2) == sorted(keys)[1:3]
            assert await store.conversations("zoe", limit=2) == []
            assert await store.conversations(limit=0) == []

    async def test_nth_newest(self, store_factory: StoreFactory) -> None:
        kinds = ("PRIVMSG", "JOIN")
        async with store_factory() as store:
            p = [(await store.append([entry(n, kind=kinds[n % 2])]))[0] for n in range(6)]
            assert await store.nth_newest("#lobby", 1) == p[5]
            assert await store.nth_newest("#lobby", 6) == p[0]
            assert await store.nth_newest("#lobby", 7) == 0
            assert await store.nth_newest("#other", 1) == 0
            assert await store.nth_newest("#lobby", 1, kinds=["PRIVMSG"]) == p[4]
            assert await store.nth_newest("#lobby", 3, kinds=["PRIVMSG"]) == p[0]
            assert await store.nth_newest("#lobby", 4, kinds=["PRIVMSG", "NOTICE"]) == 0
            assert await store.nth_newest("#lobby", 2, kinds=["PRIVMSG", "JOIN"]) == p[4]

    async def test_giving_space_back_changes_nothing(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            p = await store.append([entry(n, text="x" * 3000) for n in range(300)])
            await store.put([Change("k", "a", {"n": 1})])
            while await store.forget(before=p[290], limit=100):
                pass
            while await store.shrink():
                pass
            assert await store.clear_log()
            assert await store.get("k", "a") is not None
            await store.append([entry(300)])
            assert not await store.shrink()
        async with store_factory() as store:
            assert numbers(await take(store, 0, 11)) == list(range(290, 301))

    async def test_a_closed_store_says_so(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.aclose()
            for attempt in (
                lambda: store.about(["m1"], limit=1),
                lambda: store.forget(before=9, limit=9),
                lambda: store.conversations(limit=9),
                lambda: store.nth_newest("#lobby", 1),
                store.shrink,
                store.clear_log,
            ):
                with pytest.raises(StoreUnavailable):
                    await attempt()
