"""Device tokens: how they are kept, found and revoked, and what they are called."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol.sasl import credentials_of
from securechat.protocol.tokens import check_token_name, device_of, is_token
from securechat.store.audit import audit_page
from securechat.store.contract import Change, Record
from securechat.store.credentials.accounts import Account, Accounts, NewAccount
from securechat.store.credentials.password_rules import UnusablePassword, check_password
from securechat.store.credentials.tokens import (
    KIND,
    USE_KIND,
    AccountChanged,
    BadTokenName,
    Tokens,
    TooManyTokens,
)
from securechat.store.runner import inline
from securechat.store.sqlite import SQLiteStore, open_store

HASH = "not looked at"


class Clock:
    now_ms = 1000

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    async with open_store(tmp_path, runner=inline) as opened:
        yield opened


@pytest.fixture
async def alice(store: SQLiteStore) -> Account:
    return await Accounts(store).add(NewAccount("Alice", HASH))


@pytest.fixture
def tokens(store: SQLiteStore) -> Tokens:
    return Tokens(store, now_ms=Clock())


async def revoke(tokens: Tokens, account: Account, token_id: str = "") -> list[str]:
    gone = await tokens.revoke(account.key, account.id, token_id, by="alice", account=account.name)
    return [token.name for token in gone]


def holding(folder: Path, text: str) -> list[Path]:
    return [file for file in folder.iterdir() if text.encode() in file.read_bytes()]


async def test_what_is_kept_is_the_hash(
    store: SQLiteStore, alice: Account, tokens: Tokens, tmp_path: Path
) -> None:
    token, secret = await tokens.add("alice", "phone", by="Alice")
    assert is_token(secret)
    assert holding(tmp_path, "phone")
    (record,) = await store.scan(KIND)
    assert record.key == f"alice {hashlib.sha256(secret.encode()).hexdigest()}"
    assert secret not in str(record)
    assert (token.name, token.device, token.created_ms, token.used_ms) == (
        "phone",
        "phone",
        1001,
        0,
    )
    assert len(token.id) == 8
    assert record.key not in repr(token)
    found = await tokens.find("alice", secret)
    assert found is not None
    assert (found[0].id, found[1]) == (alice.id, token)
    assert await tokens.find("alice", secret[:-1] + "!") is None
    assert await tokens.find("nobody", secret) is None
    assert not holding(tmp_path, secret)


async def test_a_list_has_the_last_use_of_each(
    store: SQLiteStore, alice: Account, tokens: Tokens
) -> None:
    one, _ = await tokens.add("alice", "one", by="Alice")
    two, _ = await tokens.add("alice", "two", by="Alice")
    await store.put([tokens.used(two)])
    listed = await tokens.of(alice.key, alice.id)
    assert [(token.name, token.used_ms > 0) for token in listed] == [("one", False), ("two", True)]
    owner = await tokens.owner(one)
    assert owner is not None
    assert owner.id == alice.id
    assert await revoke(tokens, alice, "nonsense") == []
    assert await revoke(tokens, alice, two.id) == ["two"]
    assert await tokens.owner(two) is None
    assert await store.scan(USE_KIND) == []
    assert await revoke(tokens, alice) == ["one"]
    assert await tokens.of(alice.key, alice.id) == []
    assert await revoke(tokens, alice) == []


async def test_a_change_is_in_the_audit_log(
    store: SQLiteStore, alice: Account, tokens: Tokens
) -> None:
    token, secret = await tokens.add("alice", "phone", by="root")
    await revoke(tokens, alice, token.id)
    entries, _ = await audit_page(store, limit=10)
    detail = f"{token.id} phone"
    assert [(one.by, one.act, one.target, one.detail) for one in entries] == [
        ("root", "add token", "Alice", detail),
        ("alice", "revoke token", "Alice", detail),
    ]
    assert secret not in str(entries)


async def test_the_limit_and_other_refusals(
    store: SQLiteStore, alice: Account, tokens: Tokens
) -> None:
    for _ in range(2):
        await tokens.add("alice", "phone", by="x", limit=2)
    with pytest.raises(TooManyTokens, match="has 2 tokens"):
        await tokens.add("alice", "phone", by="x", limit=2)
    await tokens.add("alice", "phone", by="x")
    for name in ("", " ", "x" * 65, "two\nlines", "right\u202eto left", "bell\a"):
        with pytest.raises(BadTokenName, match="one line of 1 to 64"):
            await tokens.add("alice", name, by="x")
    for changed in ("other", f"{alice.id}.2"):
        with pytest.raises(AccountChanged):
            await tokens.add("alice", "phone", by="x", credential=changed)
    with pytest.raises(AccountChanged):
        await tokens.add("nobody", "phone", by="x")
    assert len(await tokens.of(alice.key, alice.id)) == 3


async def test_a_new_password_revokes_all_unless_they_are_to_be_kept(
    store: SQLiteStore, alice: Account, tokens: Tokens
) -> None:
    """docs/safety.md: and not those of an account whose name only begins alike."""
    accounts = Accounts(store)
    await accounts.add(NewAccount("alicent", HASH))
    _, secret = await tokens.add("alice", "phone", by="x")
    await tokens.add("alicent", "phone", by="x")
    await accounts.set_password("alice", "another", keep_tokens=True)
    assert await tokens.find("alice", secret) is not None
    await accounts.set_password("alice", "yet another")
    assert await tokens.find("alice", secret) is None
    assert len(await store.scan(KIND)) == 1


async def test_no_token_slips_past_a_new_password(
    store: SQLiteStore, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password changes between the look at the account and the token's being stored."""
    put = store.put

    async def late(changes: Sequence[Change]) -> list[Record]:
        monkeypatch.setattr(store, "put", put)
        await Accounts(store).set_password("alice", "another")
        return await put(changes)

    monkeypatch.setattr(store, "put", late)
    with pytest.raises(AccountChanged):
        await Tokens(store).add("alice", "phone", by="x", credential=alice.credential)
    assert await store.scan(KIND) == []


