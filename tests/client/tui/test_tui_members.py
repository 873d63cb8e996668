"""The list of members: who is in it, how it is filtered by keys, and how it is shown or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_server import FakeServer
from support.tui import Open, a_model, a_view, rendered, utf8
from trio.testing import MockClock

from securechat.client.tui.draw import end_of
from securechat.client.tui.keys import DEFAULT
from securechat.client.tui.text import clean, width

PEOPLE = ("alina", "bob", "carol", "dave")


@pytest.fixture(autouse=True)
def _utf8() -> Iterator[None]:
    with utf8():
        yield


@pytest.fixture
def crowd(server: FakeServer) -> FakeServer:
    server.members["#lobby"] |= set(PEOPLE)
    return server


def _panel(shown: str) -> list[str]:
    """Return the rows of the list at the right of a screen of 120 columns."""
    return [line[-18:].strip() for line in shown.split("\n")]


async def test_a_key_filters_the_members_and_esc_shows_all(
    autojump_clock: MockClock, person: Open, crowd: FakeServer
) -> None:
    """UI.md, "should": a filter of the nick list."""
    async with person((120, 30)) as alice:
        await alice.sees("Members  5")
        alice.presses("f8")
        await alice.sees("Type a part of a name")
        alice.types("AL")
        shown = _panel(await alice.sees("Members  2 of 5", "/ AL"))
        assert "@alice" in shown
        assert "alina" in shown
        assert "bob" not in shown
        assert alice.app.editor.text == ""
        alice.types("x")
        await alice.sees("Nobody fits")
        alice.presses("backspace", "enter")
        alice.types("hello")
        await alice.sees("hello", "2 of 5")
        assert alice.app.editor.text == "hello"
        alice.presses("esc")
        await alice.sees("Members  5", "hello")
        alice.presses("f8", "b", "esc")
        await alice.sees("Members  5")
        alice.types("!")
        await alice.sees("hello!")


async def test_the_filter_ends_where_one_goes_elsewhere(
    autojump_clock: MockClock, person: Open, crowd: FakeServer
) -> None:
    async with person((120, 30)) as alice:
        alice.presses("f8", "b", "begin paste", "o", "end paste")
        await alice.sees("/ bo", "1 of 5")
        alice.presses("ctrl u", "right", "down", "up", "z")
        await alice.sees("Nobody fits")
        alice.presses("ctrl k")
        await alice.sees("Go to")
        alice.presses("esc", "f7", "f8", "d")
        await alice.sees("/ d", "1 of 5")
        alice.screen.resize(50, 30)
        await alice.until(lambda: not alice.app.view.people)
        alice.types("o")
        await alice.until(lambda: alice.app.editor.text == "o")
        assert alice.app.view.members.filter == ""


async def test_without_room_for_the_list_the_key_lists_names(
    autojump_clock: MockClock, person: Open, crowd: FakeServer
) -> None:
    async with person((50, 20)) as alice:
        alice.presses("f8")
        await alice.sees("In #lobby", "carol")
        alice.presses("esc")
        alice.app.go("bob")
        alice.presses("f8")
        await alice.sees("no members here")


def test_the_help_has_the_key() -> None:
    assert ("Members", "F8 Alt-Shift-N") in {
        (group, keys) for group, keys, _ in DEFAULT.help_rows()
    }


@given(st.text(max_size=30))
def test_any_filter_is_drawn_and_keeps_the_columns(text: str) -> None:
    view = a_view(a_model("bob"))
    view.members.filter, view.members.typing = text, True
    rendered(view, 120, 20)


@given(st.text(max_size=30), st.integers(0, 12))
def test_the_end_of_a_text_fits_and_is_its_end(text: str, columns: int) -> None:
    shown = clean(text)
    kept = end_of(shown, columns)
    assert width(kept) <= columns
    assert shown.endswith(kept)
    assert kept == shown or width(shown) > columns
