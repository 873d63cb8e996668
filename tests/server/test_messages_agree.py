"""Whatever is said, edited, removed and reacted to: what a client saw live is what history shows.

Random scripts, with restarts between. Two observers keep their own books from the lines that they
get, one in the lobby the whole time and one by history alone; the books have to agree.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.house import MODERN, Person, open_house
from trio.testing import MockClock

from securechat.protocol.message import Message, format_tags, parse
from securechat.protocol.multiline import CONCAT_TAG

CAPS = (
    f"{MODERN} draft/multiline draft/message-edit draft/message-redaction draft/chathistory "
    "draft/event-playback"
)
REPLY, REACT, UNREACT = "+draft/reply", "+draft/react", "+draft/unreact"


@dataclass
class Kept:
    """What a client knows of one message."""

    by: str
    text: str
    edited: bool = False
    removed: bool = False
    reactions: set[tuple[str, str]] = field(default_factory=set)

    def final(self) -> tuple[object, ...]:
        """Return what counts: of a removed message, only that it was."""
        if self.removed:
            return (self.by, "removed")
        return (self.by, self.text, self.edited, sorted(self.reactions))


@dataclass
class Books:
    """A client's own picture, made from the lines alone."""

    messages: dict[str, Kept] = field(default_factory=dict)
    reactions: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    _open: dict[str, Message] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)

    def read(self, lines: Iterable[str]) -> None:
        for line in map(parse, lines):
            match line.command:
                case "BATCH":
                    self._batch(line)
                case "PRIVMSG":
                    self._said(line)
                case "EDIT":
                    kept = self.messages[line.tags["draft/target-msgid"]]
                    kept.text, kept.edited = line.tags["draft/edit-text"], True
                case "REDACT":
                    self._removed(line.params[1])
                case "TAGMSG" if line.tags[REPLY] in self.messages:
                    self._reacted(line)

    def _batch(self, line: Message) -> None:
        sign, reference = line.params[0][0], line.params[0][1:]
        if sign == "+":
            if line.params[1] == "draft/multiline":
                self._open[reference] = line
        elif reference in self._open:
            start = self._open.pop(reference)
            self._take(start.tags["msgid"], start.nick, self._texts.pop(reference))

    def _said(self, line: Message) -> None:
        batch, text = line.tags.get("batch", ""), line.params[1]
        if batch not in self._open:
            self._take(line.tags["msgid"], line.nick, text)
        elif batch not in self._texts:
            self._texts[batch] = text
        else:
            self._texts[batch] += text if CONCAT_TAG in line.tags else "\n" + text

    def _take(self, msgid: str, by: str, text: str) -> None:
        assert msgid not in self.messages
        self.messages[msgid] = Kept(by, text)

    def _removed(self, msgid: str) -> None:
        if msgid in self.reactions:
            parent, who, value = self.reactions[msgid]
            self.messages[parent].reactions.discard((who, value))
        else:
            self.messages[msgid].removed = True

    def _reacted(self, line: Message) -> None:
        parent = line.tags[REPLY]
        if REACT in line.tags:
            self.reactions[line.tags["msgid"]] = (parent, line.nick, line.tags[REACT])
            self.messages[parent].reactions.add((line.nick, line.tags[REACT]))
        else:
            self.messages[parent].reactions.discard((line.nick, line.tags[UNREACT]))

    def final(self) -> dict[str, tuple[object, ...]]:
        return {msgid: kept.final() for msgid, kept in self.messages.items()}


def step(dice: random.Random, known: Books) -> list[str]:
    """Return what somebody does next; mostly to a recent message."""
    target = dice.choice([*list(known.messages)[-6:], "nothing"])
    emoji = dice.choice("🎉👍")
    match dice.randrange(8):
        case 0 | 1:
            return [f"PRIVMSG #lobby :{dice.randrange(1000)} words"]
        case 2:
            lines = [dice.choice(["", "a", "b "]) for _ in range(dice.randint(1, 4))] + ["end"]
            concat = [
                bool(line and place and dice.random() < 0.5) for place, line in enumerate(lines)
            ]
            return [
                "BATCH +1 draft/multiline #lobby",
                *(
                    f"@batch=1{f';{CONCAT_TAG}' if on else ''} PRIVMSG #lobby :{line}"
                    for line, on in zip(lines, concat, strict=True)
                ),
                "BATCH -1",
            ]
        case 3 | 4:
            text = dice.choice(["new", "two\nlines", "x" * 600, f"{dice.randrange(99)}"])
            tags = {"draft/target-msgid": target, "draft/edit-text": text}
            return [f"@{format_tags(tags)} EDIT #lobby"]
        case 5:
            reactions = list(known.reactions)[-3:]
            return [f"REDACT #lobby {dice.choice([target, *reactions])} :because"]
        case _:
            tag = dice.choice([REACT, REACT, UNREACT])
            return [f"@{format_tags({REPLY: target, tag: emoji})} TAGMSG #lobby"]


async def by_history(person: Person) -> Books:
    """Read everything in small pages, the newest first."""
    books = Books()
    pages: list[list[str]] = []
    reference = "*"
    while True:
        which = "LATEST" if reference == "*" else "BEFORE"
        page = await person.ask(f"CHATHISTORY {which} #lobby {reference} 7")
        ids = [
            item.tags["msgid"]
            for item in map(parse, page)
            if "msgid" in item.tags and "draft/chathistory-context" not in item.tags
        ]
        if not ids:
            break
        pages.insert(0, page)
        reference = f"msgid={ids[0]}"
    for page in pages:
        books.read(page)
    return books


@pytest.mark.parametrize("seed", range(6))
async def test_live_and_history_agree(folder: Path, autojump_clock: MockClock, seed: int) -> None:
    dice = random.Random(seed)
    live = Books()
    for _ in range(2):
        async with open_house(folder, admins=("alice",)) as house:
            people = [await house.login(name, CAPS) for name in ("alice", "bob")]
            watching = await house.login("carol", CAPS)
            for person in (*people, watching):
                await person.sync()
            for _ in range(60):
                await dice.choice(people).ask(*step(dice, live))
                live.read(await watching.sync())
            assert (await by_history(watching)).final() == live.final()
    # The script was worth playing.
    messages = live.messages.values()
    assert any(kept.removed for kept in messages)
    assert any(kept.edited and not kept.removed for kept in messages)
    assert any(kept.reactions and not kept.removed for kept in messages)
    assert any("\n" in kept.text for kept in messages)
