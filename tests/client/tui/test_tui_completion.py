"""Completion as people of IRC and Slack clients expect it."""

from __future__ import annotations

import pytest

from securechat.client.tui import emojis
from securechat.client.tui.completion import Completion, Cycle, Sources, complete
from securechat.client.tui.text import clean, width

SOURCES = Sources(
    nicks=lambda: ("bob", "Bella", "alice", "bo-peep"),
    channels=("#lobby", "#dev", "#devops"),
    themes=("dark", "light"),
    settings=("mouse", "theme"),
)


def inserted(text: str) -> list[str]:
    found = complete(text, len(text), SOURCES)
    return [one.insert for one in found.candidates] if found else []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bo", ["bob: ", "bo-peep: "]),
        ("BE", ["Bella: "]),
        ("hi bo", ["bob ", "bo-peep "]),
        ("@al", ["alice "]),
        ("see (al", ["alice "]),
        ("line\nbo", ["bob ", "bo-peep "]),
        ("go to #de", ["#dev ", "#devops "]),
        ("#ops", ["#devops "]),
        ("/jo", ["/join "]),
        ("/mar", ["/mark"]),
        ("/lea", ["/part "]),
        ("/join d", ["#dev ", "#devops "]),
        ("/msg bel", ["Bella "]),
        ("/msg #l", ["#lobby "]),
        ("/msg bob al", ["alice "]),
        ("/theme l", ["light "]),
        ("/mouse ", ["on ", "off "]),
        ("/help topi", ["/topic "]),
        ("/set th", ["theme "]),
        ("", []),
        ("hello ", []),
        ("xyz", []),
    ],
)
def test_the_word_at_the_cursor_is_completed(text: str, expected: list[str]) -> None:
    assert inserted(text) == expected


def test_the_rest_of_the_line_stays() -> None:
    found = complete("hi bo how are you", 5, SOURCES)
    assert found is not None
    assert Cycle("hi bo how are you", found).take(0) == ("hi bob how are you", 7)


def test_emoji_open_by_themselves_after_two_letters() -> None:
    one = complete("so :t", 5, SOURCES)
    two = complete("so :ta", 6, SOURCES)
    assert one is not None
    assert not one.eager
    assert two is not None
    assert two.eager
    assert two.candidates[0].insert == "🎉 "
    assert complete("at 10:30", 8, SOURCES) is None
    assert complete("so :", 4, SOURCES) is None


def test_an_emoji_can_follow_another() -> None:
    assert inserted("🎉:fire")[0] == "🔥 "
    assert inserted("/react thumbsu")[0] == "👍 "


@pytest.mark.parametrize(
    ("letters", "first"),
    [
        ("hea", "❤️"),
        ("+1", "👍"),
        ("fir", "🔥"),
        ("smi", "😄"),
        ("think", "🤔"),
        ("ok_", "👌"),
        ("ok", "🆗"),
    ],
)
def test_the_common_emoji_come_first(letters: str, first: str) -> None:
    assert emojis.search(letters, 5)[0][1] == first


def test_no_emoji_is_offered_twice_or_breaks_the_layout() -> None:
    found = [sign for _, sign in emojis.search("a", 5000)]
    assert len(found) == len(set(found)) > 1000
    assert all(
        width(sign) == 2 and 0 < width(clean(sign)) <= 2
        for sign in [*found, *emojis.COMMON.values()]
    )


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        (":tada: done :+1:", "🎉 done 👍"),
        ("at 10:30:45", "at 10:30:45"),
        ("a::b:tada:c", "a::b:tada:c"),
        (":no_such_thing:", ":no_such_thing:"),
        ("`:tada:` and :tada:", "`:tada:` and 🎉"),
        (":party_popper:", "🎉"),
    ],
)
def test_names_between_colons_become_emoji(text: str, expanded: str) -> None:
    assert emojis.expand(text) == expanded


def test_tab_completes_what_is_shared_and_then_goes_round() -> None:
    found = complete("#d", 2, SOURCES)
    assert found is not None
    cycle = Cycle("#d", found)
    assert cycle.forward() == ("#dev", 4)
    assert cycle.forward() == ("#dev ", 5)
    assert cycle.forward() == ("#devops ", 8)
    assert cycle.forward() == ("#dev ", 5)
    assert cycle.backward() == ("#devops ", 8)


def test_shift_tab_begins_at_the_end() -> None:
    found = complete("bo", 2, SOURCES)
    assert isinstance(found, Completion)
    assert Cycle("bo", found).backward() == ("bo-peep: ", 9)


@pytest.mark.parametrize("text", ["bo", "hi bo", "see (al", "@", "#de", "/jo", ":ta", "/msg bel"])
def test_what_pops_up_by_itself_is_what_tab_finds_there(text: str) -> None:
    """Completion as in Slack's clients: the pop-up opens for a sign such as @, not for a word."""
    found = complete(text, len(text), SOURCES)
    unasked = complete(text, len(text), SOURCES, asked=False)
    eager = found if found is not None and found.eager else None
    assert (unasked if unasked is not None and unasked.eager else None) == eager


def test_a_word_that_is_typed_has_no_names_gathered_for_it() -> None:
    """A key must not cost more where more people are."""

    def nobody() -> tuple[str, ...]:
        raise AssertionError("names were gathered")

    assert complete("hi bo", 5, Sources(nicks=nobody), asked=False) is None
