"""Device tokens, end to end: made, used, revoked, and many of them at once."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
import trio
from support.person import MODERN, SIMPLE, Ended, Person, converse, user
from support.system import (
    NO_CONNECTION_LIMITS,
    PATIENCE_SECONDS,
    Home,
    run_program,
    running_server,
)

ENDED_SECONDS_MAX = 1.5  # the promise is 1; the rest is for a slow machine
REVOKED = "Closing link: This device's token was revoked: log in again"
STORM = 40


async def users(home: Home, *arguments: str, stdin: str = "") -> str:
    """Run ``securechat-users`` and return its output."""
    result = await run_program("securechat-users", "--data", home.data, *arguments, stdin=stdin)
    assert result.returncode == 0, result.stderr
    return result.stdout.decode().strip()


@pytest.mark.parametrize("caps", [MODERN, SIMPLE], ids=["sasl", "pass"])
async def test_revoking_a_token_ends_that_device_within_a_second(
    home: Home, caps: Sequence[str]
) -> None:
    """docs/safety.md fault 23: that device alone, while the server runs, and it says why."""
    await home.add("alice", "bob")
    async with running_server(home) as server:
        phone = await users(home, "token", "add", "alice", "--name", "phone")
        tablet = await users(home, "token", "add", "alice", "--name", "tablet")
        listed = json.loads(await users(home, "token", "list", "alice", "--json"))
        async with (
            user(server, "bob") as bob,
            user(server, "alice", caps=caps, password=phone) as lost,
            user(server, "alice", caps=caps, password=tablet) as kept,
            user(server, "alice") as desk,
        ):
            await converse(lost, bob, "from the phone")
            await users(home, "token", "revoke", "alice", listed[0]["id"])
            started = trio.current_time()
            assert await lost.end() == REVOKED
            assert trio.current_time() - started < ENDED_SECONDS_MAX
            for person in (kept, desk):
                await converse(person, bob, f"still here {id(person)}")
            with pytest.raises(Ended, match="904"):
                async with user(server, "alice", password=phone):
                    pass
            await users(home, "passwd", "alice", "--password-stdin", stdin="a new passphrase\n")
            assert await kept.end() == "Closing link: Your password was changed"
            with pytest.raises(Ended, match="904"):
                async with user(server, "alice", password=tablet):
                    pass
        log = json.dumps(server.rows())
        assert f"{listed[0]['id']} phone" in log
        assert "sct_" not in log
    assert json.loads(await users(home, "token", "list", "--json")) == []


async def test_a_device_asks_for_a_token_and_comes_back_by_it(home: Home) -> None:
    """It goes on where it stopped, the password may change meanwhile, and its last use is kept."""
    await home.add("alice", "bob")
    async with (
        running_server(home) as server,
        user(server, "bob") as bob,
        user(server, "alice", caps=SIMPLE) as alice,
    ):
        await alice.send("TOKEN ADD :My phone")
        made = await alice.expect("TOKEN", "ADD")
        token_id, device, token = made.params[1:]
        assert device == "my-phone"
        await users(
            home,
            *("passwd", "alice", "--keep-tokens", "--password-stdin"),
            stdin="a new passphrase\n",
        )
        assert await alice.end() == "Closing link: Your password was changed"
        async with user(server, "alice", caps=SIMPLE, password=token) as phone:
            await converse(bob, phone, "one")
            await phone.send("QUIT")
            await phone.end()
        await bob.send("PRIVMSG #lobby :two")
        await bob.ping()
        async with user(server, "alice", caps=SIMPLE, password=token) as phone:
            await phone.ping()
            said = [line.text for line in phone.seen if line.command == "PRIVMSG"]
            assert [text.rpartition(" ")[2] for text in said] == ["two"]
            await phone.send("TOKEN ADD :one more")
            await phone.expect("FAIL", "TOKEN", "NEED_PASSWORD")
    (one,) = json.loads(await users(home, "token", "list", "--json"))
    assert (one["id"], one["name"]) == (token_id, "My phone")
    assert one["last_used"] >= one["created"]


async def test_many_devices_come_back_at_once(home: Home) -> None:
    """More than may try a password at once, of one account: none waits for another."""
    await home.add("alice")
    async with running_server(home, NO_CONNECTION_LIMITS) as server:
        token = await users(home, "token", "add", "alice", "--name", "bots")
        here: list[Person] = []
        all_here = trio.Event()

        async def come() -> None:
            async with user(server, "alice", password=token) as person:
                here.append(person)
                if len(here) == STORM:
                    all_here.set()
                await all_here.wait()
                await person.ping()

        with trio.fail_after(PATIENCE_SECONDS):
            async with trio.open_nursery() as nursery:
                for _ in range(STORM):
                    nursery.start_soon(come)
        assert len(server.rows("logged in", account="alice")) == STORM
