"""What `make run` does before it starts the server: make what is missing, and only that.

A private CA with a server certificate where there is none, and a first account, an administrator's,
where there is none. It takes the server's own flags, so that it looks where the server will.
"""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from securechat.certificates import make_certificates
from securechat.cli.common import Program, run, say
from securechat.config import Settings, click_options, load_settings
from securechat.errors import UserError
from securechat.store.credentials.accounts import Accounts, check_name
from securechat.store.sqlite import open_store

FALLBACK_NAME = "admin"


@click.command(
    cls=Program,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click_options()
@click.pass_context
def main(
    context: click.Context, /, config: Path | None, *, print_config: bool, **flags: Any
) -> None:
    """Make the certificates and the first account that a server with these flags will want."""
    if print_config or context.args:
        return  # --help, --version or another command: no server is about to start
    settings = load_settings(config=config, environ=os.environ, flags=flags)
    prepare_certificates(settings)
    if not has_accounts(settings):
        context.exit(add_account(settings))


def prepare_certificates(settings: Settings) -> None:
    """Make a certificate where the defaults expect one; others are the operator's own affair."""
    folder = settings.cert.parent
    expected = (folder / "server.pem", folder / "server.key")
    if (settings.cert, settings.key) == expected and not any(map(os.path.lexists, expected)):
        made = make_certificates(folder)
        say(f"Made {made.certificate}, which {made.ca} vouches for: every client needs the latter.")


def has_accounts(settings: Settings) -> bool:
    """Tell whether anybody could log in."""
    if not settings.data.exists():
        return False

    async def count() -> int:
        async with open_store(settings.data, create=True) as store:
            return len(await Accounts(store).list())

    return run(count) > 0


def add_account(settings: Settings) -> int:
    """Have `securechat-users` add the first account; return its exit status."""
    name, generate = FALLBACK_NAME, True
    if sys.stdin.isatty() and sys.stderr.isatty():
        say("There is no account yet. The first one is an administrator's.")
        name = click.prompt("Its name", default=default_name(), value_proc=usable, err=True)
        generate = click.confirm("Make up a password for it?", default=True, err=True)
    command: list[str | Path] = [Path(sys.executable).with_name("securechat-users")]
    command += ["--data", settings.data, "--password-hash", settings.password_hash]
    command += ["add", name, "--admin"]
    if generate:
        command.append("--generate")
    return subprocess.run(command, check=False).returncode  # noqa: S603 - no shell, our own program


def default_name() -> str:
    """Return the login name where it can name an account."""
    try:
        return usable(getpass.getuser())
    except (click.BadParameter, KeyError, OSError):
        return FALLBACK_NAME


def usable(name: str) -> str:
    """Return the name; raise what makes click ask again when it cannot name an account."""
    try:
        check_name(name)
    except UserError as error:
        raise click.BadParameter(str(error)) from error
    return name


if __name__ == "__main__":
    main()
