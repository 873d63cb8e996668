"""The parts of a message: from how people write addresses, code and names in chats."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.client.tui.inline import Span, links, mentions, spans
from securechat.client.tui.text import clean


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("see https://example.org.", "https://example.org"),
        ("(https://example.org/a_(b))", "https://example.org/a_(b)"),
        ("<https://example.org/x>", "https://example.org/x"),
        ('"http://example.org/?q=1&r=2#f", he said', "http://example.org/?q=1&r=2#f"),
        ("HTTPS://Example.org/!", "HTTPS://Example.org/"),
        ("ircs://chat.example.org/lobby…", "ircs://chat.example.org/lobby"),
        ("https://example.org/ä", "https://example.org/%C3%A4"),
        ("https://example.org/%C3%A4", "https://example.org/%C3%A4"),
        ("[x](https://example.org)", "https://example.org"),
        ("https://example.org/\x1b]0;x\x07y", "https://example.org/%E2%90%9B]0;x%E2%90%87y"),
    ],
)
def test_an_address_ends_where_people_mean_it_to_end(text: str, address: str) -> None:
    assert links(text) == [address]


@pytest.mark.parametrize(
    "text",
    ["javascript:alert(1)", "file:///etc/passwd", "https://", "xhttp://a.b", "`https://a.b`"],
)
def test_nothing_else_is_an_address(text: str) -> None:
    assert links(text) == []


def test_code_keeps_what_looks_like_something_else() -> None:
    assert spans("run `rm *_x #y @bob` now", "bob", ()) == [
        Span("text", "run "),
        Span("code", "rm *_x #y @bob"),
        Span("text", " now"),
    ]


def test_a_block_of_code_goes_over_lines() -> None:
    assert spans("so:\n```py\na = 1\nb = `x`\n```", "me", ()) == [
        Span("text", "so:\n"),
        Span("block", "a = 1\nb = `x`"),
    ]


def test_a_lone_backtick_is_a_backtick() -> None:
    assert spans("it`s", "me", ()) == [Span("text", "it`s")]


def test_stars_and_underscores_are_left_alone() -> None:
    assert spans("*a* _b_ 2*3*4 __init__", "me", ()) == [Span("text", "*a* _b_ 2*3*4 __init__")]


def test_channels_and_people_that_exist_are_found() -> None:
    assert spans("ask @Bob in #dev, not @nobody or #1", "me", ["bob"]) == [
        Span("text", "ask "),
        Span("nick", "@Bob", "bob"),
        Span("text", " in "),
        Span("channel", "#dev", "#dev"),
        Span("text", ", not @nobody or #1"),
    ]


@pytest.mark.parametrize("text", ["alice: hi", "hi Alice!", "@alice", "(ALICE)", "alice's"])
def test_the_own_name_is_a_mention(text: str) -> None:
    assert mentions(text, "alice")


@pytest.mark.parametrize(
    "text", ["malice", "alices", "alice-b", "al ice", "`alice`", "https://x.org/alice", "a@alice"]
)
def test_a_name_within_another_word_or_in_code_is_none(text: str) -> None:
    assert not mentions(text, "alice")


def test_styles_stay_with_the_text_around_a_link() -> None:
    bold = frozenset({"bold"})
    assert spans("\x02a\x02 b \x11c", "", ()) == [
        Span("text", "a", "", bold),
        Span("text", " b "),
        Span("code", "c"),
    ]


@given(st.text(alphabet="ab@#`* \n/:.()\x02\x11\x1bhtps😀é", max_size=40))
def test_no_text_is_lost_but_the_backticks_of_code(text: str) -> None:
    parts = spans(text, "ab", ["b"])
    shown = "".join(one.text for one in parts)
    assert shown.replace("`", "").replace("\n", "") in _joined(text)
    assert all(one.text for one in parts)
    assert all(one.target.isascii() for one in parts if one.kind == "link")


def _joined(text: str) -> str:
    return clean(text, lines=True).replace("`", "").replace("\n", "")


@pytest.mark.parametrize("piece", ["\x02a #b ", "```x", "``x", "a-", "https://x/)", "@bob "])
def test_a_long_message_takes_as_long_as_its_length(piece: str) -> None:
    """A sender cannot stop the screen: ten times the text is not a hundred times the work."""

    def seconds(times: int) -> float:
        began = time.process_time()
        spans(piece * times, "me", ["bob"])
        return time.process_time() - began

    assert seconds(4000) < 40 * seconds(400) + 0.2
