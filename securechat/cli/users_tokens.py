"""``securechat-users token``: what devices log in by in place of the password.

A token is printed alone on the standard output, once. A running server takes a new one at once, and
ends the sessions of a revoked one within a second.
"""

from __future__ import annotations

import json

import click

from securechat.cli.common import ProgramGroup, print_table, say
from securechat.cli.users_data import DataFolder, long, operator, utc
from securechat.errors import UserError
from securechat.store.contract import Store
from securechat.store.credentials.account import Account
from securechat.store.credentials.accounts import Accounts
from securechat.store.credentials.tokens import Token, Tokens


@click.group(cls=ProgramGroup)
def token() -> None:
    """Make, list and revoke device tokens.

    A device logs in by a token in place of the account's password, with any client, and can be
    shut out by itself.
    """


@token.command()
@click.argument("account")
@click.option("--name", required=True, help="What the device is called, such as phone.")
@click.pass_obj
def add(folder: DataFolder, account: str, name: str) -> None:
    """Make a token for a device of ACCOUNT and print it.

    It is shown only now, and goes where the password goes in the device's client.
    """

    async def work(store: Store) -> tuple[Account, Token, str]:
        found = await Accounts(store).named(account)
        made, secret = await Tokens(store).add(found.key, name, by=operator())
        return found, made, secret

    found, made, secret = folder.with_store(work)
    say(
        f"Added the token {made.id} ({made.name}): {found.name} logs in by it in place of the "
        "password. It is shown only now:"
    )
    click.echo(secret)


@token.command("list")
@click.argument("account", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def list_(folder: DataFolder, account: str | None, as_json: bool) -> None:
    """Show the tokens of ACCOUNT, or of everybody: never what to log in by."""

    async def work(store: Store) -> list[tuple[Account, Token]]:
        accounts = Accounts(store)
        owners = [await accounts.named(account)] if account else await accounts.list()
        tokens = Tokens(store)
        return [(owner, one) for owner in owners for one in await tokens.of(owner.key, owner.id)]

    found = folder.with_store(work)
    if as_json:
        click.echo(json.dumps([_described(owner, one) for owner, one in found], indent=2))
    elif found:
        print_table(
            ("Account", "Id", "Name", "Device", "Created", "Last used"),
            [
                (
                    owner.name,
                    one.id,
                    one.name,
                    one.device,
                    long(utc(one.created_ms)),
                    long(_used(one)),
                )
                for owner, one in found
            ],
        )
    else:
        say("There are no tokens: make one with 'securechat-users token add ACCOUNT --name NAME'.")


@token.command()
@click.argument("account")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="Revoke all tokens of the account.")
@click.pass_obj
def revoke(folder: DataFolder, account: str, ids: tuple[str, ...], all_: bool) -> None:
    """Revoke tokens of ACCOUNT by their ids, and end the sessions of these devices."""
    if all_ == bool(ids):
        raise click.UsageError("Name the ids of tokens, or use --all for all of the account's.")

    async def work(store: Store) -> tuple[Account, list[Token]]:
        found = await Accounts(store).named(account)
        tokens = Tokens(store)
        unknown = set(ids) - {one.id for one in await tokens.of(found.key, found.id)}
        if unknown:
            raise UserError(
                f"{found.name} has no token with the id {min(unknown)}: "
                f"'securechat-users token list {found.name}' shows them."
            )
        gone: list[Token] = []
        for token_id in dict.fromkeys(ids) if ids else [""]:
            gone += await tokens.revoke(
                found.key, found.id, token_id, by=operator(), account=found.name
            )
        return found, gone

    found, gone = folder.with_store(work)
    if not gone:
        say(f"{found.name} has no tokens.")
    for one in gone:
        say(f"Revoked the token {one.id} ({one.name}) of {found.name}.")


def _used(one: Token) -> str | None:
    return utc(one.used_ms) if one.used_ms else None


def _described(owner: Account, one: Token) -> dict[str, object]:
    return {
        "account": owner.name,
        "id": one.id,
        "name": one.name,
        "device": one.device,
        "created": utc(one.created_ms),
        "last_used": _used(one),
    }


COMMANDS = (token,)
