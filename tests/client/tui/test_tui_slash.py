"""Commands as people type them, right and wrong."""

from __future__ import annotations

import pytest

from securechat.client.commandtable import NAMES, ROWS
from securechat.client.lineclient.commands import COMMANDS
from securechat.client.tui.slash import (
    Do,
    Say,
    WrongCommand,
    help_on,
    help_rows,
    hint,
    kind_at,
    parse,
    wire_line,
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("hello", Say("hello")),
        ("//join is a command", Say("/join is a command")),
        ("/etc/passwd is readable", Say("/etc/passwd is readable")),
        ("/ alone", Say("/ alone")),
        ("/", Say("/")),
        ("/join #dev", Do("join", "#dev")),
        ("/J #dev", Do("join", "#dev")),
        ("/me  waves ", Do("me", "waves")),
        ("/msg bob two\nlines", Do("msg", "bob two\nlines")),
        ("/quit", Do("quit")),
        ("/mouse off", Do("mouse", "off")),
        ("/mute-person bob 2h", Do("silence", "bob 2h")),
    ],
)
def test_what_is_typed_is_understood(typed: str, meant: Say | Do) -> None:
    assert parse(typed) == meant


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("/jion #dev", "There is no command /jion: did you mean /join?"),
        ("/xyzzy", "There is no command /xyzzy: /help lists the commands."),
        ("/join", "Type /join CHANNEL: join a channel and talk there."),
        ("/msg bob", "Type /msg NAME TEXT: say something to a person or in another channel."),
        ("/mouse maybe", "Type /mouse on or /mouse off."),
    ],
)
def test_what_is_wrong_gets_a_sentence(typed: str, sentence: str) -> None:
    with pytest.raises(WrongCommand) as wrong:
        parse(typed)
    assert str(wrong.value) == sentence


def test_a_nickname_is_refused_with_the_reason() -> None:
    with pytest.raises(WrongCommand, match="is your account's name"):
        parse("/nick bobby")


@pytest.mark.parametrize(
    ("partial", "shown"),
    [
        ("hello", ""),
        ("//x", ""),
        ("/par", "/part"),
        ("/m", "/msg NAME TEXT  say something to a person or in another channel"),
        ("/un", "/unban  /unsilence  /unmute"),
        ("/part #d", "/part [CHANNEL] [REASON]  leave a channel"),
        ("/tpoic x", "no command /tpoic: did you mean /topic?"),
    ],
)
def test_help_comes_while_one_types(partial: str, shown: str) -> None:
    assert hint(partial) == shown


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        ("/jo", "command"),
        ("/join ", "channel"),
        ("/join #d", "channel"),
        ("/msg bo", "target"),
        ("/msg bob h", "text"),
        ("/query ", "nick"),
        ("/theme ", "theme"),
        ("/mark x", None),
        ("/nothing x", None),
        ("hello", None),
    ],
)
def test_what_can_be_completed_is_known_by_the_place(before: str, kind: str | None) -> None:
    assert kind_at(before) == kind


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("/kick bob too loud", "KICK #dev bob :too loud"),
        ("/kick #ops bob", "KICK #ops bob"),
        ("/ban bob 2h no spam here", "BAN #dev bob 2h :no spam here"),
        ("/ban bob no spam", "BAN #dev bob :no spam"),
        ("/silence bob 15m", "MUTE #dev bob 15m"),
        ("/mode +m", "MODE #dev +m"),
        ("/raw LUSERS", "LUSERS"),
        ("/raw PRIVMSG a :b\nQUIT", "PRIVMSG a :b QUIT"),
    ],
)
def test_moderation_is_passed_to_the_server(typed: str, line: str) -> None:
    command = parse(typed)
    assert isinstance(command, Do)
    assert wire_line(command, "#dev") == line


def test_moderation_needs_a_channel_and_a_person() -> None:
    with pytest.raises(WrongCommand, match="in a channel"):
        wire_line(Do("kick", "bob"), "bob")
    with pytest.raises(WrongCommand, match="Type /kick NICK"):
        wire_line(Do("kick", "#dev"), "bob")


def test_the_table_serves_both_interfaces_and_the_help() -> None:
    assert set(COMMANDS) <= set(ROWS)
    assert {row[1].split()[0] for row in help_rows()} == {f"/{name}" for name in ROWS}
    assert len(NAMES) == len(ROWS) + sum(len(row.aliases) for row in ROWS.values())
    assert help_on("/J") == "/join CHANNEL (also /j): join a channel and talk there."
    with pytest.raises(WrongCommand, match="did you mean /join"):
        help_on("jion")
