"""MODE: what channels and users are set to, and who has which role.

Modern IRC Client Protocol, "MODE message". What may be set, and by whom, is the table in
``protocol/modes.py``. User modes: ``B`` (IRCv3 bot-mode), ``i``, ``w``, and ``o`` that only shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from securechat.errors import StoreError
from securechat.protocol import replies
from securechat.protocol.banmasks import is_mute, normal_mask
from securechat.protocol.framing import LINE_BYTES_MAX
from securechat.protocol.message import Message
from securechat.protocol.modes import (
    BY_LETTER,
    CHANGES_MAX,
    KEY_BYTES_MAX,
    LIMIT_MAX,
    LIST_MAX,
    USER_MODES,
    ChannelModes,
    Kind,
    ModeChange,
    format_changes,
    parse_changes,
)
from securechat.protocol.names import fold, is_channel
from securechat.protocol.replies import Numeric, Reply, fail
from securechat.server.commands.auditing import acted
from securechat.server.commands.base import Command, Refused
from securechat.server.commands.rooms import alone_in, known_room, may_act_on
from securechat.server.context import Server
from securechat.server.fanout.showing import put, seen
from securechat.server.rooms.room import (
    CHANNEL_RECORD,
    MEMBER_RECORD,
    RANKS,
    Member,
    Room,
    member_key,
    role_after,
)
from securechat.server.sessions.session import Session
from securechat.store.contract import Change

log = structlog.get_logger(__name__)

_LISTS: dict[str, tuple[Numeric, Numeric]] = {
    "b": (replies.RPL_BANLIST, replies.RPL_ENDOFBANLIST),
    "e": (replies.RPL_EXCEPTLIST, replies.RPL_ENDOFEXCEPTLIST),
    "I": (replies.RPL_INVEXLIST, replies.RPL_ENDOFINVEXLIST),
}


async def mode(server: Server, session: Session, message: Message) -> None:
    if not is_channel(message.params[0]):
        await _user_mode(server, session, message)
        return
    room = known_room(server, session, message.params[0])
    words = list(message.params[1:])
    if not words or not words[0]:
        _tell(server, session, room)
        return
    wanted, unknown = parse_changes(words)
    session.reply(*(replies.ERR_UNKNOWNMODE(letter) for letter in unknown))
    asked = [change for change in wanted if change.kind is Kind.LIST and change.param is None]
    changes = [change for change in wanted if change not in asked]
    if changes:
        room = await alone_in(server, session, message.params[0], known_room)
        plan = _Plan(session, room, room.modes, server.now_ms())
        for change in changes:
            plan.take(change)
        session.reply(*plan.refusals)
        _post(server, session, room, plan)
        await session.settled()
    for letter in dict.fromkeys(change.letter for change in asked):
        room = known_room(server, session, message.params[0])
        _tell_list(server, session, room, letter)


@dataclass(slots=True)
class _Plan:
    """The changes of one MODE, as far as they are allowed and change anything."""

    session: Session
    room: Room
    modes: ChannelModes
    now_ms: int
    done: list[ModeChange] = field(default_factory=list)
    roles: dict[str, str] = field(default_factory=dict)
    refusals: list[Reply] = field(default_factory=list)
    with_param: int = 0

    def take(self, change: ModeChange) -> None:
        """Add one change to what is done, or what refuses it to the refusals, each once."""
        try:
            self._take(change)
        except Refused as refused:
            self.refusals += [item for item in refused.replies if item not in self.refusals]

    def _take(self, change: ModeChange) -> None:
        needed = RANKS[BY_LETTER[change.letter].role]
        if self.room.rank(self.session.user) < needed and not self._gives_up(change):
            raise Refused(replies.ERR_CHANOPRIVSNEEDED(self.room.name))
        if change.param is not None:
            self.with_param += 1
            if self.with_param > CHANGES_MAX:
                text = f"One MODE makes at most {CHANGES_MAX} changes with a parameter"
                raise Refused(fail("MODE", "TOO_MANY_MODES", self.room.name, text=text))
        done = self._role(change) if change.kind is Kind.ROLE else self._setting(change)
        if done is not None:
            self.done.append(done)

    def _gives_up(self, change: ModeChange) -> bool:
        """Tell whether somebody takes an own role away, as everybody may."""
        key = self.session.user.key
        member = self.room.members.get(key)
        return (
            change.kind is Kind.ROLE
            and not change.adding
            and fold(change.param or "") == key
            and member is not None
            and change.letter in member.role
        )

    def _setting(self, change: ModeChange) -> ModeChange | None:
        """Return a change of a setting as it is shown; ``None`` where it changes nothing."""
        match change.kind:
            case Kind.KEY:
                change = self._key(change)
                same = change.param == self.modes.key if change.adding else not self.modes.key
            case Kind.LIMIT:
                change = self._limit(change)
                same = int(change.param or 0) == self.modes.limit
            case Kind.LIST:
                change = self._mask(change)
                entry = self.modes.entry(change.letter, change.param or "")
                # An entry that holds for a time only can be made one that stays.
                stays = entry is not None and not (change.adding and entry.until_ms)
                same = stays == change.adding
                if entry is not None and not change.adding:
                    change = replace(change, param=entry.mask)
                if entry is None and change.adding:
                    self._require_place(change)
            case _:
                same = (change.letter in self.modes.flags) == change.adding
        if same:
            return None
        self.modes = self.modes.changed(change, self.session.user.name, self.now_ms)
        return change

    def _key(self, change: ModeChange) -> ModeChange:
        """Type B: a parameter is always shown; what was given to remove a key does not matter."""
        if not change.adding:
            return replace(change, param="*")
        key = change.param or ""
        fit = key.isascii() and key.isprintable() and len(key) <= KEY_BYTES_MAX
        if not key or not fit or not {" ", ","}.isdisjoint(key) or key.startswith(":"):
            text = f"A key has 1 to {KEY_BYTES_MAX} characters of ASCII without space and comma"
            raise Refused(self._invalid(change, text))
        return change

    def _limit(self, change: ModeChange) -> ModeChange:
        if not change.adding:
            return change
        text = change.param or ""
        if not (text.isascii() and text.isdecimal() and 0 < int(text[:12]) <= LIMIT_MAX):
            raise Refused(self._invalid(change, f"A limit is a number from 1 to {LIMIT_MAX}"))
        return replace(change, param=str(int(text[:12])))

    def _mask(self, change: ModeChange) -> ModeChange:
        try:
            mask = normal_mask(change.param or "")
        except ValueError as error:
            raise Refused(self._invalid(change, str(error))) from None
        if change.letter == "I" and is_mute(mask):
            raise Refused(self._invalid(change, "An invitation has nothing to do with muting"))
        return replace(change, param=mask)

    def _require_place(self, change: ModeChange) -> None:
        if len(self.modes.listed(change.letter)) >= LIST_MAX:
            raise Refused(replies.ERR_BANLISTFULL(self.room.name, change.letter))

    def _role(self, change: ModeChange) -> ModeChange | None:
        """Return a change of a member's role, who need not be here."""
        name = change.param or ""
        key = fold(name)
        if not name:
            raise Refused(self._invalid(change, "Say whose role it is: give a nickname"))
        member = self.room.members.get(key)
        if member is None:
            raise Refused(replies.ERR_USERNOTINCHANNEL(name, self.room.name))
        role = self.roles.get(key, member.role)
        if not change.adding and not may_act_on(self.session, self.room, key):
            text = "Only an administrator may do that to the founder of a channel"
            raise Refused(replies.ERR_CHANOPRIVSNEEDED(self.room.name, text=text))
        if (change.letter in role) == change.adding:
            return None
        self.roles[key] = role_after(role, change.letter, change.adding)
        return replace(change, param=member.name)

    def _invalid(self, change: ModeChange, text: str) -> Reply:
        return replies.ERR_INVALIDMODEPARAM(
            self.room.name, change.letter, change.param or "*", text=text
        )


