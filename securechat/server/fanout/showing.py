"""Showing: events become bytes, once per shape, in the outboxes of those they are for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from securechat.protocol.capabilities import AWAY_NOTIFY, ECHO_MESSAGE
from securechat.server.fanout.views import role_line
from securechat.server.persistence.journal import BOT_TAG
from securechat.server.rooms.room import Room, User
from securechat.server.sessions.outbox import BUSY_OUTBOXES
from securechat.server.sessions.rendering import render, render_join
from securechat.server.sessions.session import Session
from securechat.store.contract import Event

if TYPE_CHECKING:
    from securechat.server.context import Server


def seen(server: Server, user: User, kind: str, target: str, text: str = "") -> Event:
    """Return what a user does that is shown and not kept, with the tags that tell of the user."""
    tags = {BOT_TAG: ""} if user.bot else {}
    return Event("", server.now_ms(), kind, user.key, user.source, "", target, text, tags)


def show(room: Room, event: Event, origin: Session | None) -> None:
    """Show an event to everybody present, and to the one who caused it."""
    for shape, sessions in room.by_shape.items():
        data = render(event, shape)
        for session in sessions:
            if session is origin:
                session.receive_own(data)
            else:
                session.outbox.put(data)
    if origin is not None and is_outside(room, origin):
        origin.receive_own(render(event, origin.shape))


def show_join(
    room: Room, user: User, event: Event, origin: Session | None, *, quiet: bool = False
) -> None:
    """Show that a user entered, in what role, and to those who want to know, that it is away.

    ``quiet``: to the user's own sessions alone.
    """
    away = replace(event, msgid="", kind="AWAY", target="", text=user.away) if user.away else None
    member = room.members.get(user.key)
    has_role = member is not None and bool(member.role)
    wide = len(room.present) >= BUSY_OUTBOXES
    for shape, sessions in room.by_shape.items():
        data = render_join(event, shape, user.realname)
        for session in sessions:
            if quiet and session.user is not user:
                continue
            if session is origin:
                session.receive_own(data)
            elif wide and session.user is not user:
                session.outbox.put_later(data)
            else:
                session.outbox.put(data)
            if session.user is user:
                continue
            if has_role:
                session.push(*role_line(session, room, user))
            if away is not None and session.enabled & AWAY_NOTIFY:
                session.outbox.put(render(away, shape))


def show_to(users: Sequence[User], event: Event) -> None:
    """Show an event that is not kept (a QUIT, a presence) to users, once to each session."""
    wide = len(users) >= BUSY_OUTBOXES
    put(event, (session for user in users for session in user.sessions), later=wide)


def put(
    event: Event,
    sessions: Iterable[Session],
    origin: Session | None = None,
    *,
    later: bool = False,
) -> None:
    """Give an event to sessions; to the one that caused it as an answer.

    ``later``: it may wait a moment for something to go with.
    """
    rendered: dict[int, bytes] = {}
    for session in sessions:
        data = rendered.get(session.shape)
        if data is None:
            data = rendered[session.shape] = render(event, session.shape)
        if session is origin:
            session.receive_own(data)
        elif later:
            session.outbox.put_later(data)
        else:
            session.outbox.put(data)


def give(session: Session, line: bytes, origin: Session | None) -> None:
    """Give a message to a session; its own only as the echo that it asked for."""
    if session is not origin:
        session.outbox.put(line)
    elif session.enabled & ECHO_MESSAGE:
        session.receive_own(line)


def is_outside(room: Room, origin: Session) -> bool:
    """Tell whether a session that is still here has caused something in a room it is not in."""
    return room.key not in origin.user.rooms and origin in origin.user.sessions


def named(event: Event, room: Room) -> Event:
    """Return an event with the name that its room has now."""
    if event.target == room.name:
        return event
    return replace(event, target=event.target.partition("#")[0] + room.name)


def answered(origin: Session | None) -> None:
    """Count an event as answered where somebody here waits for it."""
    if origin is not None:
        origin.answered()
