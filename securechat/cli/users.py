"""``securechat-users``: the operator's program for accounts, whether or not a server runs.

What is asked for (a table, JSON, a generated password, an export) goes to standard output;
what is said about it goes to standard error, so that ``pw=$(securechat-users add bob --generate)``
works. Passwords are never taken as arguments, where every user of the machine could read them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from securechat.cli import users_moderation, users_tokens
from securechat.cli.common import ProgramGroup, print_table, say
from securechat.cli.users_csv import export_text, import_accounts, write_private
from securechat.cli.users_data import DataFolder, long, short, utc
from securechat.errors import UserError
from securechat.store.credentials.accounts import (
    ADMIN,
    MEMBER,
    MODERATOR,
    Account,
    Accounts,
    NewAccount,
    check_name,
    exists_already,
)
from securechat.store.credentials.password_rules import (
    LENGTH_MIN,
    UnusablePassword,
    check_password,
    generate,
)
from securechat.store.credentials.passwords import PROFILES, Hasher

Command = Callable[..., None]


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
    context.obj = DataFolder(data, PROFILES[password_hash])


_AS = {ADMIN: " as an administrator", MODERATOR: " as a moderator"}


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
@click.option("--moderator", is_flag=True, help="Make it one who keeps order in the channels.")
@_password_options
@click.pass_obj
def add(
    settings: DataFolder,
    name: str,
    admin: bool,
    moderator: bool,
    from_stdin: bool,
    generated: bool,
) -> None:
    """Make the account NAME.

    A name has 2 to 32 letters (a-z), digits, - and _, and starts with a letter. Capital letters
    are shown as you type them, and are the same as small ones.
    """
    check_name(name)
    if admin and moderator:
        raise click.UsageError("Use --admin or --moderator, not both.")
    _check_password_options(from_stdin, generated)

    async def check_free(accounts: Accounts) -> None:
        taken = await accounts.get(name)
        if taken is not None:
            raise UserError(exists_already(taken.name))

    # Before anybody is asked to think up a password.
    settings.with_accounts(check_free, create=True)
    password = _new_password(name, from_stdin, generated)
    role = ADMIN if admin else MODERATOR if moderator else MEMBER
    new = NewAccount(name, settings.hashed(password), role=role)
    settings.with_accounts(lambda accounts: accounts.add(new))
    say(f"Added {name}{_AS.get(role, '')}.")
    _show_generated(password, generated)


@main.command()
@click.argument("name")
@_password_options
@click.option("--keep-tokens", is_flag=True, help="Let devices log in by their tokens further on.")
@click.pass_obj
def passwd(
    settings: DataFolder, name: str, from_stdin: bool, generated: bool, keep_tokens: bool
) -> None:
    """Give NAME a new password, which ends its sessions and revokes its devices' tokens."""
    _check_password_options(from_stdin, generated)
    account = settings.with_accounts(lambda accounts: accounts.named(name))
    password = _new_password(account.name, from_stdin, generated)
    hashed = settings.hashed(password)
    settings.with_accounts(
        lambda accounts: accounts.set_password(name, hashed, keep_tokens=keep_tokens)
    )
    say(f"{account.name} has a new password.")
    _show_generated(password, generated)


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def list_(settings: DataFolder, as_json: bool) -> None:
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
                    str(one["role"]),
                    str(one["state"]),
                    short(one["created"]),
                    short(one["last_login"]),
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
def show(settings: DataFolder, name: str, as_json: bool) -> None:
    """Show the account NAME."""

    async def read(accounts: Accounts) -> dict[str, object]:
        return _described(await accounts.named(name), await accounts.last_logins())

    described = settings.with_accounts(read)
    if as_json:
        click.echo(json.dumps(described, indent=2))
        return
    rows = {
        "Name": described["name"],
        "Role": described["role"],
        "State": described["state"],
        "Created": long(described["created"]),
        "Password set": long(described["password_changed"]),
        "Password hash": described["password_hash_parameters"],
        "Last login": long(described["last_login"]),
        "Id": described["id"],
    }
    if described["suspended"]:
        rows |= {
            "Suspended by": described["suspended_by"],
            "Until": long(described["suspended_until"] or "further notice"),
            "Reason": described["suspension_reason"],
        }
    for label, value in rows.items():
        click.echo(f"{label:<15}{value}")


@main.command()
@click.argument("name")
@click.pass_obj
def disable(settings: DataFolder, name: str) -> None:
    """Let nobody log in as NAME, and end its sessions."""
    account = settings.with_accounts(lambda accounts: accounts.disable(name))
    say(f"{account.name} is disabled.")


@main.command()
@click.argument("name")
@click.pass_obj
def enable(settings: DataFolder, name: str) -> None:
    """Let NAME log in again."""
    account = settings.with_accounts(lambda accounts: accounts.enable(name))
    say(f"{account.name} is enabled.")


@main.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(settings: DataFolder, name: str, yes: bool) -> None:
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
def import_(settings: DataFolder, file: Path) -> None:
    """Make all accounts of a CSV file, or none.

    FILE may be - for the standard input.

    The first line names the columns: name, then password or password_hash (or both, one of them
    filled in each line), and if you like role (admin, moderator or member), disabled (yes or no)
    and suspended (no, yes, or until when, as 2026-11-22T20:26:00Z). What export writes can be
    imported. Every mistake is listed with its line, and then nothing is stored.
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
def export(settings: DataFolder, file: Path) -> None:
    """Write every account as CSV.

    To a new FILE, or to the standard output; with the password hashes, so that import makes the
    same accounts on another server. Keep it as safe as the data folder: a FILE is made readable
    for you only. Device tokens are not in it: on another server devices get new ones.
    """
    text = export_text(settings.with_accounts(lambda accounts: accounts.list()))
    if str(file) == "-":
        click.echo(text, nl=False)
    else:
        write_private(file, text)


for _command in (*users_moderation.COMMANDS, *users_tokens.COMMANDS):
    main.add_command(_command)


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
        raise UserError("The password is not UTF-8 text: save it as UTF-8.") from None


def _show_generated(password: str, generated: bool) -> None:
    if generated:
        say("The password, shown only now:")
        click.echo(password)


# --- how an account is shown ------------------------------------------------------------------


def _described(account: Account, logins: dict[str, int]) -> dict[str, object]:
    """Return what may be shown of an account: everything but its hash."""
    suspension = account.suspended(time.time_ns() // 1_000_000)
    return {
        "name": account.name,
        "id": account.id,
        "role": account.role,
        "admin": account.admin,
        "state": "disabled" if account.disabled else "suspended" if suspension else "active",
        "disabled": account.disabled,
        "suspended": suspension is not None,
        "suspended_until": utc(suspension.until_ms) if suspension and suspension.until_ms else None,
        "suspended_by": suspension.by if suspension else None,
        "suspension_reason": suspension.reason if suspension else None,
        "created": utc(account.created_ms),
        "password_changed": utc(account.password_changed_ms),
        "password_hash_parameters": " ".join(account.password_hash.split("$")[1:4:2]),
        "last_login": utc(logins[account.id]) if account.id in logins else None,
    }
