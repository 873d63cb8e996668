"""What every store must do when it counts messages: ``contract.Store.count``, as tests.

Used like ``store_conformance``.
"""

from __future__ import annotations

import random

from support.store_conformance import StoreFactory, entries, entry, event

from securechat.protocol.mentions import mentions
from securechat.store.contract import Amendment, Entry


class TestCounting:
    """``count`` looks at the newest messages of a range."""

    async def test_ranges(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            positions = await store.append(entries(range(10)))
            assert await store.count("#lobby", limit=100) == (10, 0)
            assert await store.count("#lobby", after=positions[3], limit=100) == (6, 0)
            assert await store.count("#lobby", before=positions[3], limit=100) == (3, 0)
            assert await store.count("#lobby", after=positions[-1], limit=100) == (0, 0)
            assert await store.count("#other", limit=100) == (0, 0)

    async def test_only_messages_count(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            kinds = ("PRIVMSG", "NOTICE", "JOIN", "TOPIC", "TAGMSG")
            await store.append([entry(n, kind=kind) for n, kind in enumerate(kinds)])
            assert await store.count("#lobby", limit=100) == (2, 0)

    async def test_the_newest_are_looked_at(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            texts = ["bob"] * 5 + ["else"] * 3
            await store.append([entry(n, text=text) for n, text in enumerate(texts)])
            assert await store.count("#lobby", limit=4, naming="bob") == (4, 1)
            assert await store.count("#lobby", limit=0, naming="bob") == (0, 0)

    async def test_somebody_is_left_out(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            accounts = ["alice", "bob", "alice", "bob", "bob"]
            await store.append(
                [entry(n, account=name, text="Bob!") for n, name in enumerate(accounts)]
            )
            assert await store.count("#lobby", limit=100, but_by="bob", naming="bob") == (2, 2)
            assert await store.count("#lobby", limit=3, but_by="bob", naming="bob") == (1, 1)

    async def test_what_was_redacted_is_left_out(self, store_factory: StoreFactory) -> None:
        async with store_factory() as store:
            await store.append(entries(range(3)))
            redaction = event(3, kind="REDACT", parent=event(1).msgid)
            await store.append([Entry(redaction, amends=[Amendment(event(1).msgid, "")])])
            assert await store.count("#lobby", limit=100) == (2, 0)

    async def test_who_is_named(self, store_factory: StoreFactory) -> None:
        """As ``protocol.mentions`` tells of each text."""
        draw = random.Random(1)
        texts = ["".join(draw.choices("bBoO- _é\n", k=draw.randrange(8))) for _ in range(500)]
        texts += ["Bob", "bob's", "nobob", "é bob!"]
        async with store_factory() as store:
            await store.append([entry(n, text=text) for n, text in enumerate(texts)])
            said = [text for text in texts if text]
            named = sum(mentions(text, "bob") for text in said)
            assert named > 3
            assert await store.count("#lobby", limit=1000, naming="Bob") == (len(said), named)
