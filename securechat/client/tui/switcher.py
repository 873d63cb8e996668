"""The quick switcher: go to a conversation by some letters of its name."""

from __future__ import annotations

from collections.abc import Callable

from securechat.client.tui.conversation import Conversation
from securechat.client.tui.draw import Span
from securechat.client.tui.model import Model
from securechat.client.tui.overlays import Chooser, Item
from securechat.client.tui.text import clean
from securechat.protocol.names import fold


def score(query: str, name: str) -> int | None:
    """Return how well letters fit a name, less is better; ``None`` where they do not."""
    wanted, there = fold(query).lstrip("#"), fold(name).lstrip("#")
    if not wanted:
        return 0
    if there.startswith(wanted):
        return 0
    at = there.find(wanted)
    if at > 0:
        return 1 if there[at - 1] in "-_." else 2
    starts = _scattered(wanted, there, starts=True)
    return starts if starts is not None else _scattered(wanted, there, starts=False)


def _scattered(wanted: str, there: str, *, starts: bool) -> int | None:
    """Return the cost of letters that stand apart; with ``starts`` they begin words if they can."""
    place, cost = 0, 10
    for sign in wanted:
        found = there.find(sign, place)
        if starts:
            begins = [n for n in range(place, len(there)) if there[n] == sign and _begins(there, n)]
            found = begins[0] if begins else found
        if found < 0:
            return None
        if not _begins(there, found):
            cost += 2 + found - place
        place = found + 1
    return cost


def _begins(text: str, at: int) -> bool:
    return at == 0 or text[at - 1] in "-_."


def switcher(model: Model, go: Callable[[str], None], close: Callable[[], None]) -> Chooser:
    """Return the switcher; ``go`` gets the name that was chosen."""

    def find(query: str) -> list[Item]:
        known = [one for one in model.conversations.values() if one.key != model.current or query]
        names: dict[str, Conversation | None] = {one.name: one for one in known}
        if query:
            for channel in model.channels():
                for member in channel.members.values():
                    if fold(member.nick) not in model.conversations:
                        names.setdefault(member.nick, None)
        ranked = []
        for name, one in names.items():
            fits = score(query, name)
            if fits is not None:
                urgent = one is not None and (one.mentions or (one.unread and one.kind == "person"))
                active = one.active.timestamp() if one is not None and one.active.year > 1 else 0.0
                ranked.append(((fits, one is None, not urgent, -active, fold(name)), name, one))
        ranked.sort(key=lambda row: row[0])
        return [_item(name, one) for _, name, one in ranked[:50]]

    def choose(value: object) -> None:
        go(str(value))

    return Chooser("Go to", find, choose, close, prompt="a channel or a person")


def _item(name: str, one: Conversation | None) -> Item:
    shown = clean(name)
    if one is None:
        return Item((Span("• ", "faint"), Span(shown)), (Span("new", "dim"),), name)
    sign, rest = ("# ", shown[1:]) if one.kind == "channel" else ("• ", shown)
    right: tuple[Span, ...] = ()
    urgent = one.unread if one.kind == "person" else one.mentions
    if one.unread or urgent:
        right = (Span(f" {urgent or one.unread} ", "badge.mention" if urgent else "badge"),)
    return Item((Span(sign, "faint"), Span(rest)), right, name)
