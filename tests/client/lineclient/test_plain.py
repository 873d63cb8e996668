"""The line mode on a screen in memory: what is typed, what is shown, and how it ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
import trio.testing
from support.fake_server import FakeServer
from trio.testing import MockClock

from securechat.client.connection import connect
from securechat.client.errors import JoinRefused
from securechat.client.lineclient.plain import LineMode, Options

PASSWORD = "wonderland-rabbit"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


class MemoryScreen:
    """Lines come from a channel; what is shown is kept, errors apart."""

    def __init__(self, *, interactive: bool = False) -> None:
        self.interactive = interactive
        self.type, self._typed = trio.open_memory_channel[str](1000)
        self.shown: list[str] = []
        self.errors: list[str] = []

    async def next_line(self) -> str | None:
        try:
            return await self._typed.receive()
        except trio.EndOfChannel:
            return None

    async def show(self, text: str, *, error: bool = False) -> None:
        await trio.lowlevel.checkpoint()
        (self.errors if error else self.shown).extend(text.splitlines())

    def typed(self, *lines: str) -> None:
        """Everything that is typed; then the input ends."""
        for line in lines:
            self.type.send_nowait(line)
        self.type.close()

    def said(self) -> list[str]:
        """What was shown, without times and without what happens at the start."""
        lines = [line.partition(" ")[2] for line in self.shown]
        return lines[lines.index("-- in #lobby: @alice") + 1 :]


@pytest.fixture
def server() -> FakeServer:
    return FakeServer(alice=PASSWORD, bob="x", carol="y")


Play = Callable[..., AbstractAsyncContextManager[LineMode]]


@pytest.fixture
def play(server: FakeServer, nursery: trio.Nursery) -> Play:
    """Make a line mode on a connected client."""

    @asynccontextmanager
    async def make(screen: MemoryScreen, **options: Any) -> AsyncIterator[LineMode]:
        with trio.fail_after(1000):
            async with connect(
                "chat.test",
                account="alice",
                password=PASSWORD,
                dial=server.dial(nursery),
                now=lambda: NOW,
                random=lambda: 0.5,
            ) as client:
                yield LineMode(client, screen, Options(**options), lambda: NOW)

    return make


async def test_what_is_piped_in_is_said_and_receipts_are_awaited(
    play: Play, server: FakeServer, autojump_clock: MockClock
) -> None:
    screen = MemoryScreen()
    screen.typed("one", "", "two", "//three", "/me waves", "/msg bob psst", "/notice bob hm")
    async with play(screen) as mode:
        assert await mode.run()
    assert [(one.command, one.target, one.text) for one in server.kept] == [
        ("PRIVMSG", "#lobby", "one"),
        ("PRIVMSG", "#lobby", "two"),
        ("PRIVMSG", "#lobby", "/three"),
        ("PRIVMSG", "#lobby", "\x01ACTION waves\x01"),
        ("PRIVMSG", "bob", "psst"),
        ("NOTICE", "bob", "hm"),
    ]
    assert screen.said() == [
        "<alice> one",
        "<alice> two",
        "<alice> /three",
        "* alice waves",
        "[bob] <alice> psst",
        "[bob] -alice- hm",
    ]
    assert screen.errors == []


async def test_many_lines(play: Play, server: FakeServer, autojump_clock: MockClock) -> None:
    screen = MemoryScreen()
    screen.typed(*(str(n) for n in range(500)))
    async with play(screen) as mode:
        assert await mode.run()
    assert [one.text for one in server.kept] == [str(n) for n in range(500)]


async def test_a_line_that_could_not_be_said(
    play: Play, server: FakeServer, autojump_clock: MockClock
) -> None:
    screen = MemoryScreen()
    screen.typed("/msg nobody hi", "fine")
    async with play(screen) as mode:
        assert not await mode.run()
    assert [line.partition(" ")[2] for line in screen.errors] == ["-- nobody: No such nick/channel"]
    assert screen.said() == ["<alice> fine"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/jion #x", "There is no command /jion: did you mean /join?"),
        ("/xyzzy", "There is no command /xyzzy: /help lists the commands."),
        ("/\x1bxyzzy", "There is no command /␛xyzzy: /help lists the commands."),
        ("/join", "Type /join CHANNEL."),
        ("/join a b", "Type /join CHANNEL."),
        (
            "/join a,b",
            "'a,b' cannot be a channel's name: it has no spaces or commas, and at most 64 bytes.",
        ),
        ("/join forbidden", "Cannot join #forbidden: Cannot join channel (+i)"),
        ("/me", "Type /me and what you do: /me waves."),
        ("/msg bob", "Type /msg NAME TEXT."),
        ("/notice bob ", "Type /notice NAME TEXT."),
        ("/msg a,b hi", "'a,b' is neither a channel nor a person"),
        ("nul\0", "a text needs characters, and none of CR and NUL"),
        ("/topic #x a\0", "a line cannot carry CR, LF or NUL"),
    ],
)
async def test_what_cannot_be_done_is_told(
    play: Play, server: FakeServer, autojump_clock: MockClock, line: str, sentence: str
) -> None:
    screen = MemoryScreen()
    screen.typed(line)
    async with play(screen) as mode:
        assert not await mode.run()
    assert sentence in screen.errors
    interactive = MemoryScreen(interactive=True)
    interactive.typed(line)
    async with play(interactive) as mode:
        assert await mode.run()


async def test_commands_of_channels(
    play: Play, server: FakeServer, autojump_clock: MockClock
) -> None:
    screen = MemoryScreen()

    async with play(screen) as mode, trio.open_nursery() as nursery:
        nursery.start_soon(mode.run)
        for line in (
            "/join dev",
            "in dev",
            "/topic plans",
            "/topic",
            "/names",
            "/who",
            "/part enough",
            "in lobby",
            "/part #lobby",
            "nowhere",
            "/away lunch",
            "/away",
            "/QUIT so long",
        ):
            screen.type.send_nowait(line)
            await trio.testing.wait_all_tasks_blocked()
    assert screen.said() == [
        "-- alice joined #dev",
        "-- in #dev: @alice",
        "<alice> in dev",
        "-- alice set the topic of #dev: plans",
        "-- #dev has no topic",
        "-- in #dev: @alice",
        "-- alice (Alice)",
        "-- alice left #dev (enough)",
        "<alice> in lobby",
        "-- alice left #lobby",
        "-- you are away",
        "-- you are back",
    ]
    assert screen.errors == ["You are in no channel: type /join CHANNEL first."]
    assert server.received[-1] == "QUIT :so long"


async def test_help(play: Play, server: FakeServer, autojump_clock: MockClock) -> None:
    screen = MemoryScreen()
    screen.typed("/help")
    async with play(screen) as mode:
        assert await mode.run()
    text = "\n".join(screen.shown)
    for word in ("/join CHANNEL", "/part", "/msg NAME TEXT", "/topic", "/names", "/who", "/away"):
        assert word in text
    for word in ("/me ACTION", "/notice", "/help", "/quit", "//like this"):
        assert word in text


async def test_a_channel_to_begin_with(
    play: Play, server: FakeServer, autojump_clock: MockClock
) -> None:
    screen = MemoryScreen()
    screen.typed("hello")
    async with play(screen, channel="#dev") as mode:
        assert await mode.run()
    assert server.kept[0].target == "#dev"
    with pytest.raises(JoinRefused) as refused:
        async with play(MemoryScreen(), channel="#forbidden") as mode:
            await mode.run()
    assert refused.value.channel == "#forbidden"


async def test_json(play: Play, server: FakeServer, autojump_clock: MockClock) -> None:
    """One object a line on standard output; what is said to people is on standard error."""
    screen = MemoryScreen()
    screen.typed("hello", "/msg nobody hi", "/join dev")
    async with play(screen, json=True) as mode:
        assert not await mode.run()
    kinds = [json.loads(line)["event"] for line in screen.shown]
    assert kinds[:5] == ["connected", "logged_in", "motd", "joined", "names"]
    assert sorted(kinds[5:]) == ["failed", "joined", "names", "said"]
    assert [line.partition("-- ")[2] for line in screen.errors] == ["nobody: No such nick/channel"]


async def test_names_to_complete(play: Play, server: FakeServer, autojump_clock: MockClock) -> None:
    server.members["#lobby"] |= {"bob", "carol"}
    screen = MemoryScreen(interactive=True)
    async with play(screen) as mode, trio.open_nursery() as nursery:
        nursery.start_soon(mode.run)
        await trio.testing.wait_all_tasks_blocked()
        assert list(mode.nicks) == ["alice", "bob", "carol"]
        server.tell_all(":bob!bob@fake QUIT :x")
        await trio.testing.wait_all_tasks_blocked()
        assert list(mode.nicks) == ["alice", "carol"]
        screen.type.close()


async def test_a_person_does_not_wait_for_receipts_for_long(
    play: Play, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.deaf_to = {"PRIVMSG"}
    screen = MemoryScreen(interactive=True)
    screen.typed("hello")
    async with play(screen) as mode:
        begin = trio.current_time()
        assert await mode.run()
        assert trio.current_time() - begin == 5


async def test_a_server_that_lets_nobody_into_a_channel(
    play: Play, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.members.clear()
    screen = MemoryScreen()
    screen.typed("hello")
    async with play(screen) as mode:
        assert not await mode.run()
    assert screen.errors == ["You are in no channel: type /join CHANNEL first."]


async def test_breaks_are_errors_on_standard_error(
    play: Play, server: FakeServer, autojump_clock: MockClock
) -> None:
    screen = MemoryScreen()
    async with play(screen) as mode, trio.open_nursery() as nursery:
        nursery.start_soon(mode.run)
        await trio.testing.wait_all_tasks_blocked()
        server.break_all()
        screen.typed("after the break")
    assert "disconnected: " in screen.errors[0]
    assert server.kept[0].text == "after the break"


async def test_a_server_that_stays_away_is_told_of_once(
    play: Play, server: FakeServer, autojump_clock: MockClock
) -> None:
    screen = MemoryScreen(interactive=True)
    async with play(screen) as mode, trio.open_nursery() as nursery:
        nursery.start_soon(mode.run)
        for _ in range(2):
            await trio.sleep(60)
            server.unreachable = True
            server.break_all()
            await trio.sleep(200)
            server.unreachable = False
        await trio.sleep(60)
        screen.type.close()
    breaks = [line.partition("disconnected: ")[2] for line in screen.errors]
    assert [line.partition(";")[0] for line in breaks] == [
        "the connection broke: connection reset by peer",
        "Cannot reach chat.test port 6697: connection refused",
    ] * 2


async def test_programs_are_told_of_every_attempt(
    play: Play, server: FakeServer, autojump_clock: MockClock
) -> None:
    screen = MemoryScreen()
    async with play(screen, json=True) as mode, trio.open_nursery() as nursery:
        nursery.start_soon(mode.run)
        await trio.testing.wait_all_tasks_blocked()
        server.unreachable = True
        server.break_all()
        await trio.sleep(600)
        server.unreachable = False
        await trio.sleep(60)
        screen.type.close()
    kinds = [json.loads(line)["event"] for line in screen.shown]
    assert kinds.count("disconnected") > 5
    assert len(screen.errors) == 2
