"""The promises for messages, with clients of every kind and connections that break at any moment.

docs/safety.md, "What is promised for messages". Random scripts of what people do run on the whole
server in memory; every client writes down what it sees, and the checker (``support/promises.py``)
holds all of that, what was acknowledged and what the database has to each other.

``SECURECHAT_PROMISES_SCRIPTS`` sets how many scripts the slow test plays, and
``SECURECHAT_PROMISES_SEED`` from which number on.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from support.house import House, open_house
from support.observers import DEVICE_CAPS, MODERN_CAPS, PAGE, Observer, Reader, journal_of
from support.ours import Ours
from support.party import START_MS
from support.promises import Seen, Stretch, violations
from trio._core import _run
from trio.testing import MockClock

from securechat.client import Client
from securechat.protocol.message import format_tags, parse

MEMORY = Path("/dev/shm")

FIRST = int(os.environ.get("SECURECHAT_PROMISES_SEED", "1000"))
COUNT = int(os.environ.get("SECURECHAT_PROMISES_SCRIPTS", "400"))
# One test plays no more: what takes minutes is taken for one that hangs.
AT_ONCE = 50

PLAIN = ("alice", "bob", "carol", "erin")
"""Alice and Bob page after their breaks, Carol's phone is shown what it missed. Erin, who made
#den, is always there."""
ROOMS = ("#lobby", "#den")
DOINGS = (
    *("say", "say", "say", "lines", "edit", "redact", "react"),
    *("join", "part", "kick", "cut", "cut", "come", "come", "wait"),
    *("ours says", "ours says", "ours is cut"),
)


@dataclass(frozen=True)
class Doing:
    """One thing that somebody does; ``pause`` is how far everybody gets before the next one."""

    what: str
    who: str
    room: str
    number: int
    how: str
    pause: int


def script_of(number: int) -> list[Doing]:
    """Return the script of a number."""
    dice = random.Random(number)
    return [
        Doing(
            dice.choice(DOINGS),
            dice.choice(PLAIN),
            dice.choice(ROOMS),
            dice.randrange(30),
            dice.choice(("reset", "closed", "half a line")),
            dice.choice((0, 1, 3, 8, 20, 60)),
        )
        for _ in range(dice.randint(20, 60))
    ]


def _now_ms() -> int:
    return START_MS + round(trio.current_time() * 1000)


