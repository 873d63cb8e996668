"""Accounts: what changes when, and what a session can tell from it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from securechat.errors import UserError
from securechat.store.audit import AuditEntry, audit_page
from securechat.store.contract import Change, Record, Store
from securechat.store.credentials.accounts import (
    Accounts,
    NewAccount,
    Suspension,
    account_of,
)
from securechat.store.runner import inline
from securechat.store.sqlite import SQLiteStore, open_store


class Clock:
    """A time that tests set."""

    def __init__(self) -> None:
        self.now_ms = 1000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    async with open_store(tmp_path, runner=inline) as opened:
        yield opened


@pytest.fixture
def accounts(store: SQLiteStore, clock: Clock) -> Accounts:
    ids = count(1)
    return Accounts(store, now_ms=clock, new_id=lambda: f"id{next(ids)}")


async def test_add_and_get(accounts: Accounts) -> None:
    added = await accounts.add(NewAccount("Alice", "hash", role="admin"))
    assert (added.name, added.key, added.id) == ("Alice", "alice", "id1")
    assert (added.admin, added.disabled) == (True, False)
    assert (added.created_ms, added.password_changed_ms) == (1000, 1000)
    for spelling in ("alice", "ALICE", "Alice"):
        assert await accounts.get(spelling) == added
        assert await accounts.named(spelling) == added
    assert await accounts.get("bob") is None


async def test_names_that_are_taken_or_wrong(accounts: Accounts) -> None:
    await accounts.add(NewAccount("alice", "hash"))
    with pytest.raises(UserError, match="An account named ALICE exists already"):
        await accounts.add(NewAccount("ALICE", "hash"))
    for wrong in ("", "a", "9lives", "has space", "#alice", "x" * 33, "zoë"):
        with pytest.raises(UserError, match="starting with a letter"):
            await accounts.add(NewAccount(wrong, "hash"))
    with pytest.raises(UserError, match="There is no account named bob"):
        await accounts.named("bob")
    with pytest.raises(UserError, match="starting with a letter"):
        await accounts.named("#bob")


async def test_roles(accounts: Accounts) -> None:
    member = await accounts.add(NewAccount("alice", "hash"))
    assert (member.role, member.admin) == ("member", False)
    moderator = await accounts.set_role("ALICE", "moderator")
    assert moderator == replace(member, role="moderator", version=2)
    assert not moderator.admin
    assert (await accounts.set_role("alice", "admin")).admin
    assert moderator.credential == member.credential


@pytest.mark.parametrize(("admin", "role"), [(True, "admin"), (False, "member")])
async def test_records_of_the_first_version_have_no_role(
    accounts: Accounts, store: SQLiteStore, admin: bool, role: str
) -> None:
    value = {
        "id": "id9",
        "name": "Old",
        "password_hash": "hash",
        "generation": 3,
        "admin": admin,
        "disabled": False,
        "created_ms": 1,
        "password_changed_ms": 2,
    }
    await store.put([Change("account", "old", value)])
    old = await accounts.named("old")
    assert (old.role, old.admin, old.suspension) == (role, admin, None)
    assert (await accounts.disable("old")).role == role
    record = await store.get("account", "old")
    assert record is not None
    assert record.value is not None
    assert record.value["role"] == role


async def test_a_suspension_is_over_when_its_time_is(accounts: Accounts, clock: Clock) -> None:
    added = await accounts.add(NewAccount("alice", "hash"))
    suspended = await accounts.suspend("alice", seconds=60, by="dave", reason="spam")
    assert suspended.suspension == Suspension(1000, 61_000, "dave", "spam")
    assert suspended.credential != added.credential
    assert await accounts.get("alice") == suspended
    assert suspended.suspended(60_999) == suspended.suspension
    assert suspended.suspended(61_000) is None
    assert suspended.suspension.words == "until 1970-01-01 00:01:01 UTC: spam"
    clock.now_ms = 2000
    forever = await accounts.suspend("alice", by="dave")
    assert forever.suspension == Suspension(2000, 0, "dave", "")
    assert forever.suspended(10**15) == forever.suspension
    assert forever.suspension.words == "until further notice"
    lifted = await accounts.unsuspend("alice")
    assert (lifted.suspension, lifted.credential) == (None, forever.credential)
    assert await accounts.unsuspend("alice") == lifted
    for attempt in (accounts.suspend("bob", by="dave"), accounts.unsuspend("bob")):
        with pytest.raises(UserError, match="no account named bob"):
            await attempt


async def test_what_a_named_hand_does_is_in_the_audit_log(
    accounts: Accounts, store: SQLiteStore, clock: Clock
) -> None:
    await accounts.add(NewAccount("carol", "hash"))
    assert await audit_page(store, limit=9) == ([], "")
    named = Accounts(store, by="users:root", now_ms=clock)
    await named.add_all([NewAccount("Alice", "hash", role="admin"), NewAccount("bob", "hash")])
    await named.set_password("alice", "another")
    await named.set_role("alice", "moderator")
    await named.set_role("alice", "moderator")  # changes nothing
    clock.now_ms = 2000
    await named.disable("alice")
    await named.enable("alice")
    await named.suspend("alice", seconds=3, by="dave", reason="spam")
    await named.unsuspend("alice")
    await named.rehash(await named.named("alice"), "the same, hashed again")
    await named.remove("alice")
    with pytest.raises(UserError):
        await named.remove("alice")
    with pytest.raises(UserError):
        await named.add_all([NewAccount("zoe", "hash"), NewAccount("bob", "hash")])
    entries = [
        AuditEntry(1000, "users:root", "add account", "Alice", detail="admin"),
        AuditEntry(1000, "users:root", "add account", "bob", detail="member"),
        AuditEntry(1000, "users:root", "set password", "Alice"),
        AuditEntry(1000, "users:root", "set role", "Alice", detail="moderator"),
        AuditEntry(2000, "users:root", "disable account", "Alice"),
        AuditEntry(2000, "users:root", "enable account", "Alice"),
        AuditEntry(2000, "users:root", "suspend", "Alice", reason="spam", until_ms=5000),
        AuditEntry(2000, "users:root", "unsuspend", "Alice"),
        AuditEntry(2000, "users:root", "remove account", "Alice"),
    ]
    assert await audit_page(store, limit=9) == (entries, "")


async def test_several_are_made_together_or_not_at_all(accounts: Accounts) -> None:
    await accounts.add(NewAccount("carol", "hash"))
    with pytest.raises(UserError, match="carol exists"):
        await accounts.add_all([NewAccount("bob", "hash"), NewAccount("carol", "hash")])
    with pytest.raises(UserError, match="BOB exists"):
        await accounts.add_all([NewAccount("BOB", "hash"), NewAccount("bob", "hash")])
    assert [account.name for account in await accounts.list()] == ["carol"]
    await accounts.add_all([NewAccount("Zoe", "hash"), NewAccount("bob", "hash", disabled=True)])
    assert [account.name for account in await accounts.list()] == ["bob", "carol", "Zoe"]
    assert (await accounts.named("bob")).disabled


async def test_changes(accounts: Accounts, clock: Clock) -> None:
    added = await accounts.add(NewAccount("alice", "hash"))
    clock.now_ms = 2000
    changed = await accounts.set_password("ALICE", "other")
    assert changed == replace(
        added, password_hash="other", password_changed_ms=2000, generation=2, version=2
    )
    disabled = await accounts.disable("alice")
    assert disabled == replace(changed, disabled=True, generation=3, version=3)
    assert await accounts.disable("alice") == disabled
    enabled = await accounts.enable("alice")
    assert enabled == replace(disabled, disabled=False, version=4)
    assert await accounts.enable("alice") == enabled
    assert await accounts.get("alice") == enabled
    for attempt in (accounts.disable, accounts.enable, accounts.remove):
        with pytest.raises(UserError, match="no account named bob"):
            await attempt("bob")


async def test_a_session_can_tell_when_it_must_end(accounts: Accounts) -> None:
    added = await accounts.add(NewAccount("alice", "hash"))
    await accounts.note_login(added)
    await accounts.rehash(added, "hash with new parameters")
    rehashed = await accounts.named("alice")
    assert rehashed.password_hash == "hash with new parameters"
    assert rehashed.credential == added.credential
    changed = await accounts.set_password("alice", "another")
    disabled = await accounts.disable("alice")
    enabled = await accounts.enable("alice")
    await accounts.remove("alice")
    again = await accounts.add(NewAccount("alice", "hash"))
    credentials = [one.credential for one in (added, changed, disabled, again)]
    assert len(set(credentials)) == 4
    assert enabled.credential == disabled.credential
    assert again.id != added.id


async def test_a_rehash_never_brings_an_old_password_back(accounts: Accounts) -> None:
    verified = await accounts.add(NewAccount("alice", "hash"))
    await accounts.set_password("alice", "another")
    await accounts.rehash(verified, "rehashed")
    assert (await accounts.named("alice")).password_hash == "another"
    await accounts.remove("alice")
    await accounts.rehash(verified, "rehashed")
    assert await accounts.get("alice") is None
    await accounts.add(NewAccount("alice", "third"))
    await accounts.rehash(verified, "rehashed")
    assert (await accounts.named("alice")).password_hash == "third"


async def test_last_logins(accounts: Accounts, clock: Clock, store: SQLiteStore) -> None:
    alice = await accounts.add(NewAccount("alice", "hash"))
    assert await accounts.last_logins() == {}
    clock.now_ms = 5000
    await accounts.note_login(alice)
    assert await accounts.last_logins() == {alice.id: 5000}
    assert (await accounts.named("alice")).version == alice.version
    await accounts.remove("alice")
    again = await accounts.add(NewAccount("alice", "hash"))
    assert again.id not in await accounts.last_logins()


async def test_a_watcher_sees_accounts_in_what_changed(
    accounts: Accounts, store: SQLiteStore
) -> None:
    added = await accounts.add(NewAccount("alice", "hash"))
    (record,), mark = await store.changed(0)
    assert account_of(record) == added
    await accounts.remove("alice")
    records, _ = await store.changed(mark)
    assert [account_of(one) for one in records if one.kind == "account"] == [None]


class Meddled:
    """A store where somebody else changes a record once, right before each change."""

    def __init__(self, store: Store, meddling: Sequence[Change]) -> None:
        self._store = store
        self._meddling = list(meddling)
        self.get = store.get
        self.scan = store.scan

    async def put(self, changes: Sequence[Change]) -> list[Record]:
        if self._meddling:
            await self._store.put([self._meddling.pop(0)])
        return await self._store.put(changes)


async def test_changes_of_two_people_at_once_are_both_kept(
    accounts: Accounts, store: SQLiteStore
) -> None:
    await accounts.add(NewAccount("alice", "hash"))
    record = await store.get("account", "alice")
    assert record is not None
    assert record.value is not None
    admin = Change("account", "alice", {**record.value, "role": "admin"})
    member = Change("account", "alice", {**record.value, "role": "member"})

    def meddled(*meddling: Change) -> Accounts:
        store_between: Store = Meddled(store, meddling)  # type: ignore[assignment]  # a part of one
        return Accounts(store_between)

    await meddled(admin).disable("alice")
    both = await accounts.named("alice")
    assert both.admin
    assert both.disabled
    await meddled(member, admin).rehash(both, "rehashed")
    assert (await accounts.named("alice")).password_hash == "rehashed"
    await meddled(member).remove("alice")
    assert await accounts.get("alice") is None


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            [
                "add",
                "passwd",
                "disable",
                "enable",
                "suspend",
                "unsuspend",
                "role",
                "rehash",
                "remove",
            ]
        )
    )
)
def test_no_credential_is_ever_valid_again(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """docs/safety.md, attack 23: what ended a session must not let it in again later."""

    async def walk() -> None:
        async with open_store(tmp_path_factory.mktemp("data"), runner=inline) as store:
            accounts = Accounts(store)
            ended: set[str] = set()
            for step in steps:
                before = await accounts.get("alice")
                match step, before:
                    case "add", None:
                        await accounts.add(NewAccount("alice", "hash"))
                    case "passwd", account if account is not None:
                        await accounts.set_password("alice", "hash")
                    case "disable", account if account is not None:
                        await accounts.disable("alice")
                    case "enable", account if account is not None:
                        await accounts.enable("alice")
                    case "suspend", account if account is not None:
                        await accounts.suspend("alice", by="dave")
                    case "unsuspend", account if account is not None:
                        await accounts.unsuspend("alice")
                    case "role", account if account is not None:
                        await accounts.set_role("alice", "moderator")
                    case "rehash", account if account is not None:
                        await accounts.rehash(account, "rehashed")
                    case "remove", account if account is not None:
                        await accounts.remove("alice")
                after = await accounts.get("alice")
                if before is not None and (
                    after is None
                    or step in {"passwd", "suspend"}
                    or (step == "disable" and not before.disabled)
                ):
                    ended.add(before.credential)
                if after is not None:
                    assert after.credential not in ended

    trio.run(walk)


async def test_what_is_noted_for_an_account_goes_with_it(
    accounts: Accounts, store: SQLiteStore
) -> None:
    """Its own records and no others', however alike the names are."""
    await accounts.add_all([NewAccount("al", "hash"), NewAccount("al-2", "hash")])
    names = {"metadata": ("al", "al-2"), "marker": ("al #lobby", "al al-2", "al-2 #lobby")}
    await store.put([Change(kind, key, {"x": 1}) for kind, keys in names.items() for key in keys])
    await accounts.remove("Al")
    assert [record.key for record in await store.scan("metadata")] == ["al-2"]
    assert [record.key for record in await store.scan("marker")] == ["al-2 #lobby"]
