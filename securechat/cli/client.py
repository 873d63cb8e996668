"""``securechat-client``: talk from a terminal or a script."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Unpack

import click

from securechat.cli.client_entry import Entry, Passwords
from securechat.cli.client_more import COMMANDS
from securechat.cli.client_place import Address, find_place, parse_address
from securechat.cli.client_work import full_screen, line_mode, send
from securechat.cli.common import Failure, ProgramWithCommands, run
from securechat.cli.searching import Search, SearchOptions, search_options
from securechat.client.commandtable import Wrong, as_channel
from securechat.client.connection import Client
from securechat.client.errors import ConnectFailed
from securechat.client.kept.settings import load_settings
from securechat.client.kept.settings_file import check_profile_name
from securechat.client.lineclient.plain import Options
from securechat.client.lineclient.stdio import StdStreams
from securechat.client.lines import visible
from securechat.errors import ConfigError

HISTORY_SHOWN = 20


def _address(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> Address | None:
    del context, parameter
    return parse_address(value) if value is not None else None


def _channel(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    del context, parameter
    try:
        return as_channel(value) if value else ""
    except Wrong as error:
        raise click.BadParameter(str(error)) from error


def _profile_name(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    del context, parameter
    try:
        return check_profile_name(value) if value is not None else ""
    except ConfigError as error:
        raise click.BadParameter(str(error)) from error


@click.command(cls=ProgramWithCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("address", metavar="[[ACCOUNT@]HOST[:PORT]]", required=False, callback=_address)
@click.option(
    "--profile", metavar="NAME", callback=_profile_name, help="Use this profile of client.toml."
)
@click.option(
    "--remember",
    metavar="NAME",
    callback=_profile_name,
    help="Remember server and account as this profile.",
)
@click.option(
    "--ca",
    "cafile",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Trust the certificates in FILE, and no others. Without it: what you said yes to before, "
    "then certs/ca.pem in the current folder and this machine's own store, then your yes.",
)
@click.option(
    "--channel", metavar="NAME", callback=_channel, help="Join this channel and talk there."
)
@click.option(
    "--send",
    "sending",
    nargs=2,
    metavar="TARGET TEXT",
    help="Say TEXT in a channel or to a person, wait for the receipt, and leave.",
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
@click.option("--no-token", is_flag=True, help="Neither use nor ask for a device token.")
@search_options
@click.version_option(package_name="securechat")
def main(
    address: Address | None,
    profile: str,
    remember: str,
    cafile: Path | None,
    channel: str,
    sending: tuple[str, str] | None,
    plain: bool,
    as_json: bool,
    password_stdin: bool,
    password_file: Path | None,
    no_token: bool,
    **searching: Unpack[SearchOptions],
) -> None:
    """Chat on a SecureChat server.

    Without an address it is the default profile; the first time, everything is asked for. The
    account is the one before the @, or your login name.

    At a terminal, type what you want to say, or /help. Otherwise every line of standard input is
    said, and at its end the program waits for the server's receipts and leaves:

        echo done | securechat-client alice@chat.example --password-file secret

    With --send, one thing is said; with --search, nothing: what was found is printed. The exit
    status is 0 when everything was said and stored, 1 when something failed, 2 for wrong usage.
    """
    if password_stdin and password_file:
        raise click.UsageError("--password-stdin and --password-file exclude each other.")
    search = Search.of(searching)
    if sending is not None and (search is not None or channel):
        raise click.UsageError("--send goes with neither --search nor --channel.")
    passwords = Passwords(password_stdin, password_file)
    at_terminal = sys.stdin.isatty() and not as_json
    settings = load_settings()
    asks = at_terminal and sys.stderr.isatty() and not passwords.given
    entry = Entry(
        place=find_place(address, profile, cafile, settings, asks=asks),
        settings=settings,
        passwords=passwords,
        asks=asks,
        tokens=settings.tokens and not no_token,
        remember=remember,
    )
    options = Options(channel=channel, json=as_json)
    terminal = at_terminal and sys.stdout.isatty()

    async def chat() -> bool:
        if search is not None:
            return await entry.run(_searching(search, as_json), reconnect=False)
        if sending is not None:
            target, text = sending
            return await entry.run(
                lambda client: send(client, target, text, as_json=as_json), reconnect=False
            )
        channels = entry.place.channels
        if terminal and not plain and os.environ.get("TERM", "dumb") != "dumb":
            return await entry.run(
                lambda client: full_screen(client, settings, channel),
                channels=[*channels, channel] if channel else channels,
                at_once=True,
            )
        return await entry.run(
            lambda client: line_mode(client, options, terminal=terminal),
            channels=channels,
            history=HISTORY_SHOWN if terminal else 0,
        )

    try:
        done = run(chat)
    except click.UsageError:
        raise
    except click.ClickException as error:
        # What a server says may be part of the sentence.
        text = visible(error.message)
        if isinstance(error.__cause__, ConnectFailed) and not text.endswith("?"):
            text += " Is the server running, and is this its address?"
        raise Failure(text) from error
    sys.exit(0 if done else 1)


main.commands.update(COMMANDS)


def _searching(search: Search, as_json: bool) -> Callable[[Client], Awaitable[bool]]:
    async def work(client: Client) -> bool:
        await search.run(client, StdStreams(), json=as_json)
        return True

    return work
