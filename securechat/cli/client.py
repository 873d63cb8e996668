"""``securechat-client``: talk from a terminal or a script."""

from __future__ import annotations

import getpass
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Unpack

import click
import trio

from securechat.cli.common import Program, run, say
from securechat.cli.searching import Search, SearchOptions, search_options
from securechat.client.commands import COMMANDS, Wrong, as_channel
from securechat.client.connection import DEFAULT_PORT, connect
from securechat.client.lines import visible
from securechat.client.plain import LineMode, Options, Screen
from securechat.client.stdio import StdStreams, read_first_line
from securechat.errors import UserError

HISTORY_SHOWN = 20
_COMMANDS = tuple(f"/{name}" for name in COMMANDS)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect and, where it was given, as whom."""

    account: str
    host: str
    port: int


def parse_address(text: str) -> Address:
    """Return what ``[ACCOUNT@]HOST[:PORT]`` says. Raises ``click.BadParameter``."""
    account, at, place = text.rpartition("@")
    if at and not account:
        raise click.BadParameter(f"{text!r} has no account before the @.")
    if place.startswith("["):
        host, bracket, port = place[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise click.BadParameter(f"{text!r}: write an IPv6 address as [ADDRESS]:PORT.")
        port = port[1:]
        missing = place.endswith(":")
    else:
        host, colon, port = place.partition(":")
        if ":" in port:
            raise click.BadParameter(f"{text!r}: write an IPv6 address in brackets, as [{place}].")
        missing = bool(colon) and not port
    if not host:
        raise click.BadParameter(f"{text!r} names no host.")
    if missing or (port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536)):
        raise click.BadParameter(f"{text!r}: the port is a number from 1 to 65535.")
    return Address(account, host, int(port) if port else DEFAULT_PORT)


def _address(context: click.Context, parameter: click.Parameter, value: str) -> Address:
    del context, parameter
    return parse_address(value)


def _channel(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    del context, parameter
    try:
        return as_channel(value) if value else ""
    except Wrong as error:
        raise click.BadParameter(str(error)) from error


@click.command(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("address", metavar="[ACCOUNT@]HOST[:PORT]", callback=_address)
@click.option(
    "--ca",
    "cafile",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Trust the certificates in FILE, and no others. Without it: certs/ca.pem in the current "
    "folder if there is one, otherwise this machine's own store.",
)
@click.option(
    "--channel", metavar="NAME", callback=_channel, help="Join this channel and talk there."
)
@click.option("--plain", is_flag=True, help="Lines only, no full screen.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each event.")
@click.option("--password-stdin", is_flag=True, help="The first line of standard input is it.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The first line of FILE is the password.",
)
@search_options
@click.version_option(package_name="securechat")
def main(
    address: Address,
    cafile: Path | None,
    channel: str,
    plain: bool,
    as_json: bool,
    password_stdin: bool,
    password_file: Path | None,
    **searching: Unpack[SearchOptions],
) -> None:
    """Chat on a SecureChat server.

    At a terminal, type what you want to say, or /help. Otherwise every line of standard input is
    said, and at its end the program waits for the server's receipts and leaves:

        echo done | securechat-client alice@chat.example --password-file secret

    With --search, nothing is said: what was found is printed.

    The account is the one before the @, or your login name. The exit status is 0 when everything
    was said and stored, 1 when something failed, 2 for wrong usage.
    """
    if password_stdin and password_file:
        raise click.UsageError("--password-stdin and --password-file exclude each other.")
    search = Search.of(searching)
    account = address.account or _login_name()
    password = _password(account, address.host, password_stdin, password_file)
    options = Options(channel=channel, json=as_json)
    terminal = sys.stdin.isatty() and sys.stdout.isatty() and not as_json
    full_screen = terminal and not plain and os.environ.get("TERM", "dumb") != "dumb"

    async def chat() -> bool:
        if search is not None:
            return await _search(address, account, password, cafile, search, as_json)
        if full_screen:
            return await _full_screen(address, account, password, cafile, options)
        return await _chat(address, account, password, cafile, options, terminal)

    try:
        done = run(chat)
    except click.ClickException as error:
        # What a server says may be part of the sentence.
        raise click.ClickException(visible(error.message)) from error
    sys.exit(0 if done else 1)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise click.UsageError("Say as whom to connect: ACCOUNT@HOST.") from error


def _password(account: str, host: str, from_stdin: bool, file: Path | None) -> str:
    if from_stdin:
        return read_first_line()
    if file is not None:
        if file.stat().st_mode & 0o077:
            say(f"Warning: others on this machine can read {file}; chmod 600 {file} mends that.")
        with file.open(encoding="utf-8") as lines:
            password = lines.readline().rstrip("\r\n")
        if not password:
            raise UserError(f"There is no password in {file}: it must be the first line.")
        return password
    if not sys.stdin.isatty() and not _has_terminal():
        raise click.UsageError(
            "There is no terminal to ask for the password on: use --password-file or "
            "--password-stdin."
        )
    return getpass.getpass(f"Password of {account} at {host}: ")


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


async def _search(
    address: Address,
    account: str,
    password: str,
    cafile: Path | None,
    search: Search,
    as_json: bool,
) -> bool:
    """Connect, show what is found, and leave."""
    async with connect(
        address.host,
        address.port,
        account=account,
        password=password,
        cafile=cafile,
        reconnect=False,
    ) as client:
        await search.run(client, StdStreams(), json=as_json)
    return True


async def _full_screen(
    address: Address, account: str, password: str, cafile: Path | None, options: Options
) -> bool:
    """Connect and run the full screen until its person leaves."""
    # urwid is slow to load, and nobody else has a use for it.
    from securechat.client.tui import run_full_screen  # noqa: PLC0415

    async with connect(
        address.host,
        address.port,
        account=account,
        password=password,
        cafile=cafile,
        channels=[options.channel] if options.channel else (),
    ) as client:
        return await run_full_screen(client, channel=options.channel)


async def _chat(
    address: Address,
    account: str,
    password: str,
    cafile: Path | None,
    options: Options,
    terminal: bool,
) -> bool:
    """Connect and run the line mode; return whether everything asked for was done."""
    async with connect(
        address.host,
        address.port,
        account=account,
        password=password,
        cafile=cafile,
        history=HISTORY_SHOWN if terminal else 0,
    ) as client:
        screen: Screen
        if terminal:
            # prompt_toolkit is slow to load, and a script has no use for it.
            from securechat.client.terminal import Terminal  # noqa: PLC0415 - pipes need none

            prompt = Terminal(lambda: visible(mode.current), lambda: [*_COMMANDS, *mode.nicks])
            screen = prompt
        else:
            screen = StdStreams()
        mode = LineMode(client, screen, options, lambda: datetime.now(UTC))
        done = False
        async with trio.open_nursery() as nursery:
            if terminal:
                nursery.start_soon(prompt.run)
                nursery.start_soon(_on_signals, prompt.leave)
            else:
                nursery.start_soon(_on_signals, nursery.cancel_scope.cancel)
            done = await mode.run()
            nursery.cancel_scope.cancel()
    return done


async def _on_signals(leave: Callable[[], None]) -> None:
    """Leave when somebody asks the process to end."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async for _ in signals:
            leave()
