"""What an entry looks like: rows for the log. Pure.

Wide logs have columns: the time, the name at its right edge, the text. Narrow ones put name and
time on a line of their own. Consecutive messages of one person are a group, which names them once.
Above an entry may stand *decorations*: the day, the line where the unread messages begin, a space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from securechat.client.tui import inlinetext
from securechat.client.tui.conversation import Conversation, Entry
from securechat.client.tui.draw import Row, Span, cut, spans_width, width_of, wrap
from securechat.client.tui.text import clean
from securechat.client.tui.themes import nick_role
from securechat.protocol.names import fold

GROUP = timedelta(minutes=7)
_COLUMNS_FROM = 48
_TEXT_MAX = 110  # longer lines are hard to read
_NAMES_TOLD = 4


@dataclass(frozen=True, slots=True)
class Look:
    """What the rows of a log depend on beside its entries."""

    width: int
    today: date
    nick: str = ""
    time_format: str = "%H:%M"
    zone: tzinfo | None = None
    airy: bool = False

    @property
    def columns(self) -> bool:
        """Whether there is room for columns."""
        return self.width >= _COLUMNS_FROM

    @property
    def time_width(self) -> int:
        """How many columns a time takes."""
        return len(self.clock(datetime(2026, 12, 22, 22, 22, 22).astimezone(self.zone)))

    @property
    def nick_width(self) -> int:
        """How many columns a name may take."""
        return 9 if self.width < 72 else 12 if self.width < 100 else 15

    @property
    def indent(self) -> int:
        """Where texts begin."""
        return 1 + self.time_width + 2 + self.nick_width + 2 if self.columns else 2

    @property
    def text_width(self) -> int:
        """How wide texts are."""
        return max(min(self.width - self.indent - 1, _TEXT_MAX), 1)

    def clock(self, time: datetime) -> str:
        """Return a time as it is shown."""
        return time.astimezone(self.zone).strftime(self.time_format)

    def day(self, time: datetime) -> date:
        """Return the day of a moment, here."""
        return time.astimezone(self.zone).date()


class Shown(NamedTuple):
    """An entry's rows; the first ``above`` of them are decorations."""

    rows: tuple[Row, ...]
    above: int


def show(
    conversation: Conversation,
    entry: Entry,
    before: Entry | None,
    look: Look,
    *,
    selected: bool = False,
    alone: bool = False,
    display: str = "",
) -> Shown:
    """Return the rows of an entry that comes after ``before``.

    ``alone`` names its person although the message before did, because that one is out of sight.
    ``display`` is the name that they gave themselves; columns have no room for it.
    """
    above: list[Row] = []
    new_day = before is None or look.day(before.time) != look.day(entry.time)
    if new_day:
        if before is not None:
            above.append(Row(()))
        above.append(_rule(day_name(look.day(entry.time), look.today), look.width, "day"))
    unread = entry.number == conversation.unread_from
    if unread:
        above.append(_rule("new", look.width, "unread"))
    goes_on = not (new_day or unread) and before is not None and _same_group(before, entry)
    if look.airy and not goes_on and not new_day and not unread and before is not None:
        apart = entry.kind == "said" or before.kind == "said"
        if apart:
            above.append(Row(()))
    if entry.kind == "said":
        former = before if goes_on and not alone else None
        rows = _message(conversation, entry, former, look, display)
    else:
        rows = _happening(entry, look)
    surface = "selected" if selected else "mention" if entry.mention else ""
    if surface:
        rows = [_marked(row, surface, "bar") for row in rows]
    return Shown((*above, *rows), len(above))


def _marked(row: Row, surface: str, role: str) -> Row:
    """Return a row on another surface, with a bar at its left edge."""
    first, *rest = row.spans
    return Row((Span("▎", role), first._replace(text=first.text[1:]), *rest), surface)


def day_name(day: date, today: date) -> str:
    """Return how a day is called."""
    if day == today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day:%A}, {day.day} {day:%B}{year}"


