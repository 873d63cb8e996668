"""Who wants to know about whom: MONITOR lists, and what the peers of a user are told.

IRCv3 ``monitor`` and ``extended-monitor``. A list belongs to a session and ends with it.
"""

from __future__ import annotations

from securechat.protocol.capabilities import EXTENDED_MONITOR
from securechat.protocol.replies import Reply
from securechat.server.context import Server
from securechat.server.fanout.showing import put
from securechat.server.rooms.room import User
from securechat.server.sessions.session import Session
from securechat.store.contract import Event


def add(server: Server, session: Session, key: str, name: str) -> None:
    """Have a session told about a name; twice is once."""
    if key not in session.monitored:
        session.monitored[key] = name
        server.monitors.setdefault(key, {})[session] = None


def remove(server: Server, session: Session, key: str) -> None:
    """Undo ``add``."""
    if session.monitored.pop(key, None) is not None:
        watchers = server.monitors[key]
        del watchers[session]
        if not watchers:
            del server.monitors[key]


def forget(server: Server, session: Session) -> None:
    """Drop a session's whole list."""
    for key in list(session.monitored):
        remove(server, session, key)


def tell(server: Server, user: User, reply: Reply) -> None:
    """Send a reply to the sessions that monitor a user."""
    for session in server.monitors.get(user.key, ()):
        session.push(reply.line(session.server_name, session.user.name))


def tell_watchers(server: Server, user: User, event: Event, capability: int) -> None:
    """Show what a user did to every session that knows the capability and may know.

    That is whoever shares a room, and whoever monitors the user with ``extended-monitor``. The
    user's own sessions are left out.
    """
    told = {
        session: None
        for peer in server.directory.peers_of(user)
        for session in peer.sessions
        if session.enabled & capability
    }
    wanted = capability | EXTENDED_MONITOR
    for session in server.monitors.get(user.key, ()):
        if session.enabled & wanted == wanted and session.user is not user:
            told[session] = None
    put(event, told)
