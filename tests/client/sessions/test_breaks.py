"""Nothing lost, doubled or out of order, whenever the connection breaks: random histories.

docs/safety.md, "What is promised for messages": the events hold every message of the server's
order once, and each own line is stored once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_server import FakeServer
from support.fake_session import FakeSession

from securechat.client import events
from securechat.client.connection import Client, connect
from securechat.protocol.message import Message

PASSWORD = "wonderland-rabbit"

STEPS = st.sampled_from(
    [
        "others talk",
        "bob whispers",
        "carol whispers",
        "I say the same",
        "I say something",
        "I whisper",
        "break",
        "break before storing",
        "break after storing",
        "break while catching up",
        "store unseen",
        "tick",
        "wait",
        "wait",
    ]
)


class Story:
    """Plays steps against the server and collects what the client tells."""

    def __init__(self, server: FakeServer, client: Client) -> None:
        self.server = server
        self.client = client
        self.said: list[events.Said] = []
        self.gaps: list[events.Event] = []
        self.receipts: list[str] = []
        self.counter = 0

    async def listen(self) -> None:
        async for event in self.client:
            if isinstance(event, events.Said):
                self.said.append(event)
            elif isinstance(event, events.HistoryGap | events.Failed):
                self.gaps.append(event)

    async def say(self, target: str, text: str, nursery: trio.Nursery) -> None:
        saying = self.client.speak(target, text)

        async def settle() -> None:
            self.receipts += (await saying.receipt(100_000)).msgids

        nursery.start_soon(settle)

    def trap(self, command: str, *, store: bool) -> None:
        """Break the connection at the next line with this command, before or after it is done."""

        def spring(session: FakeSession, message: Message) -> None:
            if message.command != command:
                return
            self.server.on_line = lambda session, message: None
            if store and message.command == "PRIVMSG":
                self.server.deliver(self.server.keep(session.account, *message.params))
            session.wire.reset()
            session.deaf = True

        self.server.on_line = spring

    async def step(self, step: str, nursery: trio.Nursery) -> None:
        self.counter += 1
        n, server = self.counter, self.server
        match step:
            case "others talk":
                server.say("bob", "#lobby", f"bob {n}")
                server.say("carol", "#lobby", f"carol {n}")
            case "bob whispers":
                server.say("bob", "alice", f"psst {n}")
            case "carol whispers":
                server.say("carol", "alice", f"psst {n}")
            case "I say the same":
                await self.say("#lobby", "same", nursery)
            case "I say something":
                await self.say("#lobby", f"mine {n}", nursery)
            case "I whisper":
                await self.say("bob", f"mine {n}", nursery)
            case "break":
                server.break_all()
            case "break before storing":
                self.trap("PRIVMSG", store=False)
            case "break after storing":
                self.trap("PRIVMSG", store=True)
            case "break while catching up":
                self.trap("CHATHISTORY", store=False)
            case "store unseen":
                server.break_all()
                for k in range(7):
                    server.keep("bob", "#lobby", f"unseen {n} {k}")
            case "tick":
                await trio.testing.wait_all_tasks_blocked()
            case _:
                await trio.sleep(1.5)


async def play(steps: Sequence[str], labels: bool, page: int) -> None:
    server = FakeServer(alice=PASSWORD, bob="x", carol="y")
    server.history_max = page
    if labels:
        server.capabilities += " labeled-response"
    for n in range(3):
        server.keep("bob", "#lobby", f"before {n}")
    async with trio.open_nursery() as outer:
        async with connect(
            "chat.test",
            account="alice",
            password=PASSWORD,
            dial=server.dial(outer, capacity=4096),
            random=lambda: 0.5,
            now=lambda: datetime(2030, 1, 1, tzinfo=UTC),
        ) as client:
            story = Story(server, client)
            outer.start_soon(story.listen)
            await trio.testing.wait_all_tasks_blocked()
            begin = len(server.kept)
            async with trio.open_nursery() as nursery:
                for step in steps:
                    await story.step(step, nursery)
                server.on_line = lambda session, message: None
            await client.say("#lobby", "the end")
            await trio.sleep(200)
        outer.cancel_scope.cancel()

    assert story.gaps == []
    told = server.kept[begin:]
    for name in ("#lobby", "bob", "carol"):
        expected = [kept.msgid for kept in told if kept.between("alice", name)]
        assert [one.msgid for one in story.said if one.conversation == name] == expected
    mine = [kept.msgid for kept in told if kept.sender == "alice"]
    assert sorted(story.receipts) == sorted(mine)[:-1]
    wanted = sum(step in ("I say the same", "I say something", "I whisper") for step in steps)
    assert len(mine) == wanted + 1
    unique = [kept.text for kept in told if kept.text.startswith("mine")]
    assert unique == sorted(unique, key=lambda text: int(text.split()[1]))


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=40), st.booleans(), st.integers(2, 6))
def test_any_story_is_told_once_and_in_order(steps: list[str], labels: bool, page: int) -> None:
    trio.run(play, steps, labels, page, clock=trio.testing.MockClock(autojump_threshold=0))
