"""The line above the log and the one at the foot of the screen. Pure."""

from __future__ import annotations

import math

from securechat.client.tui.conversation import Conversation, Entry
from securechat.client.tui.draw import Row, Span, between, cut_words, spans_width, width_of
from securechat.client.tui.keys import Keymap
from securechat.client.tui.logview import LogView
from securechat.client.tui.model import Model
from securechat.client.tui.text import clean
from securechat.client.tui.themes import nick_role


def header(model: Model, conversation: Conversation, columns: int, *, members: bool) -> Row:
    """Return the line above the log: where one is, and what it is about."""
    name = clean(conversation.name)
    left = [Span(" "), Span(name, "title")]
    if conversation.kind == "person":
        display = model.display(conversation.name)
        left.append(Span(f"  {display}" if display else "", "soft"))
        presence = model.presence(conversation)
        if presence == "away":
            left.append(Span(f"  away {clean(conversation.away or '')}", "warn"))
        elif presence == "offline":
            left.append(Span("  offline", "dim"))
    if conversation.topic:
        left.append(Span(f"   {clean(conversation.topic)}", "topic"))
    right: list[Span] = []
    if conversation.muted:
        right.append(Span("muted ", "dim"))
    channel = model.channel(conversation)
    if channel is not None and not members:
        right.append(Span(f"{len(channel.members)} here ", "dim"))
    return Row(between(left, right, columns))


def banner(model: Model, keymap: Keymap, columns: int, now: float) -> Row | None:
    """Return the line that says that there is no connection; ``None`` while there is one."""
    connection = model.connection
    if connection.up or not connection.reason:
        return None
    right: list[Span] = []
    if connection.retry_at is not None:
        seconds = max(math.ceil(connection.retry_at - now), 0)
        text = f"again in {seconds} s " if seconds else "connecting… "
        right = [
            Span(text, "warn"),
            Span(f" {keymap.key('reconnect')} ", "key"),
            Span(" now ", "soft"),
        ]
    reason = clean(connection.reason)
    if width_of(reason) + 18 > columns - spans_width(right):
        reason = reason.rpartition(": ")[2]  # what went wrong, without where
    left = [Span(" ● ", "warn"), Span(f"Not connected: {reason}", "text")]
    return Row(between(left, right, columns), "banner")


def status(
    model: Model,
    conversation: Conversation,
    columns: int,
    now: float,
    *,
    keymap: Keymap,
    sidebar: bool,
    hint: str = "",
    above: bool = False,
) -> Row:
    """Return the line at the foot of the screen; ``above``: the unread ones begin further up."""
    connection = model.connection
    dot = Span(" ● ", "good" if connection.up else "warn")
    left = [dot] if hint else [dot, Span(clean(model.nick), "dim")]
    if not (connection.up or connection.reason or hint):
        left.append(Span("  connecting…", "warn"))
    if model.away is not None:
        left.append(Span("  away", "warn"))
    if connection.lag is not None and connection.lag >= 1:
        left.append(Span(f"  lag {connection.lag:.1f} s", "warn"))
    typing = typing_text(model.typists(conversation, now))
    right: list[Span] = []
    if above:
        right += [Span("↑ new  ", "accent"), Span(keymap.key("log.unread"), "soft"), Span("   ")]
    if not sidebar and model.unread:
        urgent = model.urgent
        if urgent:
            right += [Span(f" {urgent} ", "badge.mention"), Span(" ")]
        others = model.unread - urgent
        if others > 0:
            right += [Span(f" {others} ", "badge"), Span(" ")]
    if columns >= (90 if typing or above else 50) and not hint:
        right += [
            Span(keymap.key("help"), "soft"),
            Span(" help  ", "dim"),
            Span(keymap.key("switcher"), "soft"),
            Span(" go to ", "dim"),
        ]
    if hint:
        left.append(Span("  " if len(left) > 1 else ""))
        room = columns - spans_width([*left, *right]) - 2
        left.append(Span(cut_words(hint, max(room, 0)), "soft"))
    elif typing:
        left += [Span("   "), Span(typing, "dim")]
    return Row(between(left, right, columns))


def choices(
    entry: Entry, keymap: Keymap, columns: int, display: str = "", *, count: int = 1
) -> Row:
    """Return the line at the foot of the screen while a message is chosen: what can be done.

    ``display`` is the name that its sender took, which stands beside the nick; ``count`` is how
    many messages are chosen.
    """
    if count > 1:
        copy = Span(f" {keymap.key('select.copy')} ", "key")
        back = Span(keymap.key("select.leave"), "soft")
        left = [Span(" "), copy, Span(f" copy {count} messages", "soft")]
        return Row(between(left, [back, Span(" back ", "dim")], columns))
    can = ["reply", "react"] if entry.msgid and not entry.redacted else []
    if entry.own and not entry.redacted:
        can.append("edit")
    if entry.state == "failed":
        can.append("resend")
    if not entry.redacted:
        can += ["delete", "copy"]
    if "://" in entry.text:
        can.append("open")
    spans = [Span(" ")]
    for name in can:
        key = keymap.key(f"select.{name}")
        spans += [Span(f" {key} ", "key"), Span(f" {name}  ", "soft")]
    leave = [Span(keymap.key("select.leave"), "soft"), Span(" back ", "dim")]
    if display:
        who = [Span(f"{clean(entry.sender)} ", nick_role(entry.sender)), Span(f"{display}   ")]
        if spans_width([*spans, *who, *leave]) < columns:
            leave = [*who, *leave]
    return Row(between(spans, leave if columns >= 50 else [], columns))


def typing_text(nicks: list[str]) -> str:
    """Return who is typing, as a sentence."""
    names = [clean(nick) for nick in nicks]
    if not names:
        return ""
    if len(names) > 3:
        return "several people are typing…"
    told = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"{told} {'is' if len(names) == 1 else 'are'} typing…"


def pill(log: LogView, conversation: Conversation, keymap: Keymap, columns: int) -> Row | None:
    """Return the line below the log while the bottom is out of sight: how much is there."""
    if log.at_bottom:
        return None
    if conversation.detached is not None:
        text = " older messages · Esc goes back to now "
    elif conversation.unread:
        text = f" {conversation.unread} new ↓ "
    else:
        text = f" {log.below} more ↓ " if log.below else " more ↓ "
    role = "badge.mention" if conversation.unread else "badge"
    key = keymap.key("log.end")
    if conversation.detached is None and key and columns >= 40:
        text = f"{text} {key} "
    return Row((Span(" " * max((columns - width_of(text)) // 2, 0)), Span(text, role)))
