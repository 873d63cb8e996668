"""Listening and accepting: ports, hosts, what goes wrong, and who outlives whom."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
from functools import partial

import pytest
import trio
from support.tcp import echo, read, serving

from securechat.errors import ConnectionLost, UserError
from securechat.transport import sockets
from securechat.transport.sockets import SocketWire


async def close_all(listeners: list[trio.SocketListener]) -> None:
    for listener in listeners:
        await listener.aclose()


async def test_everywhere_is_one_port_for_all() -> None:
    listeners = await sockets.listen([], 0)
    names = [listener.socket.getsockname() for listener in listeners]
    assert names[0][0] == "0.0.0.0"
    assert len({name[1] for name in names}) == 1
    await close_all(listeners)


async def test_a_host_given_twice_is_one_listener() -> None:
    listeners = await sockets.listen(["127.0.0.1", "127.0.0.2", "127.0.0.1"], 0)
    assert [listener.socket.getsockname()[0] for listener in listeners] == [
        "127.0.0.1",
        "127.0.0.2",
    ]
    await close_all(listeners)


async def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError) as caught:
            await sockets.listen(["127.0.0.2", "127.0.0.1"], port)
        assert str(caught.value) == (
            f"port {port} on 127.0.0.1 is already in use: "
            "stop the other program or choose another port"
        )
    # The listener that was open already was closed again.
    await close_all(await sockets.listen(["127.0.0.2", "127.0.0.1"], port))


class FakeOpen:
    """Stands in for ``trio.open_tcp_listeners``: fails where it is told to, once each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failures: dict[str, list[int]]) -> None:
        self._real = trio.open_tcp_listeners
        self._failures = failures
        monkeypatch.setattr(trio, "open_tcp_listeners", self)

    async def __call__(self, port: int, *, host: str) -> list[trio.SocketListener]:
        if failures := self._failures.get(host):
            number = failures.pop()
            raise OSError(number, os.strerror(number))
        return await self._real(port, host=host)


async def test_a_chosen_port_that_is_taken_elsewhere_is_chosen_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    FakeOpen(monkeypatch, {"127.0.0.2": [errno.EADDRINUSE] * 3})
    listeners = await sockets.listen(["127.0.0.1", "127.0.0.2"], 0)
    assert len(listeners) == 2
    await close_all(listeners)


async def test_choosing_again_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeOpen(monkeypatch, {"127.0.0.1": [errno.EADDRINUSE] * 100})
    with pytest.raises(UserError, match="already in use"):
        await sockets.listen(["127.0.0.1"], 0)


async def test_an_address_that_is_not_here_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the system has no IPv6."""
    FakeOpen(monkeypatch, {"::": [errno.EAFNOSUPPORT]})
    listeners = await sockets.listen([], 0)
    assert [listener.socket.getsockname()[0] for listener in listeners] == ["0.0.0.0"]
    await close_all(listeners)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EADDRNOTAVAIL, "cannot listen on 127.0.0.1: this machine has no such address"),
        (
            errno.EACCES,
            "this user may not listen on port 443 of 127.0.0.1: choose a port above 1023",
        ),
        (errno.ENOBUFS, "cannot listen on 127.0.0.1 port 443: no buffer space available"),
    ],
)
async def test_what_else_can_fail(
    monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    FakeOpen(monkeypatch, {"127.0.0.1": [number]})
    with pytest.raises(UserError) as caught:
        await sockets.listen(["127.0.0.1"], 443)
    assert str(caught.value) == sentence


async def test_names_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link-local address keeps its scope, without which it cannot be bound."""

    async def lookup(*_: object, **__: object) -> list[object]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 0, 0, 3)),
        ]

    monkeypatch.setattr(trio.socket, "getaddrinfo", lookup)
    assert await sockets._addresses("lan") == ["127.0.0.1", "::1", "fe80::1%3"]


