"""Every source of trust against every kind of server: the outcome, and who heard what.

docs/safety.md, fault 21: another CA, a wrong host, an expired or CN-only certificate, a changed
key: the client sends 0 bytes of application data. The same goes for a probe.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from support.fake_server import FakeServer
from support.tls_servers import Authority, Key, Pair, Recorder, listening, new_key

from securechat.certificates.pem import fingerprint
from securechat.client.connection import connect
from securechat.client.errors import ConnectFailed, LoginRefused, TrustError, UnknownServer
from securechat.client.trust import KnownServer, KnownServers, Seen, Trust, choose, pin_of
from securechat.client.trust.probing import appraise

PASSWORD = "wonderland-rabbit"
HOST, ADDRESS = "localhost", "127.0.0.1"
SOURCES = ("--ca", "remembered", "certs/ca.pem", "system", "nothing")


@dataclass(frozen=True)
class World:
    """The CA that the client knows, one that it does not, and the key that it remembers."""

    ours: Authority
    theirs: Authority
    key: Key


Make = Callable[[World], Pair]


def right(world: World) -> Pair:
    return world.ours.issue(HOST, key=world.key)


SERVERS: dict[str, tuple[str, Make]] = {
    "right": (HOST, right),
    "right, by address": (ADDRESS, lambda w: w.ours.issue(addresses=(ADDRESS,), key=w.key)),
    "another CA": (HOST, lambda w: w.theirs.issue(HOST)),
    "another CA of the same name": (HOST, lambda w: Authority(w.ours.name).issue(HOST)),
    "self-signed": (HOST, lambda w: w.ours.issue(HOST, self_signed=True)),
    "self-signed, remembered key": (
        HOST,
        lambda w: w.ours.issue(HOST, self_signed=True, key=w.key),
    ),
    "wrong host": (HOST, lambda w: w.ours.issue("elsewhere.example")),
    "wrong address": (ADDRESS, lambda w: w.ours.issue(addresses=("127.0.0.2",))),
    "expired": (HOST, lambda w: w.ours.issue(HOST, begins=-9, ends=-1)),
    "not yet valid": (HOST, lambda w: w.ours.issue(HOST, begins=3)),
    "CN only": (HOST, lambda w: w.ours.issue(common_name=HOST)),
    "address as a DNS name": (ADDRESS, lambda w: w.ours.issue(ADDRESS)),
    "changed key": (HOST, lambda w: w.ours.issue(HOST, key=new_key())),
    "renewed, same key": (HOST, lambda w: w.ours.issue(HOST, key=w.key, ends=90)),
    "same key, expired, another host": (
        HOST,
        lambda w: w.theirs.issue("elsewhere.example", key=w.key, begins=-9, ends=-1),
    ),
}
ASKED, HOST_WRONG, EXPIRED = "asked", "is not for", "has expired"
EARLY, KEY = "is not valid yet", "ANOTHER KEY"
UNKNOWN = "does not vouch"
GOOD = "logs in"

# What a CA that vouches, or should, has to say; ASKED becomes UNKNOWN where --ca decides alone.
BY_CA = {
    "right": GOOD,
    "right, by address": GOOD,
    "another CA": ASKED,
    "another CA of the same name": ASKED,
    "self-signed": ASKED,
    "self-signed, remembered key": ASKED,
    "wrong host": HOST_WRONG,
    "wrong address": HOST_WRONG,
    "expired": EXPIRED,
    "not yet valid": EARLY,
    "CN only": HOST_WRONG,
    "address as a DNS name": HOST_WRONG,
    "changed key": GOOD,
    "renewed, same key": GOOD,
    "same key, expired, another host": ASKED,
}
# A remembered key is what is trusted: names, dates and issuers are not.
BY_KEY = {
    "right": GOOD,
    "right, by address": GOOD,
    "self-signed, remembered key": GOOD,
    "renewed, same key": GOOD,
    "same key, expired, another host": GOOD,
}


def expected(source: str, server: str) -> str:
    if source == "remembered":
        return BY_KEY.get(server, KEY)
    if source == "nothing":
        return ASKED
    outcome = BY_CA[server]
    return UNKNOWN if source == "--ca" and outcome == ASKED else outcome


@pytest.fixture(scope="module")
def world() -> World:
    return World(Authority(), Authority("Another CA"), new_key())


@pytest.fixture
def trusting(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str, int], Trust]:
    """Return whom a client trusts that has one source only; the system's store is OpenSSL's."""
    empty = tmp_path / "store"
    empty.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(empty))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    (tmp_path / "system.pem").write_bytes(Authority("A CA of the system's").pem())
    ca = tmp_path / "ca.pem"
    ca.write_bytes(world.ours.pem())

    def choice(source: str, host: str, port: int) -> Trust:
        if source == "remembered":
            pin = pin_of(right(world).der)
            KnownServers().remember(KnownServer(host, port, pin, date(2026, 11, 28)))
        if source == "certs/ca.pem":
            (tmp_path / "certs").mkdir()
            ca.rename(tmp_path / "certs" / "ca.pem")
        if source == "system":
            (tmp_path / "system.pem").write_bytes(world.ours.pem())
        return choose(host, port, ca if source == "--ca" else None, folder=tmp_path)

    return choice


async def log_in(host: str, port: int, trust: Trust) -> str:
    """Connect as the library does without anybody to ask; return the first event's security."""
    async with connect(
        host, port, account="alice", password=PASSWORD, trust=trust, reconnect=False
    ) as client:
        return str(await anext(client))


async def ask_and_log_in(host: str, port: int, trust: Trust) -> None:
    """Do what the program does at a terminal, where there turns out to be nothing to ask."""
    assert await appraise(host, port, trust) is None
    await log_in(host, port, trust)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("source", SOURCES)
