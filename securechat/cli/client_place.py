"""Which server and which account ``securechat-client`` is for: an address, a profile, or asked."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, replace
from pathlib import Path

import click

from securechat.addresses import DEFAULT_PORT, canonical_host
from securechat.cli.common import say
from securechat.client.kept.settings import Profile, Settings
from securechat.errors import UserError


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect and, where it was given, as whom."""

    account: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect, as whom, and what is known beside. ``new`` has just been asked for."""

    account: str
    host: str
    port: int
    cafile: Path | None = None
    channels: tuple[str, ...] = ()
    new: bool = False

    def as_profile(self, name: str) -> Profile:
        """Return it as it is remembered."""
        ca = self.cafile.absolute() if self.cafile is not None else None
        host = canonical_host(self.host)
        return Profile(name, host, self.account, self.port, ca, self.channels)


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


def find_place(
    address: Address | None, profile: str, cafile: Path | None, settings: Settings, *, asks: bool
) -> Place:
    """Return what was named; else the default profile; else, where ``asks``, what is answered.

    Raises ``click.UsageError`` where nothing is named and nobody can be asked, and ``ConfigError``
    for a profile that is not there.
    """
    if address is not None:
        if profile:
            raise click.UsageError("--profile and an address exclude each other.")
        return Place(address.account or login_name(), address.host, address.port, cafile)
    known = settings.profile(profile)
    if known is not None:
        place = Place(known.account, known.host, known.port, known.ca, known.channels)
        return replace(place, cafile=cafile) if cafile is not None else place
    if settings.profiles:
        names = ", ".join(settings.profiles)
        raise click.UsageError(f"Say which of your profiles it is: --profile with {names}.")
    if not asks:
        raise click.UsageError(
            "Say where to connect, [ACCOUNT@]HOST[:PORT], or start this once at a terminal to "
            "have a profile remembered."
        )
    return ask_for_place(cafile)


def ask_for_place(cafile: Path | None) -> Place:
    """Ask the person at the terminal for server and account, until both can be."""
    say("No server is remembered yet. Whoever runs yours can tell you its name and your account.")
    while True:
        answer = click.prompt("Server (HOST or HOST:PORT)", err=True)
        try:
            address = parse_address(answer.strip())
            canonical_host(address.host)
            break
        except click.BadParameter as error:
            say(error.message)
        except UserError as error:
            say(str(error))
    account = address.account or click.prompt("Account", default=_login_name_or_none(), err=True)
    return Place(account.strip(), address.host, address.port, cafile, new=True)


def login_name() -> str:
    """Return the name of this system's user. Raises ``click.UsageError`` where there is none."""
    name = _login_name_or_none()
    if name is None:
        raise click.UsageError("Say as whom to connect: ACCOUNT@HOST.")
    return name


def _login_name_or_none() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return None
