"""``securechat-users token``: device tokens, as the operator makes and revokes them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result
from support.users_program import PASSWORD, Users

from securechat.cli.users import main
from securechat.protocol.names import fold
from securechat.protocol.tokens import is_token
from securechat.store.credentials.tokens import Tokens
from securechat.store.sqlite import open_store


@pytest.fixture
def users(tmp_path: Path, cheap_hashes: None) -> Users:

    def run(*arguments: str, typed: str = "", code: int = 0) -> Result:
        words = ["--data", str(tmp_path), *arguments]
        result = CliRunner().invoke(main, words, input=typed)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    run("add", "Alice", "--password-stdin", typed=PASSWORD)
    run("add", "bob", "--password-stdin", typed=PASSWORD)
    return run


def listed(users: Users, *account: str) -> list[dict[str, str | None]]:
    found: list[dict[str, str | None]] = json.loads(
        users("token", "list", *account, "--json").stdout
    )
    return found


def use(folder: Path, name: str, secret: str) -> bool:
    """Use a token as the server does, and return whether it is one of the account's."""

    async def work() -> bool:
        async with open_store(folder) as store:
            tokens = Tokens(store)
            found = await tokens.find(fold(name), secret)
            if found is not None:
                await store.put([tokens.used(found[1])])
            return found is not None

    return trio.run(work)


def test_the_token_alone_is_the_output(users: Users, tmp_path: Path) -> None:
    result = users("token", "add", "alice", "--name", "Alice's phone")
    secret = result.stdout.removesuffix("\n")
    assert is_token(secret)
    assert re.fullmatch(
        r"Added the token \w{8} \(Alice's phone\): Alice logs in by it in place of the password. "
        r"It is shown only now:\n",
        result.stderr,
    )
    assert use(tmp_path, "alice", secret)
    assert not use(tmp_path, "bob", secret)
    everything = "".join(
        users(*words).output
        for words in (("token", "list"), ("token", "list", "--json"), ("audit",), ("export",))
    )
    assert secret not in everything


def test_the_list(users: Users, tmp_path: Path) -> None:
    said = users("token", "list").stderr
    assert said.startswith("There are no tokens: make one with 'securechat-users token add")
    secret = users("token", "add", "alice", "--name", "phone").stdout.strip()
    users("token", "add", "bob", "--name", "Tablet 2")
    assert use(tmp_path, "alice", secret)
    heading, phone, tablet = users("token", "list").stdout.splitlines()
    assert re.split("  +", heading) == ["Account", "Id", "Name", "Device", "Created", "Last used"]
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.fullmatch(rf"Alice +\w{{8}} +phone +phone +{time} +{time}", phone)
    assert re.fullmatch(rf"bob +\w{{8}} +Tablet 2 +tablet-2 +{time} +never", tablet)
    assert len(users("token", "list", "bob").stdout.splitlines()) == 2
    (one,) = listed(users, "bob")
    assert (one["account"], one["name"], one["device"]) == ("bob", "Tablet 2", "tablet-2")
    assert one["last_used"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(one["created"]))


def test_revoking(users: Users, tmp_path: Path) -> None:
    secrets = [
        users("token", "add", "alice", "--name", name).stdout.strip() for name in ("a", "b", "c")
    ]
    users("token", "add", "bob", "--name", "d")
    first, second, third = (str(one["id"]) for one in listed(users, "alice"))
    result = users("token", "revoke", "alice", first)
    assert (result.stdout, result.stderr) == ("", f"Revoked the token {first} (a) of Alice.\n")
    assert [use(tmp_path, "alice", secret) for secret in secrets] == [False, True, True]
    assert users("token", "revoke", "alice", "--all").stderr.splitlines() == [
        f"Revoked the token {second} (b) of Alice.",
        f"Revoked the token {third} (c) of Alice.",
    ]
    assert users("token", "revoke", "alice", "--all").stderr == "Alice has no tokens.\n"
    assert [one["account"] for one in listed(users)] == ["bob"]
    acts = [one["act"] for one in json.loads(users("audit", "--json").stdout)]
    assert acts == ["add account"] * 2 + ["add token"] * 4 + ["revoke token"] * 3


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("add", "carol", "--name", "phone"), 1, "There is no account named carol: "),
        (("add", "alice", "--name", ""), 1, "A device's name is one line of 1 to 64 characters"),
        (("add", "alice"), 2, "write 'main token add ACCOUNT --name TEXT'."),
        (("list", "carol"), 1, "There is no account named carol: "),
        (("revoke", "carol", "--all"), 1, "There is no account named carol: "),
        (("revoke", "alice", "0123"), 1, "Alice has no token with the id 0123: "),
        (("revoke", "alice"), 2, "Name the ids of tokens, or use --all"),
        (("revoke", "alice", "0123", "--all"), 2, "Name the ids of tokens, or use --all"),
    ],
)
def test_mistakes(users: Users, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    result = users("token", *arguments, code=code)
    assert sentence in result.stderr
    assert result.stdout == ""
    assert listed(users) == []


def test_an_id_that_is_wrong_revokes_nothing(users: Users) -> None:
    users("token", "add", "alice", "--name", "phone")
    (one,) = listed(users, "alice")
    users("token", "revoke", "alice", str(one["id"]), "0123", code=1)
    assert listed(users, "alice") == [one]


def test_a_new_password_revokes_tokens_unless_told_otherwise(users: Users) -> None:
    users("token", "add", "alice", "--name", "phone")
    users("passwd", "alice", "--generate", "--keep-tokens")
    assert len(listed(users)) == 1
    users("passwd", "alice", "--generate")
    assert listed(users) == []


def test_a_password_that_begins_like_a_token_is_refused(users: Users) -> None:
    typed = "sct_ and a few words more"
    result = users("passwd", "alice", "--password-stdin", typed=typed, code=1)
    assert "A password does not begin with sct_" in result.stderr
    assert typed not in result.stderr