def _rule(label: str, width: int, role: str) -> Row:
    """Return a thin line with a word in it."""
    word = f" {label} "
    left = 1 if role == "unread" else max((width - width_of(word)) // 2 - 1, 1)
    right = max(width - left - width_of(word) - 2, 0)
    if role == "unread":
        left, right = right, left
    return Row(
        (
            Span(" "),
            Span("─" * left, f"{role}.line"),
            Span(word, role),
            Span("─" * right, f"{role}.line"),
        )
    )


def _same_group(before: Entry, entry: Entry) -> bool:
    return (
        before.kind == entry.kind == "said"
        and before.sender == entry.sender
        and before.notice == entry.notice
        and not before.action
        and not entry.action
        and not entry.reply_to
        and entry.time - before.time < GROUP
    )


def _gutter(look: Look, time: str, nick: str, role: str) -> tuple[Span, ...]:
    """Return what stands before a text in columns."""
    name = cut(nick, look.nick_width)
    pad = look.nick_width - width_of(name)
    return (
        Span(" "),
        Span(time.ljust(look.time_width), "time"),
        Span(" " * (2 + pad)),
        Span(name, role),
        Span("  "),
    )


def _message(
    conversation: Conversation, entry: Entry, before: Entry | None, look: Look, display: str
) -> list[Row]:
    lines = wrap(_text(entry, look), look.text_width)
    nick = clean(entry.sender)
    role = "nick.own" if entry.own else nick_role(entry.sender)
    time = look.clock(entry.time)
    rows: list[Row] = []
    body = Span(" " * look.indent)
    if entry.reply_to:
        rows.append(Row((body, *_quote(conversation, entry, look))))
    if look.columns:
        if before is not None:
            nick = ""
            time = "" if look.clock(before.time) == time else time
        if entry.action and not entry.redacted:
            nick = "*"
        gutter = _gutter(look, time, nick, role)
        rows.append(Row((*gutter, *lines[0])))
        rows += [Row((body, *line)) for line in lines[1:]]
    else:
        if before is None:
            name = cut(nick, look.width - len(time) - 4)
            room = look.width - width_of(name) - len(time) - 6
            also = Span(f"  {cut(display, room)}" if display and room > 4 else "", "dim")
            rows.append(Row((Span(" "), Span(name, role), also, Span(f"  {time}", "time"))))
        rows += [Row((body, *line)) for line in lines]
    if entry.state == "failed":
        reason = wrap(
            [Span("not sent  ", "error"), Span(clean(entry.error), "error.text")], look.text_width
        )
        rows += [Row((body, *line)) for line in reason]
    if entry.reactions and not entry.redacted:
        rows += [Row((body, *line)) for line in _reactions(entry, look)]
    return rows


def _text(entry: Entry, look: Look) -> list[Span]:
    if entry.redacted:
        return [Span("message deleted", "deleted")]
    base = "pending" if entry.state == "pending" else "text"
    if entry.state == "failed":
        base = "failed"
    elif entry.notice:
        base = "notice"
    spans = inlinetext.spans(entry.text, base, look.nick, columns=look.text_width)
    if entry.action:
        role = "nick.own" if entry.own else nick_role(entry.sender)
        spans = [Span(f"{clean(entry.sender)} ", role), *spans]
    if entry.edited:
        spans.append(Span(" (edited)", "mark"))
    if entry.state == "pending":
        spans.append(Span(" …", "mark"))
    return spans


def _quote(conversation: Conversation, entry: Entry, look: Look) -> tuple[Span, ...]:
    """Return the line above a reply that says what it answers."""
    original = conversation.find(entry.reply_to)
    if original is None:
        return (Span("╭ ", "quote.bar"), Span("an earlier message", "quote"))
    name = f"{cut(clean(original.sender), max(look.text_width // 2, 1))}  "
    text = "message deleted" if original.redacted else clean(original.text)
    room = look.text_width - 2 - width_of(name)
    return (
        Span("╭ ", "quote.bar"),
        Span(name, nick_role(original.sender) if not original.own else "nick.own"),
        Span(cut(text, room), "quote"),
    )


def _reactions(entry: Entry, look: Look) -> list[tuple[Span, ...]]:
    """Return lines of chips: what people reacted with, and how many did."""
    lines: list[list[Span]] = [[]]
    for reaction, nicks in entry.reactions.items():
        own = any(fold(nick) == fold(look.nick) for nick in nicks)
        text = f" {cut(clean(reaction), 16)} {len(nicks)} "
        if lines[-1] and spans_width(lines[-1]) + width_of(text) > look.text_width:
            lines.append([])
        lines[-1] += [Span(text, "chip.own" if own else "chip"), Span(" ")]
    return [tuple(line) for line in lines]


def _happening(entry: Entry, look: Look) -> list[Row]:
    role = {"error": "error.text", "server": "server", "reply": "server"}.get(entry.kind, "event")
    sign = {"error": "!", "server": "·"}.get(entry.kind, "·")
    text = presence_text(entry.presence) if entry.kind == "presence" else entry.text
    lines = wrap(inlinetext.spans(text, role, ""), look.text_width)
    body = Span(" " * look.indent)
    if not look.columns:
        return [Row((Span(f" {sign}", role), *line)) for line in [[Span(" "), *lines[0]]]] + [
            Row((Span("  "), Span(" "), *line)) for line in lines[1:]
        ]
    first = _gutter(look, look.clock(entry.time), sign, role)
    return [Row((*first, *lines[0])), *(Row((body, *line)) for line in lines[1:])]


def presence_text(presence: Sequence[tuple[str, str]]) -> str:
    """Return in one sentence who came and went."""
    came: dict[str, str] = {}
    went: dict[str, str] = {}
    fleeting: dict[str, str] = {}
    returned: dict[str, str] = {}
    for what, nick in presence:
        key = fold(nick)
        if what == "joined":
            back = went.pop(key, None)
            (came if back is None else returned)[key] = nick
        elif came.pop(key, None) is not None:
            fleeting[key] = nick
        else:
            returned.pop(key, None)
            went[key] = nick
    for key in (*came, *went):
        fleeting.pop(key, None)
    parts = [
        _who(list(people.values()), done)
        for people, done in (
            (came, "joined"),
            (went, "left"),
            (fleeting, "came and went"),
            (returned, "left and came back"),
        )
        if people
    ]
    return ", ".join(parts)


def _who(nicks: list[str], done: str) -> str:
    if len(nicks) > _NAMES_TOLD:
        return f"{len(nicks)} {done}"
    names = [clean(nick) for nick in nicks]
    told = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"{told} {done}"
