"""What happens to rooms: each committed event changes the directory and is then shown.

Modern IRC Client Protocol, "Channel Operations"; RENAME by the IRCv3 ``channel-rename`` draft, the
lines about invitations by ``invite-notify``. The handlers have checked; here nothing is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from securechat.protocol import replies
from securechat.protocol.capabilities import CHANNEL_RENAME, INVITE_NOTIFY
from securechat.protocol.modes import NEW_CHANNEL, Kind, parse_changes
from securechat.protocol.names import fold
from securechat.server.fanout.showing import answered, is_outside, named, put, show, show_join
from securechat.server.fanout.views import entry_lines
from securechat.server.persistence.journal import Journal
from securechat.server.rooms.directory import Directory
from securechat.server.rooms.keep_limits import Keeping
from securechat.server.rooms.room import Invitation, Member, Room, User
from securechat.server.sessions.rendering import render_join
from securechat.server.sessions.session import Session
from securechat.store.contract import Event

Apply = Callable[[Event], None]


class ChannelEvents:
    """Applies events to rooms. ``table`` has one function for each kind."""

    def __init__(self, directory: Directory, journal: Journal) -> None:
        self._directory = directory
        self._journal = journal
        self.table: Mapping[str, Apply] = {
            "JOIN": self._join,
            **{kind: self._in_room(apply) for kind, apply in _IN_ROOM.items()},
            "PART": self._in_room(self._part),
            "INVITE": self._in_room(self._invite),
            "KICK": self._in_room(self._kick),
            "RENAME": self._in_room(self._rename),
            "DROP": self._in_room(self._drop),
        }

    def _in_room(self, apply: Callable[[Room, Event, Session | None], None]) -> Apply:
        """Return what finds the room of an event, if it is still there, and answers the event."""

        def apply_to_room(event: Event) -> None:
            origin = self._journal.origin(event.msgid)
            room = self._directory.by_id.get(event.conversation)
            if room is not None:
                apply(room, named(event, room), origin)
            answered(origin)

        return apply_to_room

    def _join(self, event: Event) -> None:
        origin = self._journal.origin(event.msgid)
        present = self._directory.users.get(event.account)
        # Who left while the commit took its time is a member all the same, as the record says.
        user = present or (origin.user if origin is not None else None)
        room = self._directory.by_id.get(event.conversation)
        if room is None:
            room = Room(event.target, fold(event.target), event.time_ms, id=event.conversation)
            room.founder = user.account_id if user is not None else ""
            room.modes = NEW_CHANNEL
            self._directory.add(room)
        event = named(event, room)
        if user is not None:
            # The text of a JOIN in the journal is the role that it came with.
            member = Member(user.name, user.account_id, event.time_ms, event.text)
            room.register(user.key, member)
        if present is not None and room.key not in present.rooms:
            quiet = self._directory.is_quiet(room, coming=1)
            room.enter(present, announced=not quiet)
            show_join(room, present, event, origin, quiet=quiet)
            for session in present.sessions:
                lines = entry_lines(session, room)
                if session is origin:
                    session.send(*lines)
                else:
                    session.push(*lines)
        answered(origin)

    def _part(self, room: Room, event: Event, origin: Session | None) -> None:
        user = room.present.get(event.account)
        if user is not None:
            if self._directory.is_leaving_told(room, user):
                show(room, event, origin)
            else:
                put(event, user.sessions, origin)
            _leave(room, user, event)
        room.members.pop(event.account, None)

    def _invite(self, room: Room, event: Event, origin: Session | None) -> None:
        """Tell who is invited and who invited, and by invite-notify the others in the room."""
        name, account_id, opens = event.text.split(" ")
        by = event.source.partition("!")[0]
        room.invited[fold(name)] = Invitation(name, account_id, by, event.time_ms, opens == "1")
        invited = self._directory.users.get(fold(name))
        if origin is not None:
            origin.reply(replies.RPL_INVITING(name, room.name))
        told = dict.fromkeys(invited.sessions if invited is not None else ())
        for session in room.sessions():
            if session.enabled & INVITE_NOTIFY and session is not origin:
                told[session] = None
        put(event, told)

    def _kick(self, room: Room, event: Event, origin: Session | None) -> None:
        key = fold(event.text.partition(" ")[0])
        show(room, event, origin)
        user = self._directory.users.get(key)
        if user is not None:
            _leave(room, user, event)
        room.members.pop(key, None)

    def _rename(self, room: Room, event: Event, origin: Session | None) -> None:
        """Rename a room; to clients that do not know of that it is a PART and a JOIN.

        channel-rename, "Fallback": where only the case changes, these are told nothing.
        """
        name, _, reason = event.text.partition(" :")
        same = fold(name) == room.key
        outside = [origin] if origin is not None and is_outside(room, origin) else []
        self._directory.rename(room, name)
        knowing = [item for item in (*room.sessions(), *outside) if item.enabled & CHANNEL_RENAME]
        put(event, knowing, origin)
        if same:
            return
        room.renamed_ms = event.time_ms
        for user in room.present.values():
            left = Event("", event.time_ms, "PART", user.key, user.source, "", event.target, reason)
            come = replace(left, kind="JOIN", target=name, text="")
            for session in user.sessions:
                if not session.enabled & CHANNEL_RENAME:
                    put(left, [session], origin)
                    joined = render_join(come, session.shape, user.realname).decode().rstrip("\r\n")
                    lines = (joined, *entry_lines(session, room))
                    if session is origin:
                        session.send(*lines)
                    else:
                        session.push(*lines)

    def _drop(self, room: Room, event: Event, origin: Session | None) -> None:
        """Remove a room; each client is told that its own user left, and with that of no others."""
        by = event.source.partition("!")[0]
        text = f"{by} removed this channel" + (f": {event.text}" if event.text else "")
        for user in room.present.values():
            left = Event("", event.time_ms, "PART", user.key, user.source, "", room.name, text)
            put(left, user.sessions, origin)
        self._directory.drop(room)


def _topic(room: Room, event: Event, origin: Session | None) -> None:
    room.topic = event.text
    room.topic_by = event.source.partition("!")[0]
    room.topic_ms = event.time_ms
    show(room, event, origin)


def _mode(room: Room, event: Event, origin: Session | None) -> None:
    by = event.source.partition("!")[0]
    changes, _ = parse_changes(event.text.split(" "))
    for change in changes:
        if change.kind is Kind.ROLE:
            room.change_role(fold(change.param or ""), change.letter, change.adding)
        else:
            room.modes = room.modes.changed(change, by, event.time_ms)
    show(room, event, origin)


def _ban(room: Room, event: Event, origin: Session | None) -> None:
    """Put a mask into the list of bans for a time; shown where it was not there before."""
    mode, until_ms = event.text.rsplit(" ", 1)
    (change,), _ = parse_changes(mode.split(" "))
    known = room.modes.entry(change.letter, change.param or "") is not None
    by = event.source.partition("!")[0]
    room.modes = room.modes.changed(change, by, event.time_ms, until_ms=int(until_ms))
    if not known:
        show(room, event, origin)


def _slow_mode(room: Room, event: Event, origin: Session | None) -> None:
    room.pace.change(int(event.text))
    show(room, event, origin)


def _history(room: Room, event: Event, origin: Session | None) -> None:
    room.history = event.text
    show(room, event, origin)


def _retention(room: Room, event: Event, origin: Session | None) -> None:
    seconds, messages, _ = event.text.split(" ", 2)
    room.keeping = Keeping(int(seconds), int(messages))
    show(room, event, origin)


_IN_ROOM: Mapping[str, Callable[[Room, Event, Session | None], None]] = {
    "TOPIC": _topic,
    "MODE": _mode,
    "BAN": _ban,
    "SLOWMODE": _slow_mode,
    "HISTORY": _history,
    "RETENTION": _retention,
}


def _leave(room: Room, user: User, event: Event) -> None:
    """Let a user out; its sessions have seen what was said here up to this event."""
    for session in user.sessions:
        session.left[room.id] = event.msgid
    room.leave(user)
