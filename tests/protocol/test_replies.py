"""Replies: the table of numerics, and that every line of an answer is one that may be sent."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol import replies
from securechat.protocol.framing import LINE_BYTES_MAX
from securechat.protocol.message import parse
from securechat.protocol.replies import Numeric, Reply, fail, in_lines

NUMERICS = {name: value for name, value in vars(replies).items() if isinstance(value, Numeric)}

in_a_line = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n")
long = st.builds(str.__mul__, st.sampled_from("a\u00e9\U0001f600"), st.integers(0, 600))
wild = st.text(st.sampled_from(" :a")) | st.text(in_a_line) | long
names = st.text("abcdefghij-.", min_size=1, max_size=63).filter(lambda name: name[0] != ":")
codes = st.sampled_from(sorted(row.code for row in NUMERICS.values()))


@pytest.mark.parametrize("name", NUMERICS)
def test_numerics_have_three_digits(name: str) -> None:
    """Modern IRC, "Numeric Replies"; the ranges are those of RFC 2812, section 5."""
    code = NUMERICS[name].code
    assert len(code) == 3
    assert code.isascii()
    assert code.isdecimal()
    if name.startswith("RPL_"):
        assert not "400" <= code < "600"
    else:
        assert name.startswith("ERR_")
        assert code >= "400"


def test_no_two_numerics_share_a_code() -> None:
    by_code: dict[str, str] = {}
    for name, numeric in NUMERICS.items():
        assert by_code.setdefault(numeric.code, name) == name


@pytest.mark.parametrize("name", NUMERICS)
def test_texts_are_fit_to_be_shown(name: str) -> None:
    text = NUMERICS[name].text
    assert text is None or (text == text.strip() and text.isprintable() and text)


@given(names, names, codes | st.just("FAIL"), st.lists(wild, max_size=6), st.none() | wild)
def test_a_line_never_is_too_long_and_always_reads_back(
    server: str, nick: str, code: str, params: list[str], text: str | None
) -> None:
    """Modern IRC, "Message Format": 512 bytes with CR LF, whatever of a client's is quoted."""
    line = Reply(code, tuple(params), text).line(server, nick)
    assert len(line.encode()) <= LINE_BYTES_MAX - 2
    message = parse(line)
    assert (message.source, message.command) == (server, code)
    if code != "FAIL":
        assert message.params[0] == nick
    if text is not None:
        assert text.startswith(message.params[-1])


@given(names, names, codes, wild)
def test_a_text_is_cut_only_where_it_must_be(server: str, nick: str, code: str, text: str) -> None:
    line = Reply(code, (), text).line(server, nick)
    whole = f":{server} {code} {nick} :{text}"
    assert whole.startswith(line)
    # One more character, of at most four bytes, would not have fitted.
    assert line == whole or len(line.encode()) + 4 > LINE_BYTES_MAX - 2


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (replies.ERR_UNKNOWNCOMMAND("FOO"), ":irc.example 421 dan FOO :Unknown command"),
        (replies.RPL_WELCOME(text="Welcome"), ":irc.example 001 dan :Welcome"),
        (replies.RPL_TOPIC("#a", text=""), ":irc.example 332 dan #a :"),
        (replies.RPL_TOPICWHOTIME("#a", "bob", "1"), ":irc.example 333 dan #a bob 1"),
        (replies.RPL_NOTOPIC("#a", text="None"), ":irc.example 331 dan #a :None"),
        (
            fail("BOX", "BOXES_INVALID", "STACK", "CLOCKWISE", text="Given boxes are no boxes"),
            ":irc.example FAIL BOX BOXES_INVALID STACK CLOCKWISE :Given boxes are no boxes",
        ),
        (fail("*", "ACCOUNT_REQUIRED", text="x"), ":irc.example FAIL * ACCOUNT_REQUIRED :x"),
    ],
)
def test_the_form_of_replies(reply: Reply, line: str) -> None:
    """Modern IRC, "Numeric Replies": a source, the code, the target first; standard-replies,
    "Message Format": type, command, code, context, description, and no target.
    """
    assert reply.line("irc.example", "dan") == line


@pytest.mark.parametrize("bad", ["", "a b", ":a", " ", ":"])
def test_a_parameter_that_has_no_place_there_is_shown_as_an_asterisk(bad: str) -> None:
    """Modern IRC, "Parameters": only the last parameter may be these."""
    assert replies.ERR_NOSUCHNICK(bad).line("s", "dan") == ":s 401 dan * :No such nick/channel"


def test_a_quoted_parameter_leaves_room_for_what_is_said_about_it() -> None:
    line = replies.ERR_NOSUCHCHANNEL("#" + "x" * 500).line("irc.example", "dan")
    assert line.startswith(":irc.example 403 dan #xxx")
    assert line.endswith("xxx :No such channel")
    assert len(line) == LINE_BYTES_MAX - 2


@given(
    st.lists(st.text("a\u00e9\U0001f600", min_size=1)),
    st.integers(1, 30),
    st.sampled_from([" ", ",", ", "]),
)
def test_words_are_joined_into_lines_that_fit(words: list[str], room: int, separator: str) -> None:
    lines = in_lines(words, room, separator)
    assert separator.join(lines) == separator.join(words)
    assert all(len(line.encode()) <= room or line in words for line in lines)
    for line, following in pairwise(lines):
        first = following.split(separator)[0]
        assert len(f"{line}{separator}{first}".encode()) > room


def test_words_in_lines() -> None:
    assert in_lines([], 10) == []
    assert in_lines(["one", "two", "three"], 7) == ["one two", "three"]
    assert in_lines(["one", "two", "three"], 6) == ["one", "two", "three"]
    assert in_lines(["\u00e9\u00e9", "a"], 5) == ["\u00e9\u00e9", "a"]
    assert in_lines(["a-long-word", "b"], 4) == ["a-long-word", "b"]
    assert in_lines(iter(["a", "b"]), 3, ",") == ["a,b"]