class Play:
    """One script on one house."""

    def __init__(self, house: House, nursery: trio.Nursery) -> None:
        caps = {"carol": DEVICE_CAPS}
        self.people = {
            name: Observer(
                house,
                nursery,
                name,
                caps.get(name, MODERN_CAPS),
                device="phone" if name == "carol" else "",
            )
            for name in PLAIN
        }
        self.ours = Ours(house, nursery, "dave")
        self.house = house
        self.count = 0

    async def do(self, client: Client, doing: Doing) -> None:
        if doing.what.startswith("ours"):
            if doing.what == "ours says":
                self.ours.say(client, doing.room)
            else:
                self.ours.cut()
        elif doing.what == "wait":
            await trio.sleep(doing.number * 3)
        elif doing.what == "come":
            await self.people[doing.who].come()
        elif doing.what == "cut":
            if doing.who != "erin":
                await self.people[doing.who].cut(doing.how)
        else:
            await self.people[doing.who].send(*self._lines(doing))
        for _ in range(doing.pause):
            await trio.lowlevel.checkpoint()

    def _lines(self, doing: Doing) -> list[str]:
        who, room = self.people[doing.who], doing.room
        self.count += 1
        text = f"{doing.who} says {self.count}"
        own = who.own(room)
        seen = who.member_of(room)
        known = [item.msgid for item in seen.view] if seen is not None else []
        match doing.what:
            case "say":
                return [f"PRIVMSG {room} :{text}"] * (1 + doing.number // 28)
            case "lines":
                lines = [text, "", f"of {doing.number} lines", "and on"]
                return [
                    f"BATCH +{self.count} draft/multiline {room}",
                    *(f"@batch={self.count} PRIVMSG {room} :{line}" for line in lines),
                    f"@batch={self.count};draft/multiline-concat PRIVMSG {room} :, one line",
                    f"BATCH -{self.count}",
                ]
            case "edit" if own:
                target = own[doing.number % len(own)]
                tags = {"draft/target-msgid": target, "draft/edit-text": f"{text}, edited"}
                return [f"@{format_tags(tags)} EDIT {room}"]
            case "redact" if own and doing.who != "erin":
                return [f"REDACT {room} {own[doing.number % len(own)]} :because"]
            case "redact" if known and room == "#den":
                return [f"REDACT {room} {known[doing.number % len(known)]} :because"]
            case "react" if known:
                tags = {
                    "+draft/reply": known[doing.number % len(known)],
                    "+draft/react": str(doing.number),
                }
                return [f"@{format_tags(tags)} TAGMSG {room}"]
            case "join" if doing.who in {"alice", "bob"}:
                return ["JOIN #den"]
            case "part" if doing.who in {"alice", "bob"}:
                return ["PART #den"]
            case "kick":
                return ["KICK #den bob :out"] if doing.who == "erin" else []
        return []

    async def settle(self) -> None:
        """Let everybody come back and take in all there is.

        Our own client may wait for long after a break; what it has to say it gives up in a minute.
        """
        for person in self.people.values():
            await person.come()
        await trio.sleep(150)
        assert not self.ours.waiting

    async def violations(self) -> list[str]:
        """Return what the checker finds."""
        journal = await journal_of(self.house.store, ROOMS)
        stretches = [
            *(item for one in self.people.values() for item in one.stretches(journal)),
            *self.ours.stretches(journal),
            *[await self._by_history(room) for room in ROOMS],
        ]
        problems = [*self.ours.problems]
        for person in self.people.values():
            problems += person.problems
        acknowledged = [item for one in self.people.values() for item in one.acknowledged]
        acknowledged = [item for item in acknowledged if item.seen.kind != "TAGMSG"]
        return problems + violations(
            journal, acknowledged=acknowledged, stretches=stretches, sayings=self.ours.sayings
        )

    async def _by_history(self, room: str) -> Stretch:
        """Read all of a channel in small pages, the newest first, when nothing goes on any more."""
        reader = await self.house.login("erin", MODERN_CAPS)
        whole: list[Seen] = []
        reference = "LATEST {} * {}"
        while True:
            lines = await reader.ask(f"CHATHISTORY {reference.format(room, PAGE)}")
            read = Reader()
            page = [item.seen for line in lines for item in read.take(parse(line)) if item.past]
            if not page:
                return Stretch("erin", "by history in the end", room, whole, settled=True)
            whole[:0] = page
            reference = f"BEFORE {{}} msgid={page[0].msgid} {{}}"


async def _play(folder: Path, script: Sequence[Doing], history_from: str) -> list[str]:
    async with (
        open_house(
            folder,
            (*PLAIN, "dave"),
            changes={"history_from": history_from},
            now_ms=_now_ms,
        ) as house,
        trio.open_nursery() as nursery,
    ):
        play = Play(house, nursery)
        await play.people["erin"].come()
        await play.people["erin"].send("JOIN #den")
        await trio.testing.wait_all_tasks_blocked()
        client = await nursery.start(play.ours.run)
        for name in ("alice", "bob", "carol"):
            await play.people[name].come()
        for name in ("alice", "bob"):
            await play.people[name].send("JOIN #den")
        for doing in script:
            await play.do(client, doing)
        await play.settle()
        found = await play.violations()
        nursery.cancel_scope.cancel()
    return found


def play(script: Sequence[Doing], number: int) -> None:
    """Play a script on a server of its own, in a run of its own, and check.

    The order in which Trio runs tasks goes by the number, too.
    """
    history_from = ("all", "joined")[number % 2]
    _run._r.seed(number)
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name,
        capture_logs() as logs,
    ):
        clock = MockClock(autojump_threshold=0)
        found = trio.run(_play, Path(name), script, history_from, clock=clock)
    assert not found, "\n".join(found)
    bugs = [entry for entry in logs if entry["log_level"] in {"error", "critical"}]
    assert not bugs, bugs


def failure_of(script: Sequence[Doing], number: int) -> Exception | None:
    """Return why a script fails, or ``None``."""
    try:
        play(script, number)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        return error
    return None


def check(number: int) -> None:
    """Play the script of a number; where that fails, show a short one that fails as well."""
    script = script_of(number)
    failure = failure_of(script, number)
    if failure is None:
        return
    kind = type(failure)
    short = shortened(script, lambda shorter: type(failure_of(shorter, number)) is kind)
    lines = "\n".join(f"    {doing}," for doing in short)
    raise AssertionError(f"script {number}, shortened:\n{lines}") from (
        failure_of(short, number) or failure
    )


def shortened(
    script: Sequence[Doing], still_fails: Callable[[Sequence[Doing]], bool]
) -> Sequence[Doing]:
    """Return a script without what it does not need to fail."""
    size = len(script) // 2
    while size:
        start = 0
        while start < len(script):
            shorter = [*script[:start], *script[start + size :]]
            if still_fails(shorter):
                script = shorter
            else:
                start += size
        size //= 2
    return script


@pytest.fixture(autouse=True)
def one_order_of_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing but the number decide in which order tasks run."""
    monkeypatch.setattr(_run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)


@pytest.mark.parametrize("number", range(30))
def test_every_promise_is_kept(number: int) -> None:
    """All that the head of this file says."""
    check(number)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(FIRST, FIRST + COUNT, AT_ONCE))
def test_every_promise_is_kept_often(start: int) -> None:
    """The same, for as many scripts as wanted."""
    for number in range(start, min(start + AT_ONCE, FIRST + COUNT)):
        check(number)
