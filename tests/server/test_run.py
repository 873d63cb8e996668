"""Making and running a server: what it starts from, its listeners, and its first channel."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from support.house import open_house, quiet_settings
from support.memory import client_context, server_context
from trio.testing import MockClock

from securechat.server.run import make_server, open_listeners, running
from securechat.store.credentials.passwords import FAST, STANDARD
from securechat.store.runner import inline
from securechat.store.sqlite import open_store
from securechat.transport.sockets import connect
from securechat.transport.tls import TLSLink


async def test_the_first_start_makes_the_lobby_and_later_ones_find_it(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder) as house:
        created = house.server.lobby.created_ms
        assert house.server.lobby is house.server.directory.room("#LOBBY")
    async with open_house(folder) as house:
        assert house.server.lobby.created_ms == created


async def test_another_name_for_the_lobby_is_another_lobby(
    folder: Path, autojump_clock: MockClock
) -> None:
    async with open_house(folder):
        pass
    async with open_house(folder, changes={"lobby": "#Commons"}) as house:
        alice = await house.login("alice")
        assert await alice.ask("PART #commons") == [
            ":securechat.internal 404 alice #Commons :Everybody is in this channel"
        ]


@pytest.mark.parametrize(("profile", "expected"), [("standard", STANDARD), ("fast", FAST)])
async def test_passwords_are_hashed_as_the_settings_say(
    folder: Path, profile: str, expected: object
) -> None:
    async with open_store(folder, runner=inline) as store:
        server = await make_server(quiet_settings(folder, password_hash=profile), store)
        assert server.gate._hasher.profile == expected
        assert server.tls is None


async def test_connections_come_in_by_tls_until_accepting_stops(folder: Path) -> None:
    settings = quiet_settings(folder, host=("127.0.0.1",), port=0)
    listeners = await open_listeners(settings)
    port = listeners[0].socket.getsockname()[1]
    async with open_store(folder) as store:
        server = await make_server(settings, store, server_context())
        async with running(server) as current, trio.open_nursery() as nursery:
            nursery.start_soon(current.accept, listeners)
            link = TLSLink.client(await connect("127.0.0.1", port), client_context(), "localhost")
            with trio.fail_after(30):
                await link.handshake()
                await link.send_all(b"PING hello\r\n")
                assert await link.receive() == (
                    b":securechat.internal PONG securechat.internal :hello\r\n"
                )
                current.stop_accepting()
        with trio.fail_after(30):
            data = b""
            while more := await link.receive():
                data += more
        assert data == b"ERROR :Closing link: The server is stopping\r\n"
        link.close()


async def test_an_error_in_the_block_stops_the_server_gracefully(
    folder: Path, autojump_clock: MockClock
) -> None:
    class Oops(Exception):
        pass

    with pytest.RaisesGroup(Oops, flatten_subgroups=True):
        async with open_house(folder) as house:
            alice = await house.login("alice")
            raise Oops
    assert await alice.rest() == ["ERROR :Closing link: The server is stopping"]
    assert not house.server.sessions
