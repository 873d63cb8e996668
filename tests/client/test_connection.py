"""The client over memory links, on the autojump clock, against a small server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
import trio.testing
from support.fake_server import FakeServer, FakeSession
from trio.testing import MockClock

from securechat.client import Client, Receipt, connect, events
from securechat.client.buffer import EventBuffer
from securechat.client.errors import (
    ConnectFailed,
    HistoryUnavailable,
    JoinRefused,
    LoginRefused,
    NotConfirmed,
    NotSent,
)
from securechat.errors import ConnectionLost
from securechat.protocol.message import Message

PASSWORD = "wonderland-rabbit"
Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def server() -> FakeServer:
    return FakeServer(alice=PASSWORD, bob="a-builder's-secret", carol="sings-at-christmas")


@pytest.fixture
def dialled(server: FakeServer, nursery: trio.Nursery) -> Connect:
    """Connect as alice unless told otherwise."""

    @asynccontextmanager
    async def make(**more: Any) -> AsyncIterator[Client]:
        arguments = {"account": "alice", "password": PASSWORD, "random": lambda: 0.5, **more}
        arguments.setdefault("now", lambda: datetime(2030, 1, 1, tzinfo=UTC))
        with trio.fail_after(1000):
            async with connect("chat.test", dial=server.dial(nursery), **arguments) as client:
                yield client

    return make


async def until(client: Client, kind: type[events.Event], **fields: object) -> Any:
    """Return the next event of this kind with these fields."""
    async for event in client:
        if isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items()):
            return event
    raise AssertionError(f"no {kind.__name__} came")


async def told_until(client: Client, kind: type[events.Event]) -> list[events.Event]:
    """Return the events up to one of this kind."""
    told = []
    async for event in client:
        told.append(event)
        if isinstance(event, kind):
            return told
    raise AssertionError(f"no {kind.__name__} came")


def texts(told: list[events.Event]) -> list[str]:
    return [event.text for event in told if isinstance(event, events.Said)]


# --- saying and hearing ------------------------------------------------------------------------


async def test_says_and_hears(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        told = await told_until(client, events.Names)
        assert [type(event).__name__ for event in told] == [
            "Connected",
            "LoggedIn",
            "Motd",
            "Joined",
            "Names",
        ]
        receipt = await client.say("#lobby", "hello")
        assert receipt == Receipt("#lobby", ("m000000",), server.kept[0].time)
        assert receipt.msgid == "m000000"
        said = await until(client, events.Said)
        assert (said.sender, said.text, said.own, said.history) == ("alice", "hello", True, False)
        server.say("bob", "#lobby", "hi alice")
        said = await until(client, events.Said)
        assert (said.sender, said.text, said.own) == ("bob", "hi alice", False)
        assert client.nick == "alice"
        assert client.connected
        assert [channel.name for channel in client.channels] == ["#lobby"]
        assert client.is_channel("#lobby")
        assert not client.is_channel("bob")
    assert server.received[-1] == "QUIT"


async def test_one_can_say_without_listening(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        for n in range(40):
            await client.say("bob", str(n))
    assert [kept.text for kept in server.kept] == [str(n) for n in range(40)]


async def test_long_text_goes_out_in_pieces(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    """A line has 512 bytes with its CR LF, as the server passes it on, source included."""
    async with dialled() as client:
        await until(client, events.Names)
        text = "grüße " * 300
        receipt = await client.say("#lobby", text)
        assert len(receipt.msgids) > 3
        assert "".join(kept.text for kept in server.kept).replace(" ", "") == text.replace(" ", "")
        for kept in server.kept:
            line = f":alice!alice@fake PRIVMSG #lobby :{kept.text}\r\n"
            assert len(line.encode()) <= 512
        await client.say("#lobby", "x" * 1000, action=True)
        assert all(kept.text.startswith("\x01ACTION x") for kept in server.kept[-3:])
        assert all(kept.text.endswith("x\x01") for kept in server.kept[-3:])


@pytest.mark.parametrize("text", ["", "two\nlines", "a\rb", "nul\0"])
async def test_text_that_no_line_can_carry(
    dialled: Connect, autojump_clock: MockClock, text: str
) -> None:
    async with dialled() as client:
        with pytest.raises(ValueError, match="CR, LF and NUL"):
            await client.say("#lobby", text)


@pytest.mark.parametrize("target", ["", "a b", "a,b", ":a", "a\r\nQUIT", "#" + "x" * 500])
async def test_targets_that_are_none(
    dialled: Connect, autojump_clock: MockClock, target: str
) -> None:
    async with dialled() as client:
        with pytest.raises(ValueError, match=r"neither a channel|too long for a name"):
            await client.say(target, "hi")


async def test_refused_lines(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        with pytest.raises(NotSent, match="Not sent to nobody: No such nick") as refused:
            await client.say("nobody", "hi")
        assert refused.value.code == "401"
        with pytest.raises(NotSent, match="Cannot send to channel"):
            await client.say("#far", "hi")
        server.refuse = lambda message: (
            "FAIL PRIVMSG STORE_FAILED #lobby :The disk is full"
            if message.command == "PRIVMSG"
            else None
        )
        with pytest.raises(NotSent, match="The disk is full"):
            await client.say("#lobby", "hi")
        failures = []
        async for event in client:
            if isinstance(event, events.Failed):
                failures.append((event.code, event.what))
                if len(failures) == 3:
                    break
        assert failures == [("401", "nobody"), ("404", "#far"), ("STORE_FAILED", "#lobby")]


async def test_a_line_without_an_answer(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.deaf_to = {"PRIVMSG"}
    async with dialled() as client:
        with pytest.raises(NotConfirmed, match="Sent to #lobby, but no answer came in 9 seconds"):
            await client.say("#lobby", "hi", seconds_max=9)
        failed = await until(client, events.Failed)
        assert (failed.code, failed.what) == ("NOT_CONFIRMED", "#lobby")


async def test_saying_can_be_cancelled(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.deaf_to = {"PRIVMSG"}
    async with dialled() as client:
        with trio.move_on_after(3) as scope:
            await client.say("#lobby", "hi")
        assert scope.cancelled_caught
        server.break_all()
        await until(client, events.CaughtUp)
        await client.say("bob", "x", notice=True)
    assert not any("hi" in line for line in server.received[-6:])


async def test_labels(dialled: Connect, autojump_clock: MockClock, server: FakeServer) -> None:
    """IRCv3 labeled-response: the echo carries the label of the line that it answers."""
    server.capabilities += " labeled-response"
    async with dialled() as client:
        await client.say("#lobby", "hi")
    assert "@label=80000000-1 PRIVMSG #lobby hi" in server.received


# --- channels and the rest ---------------------------------------------------------------------


async def test_channels(dialled: Connect, autojump_clock: MockClock, server: FakeServer) -> None:
    async with dialled(channels=["#dev"]) as client:
        await until(client, events.Joined, channel="#dev", own=True)
        await client.join("#tea")
        await client.join("#tea")
        assert server.received.count("JOIN #tea") == 1
        with pytest.raises(JoinRefused, match=r"Cannot join #forbidden: .*\(\+i\)"):
            await client.join("#forbidden")
        client.part("#tea", "enough")
        parted = await until(client, events.Parted, own=True)
        assert (parted.channel, parted.reason) == ("#tea", "enough")
        client.set_topic("#dev", "code")
        assert (await until(client, events.TopicChanged)).topic == "code"
        client.ask_topic("#dev")
        client.ask_names("#dev")
        assert (await until(client, events.Names)).names == ("@alice",)
        client.ask_who("#dev")
        assert [one.nick for one in (await until(client, events.WhoReply)).people] == ["alice"]
        client.set_away("lunch")
        assert (await until(client, events.AwayChanged)).text == ""
        client.set_away()
        assert (await until(client, events.AwayChanged)).text is None
        client.send(Message("PART", ("#dev",)))
        await until(client, events.Parted)


async def test_a_join_without_an_answer(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.deaf_to = {"JOIN"}
    async with dialled() as client:
        with pytest.raises(ConnectionLost, match="Joining #x was not answered"):
            await client.join("#x", seconds_max=5)


async def test_channels_are_joined_again(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        await client.join("#dev")
        await client.join("#tea")
        client.part("#tea")
        await until(client, events.Parted)
        server.members["#dev"].clear()
        server.break_all()
        await until(client, events.CaughtUp)
        assert [channel.name for channel in client.channels] == ["#lobby", "#dev"]


async def test_history_at_the_door(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    """Up to so many messages from before the JOIN, then what came live, in order."""
    for n in range(30):
        server.keep("bob", "#lobby", f"old {n}")

    def meanwhile(session: FakeSession, message: Message) -> None:
        if message.command == "CHATHISTORY":
            server.say("bob", "#lobby", "live")

    server.on_line = meanwhile
    async with dialled(history=20) as client:
        said = [await until(client, events.Said) for _ in range(20)]
        assert [one.text for one in said] == [f"old {n}" for n in range(11, 30)] + ["live"]
        assert [one.history for one in said] == [True] * 19 + [False]


async def test_history_at_the_door_while_much_is_said(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    """A page that begins after what came live is no history."""
    server.keep("bob", "#lobby", "old")

    def meanwhile(session: FakeSession, message: Message) -> None:
        if message.command == "CHATHISTORY":
            for n in range(9):
                server.say("bob", "#lobby", f"live {n}")

    server.on_line = meanwhile
    async with dialled(history=5) as client:
        said = [await until(client, events.Said) for _ in range(9)]
        assert [one.text for one in said] == [f"live {n}" for n in range(9)]


async def test_history_on_request(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    for n in range(30):
        server.keep("bob", "#lobby", f"old {n}")
    async with dialled() as client:
        await until(client, events.Names)
        said = await client.history("#lobby", limit=3)
        assert [one.text for one in said] == ["old 27", "old 28", "old 29"]
        said = await client.history("#lobby", limit=500, before=said[0].msgid)
        assert [one.text for one in said] == [f"old {n}" for n in range(27)]
        with pytest.raises(HistoryUnavailable, match="No such"):
            await client.history("#far")
        with trio.move_on_after(0):
            await client.history("#lobby")
        server.deaf_to = {"CHATHISTORY"}
        with pytest.raises(HistoryUnavailable, match="connection broke"):
            await client.history("#lobby")
        with pytest.raises(HistoryUnavailable, match="without a connection"):
            await client.history("#lobby")


async def test_no_history_at_the_door_of_a_server_that_keeps_none(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.capabilities = "sasl echo-message"
    async with dialled(history=20) as client:
        await until(client, events.Names)
        server.say("bob", "#lobby", "live")
        assert (await until(client, events.Said)).text == "live"


async def test_a_refused_history_at_the_door(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.refuse = lambda message: (
        "FAIL CHATHISTORY MESSAGE_ERROR BEFORE #lobby :Not today"
        if message.command == "CHATHISTORY"
        else None
    )
    async with dialled(history=20) as client:
        gap = await until(client, events.HistoryGap)
        assert (gap.conversation, gap.text) == ("#lobby", "Not today")


async def test_a_channel_left_before_its_history_came(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    def leave(session: FakeSession, message: Message) -> None:
        if message.command == "CHATHISTORY":
            session.on_part(Message("PART", (message.params[1], "")))

    server.on_line = leave
    async with dialled(history=20) as client:
        await until(client, events.Parted, own=True)
        server.on_line = lambda session, message: None
        await client.join("#dev")
        await client.join("#tea")
        client.part("#tea")
        await until(client, events.Parted)


# --- failing at the start ----------------------------------------------------------------------


async def test_a_wrong_password(dialled: Connect, autojump_clock: MockClock) -> None:
    with pytest.raises(LoginRefused, match="does not accept this password for alice"):
        async with dialled(password="guess"):
            pytest.fail("the body ran")


async def test_a_server_that_cannot_be_reached(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.unreachable = True
    with pytest.raises(ConnectFailed, match=r"^Cannot reach chat.test port 6697: .* refused\.$"):
        async with dialled():
            pytest.fail("the body ran")


async def test_a_server_that_says_nothing(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.deaf_to = {"CAP"}
    with pytest.raises(ConnectFailed, match="did not finish the login in 60 seconds"):
        async with dialled():
            pytest.fail("the body ran")


@pytest.mark.parametrize("line", ["ERROR :Too many connections", ""])
async def test_a_server_that_hangs_up(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer, line: str
) -> None:
    def hang_up(session: FakeSession, message: Message) -> None:
        if line:
            session.send(line)
        session.link.close()

    server.on_line = hang_up
    with pytest.raises(ConnectFailed, match="ended the connection during the login: "):
        async with dialled():
            pytest.fail("the body ran")


async def test_a_server_that_hangs_up_after_the_login(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    def hang_up(session: FakeSession, message: Message) -> None:
        if message.params == ("END",):
            session.reply("001", "Welcome")
            session.send("ERROR :Changed my mind")
            session.link.close()

    server.on_line = hang_up
    with pytest.raises(ConnectFailed, match="Changed my mind"):
        async with dialled():
            pytest.fail("the body ran")


async def test_cancelled_at_the_start(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.deaf_to = {"CAP"}
    with trio.move_on_after(5) as scope:
        async with dialled():
            pytest.fail("the body ran")
    assert scope.cancelled_caught
    await trio.testing.wait_all_tasks_blocked()
    assert server.sessions == []


# --- structured concurrency --------------------------------------------------------------------


async def test_errors_of_the_body_come_out_as_they_are(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with dialled():
            raise ZeroDivisionError
    mine = ExceptionGroup("mine", [KeyError("x")])
    with pytest.RaisesGroup(KeyError, match="mine"):
        async with dialled():
            raise mine
    await trio.testing.wait_all_tasks_blocked()
    assert server.sessions == []


async def test_two_errors_stay_together(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async def fail() -> None:
        async with dialled():
            server.accounts.clear()
            server.break_all()
            try:
                await trio.sleep_forever()
            finally:
                raise KeyError("mine")

    with pytest.RaisesGroup(KeyError, LoginRefused):
        await fail()


async def test_the_events_end_when_the_client_quits(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        await client.quit("so long")
        told = [event async for event in client]
        assert isinstance(told[-1], events.Names)
        assert not client.connected
        with pytest.raises(NotSent, match="the client has ended"):
            await client.say("#lobby", "hi")
        with pytest.raises(ConnectionLost):
            client.part("#lobby")
        await client.quit()
    assert server.received[-1] == "QUIT :so long"


async def test_what_was_posted_goes_out_before_leaving(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        client.set_topic("#lobby", "last words")
    assert server.topics["#lobby"] == "last words"


async def test_a_server_that_does_not_answer_the_quit(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.deaf_to = {"QUIT"}
    before = trio.current_time()
    async with dialled():
        pass
    assert trio.current_time() - before == 5


async def test_lines_that_wait_when_the_client_ends(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.deaf_to = {"PRIVMSG"}
    async with dialled() as client:
        saying = client.speak("#lobby", "hi")
        await trio.testing.wait_all_tasks_blocked()
        await client.quit()
        with pytest.raises(NotConfirmed, match="the client has ended"):
            await saying.receipt()


# --- breaks ------------------------------------------------------------------------------------


async def test_what_was_missed_is_told_once_and_in_order(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    """IRCv3 chathistory: AFTER the last msgid, page by page, until there is no more."""
    server.history_max = 10
    async with dialled() as client:
        await until(client, events.Names)
        await client.say("#lobby", "first")
        server.break_all()
        for n in range(25):
            server.keep("bob", "#lobby", f"missed {n}")
        server.keep("bob", "alice", "between us")
        lost = await until(client, events.Disconnected)
        assert lost.retry_in == 0.5

        def meanwhile(session: FakeSession, message: Message) -> None:
            if message.params[:2] == ("AFTER", "#lobby"):
                server.say("carol", "#lobby", f"live {len(server.kept)}")

        server.on_line = meanwhile
        told = await told_until(client, events.CaughtUp)
        lobby = [one for one in told if isinstance(one, events.Said) and "#" in one.conversation]
        expected = [kept.text for kept in server.kept[1:] if kept.target == "#lobby"]
        assert [one.text for one in lobby] == expected
        assert expected[:25] == [f"missed {n}" for n in range(25)]
        assert len(expected) > 27
        [private] = [one for one in told if isinstance(one, events.Said) and one not in lobby]
        assert (private.conversation, private.text, private.history) == ("bob", "between us", True)


async def test_lines_said_during_a_break_wait_in_order(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        await until(client, events.Names)
        server.break_all()
        await until(client, events.Disconnected)
        sayings = [client.speak("#lobby", f"later {n}") for n in range(20)]
        for saying in sayings:
            await saying.receipt()
        assert [kept.text for kept in server.kept] == [f"later {n}" for n in range(20)]


async def test_a_break_that_lasts_too_long(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        server.unreachable = True
        server.break_all()
        await until(client, events.Disconnected)
        with pytest.raises(NotSent, match="Not sent to #lobby: no answer came in 60") as caught:
            await client.say("#lobby", "hi")
        assert not isinstance(caught.value, NotConfirmed)
        server.unreachable = False
        await until(client, events.CaughtUp)
    assert server.kept == []


@pytest.mark.parametrize("stored", [True, False])
async def test_a_line_whose_echo_was_lost(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer, stored: bool
) -> None:
    """SAFETY, messages 4: the client's retries store a line exactly once."""

    def lose(session: FakeSession, message: Message) -> None:
        if message.command == "PRIVMSG":
            server.on_line = lambda session, message: None
            if stored:
                server.keep("alice", *message.params)
            session.wire.reset()
            server.deaf_to = {"PRIVMSG"}

    def hear(session: FakeSession, message: Message) -> None:
        server.deaf_to = set()

    async with dialled() as client:
        await until(client, events.Names)
        server.on_line = lose
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.say, "#lobby", "precious")
                await until(client, events.Disconnected)
                server.deaf_to = set()
        assert [kept.text for kept in server.kept] == ["precious"]
        said = await until(client, events.Said)
        assert (said.text, said.own, said.history) == ("precious", True, stored)