def _post(server: Server, session: Session, room: Room, plan: _Plan) -> None:
    """Post what a plan changes; the first event carries the records, the others only show."""
    space = LINE_BYTES_MAX - 2 - len(f":{session.user.source} MODE {room.name} ".encode())
    changes: list[Change] = []
    for key, role in plan.roles.items():
        now = room.members[key]
        member = Member(now.name, now.account_id, now.since_ms, role)
        changes.append(Change(MEMBER_RECORD, member_key(room.id, key), member.to_value()))
    if plan.done:
        whole = " ".join(format_changes(plan.done, LINE_BYTES_MAX))
        changes.append(acted(server, session, "mode", channel=room.name, detail=whole))

    def with_settings(time_ms: int) -> list[Change]:
        modes = room.modes
        for change in plan.done:
            if change.kind is not Kind.ROLE:
                modes = modes.changed(change, session.user.name, time_ms)
        value = room.to_value() | {"modes": modes.to_value()}
        return [Change(CHANNEL_RECORD, room.id, value), *changes]

    first: list[Change] | Callable[[int], list[Change]] = changes
    if plan.modes is not room.modes:
        first = with_settings
    for text in format_changes(plan.done, space):
        server.journal.post(
            session,
            "MODE",
            conversation=room.id,
            target=room.name,
            text=text,
            changes=first,
            claims={room.id: True},
        )
        first = []


