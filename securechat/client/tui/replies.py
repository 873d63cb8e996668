"""What the server answers to commands, as sentences. Pure.

Answers that come together, such as those to WHOIS and LIST, are one entry in the log.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from securechat.client import events
from securechat.client.tui.conversation import Entry
from securechat.client.tui.model import SERVER, Model
from securechat.protocol.names import fold

TOGETHER = timedelta(seconds=3)

# The Modern IRC document's numerics: ends and headings of lists say nothing to people.
_SILENT = {"315", "318", "321", "323", "365", "366", "368", "337", "376", "422", "729"}


def take(model: Model, event: events.Reply) -> None:
    """Show an answer where somebody asked: in the conversation that they look at."""
    if event.code in _SILENT:
        return
    text = sentence(event.code, event.params)
    if event.code == "311" and (display := model.display(event.params[0])):
        text = f"{text}\n{event.params[0]} goes by the name {display}".lstrip("\n")
    if not text:
        return
    # Before the own name is known to the server nobody has asked for anything.
    conversation = model.open(SERVER) if event.code.startswith("0") else model.here
    last = conversation.entries[-1] if conversation.entries else None
    if last is not None and last.kind == "reply" and event.time - last.time < TOGETHER:
        last.text += f"\n{text}"
        last.changed()
        conversation.touch()
    else:
        conversation.append(Entry("reply", event.time, text))


def sentence(code: str, params: tuple[str, ...]) -> str:
    """Return an answer as people read it; ``params`` are without the own name.

    Empty is what says nothing: that bob's name is bob.
    """
    match code, params:
        case "311", (nick, _, _, _, name):
            return f"{nick} is {name}" if fold(name) != fold(nick) else ""
        case "312", (nick, server, *_):
            return f"{nick} is on {server}"
        case "317", (nick, idle, since, *_) if idle.isdecimal() and since.isdecimal():
            return f"{nick} has been quiet for {_span(int(idle))}, and here since {_moment(since)}"
        case "319", (nick, channels):
            return f"{nick} is in {channels}"
        case "322", (channel, count, topic):
            people = f"{count} here" if topic else f"{count} here, no topic"
            return f"{channel}  {people}{f': {topic}' if topic else ''}"
        case "324", (channel, *modes):
            return f"{channel} is set to {' '.join(modes)}"
        case "341", (nick, channel, *_):
            return f"You invited {nick} to {channel}"
        case "330", (nick, account, text):
            return f"{nick} {text} {account}"
    return " ".join(params)


def _span(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h"


def _moment(stamp: str) -> str:
    try:
        time = datetime.fromtimestamp(int(stamp), UTC).astimezone()
    except (OverflowError, ValueError, OSError):
        return stamp
    return f"{time:%Y-%m-%d %H:%M}"