async def test_without_history_a_lost_echo_is_told_as_unknown(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.capabilities = "sasl echo-message"
    server.deaf_to = {"PRIVMSG"}
    async with dialled() as client:
        await until(client, events.Names)
        saying = client.speak("#lobby", "hi")
        await trio.testing.wait_all_tasks_blocked()
        server.break_all()
        with pytest.raises(NotConfirmed, match="unknown whether it was stored: The server keeps"):
            await saying.receipt()
        assert "CHATHISTORY" not in " ".join(server.received)


async def test_a_gap_that_cannot_be_filled_is_told(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        await until(client, events.Names)
        server.say("bob", "#lobby", "one")
        server.say("bob", "alice", "two")
        await until(client, events.Said, text="two")
        server.refuse = lambda message: (
            "FAIL CHATHISTORY MESSAGE_ERROR x :Not today"
            if message.command == "CHATHISTORY"
            else None
        )
        server.break_all()
        told = await told_until(client, events.CaughtUp)
        gaps = [event.conversation for event in told if isinstance(event, events.HistoryGap)]
        assert gaps == ["#lobby", "bob"]


async def test_a_channel_that_is_closed_to_us_now(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        await client.join("#dev")
        server.say("bob", "#dev", "one")
        await until(client, events.Said)
        server.members["#dev"].clear()
        server.refuse = lambda message: (
            ":fake.example 473 alice #dev :Cannot join" if message.command == "JOIN" else None
        )
        server.break_all()
        before = trio.current_time()
        told = await told_until(client, events.CaughtUp)
        assert trio.current_time() - before < 2
        [gap] = [event for event in told if isinstance(event, events.HistoryGap)]
        assert (gap.conversation, gap.text) == ("#dev", "The server did not let us in again")
        server.break_all()
        await until(client, events.CaughtUp)
        assert server.received.count("JOIN #dev") == 2


async def test_a_rejoin_without_an_answer(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        await client.join("#dev")
        server.members["#dev"].clear()
        server.deaf_to = {"JOIN"}
        server.break_all()
        await until(client, events.CaughtUp)


async def test_more_new_conversations_than_can_be_asked_for(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("securechat.client.catchup.TARGETS_MAX", 1)
    async with dialled() as client:
        await until(client, events.Names)
        server.break_all()
        server.keep("bob", "alice", "one")
        told = await told_until(client, events.CaughtUp)
        [gap] = [event for event in told if isinstance(event, events.HistoryGap)]
        assert (gap.conversation, texts(told)) == ("*", ["one"])


async def test_a_break_while_catching_up(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.history_max = 3
    async with dialled() as client:
        await client.say("#lobby", "first")
        server.break_all()
        for n in range(8):
            server.keep("bob", "#lobby", str(n))
        asked = 0

        def break_again(session: FakeSession, message: Message) -> None:
            nonlocal asked
            if message.params[:1] == ("AFTER",):
                asked += 1
                server.say("carol", "#lobby", f"live {asked}")
                if asked == 2:
                    session.wire.reset()

        server.on_line = break_again
        told = await told_until(client, events.CaughtUp)
        assert texts(told) == [kept.text for kept in server.kept]


async def test_the_backoff(dialled: Connect, autojump_clock: MockClock, server: FakeServer) -> None:
    """Exponential, with full jitter (half of it here), to a minute at most; then from the start."""
    async with dialled() as client:
        await trio.sleep(61)
        server.unreachable = True
        server.break_all()
        waits = [(await until(client, events.Disconnected)).retry_in for _ in range(9)]
        assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
        server.unreachable = False
        await until(client, events.CaughtUp)
        server.break_all()
        assert (await until(client, events.Disconnected)).retry_in == 30
        await until(client, events.CaughtUp)
        await trio.sleep(61)
        server.break_all()
        assert (await until(client, events.Disconnected)).retry_in == 0.5


async def test_a_password_that_is_no_longer_right_ends_the_client(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async def listen() -> None:
        async with dialled() as client:
            server.accounts["alice"] = "changed meanwhile"
            server.break_all()
            assert (await until(client, events.Disconnected)).retry_in == 0.5
            assert (await until(client, events.Disconnected)).retry_in is None
            await trio.sleep_forever()

    with pytest.raises(LoginRefused):
        await listen()


async def test_without_reconnecting(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled(reconnect=False) as client:
        server.tell_all("ERROR :Closing link: maintenance")
        server.break_all_gently()
        told = [event async for event in client]
        last = told[-1]
        assert isinstance(last, events.Disconnected)
        assert (last.reason, last.retry_in) == ("Closing link: maintenance", None)


async def test_leaving_during_a_break(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        server.unreachable = True
        server.break_all()
        await until(client, events.Disconnected)
        with pytest.raises(ConnectionLost, match="Not connected"):
            client.ask_names("#lobby")
    assert server.logins == 1


async def test_a_dead_link_is_noticed(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    """A ping after 60 seconds of silence, the end after 120."""
    server.deaf_to = {"PING"}
    async with dialled() as client:
        await until(client, events.Names)
        begin = trio.current_time()
        lost = await until(client, events.Disconnected)
        assert trio.current_time() - begin == 120
        assert lost.reason == "nothing came from the server in 120 seconds"


async def test_an_idle_link_lives(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        await until(client, events.Names)
        server.tell_all("PING :anybody")
        await trio.sleep(600)
        assert server.logins == 1
        assert "PONG anybody" in server.received


async def test_a_history_request_without_an_answer_costs_the_connection(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.deaf_to = {"CHATHISTORY"}
    async with dialled(history=5) as client:
        lost = await until(client, events.Disconnected)
        assert lost.reason == "the server did not answer a request for history"


async def test_lines_that_cannot_be_read_are_told(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled() as client:
        await until(client, events.Names)
        server.tell_all("x" * 9000)
        assert (await until(client, events.Failed)).code == "BAD_LINE"
        server.tell_all(":only-a-source")
        failed = await until(client, events.Failed)
        assert failed.text == "The server sent a line that cannot be read: a line needs a command"


async def test_a_program_that_stops_listening_stops_the_reading(
    dialled: Connect,
    autojump_clock: MockClock,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("securechat.client.core.EventBuffer", lambda: EventBuffer(10))
    async with dialled() as client:
        await until(client, events.Names)
        for n in range(2000):
            server.say("bob", "#lobby", f"{n} {'x' * 100}")
        await trio.testing.wait_all_tasks_blocked()
        assert server.sessions[0].link.send_now(b"") is False
        said = [await until(client, events.Said) for _ in range(300)]
        assert [one.text.split()[0] for one in said] == [str(n) for n in range(300)]


async def test_a_program_that_never_listens_can_talk_on(
    dialled: Connect,
    autojump_clock: MockClock,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("securechat.client.core.EventBuffer", lambda: EventBuffer(10))
    async with dialled() as client:
        for n in range(100):
            await client.say("#lobby", str(n))
        assert (await until(client, events.Said)).text == "90"


async def test_parting_while_history_is_waited_for(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    """Its answer, and the turn of a channel that was left before, are of no use to anybody."""
    for n in range(3):
        server.keep("bob", "#dev", f"old {n}")
    async with dialled(history=5) as client:
        await until(client, events.Names)
        for name in ("#tea", "#dev"):
            client.send(Message("JOIN", (name,)))
            client.send(Message("PART", (name,)))
        await client.say("#lobby", "done")
        told = await told_until(client, events.Said)
        assert texts(told) == ["done"]


async def test_a_channel_left_with_a_line_unsure(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    def part_and_break(session: FakeSession, message: Message) -> None:
        if message.command == "PRIVMSG":
            session.deaf = True
            session.send(":alice!alice@fake PART #dev")
            server.members["#dev"].clear()
            session.link.close()

    async with dialled() as client:
        await client.join("#dev")
        server.on_line = part_and_break
        with pytest.raises(NotConfirmed, match="unknown whether it was stored: we left"):
            await client.say("#dev", "hi")
