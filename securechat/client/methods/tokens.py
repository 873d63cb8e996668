"""Device tokens: what a client logs in by after its first login, in place of the password.

A server that offers the capability ``securechat.internal/tokens`` makes them for a session that
logged in by the password, and tells each one once::

    C: @label=q1 TOKEN ADD :alice's laptop
    S: @label=q1 :chat.example TOKEN ADD 1f2e3d4c alice-s-laptop :sct_…
    S: @label=q1 FAIL TOKEN TOO_MANY_TOKENS ADD :…

Where a token is kept is the business of :mod:`~securechat.client.kept.tokenstore`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from securechat.client.errors import NotOffered, TokenRefused
from securechat.client.sessions.core import Core
from securechat.client.state.login import TOKEN_PREFIX
from securechat.protocol.message import Message

CAPABILITY = "securechat.internal/tokens"
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

        Raises ``NotOffered`` where the server makes none, ``TokenRefused`` where it refuses, and
        ``NoAnswer`` where it is unknown whether one was made. Keep the secret where nobody else
        reads it.
        """
        core = self._core
        if core.session is not None and CAPABILITY not in core.state.offered:
            raise NotOffered("TOKEN", "device tokens")
        name = "".join(one for one in device if one.isprintable()).strip()[:DEVICE_LENGTH_MAX]
        answer = await core.ask(Message("TOKEN", ("ADD", name or "device")), TokenRefused)
        for message in answer:
            params = message.params
            if params[:1] == ("ADD",) and len(params) > 3 and params[-1].startswith(TOKEN_PREFIX):
                token = DeviceToken(params[1], params[-1])
                core.server = replace(core.server, password=token.secret)
                return token
        raise TokenRefused("TOKEN", "The server's answer holds no device token.", "NO_TOKEN")

    async def revoke_token(self, token_id: str) -> None:
        """Have the server revoke a token, which ends the sessions that logged in by it.

        Raises as ``add_token`` does.
        """
        await self._core.ask(Message("TOKEN", ("REVOKE", token_id)), TokenRefused)
