"""The operator's side: what is printed at the start, and what a terminal and signals do."""

from __future__ import annotations

import os
import pty
import re
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio

from securechat.config import Settings
from securechat.server import console
from securechat.server.console import (
    banner,
    open_signals,
    reachable_at,
    read_console,
    watch_signals,
)

FINGERPRINT = "ab" * 32


@pytest.fixture(autouse=True)
def _lan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "lan_addresses", lambda: ["192.0.2.7", "2001:db8::7"])


@pytest.mark.parametrize(
    ("bound", "here", "elsewhere"),
    [
        (["0.0.0.0", "::"], ["localhost"], ["192.0.2.7", "2001:db8::7"]),
        (["::"], ["localhost"], ["192.0.2.7", "2001:db8::7"]),
        (["127.0.0.1"], ["localhost"], []),
        (["127.0.0.1", "::1"], ["localhost"], []),
        (["192.0.2.7"], [], ["192.0.2.7"]),
        (["127.0.0.1", "192.0.2.7"], ["localhost"], ["192.0.2.7"]),
    ],
)
def test_where_the_server_can_be_reached(
    bound: list[str], here: list[str], elsewhere: list[str]
) -> None:
    assert reachable_at(bound) == (here, elsewhere)


def told(
    *,
    bound: list[str],
    port: int = 6697,
    account: str | None = "alice",
    on_terminal: bool = False,
    programs: str = "",
    cert: Path = Path("certs/server.pem"),
    data: Path = Path("data"),
) -> str:
    return banner(
        Settings(cert=cert, data=data),
        bound=bound,
        port=port,
        fingerprint=FINGERPRINT,
        expires=datetime(2027, 12, 24, tzinfo=UTC),
        account=account,
        on_terminal=on_terminal,
        programs=programs,
    )


def test_the_banner_tells_what_to_type_next() -> None:
    text = told(bound=["::"])
    assert re.match(r"SecureChat \S+ is listening\.\n", text)
    assert "this machine    localhost\n" in text
    assert "the network     192.0.2.7, [2001:db8::7]\n" in text
    assert "valid until 2027-12-24" in text
    assert FINGERPRINT in text  # as WeeChat takes it
    assert ":".join(["AB"] * 32) in text  # as irssi takes it
    assert "securechat-client alice@localhost\n" in text
    assert "securechat-client alice@192.0.2.7 --ca ca.pem" in text
    assert "with a copy of certs/ca.pem" in text
    assert "from elsewhere  securechat-client alice@192.0.2.7   (it shows a SHA-256" in text
    assert "Ctrl-C" not in text
    assert "add somebody    securechat-users add NAME\n" in text


def test_commands_are_given_as_a_shell_here_takes_them() -> None:
    text = told(
        bound=["::"],
        programs=".venv/bin/",
        cert=Path("my certs/server.pem"),
        data=Path("my data"),
    )
    assert "  .venv/bin/securechat-users --data 'my data' add NAME\n" in text
    assert "  .venv/bin/securechat-client alice@localhost --ca 'my certs/ca.pem'\n" in text
    assert "  securechat-client alice@192.0.2.7 --ca ca.pem " in text  # on another machine


def test_another_port_stands_in_every_address_and_command() -> None:
    text = told(bound=["::"], port=7000)
    assert "localhost:7000\n" in text
    assert "192.0.2.7:7000, [2001:db8::7]:7000" in text
    assert "securechat-client alice@localhost:7000\n" in text


def test_a_first_start_says_how_to_make_an_account() -> None:
    text = told(bound=["127.0.0.1"], account=None)
    assert "an account      securechat-users add NAME" in text
    assert "securechat-client NAME@localhost\n" in text
    assert "the network" not in text
    assert "from elsewhere" not in text


def test_a_server_for_others_only_and_certificates_elsewhere() -> None:
    text = told(bound=["192.0.2.7"], cert=Path("/etc/chat/server.pem"))
    assert "this machine" not in text
    assert "log in here" not in text
    assert "with a copy of /etc/chat/ca.pem" in text
    assert "--ca /etc/chat/ca.pem" in told(bound=["127.0.0.1"], cert=Path("/etc/chat/server.pem"))


def test_on_a_terminal_it_says_what_typing_does() -> None:
    text = told(bound=["::1"], on_terminal=True)
    assert "A line typed here is announced to everybody. Ctrl-C stops the server." in text


# --- the terminal ---------------------------------------------------------------------------------


class Terminal:
    """Stands in for standard input, on a pseudo-terminal of its own or on a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where a test types; what it types is read as if this were the foreground's terminal."""
    reader, writer = os.pipe()
    monkeypatch.setattr(sys, "stdin", Terminal(reader))
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
    yield writer
    os.close(reader)
    try:
        os.close(writer)
    except OSError:
        pass  # the test has typed Ctrl-D


async def test_each_typed_line_is_announced_until_the_end(typing: int) -> None:
    said: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_console, said.append)
        os.write(typing, b"first\n  second  \n\nth")
        await wait_for(said, 2)
        os.write(typing, "ird é\n".encode() + b"not \xff utf-8\n")
        await wait_for(said, 4)
        os.close(typing)
    assert said == ["first", "second", "third é", "not \ufffd utf-8"]


async def wait_for(said: list[str], count: int) -> None:
    with trio.fail_after(10):
        while len(said) < count:  # noqa: ASYNC110 - the kernel has no event for that
            await trio.sleep(0.001)


async def test_a_terminal_in_the_background_is_left_alone(
    typing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading it would stop the whole process (SIGTTIN)."""
    monkeypatch.setattr(console, "BACKGROUND_SECONDS", 0.001)
    looks = 0

    def foreground(_: int) -> int:
        nonlocal looks
        looks += 1
        return os.getpgrp() + (1 if looks < 5 else 0)

    monkeypatch.setattr(os, "tcgetpgrp", foreground)
    said: list[str] = []
    os.write(typing, b"hello\n")
    os.close(typing)
    with trio.fail_after(10):
        await read_console(said.append)
    assert said == ["hello"]
    assert looks >= 5


async def test_ctrl_d_on_a_real_terminal_ends_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leader, follower = pty.openpty()
    try:
        monkeypatch.setattr(sys, "stdin", Terminal(follower))
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
        said: list[str] = []
        os.write(leader, b"hello\n\x04")
        with trio.fail_after(10):
            await read_console(said.append)
        assert said == ["hello"]
    finally:
        os.close(leader)
        os.close(follower)


# --- signals --------------------------------------------------------------------------------------


async def test_signals_stop_and_reload_each_time() -> None:
    did: list[str] = []
    with open_signals() as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                watch_signals, signals, lambda: did.append("stop"), lambda: did.append("reload")
            )
            for number, word in (
                (signal.SIGHUP, "reload"),
                (signal.SIGTERM, "stop"),
                (signal.SIGINT, "stop"),
                (signal.SIGHUP, "reload"),
            ):
                before = len(did)
                signal.raise_signal(number)
                await wait_for(did, before + 1)
                assert did[-1] == word
            nursery.cancel_scope.cancel()
    assert did == ["reload", "stop", "stop", "reload"]
