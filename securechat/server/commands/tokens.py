"""TOKEN: what a person's devices log in by in place of the password.

The command is SecureChat's own, announced as ``securechat.internal/tokens``. A session that logged
in by a token makes no further ones: whoever steals one has it until it is revoked, and no longer.
It may revoke any, for who has lost one device does that from another.
"""

from __future__ import annotations

import trio

from securechat.errors import StoreError
from securechat.protocol import replies
from securechat.protocol.message import Message
from securechat.protocol.replies import fail
from securechat.server.commands.auditing import not_stored
from securechat.server.commands.base import Command, Refused, send_at_length
from securechat.server.context import Server
from securechat.server.persistence.uses import end_device
from securechat.server.sessions.rendering import server_time
from securechat.server.sessions.session import Session
from securechat.store.credentials.tokens import AccountChanged, BadTokenName, TooManyTokens


async def token(server: Server, session: Session, message: Message) -> None:
    subcommand = message.params[0].upper()
    params = message.params[1:]
    try:
        if subcommand == "LIST":
            await _list(server, session)
        elif subcommand in {"ADD", "REVOKE"}:
            if not params:
                raise Refused(replies.ERR_NEEDMOREPARAMS("TOKEN"))
            work = _add if subcommand == "ADD" else _revoke
            await work(server, session, params[0])
        else:
            text = "There are ADD, LIST and REVOKE"
            raise Refused(fail("TOKEN", "SUBCOMMAND_INVALID", subcommand or "*", text=text))
    except StoreError as error:
        raise not_stored("TOKEN", error) from error


async def _add(server: Server, session: Session, name: str) -> None:
    if session.token is not None:
        text = "This session logged in by a token: log in by the password to get another one"
        raise Refused(fail("TOKEN", "NEED_PASSWORD", "ADD", text=text))
    try:
        made, secret = await server.tokens.add(
            session.user.key,
            name,
            by=session.user.name,
            credential=session.credential,
            limit=server.settings.tokens_per_account_max,
        )
    except BadTokenName as error:
        raise Refused(fail("TOKEN", "INVALID_NAME", "ADD", text=str(error))) from error
    except TooManyTokens as error:
        raise Refused(fail("TOKEN", "TOO_MANY_TOKENS", "ADD", text=str(error))) from error
    except AccountChanged as error:
        raise Refused(fail("TOKEN", "NEED_PASSWORD", "ADD", text=str(error))) from error
    session.send(f":{session.server_name} TOKEN ADD {made.id} {made.device} :{secret}")


async def _list(server: Server, session: Session) -> None:
    user = session.user
    start = f":{session.server_name} TOKEN"
    lines = [
        f"{start} LIST {one.id} {server_time(one.created_ms)} "
        f"{server_time(one.used_ms) if one.used_ms else '*'} :{one.name}"
        for one in await server.tokens.of(user.key, user.account_id)
    ]
    await send_at_length(session, [*lines, f"{start} END :End of tokens"])


async def _revoke(server: Server, session: Session, token_id: str) -> None:
    user = session.user
    # The session itself may end by this, which the watcher may see first: it is to be answered.
    # The store has its own deadlines.
    with trio.CancelScope(shield=True):
        gone = await server.tokens.revoke(
            user.key,
            user.account_id,
            "" if token_id == "*" else token_id,  # noqa: S105 - a word of the command
            by=user.name,
            account=user.name,
        )
        if not gone and token_id != "*":  # noqa: S105 - a word of the command
            text = "You have no token with this id: TOKEN LIST shows them"
            raise Refused(fail("TOKEN", "NO_SUCH_TOKEN", "REVOKE", token_id or "*", text=text))
        session.send(f":{session.server_name} TOKEN REVOKE {token_id}")
    for one in gone:
        end_device(server, one.key)


COMMANDS = (
    Command(
        "TOKEN",
        token,
        params_min=1,
        query=True,
        usage="ADD <device name> | LIST | REVOKE <id or *>",
        help="Make a token that one of your devices logs in by in place of the password, which is "
        "shown only once; list your tokens, with when they were last used; revoke one, or all of "
        "them, which ends the sessions of these devices.",
    ),
)