async def test_removing_an_account_removes_its_tokens(
    store: SQLiteStore, alice: Account, tokens: Tokens
) -> None:
    token, secret = await tokens.add("alice", "phone", by="x")
    await store.put([tokens.used(token)])
    await Accounts(store).remove("alice")
    assert await store.scan(KIND) == await store.scan(USE_KIND) == []
    await Accounts(store).add(NewAccount("alice", HASH))
    assert await tokens.find("alice", secret) is None


async def test_tokens_of_the_same_name_are_different_devices(
    alice: Account, tokens: Tokens
) -> None:
    one, _ = await tokens.add("alice", "My Phone", by="x")
    two, _ = await tokens.add("alice", "my phone", by="x")
    assert (one.device, two.device) == ("my-phone", f"my-phone-{two.id}")


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("phone", "phone"),
        ("Alice's Phone (2)", "alice-s-phone-2"),
        ("Zoë", "zoe"),
        ("телефон", "0123abcd"),
        ("📱", "0123abcd"),
        ("x" * 64, "x" * 32),
        ("taken", "taken-0123abcd"),
        ("-_-", "_"),
    ],
)
def test_a_device_is_named_after_its_token(name: str, device: str) -> None:
    assert device_of(name, "0123abcd", {"taken"}) == device


@given(st.text(max_size=80))
def test_any_name_gives_a_device_that_can_be_logged_in_as(name: str) -> None:
    """docs/clients.md: 1 to 32 letters, digits, ``-`` and ``_``."""
    device = device_of(name, "0123abcd", {"x" * 32})
    assert credentials_of(f"alice@{device}", "x").device == device
    try:
        normal = check_token_name(name)
    except ValueError:
        return
    assert check_token_name(normal) == normal
    assert 0 < len(normal) <= 64


def test_no_password_can_begin_like_a_token() -> None:
    with pytest.raises(UnusablePassword, match="does not begin with sct_"):
        check_password("sct_ and a few more words")
    check_password("a few words and sct_")
