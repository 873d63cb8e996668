"""What each command does: one handler for each row of ``securechat.client.commandtable``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from securechat.client.commandtable import ROWS, as_channel
from securechat.client.errors import JoinRefused
from securechat.client.state.channels import Member
from securechat.client.tui import emojis, helpscreen, keeping, people, slash, talk, themes
from securechat.client.tui.conversation import Conversation, Entry
from securechat.client.tui.draw import Span
from securechat.client.tui.inputline import About
from securechat.client.tui.options import SETTINGS, changed, shown
from securechat.client.tui.overlays import Chooser, Item
from securechat.client.tui.slash import Do, Say
from securechat.client.tui.text import clean
from securechat.errors import SecureChatError, UserError
from securechat.protocol import message
from securechat.protocol.message import Message
from securechat.protocol.names import fold

if TYPE_CHECKING:
    from securechat.client.tui.app import App

Handler = Callable[["App", Do], None]


def submit(app: App) -> None:
    """Do with what is typed what it means: say it, change a message, or obey a command."""
    here, editor = app.here, app.editor
    about = app.view.input.about.get(here.key)
    text = editor.text.strip("\n")
    if not text.strip():
        return
    if about is not None and about.what != "reply":
        editor.submit()
        _finish(app, here, about, emojis.expand(text))
        return
    try:
        what = slash.parse(text)
        if isinstance(what, Say) and here.kind == "server":
            raise UserError("Nobody is here to talk to: /join a channel, or /msg somebody.")
        editor.submit()
        if isinstance(what, Say):
            reply_to = about.entry.msgid if about is not None else ""
            app.view.input.about.pop(here.key, None)
            talk.say(app, here, emojis.expand(what.text), reply_to=reply_to)
        else:
            HANDLERS[what.name](app, what)
    except (SecureChatError, ValueError) as error:
        app.hint(clean(str(error)))
    app.view.cycle = None


def _finish(app: App, here: Conversation, about: About, text: str) -> None:
    app.view.input.about.pop(here.key, None)
    if about.what == "edit":
        if text != about.entry.text:
            talk.edit(app, here, about.entry, text)
    else:
        talk.discard(app, here, about.entry)
        talk.say(app, here, text, action=about.entry.action, reply_to=about.entry.reply_to)


# --- talking ------------------------------------------------------------------------------------


def _msg(app: App, do: Do) -> None:
    target, _, text = do.rest.partition(" ")
    app.go(target)
    talk.say(app, app.here, emojis.expand(text.strip()))


def _query(app: App, do: Do) -> None:
    target, _, text = do.rest.partition(" ")
    app.go(target)
    if text.strip():
        talk.say(app, app.here, emojis.expand(text.strip()))


def _notice(app: App, do: Do) -> None:
    target, _, text = do.rest.partition(" ")
    talk.say(app, app.model.open(target), text.strip(), notice=True)


def _me(app: App, do: Do) -> None:
    talk.say(app, app.here, emojis.expand(do.rest), action=True)


# --- channels -----------------------------------------------------------------------------------


def _channel(app: App, do: Do) -> tuple[str, str]:
    """Return the channel that is meant, the current one unless named, and what is left."""
    word, _, rest = do.rest.partition(" ")
    if app.client.is_channel(word):
        return word, rest.strip()
    if app.here.kind != "channel":
        raise UserError(f"Type {slash.usage(do.name)} in a channel, or name one.")
    return app.here.name, do.rest


def _join(app: App, do: Do) -> None:
    app.start(_joined, app, as_channel(do.words[0]))


async def _joined(app: App, name: str) -> None:
    try:
        await app.client.join(name)
    except (JoinRefused, SecureChatError) as error:
        app.complain(str(error))
    else:
        app.go(name)


def _part(app: App, do: Do) -> None:
    if not do.rest and app.here.kind != "channel":
        app.model.close(app.here.name)  # a person's conversation only goes off the list
        app.view.log.reset()
        return
    name, reason = _channel(app, do)
    app.client.part(name, reason)


def _topic(app: App, do: Do) -> None:
    name, topic = _channel(app, do)
    if topic:
        app.client.set_topic(name, topic)
        return
    conversation = app.model.get(name)
    known = conversation.topic if conversation is not None else ""
    app.tell(f"The topic of {name}: {known}" if known else f"{name} has no topic.")


def _about(member: Member, display: str) -> str:
    real_name = clean(member.real_name) if fold(member.real_name) != fold(member.nick) else ""
    return ", ".join(filter(None, (display or real_name, "away" if member.away else "")))


def _names(app: App, do: Do) -> None:
    names(app, _channel(app, do)[0])


def names(app: App, name: str) -> None:
    """List a channel's people, to talk to one of them. Raises ``UserError``."""
    conversation = app.model.get(name)
    channel = app.model.channel(conversation) if conversation is not None else None
    if channel is None:
        raise UserError("You are not in that channel.")

    def find(query: str) -> list[Item]:
        members = sorted(channel.members.values(), key=lambda one: fold(one.nick))
        return [
            Item(
                (Span(one.prefix or " ", "accent"), Span(clean(one.nick))),
                (Span(_about(one, app.model.display(one.nick)), "dim"),),
                one.nick,
            )
            for one in members
            if fold(query) in fold(one.nick) or fold(query) in fold(app.model.display(one.nick))
        ]

    app.show(
        Chooser(
            f"In {clean(channel.name)}",
            find,
            lambda nick: app.go(str(nick)),
            app.uncover,
            prompt="a part of a name; Enter talks to somebody",
        )
    )


def _list(app: App, do: Do) -> None:
    app.client.send(Message("LIST", tuple(do.words[:1])))


