"""How ``securechat-client`` gets in: whom to trust, what to log in by, and what is remembered.

In this order, each only if the one before was settled: trust (and the question, where there is
somebody to ask), then the device token or the password, then the login, then a token for the next
time, then the profile. A question blocks the whole program on purpose: nothing else runs then, with
the one exception that its comment tells.
"""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import trio

from securechat.cli.client_place import Place
from securechat.cli.common import say
from securechat.client.connection import Client, connect
from securechat.client.errors import ConnectFailed, LoginRefused, NoAnswer, Refused
from securechat.client.kept.settings import Settings
from securechat.client.kept.settings_file import remember_profile, suggest_name
from securechat.client.kept.tokenstore import TokenStore, login_name
from securechat.client.lineclient.stdio import read_first_line
from securechat.client.lines import visible
from securechat.client.methods.tokens import CAPABILITY
from securechat.client.trust import KnownServers, Trust, choose
from securechat.client.trust.probing import YES, agreed, appraise, question, remembered
from securechat.errors import UserError

TRIES_MAX = 3  # of a password; a server cuts the guessing short, too
NOTHING = "-"  # as an answer: do not remember a profile


@dataclass(frozen=True, slots=True)
class Passwords:
    """Where a script has its password; without either it is a token, or a person's to type."""

    from_stdin: bool = False
    file: Path | None = None

    @property
    def given(self) -> bool:
        """Whether a script gives one."""
        return self.from_stdin or self.file is not None

    def read(self) -> str:
        """Return it. Raises ``UserError`` where there is none."""
        if self.file is None:
            return read_first_line()
        if self.file.stat().st_mode & 0o077:
            say(
                f"Warning: others on this machine can read {self.file}; "
                f"chmod 600 {self.file} mends that."
            )
        with self.file.open(encoding="utf-8") as lines:
            password = lines.readline().rstrip("\r\n")
        if not password:
            raise UserError(f"There is no password in {self.file}: it must be the first line.")
        return password


@dataclass(slots=True)
class Entry:
    """One way in. ``asks`` tells that somebody is at a terminal to answer questions.

    ``remember`` names the profile to make of it, ``tokens`` whether device tokens are used.
    """

    place: Place
    settings: Settings
    passwords: Passwords
    asks: bool
    tokens: bool
    remember: str = ""
    store: TokenStore = field(default_factory=TokenStore)
    known: KnownServers = field(default_factory=KnownServers)

    async def run(
        self, work: Callable[[Client], Awaitable[bool]], *, at_once: bool = False, **how: Any
    ) -> bool:
        """Connect, log in, do the work and return what it returns; ``how`` is for ``connect``.

        ``at_once`` has the work begin before the first login, where nothing is to be asked.
        Raises what ``connect`` and the work raise, and ``UserError`` for a "no" to the question.
        """
        trust = await self._trust(patient=at_once)
        token = await self._token()
        secret = token if token is not None else self._password()
        place, tries, inside = self.place, 1, False
        while True:
            typed = token is None and not self.passwords.given
            asking = token is None or self.place.new or self.remember not in ("", NOTHING)
            try:
                async with connect(
                    place.host,
                    place.port,
                    account=place.account,
                    password=secret,
                    trust=trust,
                    wait=asking or not at_once,
                    **how,
                ) as client:
                    inside = True
                    made = await self._settle(client, typed=typed)
                    if made is None:
                        return await work(client)
                # Revoking a token ends the sessions that logged in by it: this is to be one.
                token = secret = made
                continue
            except LoginRefused as error:
                if error.code != "904" or self.passwords.given:
                    raise
                if token is not None:
                    await self.store.forget(self._login)
                elif inside or tries == TRIES_MAX:
                    raise
                else:
                    tries += 1
                if not has_terminal():
                    raise
                say(visible(str(error)))
            token, secret = None, self._password()

    @property
    def _login(self) -> str:
        return login_name(self.place.account, self.place.host, self.place.port)

    # --- trust ---------------------------------------------------------------------------------

    async def _trust(self, *, patient: bool) -> Trust:
        """Return whom to trust, after asking where that is a question.

        Of a server that cannot be reached nothing is asked. ``patient``: who has a token has been
        there before, and waits for it; whatever answers then is verified, and not asked about.
        """
        place = self.place
        trust = choose(place.host, place.port, place.cafile, known=self.known)
        if not self.asks:
            return trust
        try:
            seen = await appraise(place.host, place.port, trust)
        except ConnectFailed:
            if not patient or await self._token() is None:
                raise
            return trust
        if seen is None:
            return trust
        now = datetime.now(UTC)
        text = question(seen, now, self.known.complaints())
        say("\n".join(visible(line) for line in text.split("\n")))
        if not agreed(click.prompt(f"Is it the same? ({YES}/no)", err=True)):
            raise UserError(
                "Not connected: nothing was sent to the server and nothing is remembered. Ask the "
                "person who runs it for its SHA-256, or for ca.pem to give with --ca."
            )
        server = remembered(seen, now.astimezone().date())
        self.known.remember(server)
        say(f"Remembered in {self.known.path}.")
        return Trust.by_keys(server)

    # --- what to log in by ---------------------------------------------------------------------

    async def _token(self) -> str | None:
        if self.passwords.given or not self.tokens:
            return None
        kept = await self.store.get(self._login)
        return kept.secret if kept is not None else None

    def _password(self) -> str:
        if self.passwords.given:
            return self.passwords.read()
        if not has_terminal():
            raise click.UsageError(
                "There is no terminal to ask for the password on: use --password-file or "
                "--password-stdin, or log in once at a terminal, which keeps a device token."
            )
        return getpass.getpass(f"Password of {self.place.account} at {self.place.host}: ")

    # --- after the login -----------------------------------------------------------------------

    async def _settle(self, client: Client, *, typed: bool) -> str | None:
        """Ask for a token where a person typed the password, and remember the profile.

        Returns the token, if one was made and is kept.
        """
        made = None
        if typed and self.tokens and CAPABILITY in client.offered:
            made = await self._keep_token(client)
        name = self.remember
        if self.place.new and not name:
            # In a thread: the connection is to live on while somebody thinks.
            ask = partial(self._ask_for_name)
            name = await trio.to_thread.run_sync(ask, abandon_on_cancel=True)
        if name and name != NOTHING:
            remember_profile(self.place.as_profile(name), path=self.settings.path)
            say(f"Remembered as the profile {name}: next time, type securechat-client")
        self.remember = NOTHING
        return made

    async def _keep_token(self, client: Client) -> str | None:
        try:
            token = await client.add_token(socket.gethostname())
            where = await self.store.put(self._login, token)
        except (Refused, NoAnswer, UserError) as error:
            why = visible(str(error)).rstrip(".")
            say(f"No device token is kept, the password is asked for again: {why}.")
            return None
        say(f"A device token is kept {where}. The password is not, and not asked for next time.")
        return token.secret

    def _ask_for_name(self) -> str:
        return str(
            click.prompt(
                f"Name for this profile ({NOTHING} for none)",
                default=suggest_name(self.settings, self.place.host),
                err=True,
            )
        ).strip()


def has_terminal() -> bool:
    """Tell whether there is a terminal to ask for a password on."""
    if sys.stdin.isatty():
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