@pytest.mark.parametrize("host", ["a..b", "127.0.0.1:6697"])
async def test_a_host_that_is_nothing(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    if ":" in host:
        monkeypatch.setattr(trio.socket, "getaddrinfo", fails)
    with pytest.raises(UserError, match="neither an address nor a known name"):
        await sockets.listen([host], 0)


async def test_connections_outlive_accepting() -> None:
    """They run in the nursery that they were given to, so listeners can end first."""
    listeners = await sockets.listen(["127.0.0.1"], 0)
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as accepting:
            await accepting.start(partial(sockets.serve, listeners, echo, connections))
            wire = await sockets.connect("127.0.0.1", port)
            await read(wire, 10)
            accepting.cancel_scope.cancel()
        with pytest.raises(ConnectionLost, match="connection refused"):
            await sockets.connect("127.0.0.1", port)
        wire.send(b"alive")
        assert await read(wire, 5) == b"alive"
        wire.close()


async def test_a_closed_listener_ends_it_quietly() -> None:
    listeners = await sockets.listen(["127.0.0.1"], 0)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(sockets.serve, listeners, echo, nursery))
        await close_all(listeners)


async def test_the_wire_is_closed_when_its_handler_ends() -> None:
    async def curt(wire: SocketWire, address: str) -> None:
        wire.send(b"no")

    async with serving(curt) as port:
        wire = await sockets.connect("127.0.0.1", port)
        assert await read(wire, 2) == b"no"
        await wire.wait_readable()
        assert wire.recv(1) == b""
        wire.close()


async def test_a_peer_that_is_gone_before_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    handled = []

    async def handler(wire: SocketWire, address: str) -> None:
        handled.append(address)

    monkeypatch.setattr(SocketWire, "peer_address", lambda _: None)
    async with serving(handler) as port:
        wire = await sockets.connect("127.0.0.1", port)
        await wire.wait_readable()
        assert wire.recv(1) == b""
        wire.close()
    assert not handled


async def test_what_a_handler_raises_reaches_its_nursery() -> None:
    class Bug(Exception):
        pass

    async def buggy(wire: SocketWire, address: str) -> None:
        raise Bug

    with pytest.RaisesGroup(Bug):
        async with serving(buggy) as port:
            with socket.create_connection(("127.0.0.1", port)):
                await trio.sleep_forever()


@pytest.mark.parametrize(
    "number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EIO]
)
async def test_accept_errors_do_not_end_the_listener(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "ACCEPT_PAUSE_SECONDS", 0)
    listeners = await sockets.listen(["127.0.0.1"], 0)
    failures = [OSError(number, os.strerror(number))] * 3
    failures.append(OSError(errno.ECONNABORTED, "aborted"))
    real = listeners[0].socket.accept

    async def accept() -> object:
        await trio.lowlevel.checkpoint()
        if failures:
            raise failures.pop(0)
        return await real()

    monkeypatch.setattr(listeners[0].socket, "accept", accept)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(sockets.serve, listeners, echo, nursery))
        wire = await sockets.connect("127.0.0.1", listeners[0].socket.getsockname()[1])
        assert await read(wire, 10) == b"127.0.0.1 "
        wire.close()
        nursery.cancel_scope.cancel()


async def test_running_out_of_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/safety.md, fault 19: accepting resumes, live sessions live on."""
    monkeypatch.setattr(sockets, "ACCEPT_PAUSE_SECONDS", 0.001)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with serving(echo) as port:
        living = await sockets.connect("127.0.0.1", port)
        await read(living, 10)
        late = socket.socket()
        late.setblocking(False)
        hoard: list[int] = []
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, soft), hard))
            with contextlib.suppress(OSError):  # at the limit
                while True:
                    hoard.append(os.dup(0))
            with pytest.raises(BlockingIOError):
                late.connect(("127.0.0.1", port))
            living.send(b"alive")
            assert await read(living, 5) == b"alive"
        finally:
            for descriptor in hoard:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wire = SocketWire(late)
        assert await read(wire, 10) == b"127.0.0.1 "
        wire.close()
        living.close()
