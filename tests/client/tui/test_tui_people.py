"""What people tell of themselves, drawn so that nobody passes for another, and who is here.

The drafts are IRCv3's ``metadata-2`` (``display-name``) and ``monitor``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_server import CAPABILITIES, FakeServer
from support.fake_session import FakeSession
from support.tui import START, Open, a_model, a_view, harmless, rendered, said, utf8
from trio.testing import MockClock

from securechat.client import events
from securechat.client.state.profiles import monitor_lines
from securechat.client.tui import intake
from securechat.client.tui.model import Model
from securechat.client.tui.people import COLUMNS_MAX, WATCHED_MAX, display_name
from securechat.client.tui.replies import sentence
from securechat.client.tui.text import width
from securechat.protocol.message import Message
from securechat.protocol.names import fold


@pytest.fixture(autouse=True)
def _utf8() -> Iterator[None]:
    with utf8():
        yield


def known(model: Model, **names: str) -> Model:
    profiles: Mapping[str, Mapping[str, str]] = {
        nick: {"display-name": name} for nick, name in names.items()
    }
    model.profile = lambda nick: profiles.get(fold(nick), {})
    return model


# --- display names ----------------------------------------------------------------------------


def test_a_display_name_stands_behind_the_nick_in_the_list_of_members() -> None:
    view = a_view(known(a_model("bob", "carol"), bob="Bob the Builder"))
    rows = rendered(view, 140, 20)
    [bob] = [row[-22:].rstrip() for row in rows if "bob" in row[-22:]]
    assert bob == "  bob  Bob the Build…"
    [carol] = [row[-22:].rstrip() for row in rows if "carol" in row[-22:]]
    assert carol == "  carol"


def test_nobody_passes_for_another_by_a_display_name() -> None:
    """Bob calls himself alice: his messages are bob's still, in wide logs and in narrow ones."""
    model = known(a_model("bob"), bob="carol")
    intake.apply(model, said("send me the key", 1), 0)
    for columns in (40, 80, 140):
        shown = "\n".join(rendered(a_view(model), columns, 20))
        assert "bob" in shown
    wide = "\n".join(rendered(a_view(model), 80, 20))
    assert "carol" not in wide
    narrow = "\n".join(rendered(a_view(model), 40, 20))
    assert narrow.index("bob") < narrow.index("carol")


def test_a_chosen_message_tells_the_name_of_its_sender() -> None:
    model = known(a_model("bob"), bob="Bob the Builder")
    intake.apply(model, said("hello", 1), 0)
    view = a_view(model)
    rendered(view, 140, 20)
    view.log.select(model.here, 0)
    assert "bob Bob the Builder" in rendered(view, 140, 20)[-1]
    assert "the Builder" not in rendered(view, 80, 20)[-1]


def test_a_name_that_changes_is_drawn_anew() -> None:
    model = known(a_model("bob"), bob="Bob")
    intake.apply(model, said("hello", 1), 0)
    view = a_view(model)
    rendered(view, 40, 20)
    known(model, bob="Robert")
    assert any("Robert" in row for row in rendered(view, 40, 20))


@given(st.text(max_size=80), st.sampled_from([30, 40, 80, 120, 160]))
def test_any_display_name_is_harmless_and_keeps_the_columns(name: str, columns: int) -> None:
    shown = display_name("bob", {"display-name": name})
    assert harmless(shown)
    assert width(shown) <= COLUMNS_MAX
    model = known(a_model("bob"), bob=name)
    intake.apply(model, said("hello", 1), 0)
    intake.apply(model, said("hello", 1, conversation="bob"), 0)
    for place in ("#lobby", "bob"):
        model.look_at(place)
        for row in rendered(a_view(model), columns, 20):
            assert harmless(row)


@pytest.mark.parametrize("name", ["", "bob", "BOB", " bob\u202e "])
def test_a_name_that_says_no_more_than_the_nick_is_none(name: str) -> None:
    assert display_name("bob", {"display-name": name}) == (
        "bob<U+202E>" if "\u202e" in name else ""
    )


def test_whois_does_not_say_that_bob_is_bob() -> None:
    assert sentence("311", ("bob", "bob", "host", "*", "Bob")) == ""
    model = a_model("bob")
    reply = events.Reply(time=START, code="311", params=("bob", "bob", "host", "*", "bob"))
    intake.apply(model, reply, 0)
    assert model.here.entries == []
    known(model, bob="Bob the Builder")
    intake.apply(model, reply, 0)
    assert model.here.entries[-1].text == "bob goes by the name Bob the Builder"
    intake.apply(model, replace(reply, params=("bob", "b", "h", "*", "Robert")), 0)
    assert model.here.entries[-1].text.endswith(
        "bob is Robert\nbob goes by the name Bob the Builder"
    )


