"""The client over memory links, on the autojump clock, against a small server."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from support.clients import Connect, told_until, until
from support.fake_server import FakeServer
from support.fake_session import FakeSession
from trio.testing import MockClock

from securechat.client import Receipt, events
from securechat.client.errors import (
    HistoryUnavailable,
    JoinRefused,
    NotConfirmed,
    NotSent,
)
from securechat.errors import ConnectionLost
from securechat.protocol.message import Message

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


@pytest.mark.parametrize("text", ["", "\n\r\n", "a\rb", "nul\0"])
async def test_text_that_no_line_can_carry(
    dialled: Connect, autojump_clock: MockClock, text: str
) -> None:
    async with dialled() as client:
        with pytest.raises(ValueError, match="CR and NUL"):
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
