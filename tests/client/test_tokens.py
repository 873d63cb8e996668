"""``Client.add_token``: the server tells a secret once, and nobody else learns it.

The wire is that of docs/protocol.md: ``TOKEN ADD``, labelled.
"""

from __future__ import annotations

import pytest
from support.clients import Connect
from support.fake_server import FakeServer, FakeSession
from trio.testing import MockClock

from securechat.client import Token, events
from securechat.client.errors import NotOffered, Refused
from securechat.protocol.message import Message


@pytest.fixture
def answers(server: FakeServer) -> dict[str, str]:
    """What the server answers to each name that a token is asked for."""
    known: dict[str, str] = {}
    server.capabilities += " labeled-response securechat.internal/tokens"

    def answer(session: FakeSession, message: Message) -> None:
        if message.command == "TOKEN":
            assert message.params[0] == "ADD"
            session.send(f"@label={message.tags['label']} :fake.example {known[message.params[1]]}")

    server.on_line = answer
    server.deaf_to.add("TOKEN")
    return known


async def test_a_token_is_returned_and_shown_nowhere(
    dialled: Connect, server: FakeServer, answers: dict[str, str], autojump_clock: MockClock
) -> None:
    answers["my laptop"] = "TOKEN ADD 7 my-laptop :sct_abcdef"
    async with dialled() as client:
        token = await client.add_token("my laptop")
        assert token == Token("7", "sct_abcdef")
        assert "abcdef" not in repr(token)
        await client.quit()
        assert not any("abcdef" in repr(event) for event in [one async for one in client])


async def test_the_servers_refusal(
    dialled: Connect, server: FakeServer, answers: dict[str, str], autojump_clock: MockClock
) -> None:
    """standard-replies; who asked is told, and not by an event too."""
    answers["laptop"] = "FAIL TOKEN TOO_MANY :You have 20 tokens: remove one first"
    answers["nothing"] = "TOKEN ADD"
    async with dialled() as client:
        with pytest.raises(Refused, match="remove one first") as refused:
            await client.add_token("laptop")
        assert (refused.value.command, refused.value.code) == ("TOKEN", "TOO_MANY")
        with pytest.raises(Refused, match="did not tell"):
            await client.add_token("nothing")
        server.say("bob", "#lobby", "hi")
        async for event in client:
            assert not isinstance(event, events.Failed)
            if isinstance(event, events.Said):
                break


async def test_a_server_without_tokens(
    dialled: Connect, server: FakeServer, autojump_clock: MockClock
) -> None:
    async with dialled() as client:
        with pytest.raises(NotOffered, match="no tokens"):
            await client.add_token("laptop")
    assert not any("TOKEN" in line for line in server.received)
