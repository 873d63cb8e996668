"""Breaks of every kind, one at a time; ``test_breaks.py`` mixes them."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from support.clients import Connect, texts, told_until, until
from support.fake_server import FakeServer
from support.fake_session import FakeSession
from trio.testing import MockClock

from securechat.client import events
from securechat.client.errors import (
    LoginRefused,
    NotConfirmed,
    NotSent,
)
from securechat.client.sessions.buffer import EventBuffer
from securechat.errors import ConnectionLost
from securechat.protocol.message import Message

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
    """docs/safety.md, messages 4: the client's retries store a line exactly once."""

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
    monkeypatch.setattr("securechat.client.sessions.catchup.TARGETS_MAX", 1)
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
    monkeypatch.setattr("securechat.client.sessions.core.EventBuffer", lambda: EventBuffer(10))
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
    monkeypatch.setattr("securechat.client.sessions.core.EventBuffer", lambda: EventBuffer(10))
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
