"""Device tokens on the client: asked for, used in place of the password, and kept.

docs/client.md, "Device tokens", and docs/protocol.md, TOKEN.
"""

from __future__ import annotations

import base64
import json
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import keyring.backends.chainer
import keyring.backends.fail
import keyring.backends.null
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, PasswordDeleteError
from support.clients import PASSWORD, Connect, until
from support.fake_server import FakeServer
from trio.testing import MockClock

from securechat.client import events
from securechat.client.errors import LoginRefused, NoAnswer, NotOffered, TokenRefused
from securechat.client.kept.tokenstore import SERVICE, TokenStore, login_name
from securechat.client.methods.tokens import CAPABILITY, DeviceToken
from securechat.errors import UserError

LOGIN = "alice@chat.test:6697"
TOKEN = DeviceToken("00000001", "sct_" + "A" * 43)


@pytest.fixture
def tokens(server: FakeServer) -> FakeServer:
    server.capabilities += f" {CAPABILITY} labeled-response"
    return server


def logins(server: FakeServer) -> list[str]:
    """Return the passwords that were used, in order."""
    responses = (line.partition("AUTHENTICATE ")[2] for line in server.received)
    return [
        base64.b64decode(one).decode().split("\0")[2]
        for one in responses
        if one not in ("", "PLAIN")
    ]


async def test_a_token_is_asked_for_and_reconnects_go_by_it(
    tokens: FakeServer, dialled: Connect, autojump_clock: MockClock
) -> None:
    async with dialled() as client:
        token = await client.add_token("alice's laptop")
        assert (token.id, tokens.token_names) == ("00000000", ["alice's laptop"])
        assert token.secret not in repr(token)
        tokens.break_all()
        await until(client, events.Disconnected)
        await until(client, events.Connected)
        await client.say("#lobby", "back")
    assert logins(tokens) == [PASSWORD, token.secret]


async def test_the_token_is_in_no_event(tokens: FakeServer, dialled: Connect) -> None:
    told = []
    async with dialled() as client:
        token = await client.add_token("x")
        await client.say("#lobby", "done")
        async for event in client:
            told.append(event)
            if isinstance(event, events.Said):
                break
    assert token.secret not in repr(told)
    assert told


@pytest.mark.parametrize(
    ("device", "name"), [("", "device"), ("\0\n", "device"), (" a\tb ", "ab"), ("x" * 99, "x" * 64)]
)
async def test_any_host_name_makes_a_device_name(
    tokens: FakeServer, dialled: Connect, device: str, name: str
) -> None:
    async with dialled() as client:
        await client.add_token(device)
    assert tokens.token_names == [name]


async def test_a_server_without_tokens_is_not_asked(server: FakeServer, dialled: Connect) -> None:
    async with dialled() as client:
        with pytest.raises(NotOffered, match="no device tokens"):
            await client.add_token("x")
    assert not any("TOKEN" in line for line in server.received)


async def test_a_refusal_is_a_sentence_and_no_event(tokens: FakeServer, dialled: Connect) -> None:
    tokens.answer_labelled("TOKEN", "FAIL TOKEN TOO_MANY_TOKENS ADD :There are 20 tokens already")
    async with dialled() as client:
        with pytest.raises(TokenRefused, match=r"There are 20 tokens already") as refused:
            await client.add_token("x")
        assert refused.value.code == "TOO_MANY_TOKENS"
        await client.say("#lobby", "done")
        async for event in client:
            assert not isinstance(event, events.Failed)
            if isinstance(event, events.Said):
                break


async def test_an_answer_without_a_token(tokens: FakeServer, dialled: Connect) -> None:
    tokens.answer_labelled("TOKEN", ":fake.example TOKEN ADD 1 x :hunter2")
    async with dialled() as client:
        with pytest.raises(TokenRefused, match="holds no device token"):
            await client.add_token("x")


async def test_no_answer(tokens: FakeServer, dialled: Connect, autojump_clock: MockClock) -> None:
    tokens.deaf_to.add("TOKEN")
    async with dialled() as client:
        with pytest.raises(NoAnswer, match="did not answer"):
            await client.add_token("x")


async def test_a_token_logs_in_and_can_be_revoked(tokens: FakeServer, dialled: Connect) -> None:
    async with dialled() as client:
        token = await client.add_token("x")
    async with dialled(password=token.secret, reconnect=False) as client:
        with pytest.raises(TokenRefused, match="logged in by a token"):
            await client.add_token("y")
        with pytest.raises(TokenRefused, match="no token with this id"):
            await client.revoke_token("other")
        await client.revoke_token(token.id)
    with pytest.raises(LoginRefused, match="token of this device for alice any more") as refused:
        async with dialled(password=token.secret):
            pytest.fail("the body ran")
    assert refused.value.code == "904"


