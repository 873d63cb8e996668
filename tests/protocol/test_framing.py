"""Framing: lines from bytes, however these arrive, within limits that hold to the byte."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from securechat.protocol.framing import (
    CLIENT_TAG_BYTES_MAX,
    LINE_BYTES_MAX,
    SERVER_TAG_BYTES_MAX,
    BadLine,
    Fault,
    LineBuffer,
    split_text,
    truncate,
)

TOO_LONG = BadLine(Fault.TOO_LONG)
NOT_UTF8 = BadLine(Fault.NOT_UTF8)

# Small limits, so that chance finds them; tags may be longer than the rest, as they really may.
LINE, TAGS = 12, 17

pieces = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b"@", b" ", b":", b"a", b"a" * 7, "\u00e9".encode(), b"\xff", b"\0"]
)
streams = st.lists(pieces, max_size=40).map(b"".join)


def small() -> LineBuffer:
    return LineBuffer(line_max=LINE, tags_max=TAGS)


def fed(buffer: LineBuffer, *chunks: bytes) -> list[str | BadLine]:
    return [line for chunk in chunks for line in buffer.feed(chunk)]


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


# --- lines -------------------------------------------------------------------------------------


@given(streams, st.data())
def test_any_split_of_a_stream_gives_the_same_lines(stream: bytes, data: st.DataObject) -> None:
    whole = small().feed(stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[start:end] for start, end in pairwise([0, *cuts, len(stream)])]
    assert fed(small(), *chunks) == whole
    assert fed(small(), *bytewise(stream)) == whole


@given(streams)
def test_the_lines_are_those_between_the_line_feeds(stream: bytes) -> None:
    """What comes out is told by the definition alone: one answer a line, in order."""

    def answer(line: bytes) -> str | BadLine | None:
        line = line.removesuffix(b"\r")
        tags, _, rest = line.partition(b" ") if line.startswith(b"@") else (b"", b"", line)
        if len(rest) > LINE - 2 or (tags and len(tags) + 1 > TAGS):
            return TOO_LONG
        try:
            return line.decode() or None
        except UnicodeDecodeError:
            return NOT_UTF8

    # An end is put to the last line, so that each line is whole.
    expected = [answer(line) for line in stream.split(b"\n")]
    assert small().feed(stream + b"\n") == [line for line in expected if line is not None]


@given(streams)
def test_never_is_more_kept_than_one_line_may_have(stream: bytes) -> None:
    buffer = small()
    for chunk in bytewise(stream):
        buffer.feed(chunk)
        assert len(buffer._partial) <= TAGS + LINE


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"NICK a\r\nUSER b\r\n", ["NICK a", "USER b"]),
        (b"NICK a\nUSER b\n", ["NICK a", "USER b"]),
        (b"\r\n\n\r\n", []),
        (b"NICK a", []),
        (b"NICK a\r", []),
        (b"a\rb\r\n", ["a\rb"]),
        (b"a\r\r\n", ["a\r"]),
        (b"  \r\n", ["  "]),
        ("PRIVMSG #caf\u00e9 :\U0001f600\r\n".encode(), ["PRIVMSG #caf\u00e9 :\U0001f600"]),
        (b"\xff\xfe\r\nPING x\r\n", [NOT_UTF8, "PING x"]),
        (b"a\xc3\r\n", [NOT_UTF8]),
        (b"\xed\xa0\x80\r\n", [NOT_UTF8]),
        (b"\xc0\x80\r\n", [NOT_UTF8]),
        (b"nul\0\r\n", ["nul\0"]),
    ],
)
def test_ends_of_lines_and_encodings(data: bytes, lines: list[str | BadLine]) -> None:
    """Modern IRC, "Message Format": empty messages are ignored; "Compatibility with incorrect
    software": LF alone ends a line. IRCv3 ``utf8-only``: what is not UTF-8 is refused whole,
    encoded surrogates and overlong forms too.
    """
    assert LineBuffer().feed(data) == lines
    assert fed(LineBuffer(), *bytewise(data)) == lines


def test_a_character_may_arrive_in_two_halves() -> None:
    assert fed(LineBuffer(), b"caf\xc3", b"\xa9\r", b"\n") == ["caf\u00e9"]


def test_feeding_nothing_changes_nothing() -> None:
    buffer = LineBuffer()
    assert fed(buffer, b"PING ", b"", b"x\n", b"") == ["PING x"]


# --- limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_the_longest_line_has_512_bytes_with_cr_lf(end: bytes) -> None:
    """Modern IRC, "Message Format": 512 bytes, CR LF counted; characters are not counted."""
    assert LINE_BYTES_MAX == 512
    fits = b"x" * 510
    assert LineBuffer().feed(fits + end) == [fits.decode()]
    assert LineBuffer().feed(fits + b"x" + end) == [TOO_LONG]
    assert LineBuffer().feed(b"\xc3\xa9" * 255 + end) == ["\u00e9" * 255]
    assert LineBuffer().feed(b"x" + b"\xc3\xa9" * 255 + end) == [TOO_LONG]


def test_the_longest_tags_have_4096_bytes_with_their_ends() -> None:
    """Message-tags, "Size limit": ``@``, 4094 bytes of data and a space, then 512 as ever."""
    assert (CLIENT_TAG_BYTES_MAX, SERVER_TAG_BYTES_MAX) == (4096, 8191)
    rest = b"x" * 510
    for data, is_line in ((4093, True), (4094, True), (4095, False)):
        line = b"@" + b"t" * data + b" " + rest
        expected: list[str | BadLine] = [line.decode() if is_line else TOO_LONG]
        assert LineBuffer().feed(line + b"\r\n") == expected
        assert fed(LineBuffer(), *bytewise(line + b"\r\n")) == expected


def test_tags_do_not_make_room_for_a_longer_rest() -> None:
    """Message-tags, "Size limit": the rest is limited as before, however short the tags are."""
    assert LineBuffer().feed(b"@t " + b"x" * 510 + b"\r\n") == ["@t " + "x" * 510]
    assert LineBuffer().feed(b"@t " + b"x" * 511 + b"\r\n") == [TOO_LONG]
    assert LineBuffer().feed(b":@t " + b"x" * 510 + b"\r\n") == [TOO_LONG]


def test_what_a_server_sends_may_have_8191_bytes_of_tags() -> None:
    """Message-tags, "Size limit": server tags, ``;`` and client tags together."""
    buffer = LineBuffer(tags_max=SERVER_TAG_BYTES_MAX)
    fits = b"@" + b"t" * 8189 + b" " + b"x" * 510
    assert buffer.feed(fits + b"\r\n") == [fits.decode()]
    assert buffer.feed(b"@t" + fits[1:] + b"\r\n") == [TOO_LONG]


def test_an_endless_line_is_told_at_once_skipped_and_never_kept() -> None:
    """Modern IRC, "Compatibility with incorrect software": gracefully, and the next line counts."""
    buffer = LineBuffer()
    assert buffer.feed(b"x" * 510) == []
    assert buffer.feed(b"x") == [TOO_LONG]
    for _ in range(100):
        assert buffer.feed(b"x" * 10_000) == []
        assert buffer._partial == b""
    assert buffer.feed(b"the end\r\nPING a\r\nPI") == ["PING a"]
    assert buffer.feed(b"NG b\r\n") == ["PING b"]


def test_endless_tags_are_bounded_too() -> None:
    buffer = LineBuffer()
    assert buffer.feed(b"@" + b"t" * 4094) == []
    assert buffer.feed(b"t") == [TOO_LONG]
    assert buffer.feed(b"t" * 100_000) == []
    assert buffer._partial == b""
    assert buffer.feed(b"\nPING a\n") == ["PING a"]


def test_each_of_several_long_lines_is_told() -> None:
    long = b"x" * 600
    data = long + b"\n" + long + b"\nPING a\n" + long + b"\n"
    assert LineBuffer().feed(data) == [TOO_LONG, TOO_LONG, "PING a", TOO_LONG]
    assert fed(LineBuffer(), *bytewise(data)) == [TOO_LONG, TOO_LONG, "PING a", TOO_LONG]


# --- texts cut to size -------------------------------------------------------------------------

texts = st.text(st.sampled_from("a \u00e9\u20ac\U0001f600")) | st.text()


@given(texts, st.integers(4, 40))
@example("aaaa ", 4)
@example("     ", 4)
@example("a\U0001f600" * 3, 4)
def test_pieces_fit_and_join_to_the_text(text: str, limit: int) -> None:
    """IRCv3 ``utf8-only``, "Implementation considerations": never inside a character."""
    split = split_text(text, limit)
    assert all(len(piece.encode()) <= limit for piece in split)
    assert all(split) or split == [""]
    # Nothing is lost but one space at each break, the end of the text counted as one.
    rest = text
    for piece in split:
        assert rest.startswith(piece)
        rest = rest[len(piece) :].removeprefix(" ") if rest != piece else ""
    assert rest == ""


@given(texts, st.integers(4, 40))
def test_few_pieces(text: str, limit: int) -> None:
    """Each but the last is filled to two thirds, less the one character that did not fit."""
    for piece in split_text(text, limit)[:-1]:
        assert len(piece.encode()) >= min(limit * 2 // 3, limit - 3)


def test_a_text_breaks_at_a_late_space_only() -> None:
    assert split_text("one two three", 9) == ["one two", "three"]
    assert split_text("one two three", 7) == ["one two", "three"]
    assert split_text("a bcdefghijk", 9) == ["a bcdefgh", "ijk"]
    assert split_text("short", 9) == ["short"]
    assert split_text("", 9) == [""]


@pytest.mark.parametrize("limit", [-1, 0, 3])
def test_no_text_is_split_where_a_character_might_not_fit(limit: int) -> None:
    with pytest.raises(ValueError, match="at least 4"):
        split_text("\U0001f600", limit)


@given(texts, st.integers(0, 40))
def test_truncating_keeps_whole_characters_and_as_many_as_fit(text: str, limit: int) -> None:
    """IRCv3 ``utf8-only``, "Implementation considerations"."""
    short = truncate(text, limit)
    assert text.startswith(short)
    assert len(short.encode()) <= limit
    assume(short != text)
    assert len(text[: len(short) + 1].encode()) > limit


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"privmsg #lobby :caf\xe9", "PRIVMSG"),
        (b"@+a=\xff :somebody  TOPIC #lobby", "TOPIC"),
        (b":\xff", "*"),
        (b":\xff  QUIT", "QUIT"),
        (b"\xff PRIVMSG", "*"),
        (b"PRIV\xffMSG", "*"),
        (b"@\xff", "*"),
    ],
)
def test_what_is_not_utf8_still_tells_its_command(line: bytes, command: str) -> None:
    """Utf8-only, "Examples": ``FAIL PRIVMSG INVALID_UTF8``; standard-replies: else ``*``."""
    (bad,) = LineBuffer().feed(line + b"\n")
    assert isinstance(bad, BadLine)
    assert (bad.fault, bad.command) == (Fault.NOT_UTF8, command)
