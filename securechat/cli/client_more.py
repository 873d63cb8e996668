"""The commands of ``securechat-client`` that are no chat: ``trust`` and ``logout``."""

from __future__ import annotations

import click

from securechat.addresses import canonical_host, with_port
from securechat.cli.client_place import Place, find_place, parse_address
from securechat.cli.common import Program, ProgramGroup, print_table, run, say
from securechat.client.connection import connect
from securechat.client.errors import ConnectFailed, LoginRefused, NoAnswer, Refused, TrustError
from securechat.client.kept.settings import load_settings
from securechat.client.kept.tokenstore import TokenStore, login_name
from securechat.client.lines import visible
from securechat.client.methods.tokens import DeviceToken
from securechat.client.trust import KnownServers, choose
from securechat.errors import ConnectionLost, UserError

_HELP = {"help_option_names": ["-h", "--help"]}


@click.group(cls=ProgramGroup, context_settings=_HELP)
def trust() -> None:
    """List or forget the servers that somebody here said yes to."""


@trust.command("list")
def list_command() -> None:
    """List the remembered servers, and since when."""
    known = KnownServers()
    for complaint in known.complaints():
        say(visible(complaint))
    servers = known.all()
    if not servers:
        say(f"No server is remembered in {known.path}.")
        return
    rows = [(with_port(one.host, one.port), one.since.isoformat(), one.pin) for one in servers]
    print_table(("Server", "Since", "SHA-256 of its public key"), rows)


@trust.command("forget")
@click.argument("server", metavar="HOST[:PORT]")
def forget_command(server: str) -> None:
    """Forget a server, on all ports unless one is given: it is asked about again."""
    address = parse_address(server)
    try:
        host = canonical_host(address.host)
    except UserError:
        host = address.host  # a damaged line may begin with anything
    port = address.port if server.rpartition("]")[2].count(":") else None
    known = KnownServers()
    if not known.forget(host, port):
        raise UserError(
            f"No server {server} is remembered: securechat-client trust list shows those that are."
        )
    say(f"Forgot {server}. The next connection asks again.")


@click.command(cls=Program, context_settings=_HELP)
@click.argument("profile", required=False, default="", metavar="[PROFILE]")
def logout(profile: str) -> None:
    """Forget the device token of a profile, and have the server revoke it.

    PROFILE is a profile's name or ACCOUNT@HOST[:PORT]; the default profile unless given.
    """
    settings = load_settings()
    address = parse_address(profile) if "@" in profile else None
    place = find_place(address, "" if address else profile, None, settings, asks=False)
    reason = run(lambda: _log_out(place))
    who = f"{place.account} at {with_port(place.host, place.port)}"
    if reason:
        raise UserError(
            f"The device token of {who} is forgotten here, but not revoked. {reason} Whoever has "
            "a copy can still log in: TOKEN REVOKE from another client, or securechat-users token "
            "revoke on the server, ends that."
        )
    say(f"The device token of {who} is forgotten and revoked. The password is asked for next time.")


async def _log_out(place: Place) -> str:
    """Forget and revoke; return why it could not be revoked, or nothing."""
    store, login = TokenStore(), login_name(place.account, place.host, place.port)
    token = await store.get(login)
    if token is None:
        raise UserError(
            f"No device token of {login} is kept on this machine, so there is nothing to forget: "
            "securechat-users token list on the server shows those of other devices."
        )
    await store.forget(login)
    try:
        await _revoke(place, token)
    except LoginRefused as error:
        return (
            "" if error.code == "904" else visible(str(error))
        )  # 904: it is worth nothing any more
    except (ConnectFailed, TrustError, Refused, NoAnswer) as error:
        return f"{visible(str(error)).rstrip('.')}."
    except ConnectionLost as error:
        return f"{visible(str(error))}."
    return ""


async def _revoke(place: Place, token: DeviceToken) -> None:
    async with connect(
        place.host,
        place.port,
        account=place.account,
        password=token.secret,
        trust=choose(place.host, place.port, place.cafile),
        reconnect=False,
    ) as client:
        await client.revoke_token(token.id)


COMMANDS = {"trust": trust, "logout": logout}
