"""``securechat-users``: the operator's program for accounts, whether or not a server runs.

What is asked for (a table, JSON, a generated password, an export) goes to standard output;
what is said about it goes to standard error, so that ``pw=$(securechat-users add bob --generate)``
works. Passwords are never taken as arguments, where every user of the machine could read them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from securechat.cli.common import ProgramGroup, print_table, run, say
from securechat.cli.users_csv import export_text, import_accounts, write_private
from securechat.errors import UserError
from securechat.store.accounts import Account, Accounts, NewAccount, check_name
from securechat.store.password_rules import (
    LENGTH_MIN,
    UnusablePassword,
    check_password,
    generate,
)
from securechat.store.passwords import PROFILES, Hasher, Profile
from securechat.store.sqlite import open_store

T = TypeVar("T")
Command = Callable[..., None]


@dataclass(frozen=True, slots=True)
class _Settings:
    """What the options before the command say."""

    data: Path
    profile: Profile

    def with_accounts(self, work: Callable[[Accounts], Awaitable[T]], *, create: bool = False) -> T:
        """Open the store, do the work, close it; only ``create`` makes a missing folder."""

        async def main() -> T:
            async with open_store(self.data, create=create) as store:
                return await work(Accounts(store))

        return run(main)

    def hashed(self, password: str) -> str:
        return run(lambda: Hasher(self.profile).hash(password))


@click.group(cls=ProgramGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data"),
    envvar="SECURECHAT_DATA",
    show_default=True,
    show_envvar=True,
    help="The server's data folder.",
)
@click.option(
    "--password-hash",
    type=click.Choice(list(PROFILES)),
    default="standard",
    envvar="SECURECHAT_PASSWORD_HASH",
    show_default=True,
    show_envvar=True,
    help="How costly new password hashes are; use what the server uses.",
)
@click.version_option(package_name="securechat", prog_name="securechat-users")
@click.pass_context
def main(context: click.Context, data: Path, password_hash: str) -> None:
    """Manage who may log in to a SecureChat server.

    Works on the server's data folder, whether or not the server runs: a running one ends the
    sessions of an account within a second of its being disabled, removed or given a new password.
    """
    context.obj = _Settings(data, PROFILES[password_hash])


def _password_options(command: Command) -> Command:
    command = click.option(
        "--generate", "generated", is_flag=True, help="Make up a password and print it."
    )(command)
    return click.option(
        "--password-stdin", "from_stdin", is_flag=True, help="Take the first line of the input."
    )(command)


@main.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="Make it an operator of the server.")
@_password_options
@click.pass_obj
def add(settings: _Settings, name: str, admin: bool, from_stdin: bool, generated: bool) -> None:
    """Make the account NAME.

    A name has 2 to 32 letters (a-z), digits, - and _, and starts with a letter. Capital letters
    are shown as you type them, and are the same as small ones.
    """
    check_name(name)
    _check_password_options(from_stdin, generated)

    async def check_free(accounts: Accounts) -> None:
        taken = await accounts.get(name)
        if taken is not None:
            raise UserError(f"An account named {taken.name} exists already.")

    # Before anybody is asked to think up a password.
    settings.with_accounts(check_free, create=True)
    password = _new_password(name, from_stdin, generated)
    new = NewAccount(name, settings.hashed(password), admin=admin)
    settings.with_accounts(lambda accounts: accounts.add(new))
    say(f"Added {name}{' as an administrator' if admin else ''}.")
    _show_generated(password, generated)


@main.command()
@click.argument("name")
@_password_options
@click.pass_obj
def passwd(settings: _Settings, name: str, from_stdin: bool, generated: bool) -> None:
    """Give NAME a new password, which ends its sessions."""
    _check_password_options(from_stdin, generated)
    account = settings.with_accounts(lambda accounts: accounts.named(name))
    password = _new_password(account.name, from_stdin, generated)
    hashed = settings.hashed(password)
    settings.with_accounts(lambda accounts: accounts.set_password(name, hashed))
    say(f"{account.name} has a new password.")
    _show_generated(password, generated)


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def list_(settings: _Settings, as_json: bool) -> None:
    """Show every account."""

    async def read(accounts: Accounts) -> list[dict[str, object]]:
        logins = await accounts.last_logins()
        return [_described(account, logins) for account in await accounts.list()]

    described = settings.with_accounts(read)
    if as_json:
        click.echo(json.dumps(described, indent=2))
    elif described:
        print_table(
            ("Name", "Role", "State", "Created", "Last login"),
            [
                (
                    str(one["name"]),
                    "admin" if one["admin"] else "member",
                    "disabled" if one["disabled"] else "active",
                    _short(one["created"]),
                    _short(one["last_login"]),
                )
                for one in described
            ],
        )
    else:
        say("There are no accounts yet: make one with 'securechat-users add NAME'.")


@main.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.pass_obj
def show(settings: _Settings, name: str, as_json: bool) -> None:
    """Show the account NAME."""

    async def read(accounts: Accounts) -> dict[str, object]:
        return _described(await accounts.named(name), await accounts.last_logins())

    described = settings.with_accounts(read)
    if as_json:
        click.echo(json.dumps(described, indent=2))
        return
    rows = {
        "Name": described["name"],
        "Role": "admin" if described["admin"] else "member",
        "State": "disabled" if described["disabled"] else "active",
        "Created": _long(described["created"]),
        "Password set": _long(described["password_changed"]),
        "Password hash": described["password_hash_parameters"],
        "Last login": _long(described["last_login"]),
        "Id": described["id"],
    }
    for label, value in rows.items():
        click.echo(f"{label:<15}{value}")


@main.command()
@click.argument("name")
@click.pass_obj
def disable(settings: _Settings, name: str) -> None:
    """Let nobody log in as NAME, and end its sessions."""
    account = settings.with_accounts(lambda accounts: accounts.disable(name))
    say(f"{account.name} is disabled.")


@main.command()
@click.argument("name")
@click.pass_obj
def enable(settings: _Settings, name: str) -> None:
    """Let NAME log in again."""
    account = settings.with_accounts(lambda accounts: accounts.enable(name))
    say(f"{account.name} is enabled.")


@main.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(settings: _Settings, name: str, yes: bool) -> None:
    """Remove the account NAME; its messages stay in the history.

    Whoever gets the same name later is somebody else, and inherits nothing.
    """
    account = settings.with_accounts(lambda accounts: accounts.named(name))
    if not yes:
        if not _can_ask():
            raise click.UsageError("There is no terminal to ask on: confirm with --yes.")
        click.confirm(f"Remove the account {account.name}?", abort=True, err=True)
    settings.with_accounts(lambda accounts: accounts.remove(name))
    say(f"Removed {account.name}.")


@main.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.pass_obj
def import_(settings: _Settings, file: Path) -> None:
    """Make all accounts of a CSV file, or none.

    FILE may be - for the standard input.

    The first line names the columns: name, then password or password_hash (or both, one of them
    filled in each line), and if you like admin and disabled (yes or no). What export writes can
    be imported. Every mistake is listed with its line, and then nothing is stored.
    """

    async def work(accounts: Accounts) -> int:
        return await import_accounts(file, accounts, Hasher(settings.profile))

    count = settings.with_accounts(work, create=True)
    say(f"Added {count} {'account' if count == 1 else 'accounts'}.")


@main.command()
@click.argument(
    "file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default=Path("-")
)
@click.pass_obj
def export(settings: _Settings, file: Path) -> None:
    """Write every account as CSV.

    To a new FILE, or to the standard output; with the password hashes, so that import makes the
    same accounts on another server. Keep it as safe as the data folder: a FILE is made readable
    for you only.
    """
    text = export_text(settings.with_accounts(lambda accounts: accounts.list()))
    if str(file) == "-":
        click.echo(text, nl=False)
    else:
        write_private(file, text)


# --- passwords --------------------------------------------------------------------------------


def _can_ask() -> bool:
    return sys.stdin.isatty()


def _check_password_options(from_stdin: bool, generated: bool) -> None:
    if from_stdin and generated:
        raise click.UsageError("Use --password-stdin or --generate, not both.")
    if not from_stdin and not generated and not _can_ask():
        raise click.UsageError(
            "There is no terminal to ask for a password on: use --password-stdin or --generate."
        )


def _new_password(account: str, from_stdin: bool, generated: bool) -> str:
    """Return a password that the rules allow, from where the options say."""
    if generated:
        return generate()
    if from_stdin:
        password = _first_line()
        check_password(password, account)
        return password
    say(f"At least {LENGTH_MIN} characters; a few words in a row are easy to remember.")
    while True:
        password = click.prompt(
            f"Password for {account}", hide_input=True, confirmation_prompt=True, err=True
        )
        try:
            check_password(password, account)
        except UnusablePassword as error:
            say(f"Error: {error}")
        else:
            return password


def _first_line() -> str:
    line = sys.stdin.buffer.readline().rstrip(b"\n").removesuffix(b"\r")
    try:
        return line.decode()
    except UnicodeDecodeError:
        # Not chained: the exception's text shows a part of the password.
        raise UserError("The password is not UTF-8 text.") from None


def _show_generated(password: str, generated: bool) -> None:
    if generated:
        say("The password, shown only now:")
        click.echo(password)


# --- how an account is shown ------------------------------------------------------------------


def _described(account: Account, logins: dict[str, int]) -> dict[str, object]:
    """Return what may be shown of an account: everything but its hash."""
    return {
        "name": account.name,
        "id": account.id,
        "admin": account.admin,
        "disabled": account.disabled,
        "created": _utc(account.created_ms),
        "password_changed": _utc(account.password_changed_ms),
        "password_hash_parameters": " ".join(account.password_hash.split("$")[1:4:2]),
        "last_login": _utc(logins[account.id]) if account.id in logins else None,
    }


def _utc(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _short(time: object) -> str:
    return str(time)[:10] if time is not None else "never"


def _long(time: object) -> str:
    return str(time).replace("T", " ").replace("Z", " UTC") if time is not None else "never"