def _invite(app: App, do: Do) -> None:
    nick, *rest = do.words
    channel = rest[0] if rest else app.here.name
    app.client.send(Message("INVITE", (nick, channel)))


# --- people -------------------------------------------------------------------------------------


def _who(app: App, do: Do) -> None:
    app.client.ask_who(do.rest or app.here.name)


def _whois(app: App, do: Do) -> None:
    app.client.send(Message("WHOIS", (do.words[0],)))


def _name(app: App, do: Do) -> None:
    app.start(people.call_oneself, app, do.rest)


def _away(app: App, do: Do) -> None:
    app.client.set_away(do.rest)


def _back(app: App, do: Do) -> None:
    del do
    app.client.set_away()


# --- messages -----------------------------------------------------------------------------------


def _search(app: App, do: Do) -> None:
    talk.search(app, do.rest)


def _meant(app: App, *, own: bool) -> Entry:
    """Return the message that is chosen, or else the latest one of oneself or of others."""
    entry = app.view.log.entry(app.here)
    if entry is None:
        entry = next(
            (
                one
                for one in reversed(app.here.entries)
                if one.kind == "said" and one.msgid and one.own == own and not one.redacted
            ),
            None,
        )
    if entry is None:
        raise UserError(
            "There is no message of yours here." if own else "There is no message here."
        )
    return entry


def _reply(app: App, do: Do) -> None:
    talk.say(app, app.here, emojis.expand(do.rest), reply_to=_meant(app, own=False).msgid)


def _edit(app: App, do: Do) -> None:
    entry = _meant(app, own=True)
    if do.rest:
        talk.edit(app, app.here, entry, emojis.expand(do.rest))
        return
    app.view.input.about[app.here.key] = About("edit", entry)
    app.editor.set(entry.text)


def _delete(app: App, do: Do) -> None:
    talk.redact(app, app.here, _meant(app, own=True), do.rest)


def _react(app: App, do: Do) -> None:
    talk.react(app, app.here, _meant(app, own=False), emojis.find(do.rest) or do.rest)


def _mark(app: App, do: Do) -> None:
    del do
    app.here.closed()
    talk.mark_read(app, app.here)


# --- this client --------------------------------------------------------------------------------


def _wire(app: App, do: Do) -> None:
    app.client.send(message.parse(slash.wire_line(do, app.here.name)))


def _help(app: App, do: Do) -> None:
    if do.rest:
        app.tell(slash.help_on(do.rest))
    else:
        app.show(helpscreen.HelpView(app.keymap, app.uncover))


def _mute(app: App, do: Do) -> None:
    keeping.set_mute(app, app.model.open(do.rest) if do.rest else app.here, muted=True)


def _unmute(app: App, do: Do) -> None:
    keeping.set_mute(app, app.model.open(do.rest) if do.rest else app.here, muted=False)


def _favourite(app: App, do: Do) -> None:
    conversation = app.model.open(do.rest) if do.rest else app.here
    keeping.set_favourite(app, conversation, favourite=not conversation.favourite)


def _mouse(app: App, do: Do) -> None:
    _change(app, "mouse", do.rest)


def _theme(app: App, do: Do) -> None:
    if do.rest:
        _change(app, "theme", do.rest)
        return
    found = [themes.AUTO, *themes.names(app.looks.folder)]

    def find(query: str) -> list[Item]:
        now = (Span("now", "dim"),)
        return [
            Item((Span(one),), now if one == app.options.theme else (), one)
            for one in found
            if query in one
        ]

    app.show(
        Chooser(
            "Theme",
            find,
            lambda name: _change(app, "theme", str(name)),
            app.uncover,
            prompt="its name",
            width=40,
        )
    )


def _set(app: App, do: Do) -> None:
    name, _, value = do.rest.partition(" ")
    if not value:
        wanted = [name] if name else SETTINGS
        app.tell("\n".join(f"/set {one} {shown(app.options, one)}" for one in wanted))
        return
    _change(app, name, value.strip())


def _change(app: App, name: str, value: str) -> None:
    """Set an option, now and for the next start. Raises ``UserError``."""
    try:
        app.set_options(changed(app.options, name, value))
    except themes.ThemeError as error:
        app.complain(str(error))  # it names a file, which is long
        return
    except UserError as error:
        app.hint(clean(str(error)))
        return
    keeping.keep(app, name)
    app.hint(f"{name} is {shown(app.options, name)} now.")


def _clear(app: App, do: Do) -> None:
    del do
    app.here.clear()
    app.view.log.reset()


def _reconnect(app: App, do: Do) -> None:
    del do
    app.client.retry_now()


def _quit(app: App, do: Do) -> None:
    app.leave(do.rest)


HANDLERS: dict[str, Handler] = {
    "join": _join,
    "part": _part,
    "msg": _msg,
    "query": _query,
    "notice": _notice,
    "me": _me,
    "topic": _topic,
    "names": _names,
    "list": _list,
    "invite": _invite,
    "who": _who,
    "whois": _whois,
    "name": _name,
    "away": _away,
    "back": _back,
    "search": _search,
    "reply": _reply,
    "edit": _edit,
    "delete": _delete,
    "react": _react,
    "mark": _mark,
    **{name: _wire for name, row in ROWS.items() if row.wire},
    "raw": _wire,
    "help": _help,
    "mute": _mute,
    "unmute": _unmute,
    "favourite": _favourite,
    "mouse": _mouse,
    "theme": _theme,
    "set": _set,
    "clear": _clear,
    "reconnect": _reconnect,
    "quit": _quit,
}
