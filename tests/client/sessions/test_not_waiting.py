"""A client that does not wait for its first connection: ``connect(..., wait=False)``."""

from __future__ import annotations

import pytest
import trio
from support.clients import Connect, texts, told_until, until
from support.fake_server import FakeServer
from trio.testing import MockClock

from securechat.client import events
from securechat.client.errors import ConnectFailed, LoginRefused, NoAnswer


async def test_the_body_runs_before_the_login(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async with dialled(wait=False) as client:
        assert not client.connected
        assert client.nick == "alice"
        assert server.logins == 0
        with pytest.raises(NoAnswer):
            await client.ping()
        await until(client, events.Names, channel="#lobby")
        assert client.connected


async def test_it_goes_on_trying_and_tells_of_each_failure(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    """The first attempt is at once; the waits are those of any break."""
    server.unreachable = True
    async with dialled(wait=False) as client:
        start = trio.current_time()
        lost = [await until(client, events.Disconnected) for _ in range(4)]
        assert trio.current_time() - start == pytest.approx(0.5 + 1 + 2)
        assert [one.retry_in for one in lost] == [0.5, 1, 2, 4]
        assert "connection refused" in lost[0].reason
        server.unreachable = False
        client.retry_now()
        await until(client, events.Names, channel="#lobby")
        assert trio.current_time() - start == pytest.approx(0.5 + 1 + 2)
        server.say("bob", "#lobby", "good morning")
        assert texts(await told_until(client, events.Said)) == ["good morning"]


async def test_what_is_said_before_waits_in_order(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.unreachable = True
    async with dialled(wait=False) as client:
        sayings = [client.speak("#lobby", f"early {number}") for number in range(5)]
        await until(client, events.Disconnected)
        server.unreachable = False
        for saying in sayings:
            await saying.receipt()
        assert [kept.text for kept in server.kept] == [f"early {number}" for number in range(5)]
        # And a break later on is caught up with, as any.
        server.break_all()
        server.keep("bob", "#lobby", "missed")
        await until(client, events.Disconnected)
        assert "missed" in texts(await told_until(client, events.CaughtUp))


async def test_a_wrong_password_ends_it(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    async def wait() -> None:
        async with dialled(wait=False, password="something else") as client:
            assert (await until(client, events.Disconnected)).retry_in is None
            await trio.sleep_forever()

    with pytest.raises(LoginRefused):
        await wait()
    assert server.logins == 0


async def test_leaving_before_it_is_in(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer
) -> None:
    server.unreachable = True
    start = trio.current_time()
    async with dialled(wait=False) as client:
        await until(client, events.Disconnected)
    assert trio.current_time() == start
    with pytest.raises(ConnectFailed):
        async with dialled():
            pytest.fail("it waits for the first connection unless told otherwise")
