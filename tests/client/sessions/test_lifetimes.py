"""How clients begin and end: failing at the start, leaving, errors and cancellation."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from support.clients import Connect
from support.fake_server import FakeServer
from support.fake_session import FakeSession
from trio.testing import MockClock

from securechat.client import events
from securechat.client.errors import (
    ConnectFailed,
    LoginRefused,
    NotConfirmed,
    NotSent,
)
from securechat.errors import ConnectionLost
from securechat.protocol.message import Message

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