# --- keeping -----------------------------------------------------------------------------------


class InMemory(KeyringBackend):
    """A keyring as a system has one."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring has no types for it
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


class Locked(InMemory):
    """One whose person does not unlock it."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringError("locked")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringError("locked")

    def delete_password(self, service: str, username: str) -> None:
        raise KeyringError("locked")


class Silent(InMemory):
    """One that never answers; ``released`` lets its threads go."""

    released = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.released.wait(60)
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        self.released.wait(60)


@pytest.fixture
def ring() -> Iterator[InMemory]:
    before = keyring.get_keyring()
    backend = InMemory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    return TokenStore(tmp_path / "data" / "tokens.json")


async def test_the_keyring_keeps_them(ring: InMemory, store: TokenStore) -> None:
    assert await store.get(LOGIN) is None
    assert await store.put(LOGIN, TOKEN) == "in this system's keyring"
    assert list(ring.kept) == [(SERVICE, "alice@chat.test:6697")]
    assert await store.get(LOGIN) == TOKEN
    assert await store.get("bob@chat.test:6697") is None
    assert not store.path.exists()
    assert await store.forget(LOGIN)
    assert not await store.forget(LOGIN)
    assert ring.kept == {}


NONE: dict[str, Callable[[], KeyringBackend]] = {
    "fail": keyring.backends.fail.Keyring,
    "null": keyring.backends.null.Keyring,
    "locked": Locked,
}


@pytest.mark.parametrize("kind", NONE)
async def test_a_file_keeps_them_where_there_is_no_keyring(
    kind: str, ring: InMemory, store: TokenStore
) -> None:
    keyring.set_keyring(NONE[kind]())
    where = await store.put(LOGIN, TOKEN)
    assert where == f"in {store.path}, which you alone can read; there is no keyring here to use"
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert json.loads(store.path.read_text()) == {LOGIN: {"id": TOKEN.id, "token": TOKEN.secret}}
    other = DeviceToken("2", "sct_other")
    await store.put("bob@chat.test:6697", other)
    assert await store.get(LOGIN) == TOKEN
    assert await store.forget(LOGIN)
    assert not await store.forget(LOGIN)
    assert await store.get("bob@chat.test:6697") == other


async def test_an_empty_chain_of_keyrings_is_none(
    ring: InMemory, store: TokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = keyring.backends.chainer.ChainerBackend
    monkeypatch.setattr(chain, "backends", [])
    keyring.set_keyring(chain())  # type: ignore[no-untyped-call]  # keyring has no types for it
    assert "there is no keyring" in await store.put(LOGIN, TOKEN)


async def test_a_keyring_that_does_not_answer(ring: InMemory, tmp_path: Path) -> None:
    """Its thread is left alone; the token goes into the file."""
    keyring.set_keyring(Silent())
    store = TokenStore(tmp_path / "tokens.json", keyring_seconds_max=0.01)
    try:
        assert "there is no keyring" in await store.put(LOGIN, TOKEN)
        assert await store.get(LOGIN) == TOKEN
    finally:
        Silent.released.set()


async def test_a_keyring_that_came_later_takes_over(ring: InMemory, store: TokenStore) -> None:
    keyring.set_keyring(NONE["fail"]())
    await store.put(LOGIN, TOKEN)
    keyring.set_keyring(ring)
    assert await store.get(LOGIN) == TOKEN
    newer = DeviceToken("2", "sct_newer")
    await store.put(LOGIN, newer)
    assert await store.get(LOGIN) == newer
    assert TOKEN.secret not in store.path.read_text()


async def test_what_is_no_token_of_ours(ring: InMemory, store: TokenStore) -> None:
    for text in ("hunter2", "[]", '{"id": 1}'):
        ring.kept[SERVICE, LOGIN] = text
        assert await store.get(LOGIN) is None


async def test_a_file_that_others_can_read(store: TokenStore) -> None:
    await store.put(LOGIN, TOKEN)
    store.path.chmod(0o644)
    with pytest.raises(UserError, match="chmod 600") as refused:
        await store.get(LOGIN)
    assert TOKEN.secret not in str(refused.value)


@pytest.mark.parametrize("text", ["{", "[]", "3"])
async def test_a_file_that_holds_something_else(store: TokenStore, text: str) -> None:
    store.path.parent.mkdir()
    store.path.touch(0o600)
    store.path.write_text(text)
    with pytest.raises(UserError, match="holds no device tokens: remove it"):
        await store.get(LOGIN)


def test_what_a_login_is_called() -> None:
    assert login_name("Alice", "Chat.Example.", 6697) == "alice@chat.example:6697"
    assert login_name("bob", "[::1]", 7000) == "bob@::1:7000"
