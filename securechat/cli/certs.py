"""``securechat-certs``: make the certificates that a server needs, or renew them."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from securechat import __version__
from securechat.addresses import canonical_host
from securechat.certificates import Made, colon_form, make_certificates
from securechat.certificates.issuing import SERVER_DAYS, SERVER_DAYS_MAX
from securechat.cli.common import Program, say
from securechat.errors import UserError

DEFAULT_FOLDER = Path("certs")


def _check_hosts(
    _context: click.Context, _parameter: click.Parameter, hosts: tuple[str, ...]
) -> tuple[str, ...]:
    try:
        return tuple(map(canonical_host, hosts))
    except UserError as error:
        raise click.BadParameter(str(error)) from None


@click.command(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="The folder to write to; made when missing.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME_OR_IP",
    callback=_check_hosts,
    help="A name or address that clients connect to; may be repeated. Those given are all that is "
    "covered.  [default: localhost, this machine's names and its LAN addresses]",
)
@click.option(
    "--days",
    type=click.IntRange(1, SERVER_DAYS_MAX),
    metavar="NUMBER",
    default=SERVER_DAYS,
    show_default=True,
    help="How long the server certificate is valid.",
)
@click.option(
    "--force", is_flag=True, help="Renew the server certificate and its key, and keep the CA."
)
@click.option(
    "--keep-key",
    is_flag=True,
    help="Renew the certificate and keep its key: clients that said yes to it do not notice.",
)
@click.option(
    "--new-ca",
    is_flag=True,
    help="Replace the CA too: every client needs the new ca.pem afterwards.",
)
@click.version_option(__version__, prog_name="securechat-certs")
def main(
    out: Path, hosts: tuple[str, ...], days: int, force: bool, keep_key: bool, new_ca: bool
) -> None:
    """Make a private CA and a server certificate that it signs.

    The CA is made once and kept; its ca.pem is what clients trust. The server certificate is
    renewed with --force, or with --keep-key.
    """
    made = make_certificates(out, hosts, days, force=force, keep_key=keep_key, new_ca=new_ca)
    click.echo(_report(made, out))
    for warning in made.warnings:
        say(f"Warning: {warning}")


def _report(made: Made, out: Path) -> str:
    """Return what a person wants to know, and the lines to type next."""
    ca, server = "Made" if made.made_ca else "Kept", "Renewed" if made.renewed else "Made"
    lines = [
        f"{ca} the CA {made.ca} and its key {made.ca_key}.",
        f"{server} the server certificate {made.certificate} and its key {made.key}.",
        "",
        f"  Covers         {', '.join(made.hosts)}",
        f"  Valid until    {made.not_after:%Y-%m-%d %H:%M} UTC",
        f"  For WeeChat    {made.fingerprint}",
        f"  For irssi      {colon_form(made.fingerprint)}",
        "",
    ]
    if made.replaced_ca:
        lines += [
            "*** THE CA IS ANOTHER ONE NOW ***",
            f"Every client must get the new {made.ca}: with the old one it refuses this server.",
        ]
    else:
        lines.append(
            f"Everybody who connects needs {made.ca}, or the fingerprint for WeeChat or irssi."
        )
    lines.append("Nobody else may ever see the two .key files.")
    if made.renewed:
        lines.append(
            "Send a running server SIGHUP (kill -HUP) to have it taken up; clients told a "
            "fingerprint need this one."
        )
    if made.dropped:
        lines.append(f"No longer covered: {', '.join(made.dropped)} (--host says what to cover).")
    start = ["securechat-server"]
    if out != DEFAULT_FOLDER:
        start += ["--cert", str(made.certificate), "--key", str(made.key)]
    lines += ["", "Next:", "  securechat-users add NAME", f"  {shlex.join(start)}"]
    return "\n".join(lines)
