"""``Client.search``, as ``soju.im/search`` has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
import trio
from support.clients import Connect, until
from support.fake_server import FakeServer
from support.fake_session import FakeSession
from trio.testing import MockClock

from securechat.client import events
from securechat.client.errors import SearchFailed
from securechat.protocol.message import Message, parse_tags


async def test_what_is_found_is_returned_and_not_told(dialled: Connect, server: FakeServer) -> None:
    server.keep("bob", "#lobby", "the lost key")
    server.keep("alice", "bob", "\x01ACTION found a key\x01")
    server.keep("bob", "alice", "nothing")
    async with dialled() as client:
        await until(client, events.Names)
        first, second = await client.search("key")
        assert (first.conversation, first.sender, first.text) == ("#lobby", "bob", "the lost key")
        assert (second.conversation, second.text) == ("bob", "found a key")
        assert second.own
        assert second.action
        assert first.history
        assert first.msgid
        assert await client.search("no such words") == ()
        await client.say("#lobby", "the end")
        assert (await until(client, events.Said)).text == "the end"


async def test_what_is_asked_for(dialled: Connect, server: FakeServer) -> None:
    asked: list[dict[str, str]] = []

    def note(session: FakeSession, message: Message) -> None:
        if message.command == "SEARCH":
            asked.append(parse_tags(message.params[0]))

    server.on_line = note
    async with dialled() as client:
        await until(client, events.Names)
        await client.search(
            'two "words here"; more=\\',
            conversation="#lobby",
            sender="bob",
            after=datetime(2026, 11, 22, 20, 26, tzinfo=UTC),
            before=datetime(2026, 11, 22, 23, tzinfo=timezone(timedelta(hours=1))),
            limit=7,
        )
        await client.search("x")
    assert asked == [
        {
            "in": "#lobby",
            "from": "bob",
            "after": "2026-11-22T20:26:00.000Z",
            "before": "2026-11-22T22:00:00.000Z",
            "limit": "7",
            "text": 'two "words here"; more=\\',
        },
        {"limit": "50", "text": "x"},
    ]


async def test_the_servers_refusal(dialled: Connect, server: FakeServer) -> None:
    """standard-replies: the text after FAIL is for people."""
    async with dialled() as client:
        await until(client, events.Names)
        with pytest.raises(SearchFailed, match="Say what to search for"):
            await client.search()
        assert await client.search("x") == ()


async def test_more_words_than_fit_into_a_line(dialled: Connect, server: FakeServer) -> None:
    async with dialled() as client:
        with pytest.raises(SearchFailed, match="fewer words"):
            await client.search("word " * 200)


async def test_a_server_that_does_not_search(dialled: Connect, server: FakeServer) -> None:
    server.capabilities = server.capabilities.replace(" soju.im/search", "")
    async with dialled() as client:
        with pytest.raises(SearchFailed, match="a connection that offers it"):
            await client.search("x")


async def test_a_server_that_offers_it_and_does_not_know_it(
    dialled: Connect, server: FakeServer
) -> None:
    def unknown(session: FakeSession, message: Message) -> None:
        if message.command == "SEARCH":
            session.send(":fake.example 421 alice SEARCH :Unknown command")

    server.deaf_to.add("SEARCH")
    async with dialled() as client:
        await until(client, events.Names)
        server.on_line = unknown
        with pytest.raises(SearchFailed, match="Unknown command"):
            await client.search("x")


async def test_a_break_meanwhile(
    dialled: Connect, autojump_clock: MockClock, server: FakeServer, nursery: trio.Nursery
) -> None:
    def break_it(session: FakeSession, message: Message) -> None:
        if message.command == "SEARCH":
            server.break_all()

    async with dialled() as client:
        await until(client, events.Names)
        server.on_line = break_it
        with pytest.raises(SearchFailed):
            await client.search("x")
        server.on_line = lambda session, message: None
        await until(client, events.CaughtUp)
        assert await client.search("x") == ()


async def test_a_search_nobody_asked_for(dialled: Connect, server: FakeServer) -> None:
    """What comes without a request is of no interest, and takes no other request's place."""
    async with dialled() as client:
        await until(client, events.Names)
        for session in server.sessions:
            session.send(":fake.example BATCH +z soju.im/search")
            session.send("@batch=z :bob!bob@fake PRIVMSG #lobby :old")
            session.send(":fake.example BATCH -z")
            session.send(":fake.example FAIL SEARCH INTERNAL_ERROR :Late")
        failed = await until(client, events.Failed)
        assert (failed.command, failed.text) == ("SEARCH", "Late")
        assert await client.history("#lobby") == ()
