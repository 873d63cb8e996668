"""Arrivals and departures: sessions of users, and what the others see of them.

A user is here from the first session's beginning to the last one's end. The others see one JOIN for
each room and one QUIT; further sessions come and go unseen. These are not events of the journal:
membership is, and it stays.
"""

from __future__ import annotations

import re

import trio

from securechat.protocol import replies
from securechat.protocol.capabilities import AWAY_NOTIFY
from securechat.protocol.framing import truncate
from securechat.protocol.registration import Registration
from securechat.server import monitors
from securechat.server.context import Server
from securechat.server.fanout.showing import seen, show_join, show_to
from securechat.server.fanout.views import entry_lines
from securechat.server.history.read_state import show_unread
from securechat.server.history.replay import replay
from securechat.server.rooms.room import User
from securechat.server.sessions.rendering import render_join
from securechat.server.sessions.session import Session
from securechat.server.welcome import REALNAME_BYTES_MAX, USERNAME_LENGTH_MAX, welcome
from securechat.store.credentials.accounts import Account

_NOT_IN_USERNAMES = re.compile(r"[^A-Za-z0-9._-]")


def find_or_make_user(server: Server, account: Account, registration: Registration) -> User:
    """Return the account's user, as the first of its sessions described it."""
    user = server.directory.users.get(account.key)
    if user is not None and user.account_id != account.id:
        _displace(server, user)
        user = None
    if user is None:
        # "~" says that nobody has verified the name before "@" (Modern IRC, "Client to Server").
        username = "~" + _NOT_IN_USERNAMES.sub("", registration.username)
        user = User(
            name=account.name,
            key=account.key,
            account_id=account.id,
            account_since_ms=account.created_ms,
            username=(username if len(username) > 1 else f"~{account.key}")[:USERNAME_LENGTH_MAX],
            realname=truncate(registration.realname, REALNAME_BYTES_MAX),
            host=server.settings.server_name,
            account_role=account.role,
            signed_on_ms=server.now_ms(),
            idle_since=trio.current_time(),
            bot=server.bots.has(account.id),
            markers=server.markers.of(account.id),
        )
    return user


async def arrive(server: Server, session: Session) -> None:
    """Admit a session: welcome it, let it into its rooms, show it what it has not seen."""
    user = session.user
    first = not user.sessions
    server.sessions[session] = None
    user.sessions[session] = None
    if first:
        server.directory.users[user.key] = user
        server.users_most = max(server.users_most, len(server.directory.users))
        user.refresh_away()
        rooms = [server.lobby]
        rooms += [
            room
            for room in server.directory.rooms_of(user.key, user.account_id)
            if room is not server.lobby
        ]
        for room in rooms:
            announced = not server.directory.is_quiet(room, coming=1)
            if announced:
                show_join(room, user, seen(server, user, "JOIN", room.name), None)
            room.enter(user, announced=announced)
        monitors.tell(server, user, replies.RPL_MONONLINE(text=user.source))
        server.metadata.introduce(user, user.rooms.values())
    session.send(*welcome(server, session))
    for room in user.rooms.values():
        room.attach(session)
        event = seen(server, user, "JOIN", room.name)
        session.outbox.put(render_join(event, session.shape, user.realname))
        session.send(*entry_lines(session, room))
    if not first:
        announce_away(server, user)
    await replay(server, session)
    await show_unread(server, session)


def depart(server: Server, session: Session, reason: str) -> None:
    """Forget a session, and with the last one say that its user has gone."""
    user = session.user
    server.sessions.pop(session, None)
    for room in user.rooms.values():
        room.detach(session)
    user.sessions.pop(session, None)
    monitors.forget(server, session)
    server.metadata.forget(session)
    if server.directory.users.get(user.key) is not user:
        return
    if user.sessions:
        announce_away(server, user)
    else:
        _leave(server, user, reason)


def _displace(server: Server, user: User) -> None:
    """Have a user gone whose account was removed, for one with the same name is about to come."""
    reason = "Your account was removed"
    for session in user.sessions:
        session.end(reason)
    _leave(server, user, reason)


def _leave(server: Server, user: User, reason: str) -> None:
    del server.directory.users[user.key]
    server.whowas.remember(user, server.now_ms())
    witnesses = server.directory.witnesses_of(user)
    for room in list(user.rooms.values()):
        room.leave(user)
    if not server.draining:
        show_to(witnesses, seen(server, user, "QUIT", "", reason))
        monitors.tell(server, user, replies.RPL_MONOFFLINE(text=user.name))


def announce_away(server: Server, user: User) -> None:
    """Tell who wants to know (away-notify) where a user is away or back by all sessions."""
    if user.refresh_away():
        event = seen(server, user, "AWAY", "", user.away)
        monitors.tell_watchers(server, user, event, AWAY_NOTIFY)
