"""The examples as docs/bots.md says to start them: by their ``main``, at a real server over TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from types import ModuleType

import h11
import pytest
import trio
from support.full_screen import CALM, write_password
from support.person import Line, Person, user
from support.system import PATIENCE_SECONDS, Home, Server, authority, running_server

from examples import echo_bot, reminder_bot, webhook_bridge
from securechat.client import connect

SECRET = "a-secret-of-a-webhook"


@asynccontextmanager
async def party(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Server, Person]]:
    """Run a server with alice at it, in whose folder bob's password and ``certs/ca.pem`` are."""
    (home.folder / "certs").mkdir()
    authority().cert_pem.write_to_path(home.folder / "certs" / "ca.pem")
    write_password(home.folder)
    monkeypatch.chdir(home.folder)
    await home.add("alice", "bob")
    async with running_server(home, CALM) as server, user(server, "alice") as alice:
        yield server, alice


@asynccontextmanager
async def running(
    module: ModuleType,
    server: Server,
    alice: Person,
    monkeypatch: pytest.MonkeyPatch,
    main: Callable[[], Awaitable[None]],
) -> AsyncIterator[None]:
    """Run an example, at this server's port, until the block ends; bob is in the lobby then."""
    monkeypatch.setattr(module, "connect", partial(connect, port=server.port))
    async with trio.open_nursery() as nursery:
        with trio.fail_after(PATIENCE_SECONDS):
            nursery.start_soon(main)
            await from_bob(alice, "JOIN")
            yield
        nursery.cancel_scope.cancel()


async def from_bob(alice: Person, command: str) -> Line:
    """Return what bob does next of this kind."""
    while not (line := await alice.expect(command)).source.startswith("bob!"):
        pass
    return line


async def test_the_echo_bot(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    main = partial(echo_bot.main, "bob", "localhost", "password")
    async with (
        party(home, monkeypatch) as (server, alice),
        running(echo_bot, server, alice, monkeypatch, main),
    ):
        await alice.send("PRIVMSG #lobby :bob: hello there")
        answer = await from_bob(alice, "PRIVMSG")
        assert answer.text == "bob: hello there"
        assert "bot" in answer.tags


async def test_the_reminder_bot(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    main = partial(
        reminder_bot.main, ["bob", "localhost", "password", "reminders.json", "certs/ca.pem"]
    )
    async with (
        party(home, monkeypatch) as (server, alice),
        running(reminder_bot, server, alice, monkeypatch, main),
    ):
        await alice.send("PRIVMSG #lobby :!remind 1s the tea")
        noted = await from_bob(alice, "TAGMSG")
        assert noted.tags["+draft/react"] == "⏰"
        assert (await from_bob(alice, "PRIVMSG")).text == "alice: the tea"


async def test_the_webhook_bridge(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.folder / "secret").write_text(f"{SECRET}\n")
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    monkeypatch.setattr(webhook_bridge, "PORT", port)
    main = partial(webhook_bridge.main, ["bob", "localhost", "password", "secret", "#lobby"])
    async with (
        party(home, monkeypatch) as (server, alice),
        running(webhook_bridge, server, alice, monkeypatch, main),
    ):
        await post(port, b'{"text": "Build 7 failed"}')
        said = await from_bob(alice, "PRIVMSG")
        assert said.text == "Build 7 failed"
        assert "bot" in said.tags


async def post(port: int, body: bytes) -> None:
    """Send a webhook as docs/bots.md has it; it must be taken."""
    client = h11.Connection(h11.CLIENT)
    headers = [("host", "x"), ("content-length", str(len(body))), ("x-webhook-secret", SECRET)]
    data = client.send(h11.Request(method="POST", target="/", headers=headers)) or b""
    data += client.send(h11.Data(data=body)) or b""
    stream = await connected(port)
    async with stream:
        await stream.send_all(data + (client.send(h11.EndOfMessage()) or b""))
        while (event := client.next_event()) is h11.NEED_DATA:
            client.receive_data(bytes(await stream.receive_some(4096)))
    assert isinstance(event, h11.Response)
    assert event.status_code == 204


async def connected(port: int) -> trio.SocketStream:
    """Return a connection to the bridge, which may only be about to listen."""
    while True:
        try:
            return await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            await trio.lowlevel.checkpoint()