async def test_names_are_subscribed_to_and_one_gives_oneself_one(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    server.capabilities = f"{CAPABILITIES} draft/metadata-2 labeled-response"
    server.members["#lobby"].add("bob")

    def answer(session: FakeSession, message: Message) -> None:
        label = message.tags.get("label")
        if message.command != "METADATA" or not label:
            return
        if message.params[1] == "SUB":
            session.send(f"@label={label} :srv 770 alice display-name")
            session.send(":srv METADATA bob display-name * :Bob the Builder")
        else:
            session.send(f"@label={label} :srv 761 alice alice display-name * :{message.params[3]}")

    server.on_line = answer
    server.deaf_to.add("METADATA")
    async with person((140, 30)) as alice:
        await alice.sees("bob  Bob the Build…")
        alice.presses("f8")
        alice.types("builder")
        await alice.sees("1 of 2", "Bob the Build…")
        alice.presses("esc")
        alice.types("/name Alice Liddell")
        alice.presses("enter")
        await alice.sees("Others see the name Alice Liddell", "alice  Alice Lidde…")


# --- presence ---------------------------------------------------------------------------------


def test_the_people_in_the_list_are_here_away_or_not() -> None:
    model = a_model("bob")
    intake.apply(model, said("hello", 1, conversation="bob"), 0)
    intake.apply(model, said("hello", 1, "carol", conversation="carol"), 0)
    bob, carol = model.open("bob"), model.open("carol")
    assert (model.presence(bob), model.presence(carol)) == ("online", "")

    def told(*what: events.Event) -> tuple[str, str]:
        for one in what:
            intake.apply(model, one, 0)
        shown = [row[:18] for row in rendered(a_view(model), 80, 24)]
        return tuple(next(row[2] for row in shown if name in row) for name in ("bob", "carol"))  # type: ignore[return-value]  # two

    def presence(nick: str, online: bool) -> events.Event:
        return events.PresenceChanged(time=START, nick=nick, online=online)

    assert told(presence("bob", True), presence("carol", False)) == ("•", "·")
    assert told(events.AwayChanged(time=START, nick="bob", text="tea")) == ("◦", "·")
    model.look_at("bob")
    assert "away tea" in "\n".join(rendered(a_view(model), 80, 24))
    assert told(presence("bob", False), presence("carol", True)) == ("·", "•")
    assert "offline" in "\n".join(rendered(a_view(model), 80, 24))
    intake.apply(model, events.Disconnected(time=START, reason="gone", retry_in=None), 0)
    assert model.presence(carol) == ""


async def test_whom_one_talks_with_is_watched_once(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    server.capabilities = f"{CAPABILITIES} extended-monitor"
    asked: list[tuple[str, ...]] = []

    def answer(session: FakeSession, message: Message) -> None:
        if message.command == "MONITOR":
            asked.append(message.params)
            session.send(f":srv 731 alice :{message.params[1]}")

    server.on_line = answer
    server.deaf_to.add("MONITOR")
    async with person((100, 30)) as alice:
        alice.app.go("bob")
        await alice.sees("offline")
        alice.app.go("#lobby")
        server.tell_all(":srv 730 alice :bob!bob@host")
        bob = alice.app.model.open("bob")
        await alice.until(lambda: alice.app.model.presence(bob) == "online")
        assert asked == [("+", "bob")]


async def test_no_more_are_watched_than_a_server_allows(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    server.capabilities = f"{CAPABILITIES} extended-monitor"
    server.deaf_to.add("MONITOR")
    asked: list[str] = []

    def note(session: FakeSession, message: Message) -> None:
        if message.command == "MONITOR":
            asked.extend(message.params[1].split(","))

    server.on_line = note
    async with person() as alice:
        for n in range(WATCHED_MAX + 20):
            alice.app.model.open(f"person{n}")
        await alice.until(lambda: len(asked) == WATCHED_MAX)
        alice.app.go("person119")
        await alice.sees("Message person119")
    assert len(asked) == len(set(asked)) == WATCHED_MAX


@given(st.lists(st.from_regex(r"[a-zé]{1,60}", fullmatch=True), max_size=60))
def test_many_watched_people_fit_into_lines(nicks: list[str]) -> None:
    """Modern IRC: a line has 512 bytes at most."""
    lines = monitor_lines("+", nicks)
    assert all(len(line.encode()) <= 512 for line in lines)
    assert [nick for line in lines for nick in line.params[1].split(",")] == nicks
