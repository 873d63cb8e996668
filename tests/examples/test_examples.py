"""The examples at the real server, in memory; the bridge also over loopback."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import h11
import pytest
import trio
from support.at_home import Line, at_home, happen
from support.house import open_house
from trio.testing import MockClock, memory_stream_pair

from examples.echo_bot import echo
from examples.reminder_bot import Reminders, read, remind
from examples.webhook_bridge import BODY_BYTES_MAX, Bridge, read_secret
from securechat.client import events

SECRET = "a-secret-of-a-webhook"


def test_the_first_bot_is_short() -> None:
    """docs/bots.md shows it whole."""
    module = Path(echo.__code__.co_filename)
    assert len(module.read_text(encoding="utf-8").splitlines()) < 30


async def test_the_echo_bot(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with (
        open_house(tmp_path) as house,
        at_home(house, "alice") as alice,
        at_home(house, "bob") as bob,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(echo, bob)
        await alice.say("#lobby", "nobody is named here")
        receipt = await alice.say("#lobby", "hello Bob,\nhow are you?")
        answer = await happen(alice, events.Said, sender="bob")
        assert (answer.text, answer.reply_to, answer.bot) == (
            "hello Bob,\nhow are you?",
            receipt.msgid,
            True,
        )
        nursery.cancel_scope.cancel()


async def test_the_reminder_bot_over_a_break_and_a_restart(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    start, began = datetime.now(UTC), trio.current_time()

    def now() -> datetime:
        return start + timedelta(seconds=trio.current_time() - began)

    def now_ms() -> int:
        return round(now().timestamp() * 1000)

    file = tmp_path / "reminders.json"
    async with (
        open_house(tmp_path / "house", now_ms=now_ms) as house,
        at_home(house, "alice") as alice,
    ):
        line = Line(house)
        async with at_home(house, "bob", line=line) as bob, trio.open_nursery() as nursery:
            nursery.start_soon(remind, bob, Reminders(file), now)
            first = await alice.say("#lobby", "!remind 10m the tea")
            noted = await happen(alice, events.Reacted)
            assert (noted.msgid, noted.text) == (first.msgid, "⏰")
            line.open = False
            line.cut()
            second = await alice.say("#lobby", "!remind 1h the cake\nin the oven")
            line.open = True
            assert (await happen(alice, events.Reacted)).msgid == second.msgid
            nursery.cancel_scope.cancel()
        assert [row["text"] for row in json.loads(file.read_text())] == [
            "the tea",
            "the cake\nin the oven",
        ]
        async with at_home(house, "bob") as bob, trio.open_nursery() as nursery:
            nursery.start_soon(remind, bob, Reminders(file), now)
            tea = await happen(alice, events.Said, sender="bob")
            assert (tea.text, tea.reply_to, tea.mention) == ("alice: the tea", first.msgid, True)
            assert abs((tea.time - first.time).total_seconds() - 600) < 5
            cake = await happen(alice, events.Said, sender="bob")
            assert (cake.text, cake.reply_to) == ("alice: the cake\nin the oven", second.msgid)
            assert abs((cake.time - second.time).total_seconds() - 3600) < 5
            await trio.sleep(1)
            assert json.loads(file.read_text()) == []
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "text", ["remind 1m x", "!remind", "!remind 1m", "!remind soon x", "!remind 400d x"]
)
def test_what_is_no_reminder(text: str) -> None:
    when = datetime(2030, 1, 1, tzinfo=UTC)
    said = events.Said(time=when, conversation="#x", sender="bob", text=text, msgid="m")
    assert read(said) is None


async def _post(
    stream: trio.abc.Stream, body: bytes, *, method: str = "POST", **headers: str
) -> int:
    """Send one request and return the status of its answer."""
    connection = h11.Connection(h11.CLIENT)
    given = [("host", "x"), ("content-length", str(len(body)))]
    given += [(name.replace("_", "-"), value) for name, value in headers.items()]
    data = connection.send(h11.Request(method=method, target="/", headers=given)) or b""
    data += connection.send(h11.Data(data=body)) or b""
    await stream.send_all(data + (connection.send(h11.EndOfMessage()) or b""))
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            return event.status_code
        assert event is h11.NEED_DATA
        connection.receive_data(bytes(await stream.receive_some(4096)))


def _json(text: object) -> bytes:
    return json.dumps({"text": text}).encode()


@pytest.mark.parametrize(
    ("body", "how", "status"),
    [
        (_json("Build 7 failed\nin main"), {"x_webhook_secret": SECRET}, 204),
        (_json("x"), {}, 401),
        (_json("x"), {"x_webhook_secret": "another-secret-than-that"}, 401),
        (_json("x"), {"x_webhook_secret": ""}, 401),
        (_json("x"), {"x_webhook_secret": SECRET, "method": "PUT"}, 405),
        (_json(""), {"x_webhook_secret": SECRET}, 400),
        (_json(7), {"x_webhook_secret": SECRET}, 400),
        (b"[]", {"x_webhook_secret": SECRET}, 400),
        (b"\xff{", {"x_webhook_secret": SECRET}, 400),
        (b" " * (BODY_BYTES_MAX + 1), {"x_webhook_secret": SECRET}, 413),
    ],
)
async def test_the_bridge(
    tmp_path: Path,
    autojump_clock: MockClock,
    body: bytes,
    how: dict[str, str],
    status: int,
) -> None:
    async with (
        open_house(tmp_path) as house,
        at_home(house, "alice") as alice,
        at_home(house, "bob") as bob,
        trio.open_nursery() as nursery,
    ):
        ours, theirs = memory_stream_pair()
        nursery.start_soon(Bridge(bob, "#lobby", SECRET).serve, theirs)
        assert await _post(ours, body, **how) == status
        kept = await alice.history("#lobby")
        expected = ["Build 7 failed\nin main"] if status == 204 else []
        assert [one.text for one in kept] == expected


async def test_a_bridge_without_a_chat_says_so(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        line = Line(house)
        async with at_home(house, "bob", line=line) as bob, trio.open_nursery() as nursery:
            line.open = False
            line.cut()
            ours, theirs = memory_stream_pair()
            nursery.start_soon(Bridge(bob, "#lobby", SECRET).serve, theirs)
            assert await _post(ours, _json("x"), x_webhook_secret=SECRET) == 503


@pytest.mark.parametrize("sent", [b"", b"POST / HT", b"\0\0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
async def test_who_speaks_no_http_keeps_no_connection(
    tmp_path: Path, autojump_clock: MockClock, sent: bytes
) -> None:
    """Every wait has a deadline; and who goes in the middle of a request harms nobody."""
    async with open_house(tmp_path) as house, at_home(house, "bob") as bob:
        for close in (True, False):
            ours, theirs = memory_stream_pair()
            async with trio.open_nursery() as nursery:
                with trio.fail_after(60):
                    nursery.start_soon(Bridge(bob, "#lobby", SECRET).serve, theirs)
                    await ours.send_all(sent)
                    if close:
                        await ours.aclose()
        assert await bob.history("#lobby") == ()


async def test_the_bridge_over_loopback(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path) as house,
        at_home(house, "bob") as bob,
        trio.open_nursery() as nursery,
    ):
        bridge = Bridge(bob, "#lobby", SECRET)
        serve = partial(trio.serve_tcp, bridge.serve, 0, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        with trio.fail_after(30):
            port = listener.socket.getsockname()[1]
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                assert await _post(stream, _json("over loopback"), x_webhook_secret=SECRET) == 204
        nursery.cancel_scope.cancel()


def test_a_secret_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("short\n")
    with pytest.raises(SystemExit, match="less than 16 characters"):
        read_secret(file)
    file.write_text(f"{SECRET}\n")
    assert read_secret(file) == SECRET
    assert SECRET not in repr(Bridge(None, "#x", SECRET))  # type: ignore[arg-type]  # no client needed
