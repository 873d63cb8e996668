"""The checker of the promises: what keeps them passes, and each way to break one is found.

docs/safety.md, "What is promised for messages". A checker that finds nothing proves nothing, so
every rule has violations planted here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from support.promises import (
    SAID,
    Acknowledged,
    Fate,
    Saying,
    Seen,
    Stretch,
    membership,
    violations,
)

from securechat.store.contract import Event, Stored


def stored(number: int, kind: str = "PRIVMSG", by: str = "alice", **more: Any) -> Stored:
    msgid = f"m{number:02}"
    event = Event(msgid, 1000 + number, kind, by, f"{by}!x@y", "#lobby", "#lobby", f"text {number}")
    return Stored(number, replace(event, **more))


def seen(*numbers: int) -> list[Seen]:
    return [Seen(f"m{number:02}", "PRIVMSG", "alice", f"text {number}") for number in numbers]


@dataclass
class World:
    """What the checker is given: a day on which every promise was kept."""

    journal: list[Stored] = field(
        default_factory=lambda: [
            *(stored(number) for number in (1, 2, 3)),
            stored(4, "JOIN", "bob", text=""),
            *(stored(number) for number in (5, 6, 7)),
            stored(8, "PART", "bob", text="bye"),
            stored(9),
        ]
    )
    acknowledged: list[Acknowledged] = field(
        default_factory=lambda: [
            Acknowledged("alice", "#lobby", item) for item in seen(1, 2, 3, 5, 6, 7, 9)
        ]
    )
    live: Stretch = field(
        default_factory=lambda: Stretch("carol", "live", "#lobby", seen(1, 2, 3, 5, 6, 7, 9))
    )
    member: Stretch = field(
        default_factory=lambda: Stretch(
            "bob", "while a member", "#lobby", seen(5, 6, 7), after="m04", until="m08"
        )
    )
    pages: Stretch = field(
        default_factory=lambda: Stretch(
            "dave", "by history after a reconnect", "#lobby", seen(6, 7, 9), after="m05"
        )
    )
    said: list[Saying] = field(
        default_factory=lambda: [
            Saying("alice", "#lobby", "alice", "text 1", Fate.STORED, "m01"),
            Saying("alice", "#lobby", "alice", "never", Fate.NOT_STORED),
            Saying("alice", "#lobby", "alice", "text 2", Fate.UNKNOWN),
            Saying("alice", "#lobby", "alice", "perhaps", Fate.UNKNOWN),
        ]
    )

    def violations(self) -> list[str]:
        return violations(
            self.journal,
            acknowledged=self.acknowledged,
            stretches=[self.live, self.member, self.pages],
            sayings=self.said,
        )

    def lose(self, number: int) -> None:
        self.journal = [item for item in self.journal if item.position != number]

    def see(self, which: str, items: Sequence[Seen]) -> None:
        setattr(self, which, replace(getattr(self, which), seen=items))


def swap(items: Sequence[Any], one: int, other: int) -> list[Any]:
    swapped = list(items)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    return swapped


def other_text(which: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        first, *rest = getattr(world, which).seen
        world.see(which, [replace(first, text="something else"), *rest])

    return change


def stored_twice(world: World) -> None:
    """The same words under another msgid: a retry that was stored again."""
    world.journal.append(stored(10, text="text 1"))
    for which in ("live", "pages"):
        more = replace(seen(10)[0], text="text 1")
        world.see(which, [*getattr(world, which).seen, more])


def unsure_and_stored_twice(world: World) -> None:
    stored_twice(world)
    world.said[0] = replace(world.said[0], fate=Fate.UNKNOWN)


PLANTED: dict[str, tuple[Callable[[World], None], str]] = {
    "an echo without storing": (
        lambda world: world.lose(9),
        r"alice was told that m09 .* is stored, and it is not",
    ),
    "an echo of something else": (
        lambda world: world.acknowledged.append(
            Acknowledged("alice", "#lobby", replace(seen(1)[0], text="other"))
        ),
        r"alice was told that m01 .* its text is 'text 1'",
    ),
    "an echo from another place": (
        lambda world: world.acknowledged.append(Acknowledged("alice", "#dev", seen(1)[0])),
        r"stored in #dev, and it is in #lobby",
    ),
    "one msgid for two messages": (
        lambda world: world.journal.append(stored(10, msgid="m09")),
        r"m09 is stored 2 times",
    ),
    "msgids that do not increase": (
        lambda world: world.journal.append(stored(10, msgid="m00")),
        r"the msgids m09 and m00 do not increase",
    ),
    "positions that do not increase": (
        lambda world: setattr(world, "journal", swap(world.journal, 0, 1)),
        r"the positions of m02 and m01 do not increase",
    ),
    "a time that goes back": (
        lambda world: world.journal.append(stored(10, time_ms=1)),
        r"the times of m09 and m10 decrease",
    ),
    "a message that is missing live": (
        lambda world: world.see("live", seen(1, 2, 5, 6, 7, 9)),
        r"carol \(live, #lobby\) missed m03",
    ),
    "a last message that is missing live": (
        lambda world: world.see("live", seen(1, 2, 3, 5, 6, 7)),
        r"carol .* missed m09",
    ),
    "a message that comes twice live": (
        lambda world: world.see("live", seen(1, 2, 2, 3, 5, 6, 7, 9)),
        r"carol .* saw m02 2 times",
    ),
    "messages in another order live": (
        lambda world: world.see("live", seen(1, 3, 2, 5, 6, 7, 9)),
        r"carol .* saw m03 .* before m02 .* stored earlier",
    ),
    "a message that nobody stored": (
        lambda world: world.see("live", [*world.live.seen, *seen(11)]),
        r"carol .* saw m11 .* not stored there",
    ),
    "a message of another conversation": (
        lambda world: world.journal.__setitem__(0, stored(1, conversation="#dev")),
        r"carol .* saw m01 .* not stored there",
    ),
    "what was said before the join": (
        lambda world: world.see("member", seen(3, 5, 6, 7)),
        r"bob .* saw m03 .* from before its time",
    ),
    "what was said after the part": (
        lambda world: world.see("member", seen(5, 6, 7, 9)),
        r"bob .* saw m09 .* from after its time",
    ),
    "a message that a member missed": (
        lambda world: world.see("member", seen(5, 7)),
        r"bob .* missed m06",
    ),
    "a hole in the pages after a reconnect": (
        lambda world: world.see("pages", seen(6, 9)),
        r"dave .* missed m07",
    ),
    "pages that do not begin at the last msgid": (
        lambda world: world.see("pages", seen(7, 9)),
        r"dave .* missed m06",
    ),
    "pages that begin with what was there": (
        lambda world: world.see("pages", seen(5, 6, 7, 9)),
        r"dave .* saw m05 .* from before its time",
    ),
    "pages that overlap": (
        lambda world: world.see("pages", seen(6, 7, 7, 9)),
        r"dave .* saw m07 2 times",
    ),
    "a reference that is not stored": (
        lambda world: setattr(world, "pages", replace(world.pages, after="m77")),
        r"dave .* goes by m77, which is not stored",
    ),
    "history that shows another text": (other_text("pages"), r"its text is 'text 6'"),
    "another text live": (other_text("live"), r"its text is 'text 1'"),
    "another author": (
        lambda world: world.see("pages", [replace(seen(6)[0], by="bob"), *seen(7, 9)]),
        r"it is a PRIVMSG by alice, not a PRIVMSG by bob",
    ),
    "a receipt for nothing": (
        lambda world: world.said.append(
            Saying("alice", "#lobby", "alice", "lost", Fate.STORED, "m12")
        ),
        r"said 'lost' .* and it is nowhere",
    ),
    "a retry that was stored again": (stored_twice, r"said 'text 1' .* stored 2 times"),
    "a receipt with a wrong msgid": (
        lambda world: world.said.append(replace(world.said[0], msgid="m02")),
        r"said 'text 1' .* as m02, and it is there as m01",
    ),
    "a line that is there against the client's word": (
        lambda world: world.said.append(replace(world.said[0], fate=Fate.NOT_STORED)),
        r"which is not stored, and it is there as m01",
    ),
    "what may be stored and is there twice": (
        unsure_and_stored_twice,
        r"which may be stored, and it is stored 2 times",
    ),
}


def test_a_day_on_which_every_promise_was_kept() -> None:
    assert World().violations() == []


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str) -> None:
    plant, words = PLANTED[name]
    world = World()
    plant(world)
    found = world.violations()
    assert any(re.search(words, sentence) for sentence in found), found


def test_bounds_that_nobody_can_know() -> None:
    """A connection that was cut: it ends somewhere, and between its ends nothing is missing."""
    world = World()
    cut = Stretch("erin", "live", "#lobby", seen(2, 3, 5), after=None, until=None)
    nothing = replace(cut, seen=[])
    open_end = replace(cut, seen=seen(5, 6, 7, 9), until="")
    assert violations(world.journal, stretches=[cut, nothing, open_end]) == []
    assert violations(world.journal, stretches=[replace(nothing, until="")]) == []
    [missed] = violations(world.journal, stretches=[replace(open_end, seen=seen(5, 6, 7))])
    assert "missed m09" in missed
    [missed] = violations(world.journal, stretches=[replace(cut, seen=seen(2, 5))])
    assert "missed m03" in missed


def test_only_the_kinds_that_a_client_is_shown_are_expected() -> None:
    world = World()
    joined = Stretch(
        "bob",
        "live",
        "#lobby",
        [*seen(3), Seen("m04", "JOIN", "bob"), *seen(5)],
        after=None,
        until=None,
        kinds=SAID | {"JOIN"},
    )
    assert violations(world.journal, stretches=[joined]) == []
    [missed] = violations(world.journal, stretches=[replace(joined, seen=seen(3, 5))])
    assert "missed m04 (JOIN by bob" in missed


def _amended() -> list[Stored]:
    """Return a journal in which 1 was edited twice and 2 removed."""
    return [
        stored(1, text="the last"),
        stored(2, text=""),
        stored(3, "EDIT", text="", parent="m01"),
        stored(4, "EDIT", text="the last", parent="m01"),
        stored(5, "REDACT", "bob", text="x", parent="m02"),
    ]


def test_what_was_edited_and_removed_was_another_text_before() -> None:
    journal = _amended()
    live = Stretch("carol", "live", "#lobby", seen(1, 2))
    assert violations(journal, stretches=[live]) == []
    edits = [Seen("m03", "EDIT", "alice", "the first"), Seen("m04", "EDIT", "alice", "the last")]
    told = replace(live, seen=edits, kinds=frozenset({"EDIT"}))
    assert violations(journal, stretches=[told]) == []
    other = replace(told, seen=[edits[0], replace(edits[1], text="other")])
    [words] = violations(journal, stretches=[other])
    assert "its text is 'the last'" in words


def test_history_that_still_shows_what_was_edited() -> None:
    journal = _amended()
    settled = Stretch("carol", "by history", "#lobby", seen(1, 2), settled=True)
    [words] = violations(journal, stretches=[settled])
    assert "saw m01 (PRIVMSG by alice: 'text 1'), and its text is 'the last'" in words


def test_a_removed_message_may_lack_only_where_removals_are_not_shown() -> None:
    journal = _amended()
    edited = replace(seen(1)[0], text="the last")
    lacking = Stretch("carol", "by history", "#lobby", [edited], settled=True)
    [words] = violations(journal, stretches=[lacking])
    assert "missed m02" in words
    assert violations(journal, stretches=[replace(lacking, removed_may_lack=True)]) == []


def test_several_lines_for_who_knows_them_and_who_does_not() -> None:
    journal = [stored(1, text="\none \rand on\ntwo")]
    whole = Stretch(
        "carol", "live", "#lobby", [Seen("m01", "PRIVMSG", "alice", "\none and on\ntwo")]
    )
    first = replace(whole, seen=[Seen("m01", "PRIVMSG", "alice", "one ")], first_lines=True)
    assert violations(journal, stretches=[whole, first]) == []
    assert violations(journal, stretches=[replace(first, first_lines=False)])


def test_the_memberships_of_an_account() -> None:
    journal = [
        stored(1, "JOIN", "bob"),
        stored(2, "JOIN", "alice"),
        stored(3, "KICK", "alice", text="Bob :out"),
        stored(4, "PART", "alice"),
        stored(5, "JOIN", "bob"),
    ]
    assert membership(journal, "#lobby", "Bob") == {"m01": "m03", "m05": ""}
    assert membership(journal, "#lobby", "alice") == {"m02": "m04"}
    assert membership([*journal, stored(6, "DROP")], "#lobby", "bob")["m05"] == "m06"