async def test_the_table(
    source: str,
    server: str,
    world: World,
    trusting: Callable[[str, str, int], Trust],
    tmp_path: Path,
) -> None:
    host, make = SERVERS[server]
    pair = make(world)
    outcome = expected(source, server)
    recorder = Recorder()
    chat = FakeServer(alice=PASSWORD)
    serve = recorder.tls(pair.context(tmp_path), chat.serve if outcome == GOOD else None)
    async with listening(recorder, serve):
        trust = trusting(source, host, recorder.port)
        if outcome == GOOD:
            assert await appraise(host, recorder.port, trust) is None
            assert chat.received == []
            assert "TLSv1.3" in await log_in(host, recorder.port, trust)
            assert chat.logins == 1
            return
        if outcome == ASKED:
            seen = await appraise(host, recorder.port, trust)
            assert seen == Seen.of(host, recorder.port, pair.der)
            assert seen.fingerprint == fingerprint(pair.der)
            with pytest.raises(UnknownServer, match="at a terminal"):
                await log_in(host, recorder.port, trust)
        else:
            with pytest.raises(TrustError) as refused:
                await ask_and_log_in(host, recorder.port, trust)
            assert outcome in str(refused.value)
            assert not isinstance(refused.value, UnknownServer)
        await recorder.settled()
    assert recorder.connections > 0
    assert recorder.received == b""


@pytest.mark.parametrize("server", [name for name in SERVERS if expected("system", name) == ASKED])
async def test_after_yes_the_key_is_checked_before_anything_is_sent(
    server: str, world: World, trusting: Callable[[str, str, int], Trust], tmp_path: Path
) -> None:
    """The server that was asked about gets the login; one in its place gets nothing."""
    host, make = SERVERS[server]
    pair, impostor = make(world), world.theirs.issue(HOST)
    context = {"now": pair.context(tmp_path)}
    chat, recorder = FakeServer(alice=PASSWORD), Recorder()

    async def serve(*connection: object) -> None:
        await recorder.tls(context["now"], chat.serve)(*connection)  # type: ignore[arg-type]  # a context

    async with listening(recorder, serve):
        seen = await appraise(host, recorder.port, trusting("system", host, recorder.port))
        assert seen is not None
        known = KnownServer(host, recorder.port, seen.pin, date(2026, 11, 28))
        KnownServers().remember(known)
        await log_in(host, recorder.port, choose(host, recorder.port, folder=tmp_path))
        said = len(chat.received)
        assert chat.logins == 1
        context["now"] = impostor.context(tmp_path)
        with pytest.raises(TrustError, match="ANOTHER KEY") as refused:
            await log_in(host, recorder.port, Trust.by_keys(known))
        await recorder.settled()
    assert fingerprint(impostor.der) in str(refused.value)
    assert f"trust forget {host}:{recorder.port}" in str(refused.value)
    assert "remembered on 2026-11-28" in str(refused.value)
    assert len(chat.received) == said


PLAIN = {
    "a server without TLS": b"NOTICE * :who are you?\r\n",
    "a server that speaks HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a server that closes": b"",
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", PLAIN)
async def test_no_tls_at_all(
    source: str, kind: str, trusting: Callable[[str, str, int], Trust]
) -> None:
    recorder = Recorder()
    async with listening(recorder, recorder.plain(PLAIN[kind])):
        trust = trusting(source, HOST, recorder.port)
        with pytest.raises(ConnectFailed):
            await ask_and_log_in(HOST, recorder.port, trust)
        with pytest.raises(ConnectFailed):
            await log_in(HOST, recorder.port, trust)
        await recorder.settled()


@pytest.mark.parametrize("source", SOURCES)
async def test_tls_1_2_is_not_enough(
    source: str, world: World, trusting: Callable[[str, str, int], Trust], tmp_path: Path
) -> None:
    context = right(world).context(tmp_path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    recorder = Recorder()
    async with listening(recorder, recorder.tls(context)):
        trust = trusting(source, HOST, recorder.port)
        with pytest.raises(ConnectFailed, match="No TLS connection to localhost"):
            await ask_and_log_in(HOST, recorder.port, trust)
        await recorder.settled()
    assert recorder.received == b""


async def test_a_changed_key_ends_a_client_that_comes_back(world: World, tmp_path: Path) -> None:
    """Not only the first connection is held to the key."""
    chat, recorder = FakeServer(alice=PASSWORD), Recorder()
    context = {"now": right(world).context(tmp_path)}

    async def serve(*connection: object) -> None:
        await recorder.tls(context["now"], chat.serve)(*connection)  # type: ignore[arg-type]  # a context

    async with listening(recorder, serve):
        pin = KnownServer(HOST, recorder.port, pin_of(right(world).der), date(2026, 11, 28))

        async def stay() -> None:
            async with connect(
                HOST,
                recorder.port,
                account="alice",
                password=PASSWORD,
                trust=Trust.by_keys(pin),
                random=lambda: 0.0,
            ) as client:
                context["now"] = world.theirs.issue(HOST).context(tmp_path)
                chat.break_all_gently()
                async for _ in client:
                    pass

        with pytest.raises(TrustError, match="ANOTHER KEY"):
            await stay()
    assert chat.logins == 1


async def test_a_wrong_password_is_no_matter_of_trust(world: World, tmp_path: Path) -> None:
    chat, recorder = FakeServer(alice="another"), Recorder()
    async with listening(recorder, recorder.tls(right(world).context(tmp_path), chat.serve)):
        pin = KnownServer(HOST, recorder.port, pin_of(right(world).der), date(2026, 11, 28))
        with pytest.raises(LoginRefused):
            await log_in(HOST, recorder.port, Trust.by_keys(pin))