def _tell(server: Server, session: Session, room: Room) -> None:
    """Tell the modes; the key only to who is in the channel."""
    key_shown = session.user.admin or server.is_member(session, room)
    session.reply(
        replies.RPL_CHANNELMODEIS(room.name, *room.modes.words(key_shown=key_shown)),
        replies.RPL_CREATIONTIME(room.name, str(room.created_ms // 1000)),
    )


def _tell_list(server: Server, session: Session, room: Room, letter: str) -> None:
    """Tell a list: bans to who is in the channel, exceptions to who may change them."""
    if not session.user.moderates and not server.is_member(session, room):
        session.reply(replies.ERR_NOTONCHANNEL(room.name))
        return
    if letter != "b" and room.rank(session.user) < RANKS[BY_LETTER[letter].role]:
        session.reply(replies.ERR_CHANOPRIVSNEEDED(room.name))
        return
    item_numeric, end_numeric = _LISTS[letter]
    session.reply(
        *(
            item_numeric(room.name, item.mask, item.by, str(item.time_ms // 1000))
            for item in room.modes.listed(letter)
        ),
        end_numeric(room.name),
    )


async def _user_mode(server: Server, session: Session, message: Message) -> None:
    """Show or set one's own modes; ``o`` comes from the account and cannot be set here.

    Whether one is a bot is kept for the next login.
    """
    target, user = message.params[0], session.user
    if fold(target) != user.key:
        missing = server.directory.user(target) is None
        refusal = replies.ERR_NOSUCHNICK(target) if missing else replies.ERR_USERSDONTMATCH()
        raise Refused(refusal)
    if len(message.params) < 2 or not message.params[1]:
        shown = [letter for letter, name in USER_MODES.items() if getattr(user, name)]
        session.reply(replies.RPL_UMODEIS("+" + "".join(sorted(shown + ["o"] * user.admin))))
        return
    adding, unknown = True, False
    done: list[ModeChange] = []
    for letter in message.params[1]:
        name = USER_MODES.get(letter)
        if letter in "+-":
            adding = letter == "+"
        elif name is not None:
            if getattr(user, name) != adding:
                setattr(user, name, adding)
                done.append(ModeChange(adding, letter))
        elif letter != "o":
            unknown = True
    if any(change.letter == "B" for change in done):
        try:
            await server.bots.note(user, user.bot)
        except StoreError as error:
            log.warning("bot not noted", account=user.key, reason=str(error))
            text = "It holds now, but could not be stored for your next login"
            session.reply(fail("MODE", "NOT_STORED", user.name, "B", text=text))
    for text in format_changes(done, LINE_BYTES_MAX):
        put(seen(server, user, "MODE", user.name, text), user.sessions, session)
    if unknown:
        session.reply(replies.ERR_UMODEUNKNOWNFLAG())


COMMANDS = (
    Command(
        "MODE",
        mode,
        params_min=1,
        usage="<channel or nick> [<changes> {<parameter>}]",
        help="Show or change what a channel or you yourself are set to. For channels: "
        + " ".join(f"{row.letter}: {row.meaning}" for row in BY_LETTER.values()),
    ),
)
