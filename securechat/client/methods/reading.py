"""What was said, asked for: history, search, conversations, and what is unread."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from securechat.client.errors import HistoryUnavailable, NotOffered, SearchFailed
from securechat.client.events import Said, UnreadCounted
from securechat.client.sessions.core import Core
from securechat.client.sessions.jobs import HistoryJob, PageJob
from securechat.client.state.profiles import read_unread
from securechat.client.state.state import SEARCH
from securechat.client.state.timeline import wire_time
from securechat.protocol.message import Message, format_tags
from securechat.protocol.names import fold

_FUTURE, _PAST = "timestamp=2999-12-31T23:59:59.999Z", "timestamp=1970-01-01T00:00:00.000Z"

Place = str | datetime
"""Where in a conversation: a msgid, or a moment with its time zone."""


@dataclass(frozen=True, slots=True)
class ConversationInfo:
    """A conversation of this account: a ``channel`` or a person, and when it last had a message.

    ``latest`` is ``None`` where nothing was said.
    """

    name: str
    channel: bool
    latest: datetime | None = None


class Reading:
    """The methods of a client that read what was said."""

    _core: Core

    async def history(
        self,
        target: str,
        *,
        limit: int = 50,
        before: Place = "",
        after: Place = "",
        around: Place = "",
    ) -> tuple[Said, ...]:
        """Return messages of a conversation, oldest first: the last ones unless told otherwise.

        ``before``, ``after`` and ``around`` are each a msgid or a moment, and at most one of them
        is given: the last messages before it, the first ones after it, or those on both sides of
        it with itself. Up to ``limit``; fewer only where there are no more. They tell what became
        of them (``Said``), and are not told as events. Raises ``HistoryUnavailable``.
        """
        if sum(map(bool, (before, after, around))) > 1:
            raise ValueError("give one of before, after and around")
        if limit < 1:
            raise ValueError("a limit is 1 at least")
        which, place = "BEFORE", _place(before)
        if after:
            which, place = "AFTER", _place(after)
        elif around:
            which, place = "AROUND", _place(around)
        elif not before:
            which, place = "LATEST", "*"
        core = self._core
        if core.session is None or not core.state.history_limit:
            raise HistoryUnavailable("There is no history without a connection that offers it.")
        job = PageJob(target, which, place, limit)
        core.fetch(job)
        await job.done.wait()  # ends with the session at the latest
        if job.error is not None:
            raise job.error
        return job.messages

    async def search(
        self,
        text: str = "",
        *,
        conversation: str = "",
        sender: str = "",
        after: datetime | None = None,
        before: datetime | None = None,
        limit: int = 50,
    ) -> tuple[Said, ...]:
        """Search what was said, on the server; return what was found, oldest first.

        What all of it must have in common: the words of ``text`` (those within double quotes next
        to each other, one that ends with ``*`` is the beginning of a word), the ``conversation``,
        a channel or a person, and the ``sender``. ``after`` and ``before`` are moments with their
        time zone. Of more than ``limit`` hits the newest are returned, with ``after`` the oldest.

        They are not told as events. Raises ``SearchFailed``.
        """
        core = self._core
        if core.session is None or not core.state.can_search:
            raise SearchFailed("There is no search without a connection that offers it.")
        wanted = {
            "in": conversation,
            "from": sender,
            "after": wire_time(after) if after else "",
            "before": wire_time(before) if before else "",
            "limit": str(limit),
            "text": text,
        }
        request = Message("SEARCH", (format_tags({k: v for k, v in wanted.items() if v}),))
        if len(request.encode()) > core.state.line_bytes_max:
            raise SearchFailed("That is more than fits into one line: search for fewer words.")
        job = HistoryJob(SEARCH, request)
        core.fetch(job)
        await job.done.wait()  # ends with the session at the latest
        if job.error is not None:
            raise SearchFailed(str(job.error))
        return job.messages

    async def conversations(self) -> tuple[ConversationInfo, ...]:
        """Return the channels this client is in, and everybody it ever talked with in private.

        The most recent ones come first, those without a message last. Raises
        ``HistoryUnavailable``.
        """
        core = self._core
        if core.session is None or not core.state.history_limit:
            raise HistoryUnavailable("There is no history without a connection that offers it.")
        latest: dict[str, tuple[str, datetime | None]] = {
            fold(one.name): (one.name, None) for one in core.state.channels
        }
        page, start = core.state.history_limit, _FUTURE
        while True:
            job = HistoryJob("*", Message("CHATHISTORY", ("TARGETS", start, _PAST, str(page))))
            core.fetch(job)
            await job.done.wait()
            if job.error is not None:
                raise job.error
            before = len(latest), [time for _, time in latest.values() if time]
            for name, time in job.targets:
                latest[fold(name)] = (name, time)
            times = [time for _, time in job.targets if time is not None]
            after = len(latest), [time for _, time in latest.values() if time]
            if len(job.targets) < page or not times:
                break
            # Both ends are left out: of one millisecond all are asked for again, but for one that
            # has more than a page holds, which a time cannot lead through.
            again = timedelta(milliseconds=0 if before == after else 1)
            start = f"timestamp={wire_time(min(times) + again)}"
        found = [
            ConversationInfo(name, core.state.is_channel(name), time)
            for name, time in latest.values()
        ]
        return tuple(
            sorted(found, key=lambda one: (one.latest is None, -_seconds(one.latest), one.name))
        )

    async def unread(self, target: str = "") -> tuple[UnreadCounted, ...]:
        """Return what the server counts as unread: in one conversation, or in all.

        Of all it tells every channel, and the people from whom something is unread. They are told
        as events too, as at login. Raises ``Refused``, ``NotOffered`` or ``NoAnswer``.
        """
        core = self._core
        if core.session is not None and "securechat.internal/unread" not in core.state.capabilities:
            raise NotOffered("UNREAD", "count of what is unread")
        answer = await core.ask(Message("UNREAD", (target,) if target else ()))
        counted = (read_unread(core.state, message, core.now()) for message in answer)
        return tuple(one for one in counted if one is not None)

    def mark_read(self, target: str, until: datetime) -> None:
        """Mark a conversation as read up to a moment, for all sessions of this account.

        ``Marked`` follows. Markers only go forward. Without a connection it is kept, and sent
        when there is one; where the server has no markers, nothing happens.
        """
        core, key = self._core, fold(target)
        _, known = core.marks.get(key, (target, until))
        core.marks[key] = (target, max(known, until))
        core.flush()


def _place(place: Place) -> str:
    if isinstance(place, datetime):
        return f"timestamp={wire_time(place)}"
    return f"msgid={place}" if place else ""


def _seconds(time: datetime | None) -> float:
    return time.timestamp() if time is not None else 0.0
