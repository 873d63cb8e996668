"""Device tokens: what a client logs in by after its first login, in place of the password.

A server that offers the capability ``securechat.internal/tokens`` makes them for a session that
logged in by the password, and tells each one once::

    C: @label=token TOKEN ADD :alice's laptop
    S: @label=token :chat.example TOKEN ADD 1f2e3d4c alice-s-laptop :sct_…
    S: @label=token FAIL TOKEN TOO_MANY_TOKENS ADD :…

Where a token is kept is the business of :mod:`~securechat.client.tokenstore`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import trio

from securechat.client.core import Core
from securechat.client.errors import TokenRefused
from securechat.client.login import TOKEN_PREFIX
from securechat.errors import ConnectionLost
from securechat.protocol.message import Message

CAPABILITY = "securechat.internal/tokens"
ANSWER_SECONDS_MAX = 30
DEVICE_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True)
class DeviceToken:
    """A token, and the id by which the server lists and revokes it."""

    id: str
    secret: str = field(repr=False)


class Tokens:
    """What a client can do about the tokens of its account."""

    _core: Core

    async def add_token(self, device: str) -> DeviceToken:
        """Have the server make a token, named after this device; reconnects go by it from now on.

        Raises ``TokenRefused`` where the server refuses or makes none, and ``ConnectionLost``
        where there is no connection, or no answer in ``ANSWER_SECONDS_MAX``.
        """
        core = self._core
        if CAPABILITY not in core.state.offered:
            raise TokenRefused("This server makes no device tokens.")
        name = "".join(one for one in device if one.isprintable()).strip()[:DEVICE_LENGTH_MAX]
        answer = await self._ask_token("ADD", name or "device")
        if len(answer) < 4 or not answer[-1].startswith(TOKEN_PREFIX):
            raise TokenRefused("The server's answer holds no device token.")
        token = DeviceToken(answer[1], answer[-1])
        core.server = replace(core.server, password=token.secret)
        return token

    async def revoke_token(self, token_id: str) -> None:
        """Have the server revoke a token, which ends the sessions that logged in by it.

        Raises as ``add_token`` does.
        """
        await self._ask_token("REVOKE", token_id)

    async def _ask_token(self, subcommand: str, param: str) -> tuple[str, ...]:
        """Return the parameters of the answer; one request at a time."""
        core = self._core
        session, answers = core.session, core.state.token_answers
        if session is None or session.ended:
            raise ConnectionLost("Not connected: try again when the connection is back")
        answers.clear()
        labels = "labeled-response" in core.state.capabilities
        tags = {"label": "token"} if labels else {}
        session.post(Message("TOKEN", (subcommand, param), tags=tags))
        with trio.move_on_after(ANSWER_SECONDS_MAX):
            while not answers and core.session is session:
                await core.changed.park()
        if not answers:
            raise ConnectionLost(f"TOKEN {subcommand} was not answered")
        answer = answers.pop()
        if answer[0] == "FAIL":
            raise TokenRefused(f"{answer[2].rstrip('.')}.", answer[1])
        return answer
