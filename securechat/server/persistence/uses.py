"""Uses: when accounts logged in last, and when tokens were in use last.

That is gathered and written by one task, at most once in ``PAUSE_SECONDS``, so no login waits for a
commit, and a storm of logins has a few. A session that logged in by a token uses it until its end:
that is noted at the beginning, every hour, and at the end. If the server dies, some uses of the
last moments are forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
import trio

from securechat.errors import StoreError
from securechat.store.contract import Change, Store
from securechat.store.credentials.accounts import Account, Accounts
from securechat.store.credentials.tokens import Token, Tokens

if TYPE_CHECKING:
    from securechat.server.context import Server
    from securechat.server.sessions.session import Session

PAUSE_SECONDS = 1.0
NOTE_SECONDS = 3600.0

log = structlog.get_logger(__name__)


class Uses:
    """What is to be noted, and the task that does it."""

    def __init__(self, store: Store, accounts: Accounts, tokens: Tokens) -> None:
        self._store = store
        self._accounts = accounts
        self._tokens = tokens
        self._unwritten: dict[tuple[str, str], Change] = {}
        self._wake = trio.Event()

    def logged_in(self, account: Account, token: Token | None) -> None:
        """Note a login, by a token or not. Never waits."""
        self._note(self._accounts.login(account))
        if token is not None:
            self._note(self._tokens.used(token))

    def used(self, session: Session) -> None:
        """Note that a session still uses its token, if it has one. Never waits."""
        if session.token is not None:
            self._note(self._tokens.used(session.token))

    def forget(self, token: Token) -> None:
        """Note no more uses of a token, which was revoked."""
        change = self._tokens.used(token)
        self._unwritten.pop((change.kind, change.key), None)

    def _note(self, change: Change) -> None:
        self._unwritten[change.kind, change.key] = change
        self._wake.set()

    async def run(self) -> None:
        """Write what is noted until cancelled."""
        while True:
            # No deadline: it waits for somebody to log in.
            await self._wake.wait()
            self._wake = trio.Event()
            # A write that has begun is finished at the server's stop; the store has deadlines.
            with trio.CancelScope(shield=True):
                await self.write()
            await trio.sleep(PAUSE_SECONDS)

    async def write(self) -> None:
        """Write what is noted; what cannot be written is not tried again."""
        changes, self._unwritten = self._unwritten, {}
        if not changes:
            return
        try:
            await self._store.put(list(changes.values()))
        except StoreError as error:
            keys = ", ".join(sorted({change.key.split(" ")[0] for change in changes.values()}))
            log.warning("login not noted", account=keys, reason=str(error))


def end_device(server: Server, token_key: str) -> None:
    """End the sessions that logged in by a token, which is there no more; others go on."""
    server.gate.changed()
    user = server.directory.users.get(token_key.split(" ", 1)[0])
    for session in list(user.sessions) if user is not None else ():
        if session.token is not None and session.token.key == token_key:
            server.uses.forget(session.token)
            session.token = None
            session.end("This device's token was revoked: log in again")


async def watch_uses(server: Server) -> None:
    """Note once an hour which tokens are in use, until cancelled."""
    while True:
        await trio.sleep(NOTE_SECONDS)
        for session in server.sessions:
            server.uses.used(session)
