"""What the library tells over random breaks is what the journal holds: messages and what became
of them.

docs/bots.md, "What is promised", at the real server: its history is what is compared with.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio
import trio.testing
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.at_home import Line, at_home
from support.house import open_house

from securechat.client import Client, events
from securechat.protocol.names import fold

STEP = st.tuples(
    st.sampled_from(
        [
            *("say", "say", "say lines", "edit", "edit", "redact", "react", "react", "unreact"),
            *("cut", "cut", "open", "open", "tick", "wait"),
        ]
    ),
    st.integers(0, 3),
)


@dataclass
class Story:
    """What a listener makes of the events, by nothing but what they say."""

    texts: dict[str, str] = field(default_factory=dict)
    redacted: set[str] = field(default_factory=set)
    reactions: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    gaps: list[events.Event] = field(default_factory=list)

    def take(self, event: events.Event) -> None:
        match event:
            case events.Said():
                assert event.msgid not in self.texts, "told twice"
                self.texts[event.msgid] = event.text
                self.reactions[event.msgid] = {
                    (fold(nick), one.text) for one in event.reactions for nick in one.nicks
                }
                if event.redacted:
                    self.redacted.add(event.msgid)
            case events.Edited():
                self.texts[event.msgid] = event.text
            case events.Redacted() if event.msgid in self.texts:
                self.texts[event.msgid] = ""
                self.redacted.add(event.msgid)
                self.reactions[event.msgid] = set()
            case events.Reacted():
                key = (fold(event.nick), event.text)
                there = self.reactions[event.msgid]
                assert (key in there) is event.removed, "no news"
                (there.remove if event.removed else there.add)(key)
            case events.HistoryGap() | events.Failed():
                self.gaps.append(event)


async def play(steps: Sequence[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Path(folder)) as house, at_home(house, "alice") as alice:
            line, story = Line(house), Story()
            async with (
                at_home(house, "carol", line=line) as carol,
                trio.open_nursery() as nursery,
            ):

                async def listen() -> None:
                    async for event in carol:
                        story.take(event)

                nursery.start_soon(listen)
                for number, (step, which) in enumerate(steps):
                    await _step(alice, line, step, which, number)
                line.open = True
                carol.retry_now()
                await trio.sleep(60)  # longer than any backoff
                await alice.say("#lobby", "the end")
                await trio.testing.wait_all_tasks_blocked()
                kept = await alice.history("#lobby", limit=500)
                nursery.cancel_scope.cancel()
    assert story.gaps == []
    assert list(story.texts) == [one.msgid for one in kept]
    assert list(story.texts.values()) == [one.text for one in kept]
    assert story.redacted == {one.msgid for one in kept if one.redacted}
    assert story.reactions == {
        one.msgid: {(fold(nick), given.text) for given in one.reactions for nick in given.nicks}
        for one in kept
    }


async def _step(alice: Client, line: Line, step: str, which: int, number: int) -> None:
    kept = await alice.history("#lobby", limit=500)
    about = kept[-1 - which % len(kept)] if kept else None
    match step:
        case "say":
            await alice.say("#lobby", f"text {number}")
        case "say lines":
            await alice.say("#lobby", f"text\n{number}\n")
        case "cut" if line.open:
            line.open = False
            line.cut()
        case "open":
            line.open = True
        case "wait":
            await trio.sleep(7)
        case "tick":
            await trio.testing.wait_all_tasks_blocked()
        case _ if about is not None:
            await _change(alice, about, step, which, number)


async def _change(alice: Client, about: events.Said, step: str, which: int, number: int) -> None:
    if about.redacted:
        return
    match step:
        case "edit":
            await alice.edit("#lobby", about.msgid, f"new {number}")
        case "redact":
            await alice.redact("#lobby", about.msgid)
        case "react":
            await alice.react("#lobby", about.msgid, "ab"[which % 2])
        case "unreact":
            await alice.unreact("#lobby", about.msgid, "ab"[which % 2])


SAID_AND_CUT = [("say", 0), ("say lines", 0), ("react", 0), ("tick", 0), ("cut", 0)]


@settings(max_examples=40)
@example([*SAID_AND_CUT, ("edit", 1), ("edit", 0), ("react", 1), ("unreact", 0), ("open", 0)])
@example([*SAID_AND_CUT, ("redact", 0), ("say", 0), ("edit", 0), ("open", 0), ("edit", 1)])
@given(st.lists(STEP, max_size=40))
def test_after_any_breaks_what_was_told_is_what_is_kept(steps: list[tuple[str, int]]) -> None:
    trio.run(play, steps, clock=trio.testing.MockClock(autojump_threshold=0))
