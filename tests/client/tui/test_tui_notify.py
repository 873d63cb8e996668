"""What is sent to a terminal outside of the grid: from the manuals of kitty, xterm and tmux."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.client.tui.notify import (
    COPY_BYTES_MAX,
    Heard,
    Notifier,
    Way,
    copy,
    focus_in,
    in_tmux,
    link,
    notification,
    through_tmux,
    title,
    way,
    words,
)
from securechat.errors import ConfigError

MENTION = Heard("#dev", "bob", "alice: look", mention=True, direct=False)
DIRECT = Heard("bob", "bob", "hi", mention=False, direct=True)


def notifier(**how: object) -> Notifier:
    return replace(Notifier(lambda name: name == "#noise"), **how)  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"TERM": "xterm-kitty"}, "osc99"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, "osc99"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "osc9"),
        ({"TERM": "xterm-ghostty"}, "osc9"),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7200"}, "osc777"),
        ({"TERM": "foot"}, "osc777"),
        ({"TERM": "rxvt-unicode-256color"}, "osc777"),
        ({"TERM": "xterm-256color", "WT_SESSION": "x"}, "bell"),
        ({"TERM": "linux"}, "bell"),
        ({}, "bell"),
    ],
)
def test_the_way_goes_by_the_terminal(env: dict[str, str], expected: str) -> None:
    assert way(env) == expected
    assert way(env, "none") == "none"


def test_an_unknown_way_gets_a_sentence() -> None:
    with pytest.raises(ConfigError, match="choose among auto, osc9"):
        way({}, "smoke")


@pytest.mark.parametrize(
    ("how", "sent"),
    [
        ("none", b""),
        ("bell", b"\x07"),
        ("osc9", b"\x1b]9;" + "\N{SPEECH BALLOON} bob: hi; you".encode() + b"\x1b\\\x07"),
        ("osc777", b"\x1b]777;notify;bob;hi, you\x1b\\\x07"),
        (
            "osc99",
            (
                b"\x1b]99;i=securechat:e=1:d=0:p=title;Ym9i\x1b\\"
                b"\x1b]99;i=securechat:e=1:d=1:p=body;aGk7IHlvdQ==\x1b\\\x07"
            ),
        ),
    ],
)
def test_a_notification_is_what_the_terminal_takes(how: Way, sent: bytes) -> None:
    assert notification(how, "bob", "hi; you") == sent


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
@pytest.mark.parametrize("how", ["osc9", "osc99", "osc777"])
def test_no_text_breaks_out_of_its_sequence(how: Way, first: str, second: str) -> None:
    sent = notification(how, first, second)
    assert re.fullmatch(rb"(?:\x1b\]\d+;[^\x00-\x1f\x7f]*\x1b\\)+\x07", sent)
    sent.decode()


def test_tmux_passes_on_what_is_wrapped() -> None:
    assert through_tmux(b"\x1b]9;x\x1b\\") == b"\x1bPtmux;\x1b\x1b]9;x\x1b\x1b\\\x1b\\"
    assert notification("osc777", "a", "b", tmux=True).startswith(b"\x1bPtmux;\x1b\x1b]777;")
    assert in_tmux({"TMUX": "/tmp/tmux-0/default,1,0"})
    assert not in_tmux({"TERM": "xterm"})


def test_mentions_and_direct_messages_are_notified_and_nothing_else() -> None:
    assert notifier().wants(MENTION, 0)
    assert notifier().wants(DIRECT, 0)
    assert not notifier().wants(replace(MENTION, mention=False), 0)
    assert not notifier().wants(replace(DIRECT, own=True), 0)
    assert not notifier().wants(replace(DIRECT, history=True), 0)
    assert not notifier().wants(replace(MENTION, conversation="#noise"), 0)


def test_what_one_looks_at_is_not_notified() -> None:
    assert not notifier(current="#DEV").wants(MENTION, 0)
    assert notifier(current="#ops").wants(MENTION, 0)
    assert notifier(current="#dev", focused=False).wants(MENTION, 0)


def test_a_conversation_notifies_once_in_two_seconds() -> None:
    one = notifier()
    assert one.wants(MENTION, 10.0)
    assert not one.wants(MENTION, 11.9)
    assert one.wants(DIRECT, 11.9)
    assert one.wants(MENTION, 12.0)


def test_the_words_say_who_and_where() -> None:
    assert words(MENTION) == ("bob in #dev", "alice: look")
    assert words(DIRECT) == ("bob", "hi")


def test_the_title_counts_what_is_unread() -> None:
    assert title("home", "#dev", 0, 0) == b"\x1b]2;#dev - home\x1b\\"
    assert title("home", "#dev", 3, 0) == b"\x1b]2;(3) #dev - home\x1b\\"
    assert title("home", "", 3, 2) == b"\x1b]2;(@2) home\x1b\\"
    assert title("", "#\x1b\\evil", 0, 0) == "\x1b]2;#␛\\evil\x1b\\".encode()


def test_a_link_is_wrapped_unless_it_could_do_harm() -> None:
    assert link("https://a.b/", "a") == "\x1b]8;;https://a.b/\x1b\\a\x1b]8;;\x1b\\"
    for address in ("https://a.b/\x1b\\", "https://ä.b", "https://a b", "https://a/" + "x" * 2000):
        assert link(address, "a") == "a"


def test_what_is_copied_comes_out_again_up_to_the_limit() -> None:
    sent = copy("größe\n")
    assert sent is not None
    assert base64.b64decode(sent.removeprefix(b"\x1b]52;c;").removesuffix(b"\x1b\\")) == (
        "größe\n".encode()
    )
    assert copy("x" * COPY_BYTES_MAX) is not None
    assert copy("x" * (COPY_BYTES_MAX + 1)) is None


@pytest.mark.parametrize(
    ("data", "focus"),
    [(b"\x1b[I", True), (b"\x1b[O", False), (b"a\x1b[I\x1b[Ob", False), (b"abc", None)],
)
def test_the_focus_is_read_from_the_input(data: bytes, focus: bool | None) -> None:
    assert focus_in(data) is focus
