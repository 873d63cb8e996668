"""Messages: what lines mean, what no line can carry, and that both directions agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from securechat.errors import MessageError
from securechat.protocol.message import Message, format_tags, parse, parse_tags, unescape

SPECIAL = " :;=@\\\r\n\0!#aZ9\u00e9\u0131\ud800"

# --- what can be written and read back ---------------------------------------------------------

in_a_line = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n")
in_a_word = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n ")
in_a_key = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n ;=")
in_a_value = st.characters(exclude_categories=["Cs"], exclude_characters="\0")

words = st.text(in_a_word, min_size=1)
middles = words.filter(lambda word: word[0] != ":")
commands = st.text("ABCXYZ0123456789", min_size=1)
params = st.one_of(
    st.just(()),
    st.tuples(st.lists(middles), st.text(in_a_line)).map(lambda both: (*both[0], both[1])),
)
tags = st.dictionaries(st.text(in_a_key, min_size=1), st.text(in_a_value), max_size=5)
messages = st.builds(Message, commands, params, st.none() | words, tags)

# Anything at all, with what matters to the format in it more often than chance would put it.
wild = st.text(st.sampled_from(SPECIAL), max_size=4) | st.text(max_size=4)


@given(messages)
def test_what_is_written_reads_back_the_same(message: Message) -> None:
    line = message.encode()
    assert line.endswith(b"\r\n")
    assert parse(line[:-2].decode()) == message


@given(
    st.builds(
        Message,
        wild,
        st.lists(wild, max_size=3).map(tuple),
        st.none() | wild,
        st.dictionaries(wild, wild, max_size=2),
    )
)
@example(Message("PRIVMSG", ("#lobby", "\udcff")))
@example(Message("PRIVMSG", ("#lobby",), "two words"))
@example(Message("QUIT", (), None, {"a b": ""}))
@example(Message("JOIN #lobby\r\nQUIT"))
def test_a_message_is_written_truly_or_not_at_all(message: Message) -> None:
    """Nothing that a caller puts in can become another message, or a second one."""
    try:
        line = message.encode()
    except MessageError:
        return
    expected = replace(message, command=message.command.upper(), source=message.source or None)
    assert parse(line[:-2].decode()) == expected


@given(st.text(st.sampled_from(SPECIAL)) | st.text())
def test_any_line_is_a_message_or_a_message_error(line: str) -> None:
    try:
        message = parse(line)
    except MessageError:
        return
    assert message.command
    assert message.command.isascii()
    assert all(param and " " not in param for param in message.params[:-1])


@given(st.text(in_a_value))
def test_a_tags_value_survives_escaping(value: str) -> None:
    r"""Message-tags, "Escaping values": ``;``, space, ``\``, CR and LF have sequences."""
    written = format_tags({"key": value})
    assert not set(written) & set("; \r\n")
    assert parse_tags(written) == {"key": value}


# --- lines of the specifications ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (":irc.example.com CAP * LIST :", ("CAP", ("*", "LIST", ""))),
        ("CAP * LS :multi-prefix sasl", ("CAP", ("*", "LS", "multi-prefix sasl"))),
        ("CAP REQ :sasl message-tags foo", ("CAP", ("REQ", "sasl message-tags foo"))),
        (":dan!d@localhost PRIVMSG #chan :Hey!", ("PRIVMSG", ("#chan", "Hey!"))),
        (":dan!d@localhost PRIVMSG #chan Hey!", ("PRIVMSG", ("#chan", "Hey!"))),
        (":dan!d@localhost PRIVMSG #chan ::-)", ("PRIVMSG", ("#chan", ":-)"))),
        ("@id=234AB :dan!d@localhost PRIVMSG #chan :Hey what's up!", None),
    ],
)
def test_the_examples_of_the_modern_specification(
    line: str, expected: tuple[str, tuple[str, ...]] | None
) -> None:
    """Modern IRC, "Message Format" and "Parameters"."""
    message = parse(line)
    if expected is not None:
        assert (message.command, message.params) == expected
    else:
        assert message == Message(
            "PRIVMSG", ("#chan", "Hey what's up!"), "dan!d@localhost", {"id": "234AB"}
        )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("privMsg a b", ("PRIVMSG", ("a", "b"))),
        ("001 dan :Welcome", ("001", ("dan", "Welcome"))),
        ("QUIT", ("QUIT", ())),
        ("QUIT ", ("QUIT", ())),
        ("QUIT :", ("QUIT", ("",))),
        ("QUIT  :  two  spaces  ", ("QUIT", ("  two  spaces  ",))),
        ("  USER   a  0 *   :A  B", ("USER", ("a", "0", "*", "A  B"))),
        ("MODE #c +b a:b", ("MODE", ("#c", "+b", "a:b"))),
        ("CMD a :b :c", ("CMD", ("a", "b :c"))),
        ("CMD a\tb", ("CMD", ("a\tb",))),
        ("CMD " + " ".join("abcdefghijklmnopqrst"), ("CMD", tuple("abcdefghijklmnopqrst"))),
        ("PRIVMSG #caf\u00e9 \u00e9", ("PRIVMSG", ("#caf\u00e9", "\u00e9"))),
    ],
)
def test_commands_and_parameters(line: str, expected: tuple[str, tuple[str, ...]]) -> None:
    """Modern IRC, "Message Format": parts are separated by one or more spaces, and any number
    of parameters is read; "Parameters": a trailing one is like any other once its colon is off.
    """
    message = parse(line)
    assert (message.command, message.params) == expected


@pytest.mark.parametrize(
    ("line", "source", "nick"),
    [
        ("PING x", None, ""),
        (": PING x", None, ""),
        (":irc.example.com PING x", "irc.example.com", "irc.example.com"),
        (":dan!~d@host PING x", "dan!~d@host", "dan"),
        ("@a=b   :dan!~d@host   PING   x", "dan!~d@host", "dan"),
    ],
)
def test_sources(line: str, source: str | None, nick: str) -> None:
    """Modern IRC, "Source"."""
    message = parse(line)
    assert (message.command, message.params) == ("PING", ("x",))
    assert (message.source, message.nick) == (source, nick)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("id=123AB;rose", {"id": "123AB", "rose": ""}),
        ("url=;netsplit=tur,ty", {"url": "", "netsplit": "tur,ty"}),
        ("aaa=bbb;ccc;example.com/ddd=eee", {"aaa": "bbb", "ccc": "", "example.com/ddd": "eee"}),
        (r"+example=raw+:=,escaped\:\s\\", {"+example": "raw+:=,escaped; \\"}),
        ("+icon=https://example.com/favicon.png", {"+icon": "https://example.com/favicon.png"}),
        ("label=123;+example-client-tag=value", {"label": "123", "+example-client-tag": "value"}),
        ("a=1;b=2;a=3", {"a": "3", "b": "2"}),
        ("a=1;A=2", {"a": "1", "A": "2"}),
        ("a=b=c", {"a": "b=c"}),
        ("n\u00f6 such~key!=x", {"n\u00f6 such~key!": "x"}),
        (";;a;", {"a": ""}),
        ("=x", {}),
        ("", {}),
    ],
)
def test_tags(raw: str, expected: dict[str, str]) -> None:
    """Message-tags, "Format" and "Examples"; Modern IRC, "Tags".

    A key that comes twice keeps its last value, case matters, a missing value is an empty one,
    and no key is invalid enough to reject a message for it.
    """
    assert parse_tags(raw) == expected


@pytest.mark.parametrize(
    ("escaped", "value"),
    [
        (r"\:\s\\\r\n", "; \\\r\n"),
        ("test\\", "test"),
        (r"\b", "b"),
        (r"\\s", r"\s"),
        (r"\\\s", "\\ "),
        (r"\\\\", r"\\"),
        ("", ""),
        ("\u00e9\\\u00e9", "\u00e9\u00e9"),
    ],
)
def test_unescaping(escaped: str, value: str) -> None:
    """Message-tags, "Escaping values": a lone backslash and one before no valid escape go."""
    assert unescape(escaped) == value


def test_an_empty_value_is_written_as_a_missing_one() -> None:
    """Message-tags, "Format": empty may become missing, and never the other way round."""
    assert format_tags({"a": "", "b": "x"}) == "a;b=x"


def test_only_where_it_is_needed_does_the_last_parameter_get_a_colon() -> None:
    """Modern IRC, "Parameters": empty, with a space, or starting with a colon."""
    assert Message("JOIN", ("#lobby",)).encode() == b"JOIN #lobby\r\n"
    assert Message("TOPIC", ("#lobby", "")).encode() == b"TOPIC #lobby :\r\n"
    assert Message("PRIVMSG", ("#lobby", "a b")).encode() == b"PRIVMSG #lobby :a b\r\n"
    assert Message("PRIVMSG", ("#lobby", ":)")).encode() == b"PRIVMSG #lobby ::)\r\n"


def test_the_order_of_the_parts() -> None:
    """Modern IRC, "Message Format": tags, source, command, parameters, CR LF."""
    message = Message("PRIVMSG", ("#lobby", "h\u00e9"), "dan!d@host", {"time": "1;2", "+x": ""})
    assert message.encode() == "@time=1\\:2;+x :dan!d@host PRIVMSG #lobby h\u00e9\r\n".encode()


# --- what is no message ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        ":",
        ":source",
        ":source ",
        "@tags",
        "@tags :source",
        "@tags  ",
        ":source :trailing",
        ": :trailing",
        "PRIV-MSG a",
        "#lobby hello",
        "\u00e9 a",
        "JO\u0131N #lobby",
        "\ufb01 a",
        "PRIVMSG a\0b",
        "PRIVMSG a\rb",
        "PRIVMSG a\nQUIT",
    ],
)
def test_lines_that_are_no_messages(line: str) -> None:
    """Modern IRC, "Command": letters or three digits, and these are ASCII: dotless i is no I."""
    with pytest.raises(MessageError):
        parse(line)


@pytest.mark.parametrize(
    "message",
    [
        Message(""),
        Message("TWO WORDS"),
        Message(":COLON"),
        Message("JO\u0131N", ("#lobby",)),
        Message("PRIVMSG", ("", "text")),
        Message("PRIVMSG", ("a b", "text")),
        Message("PRIVMSG", (":a", "text")),
        Message("PRIVMSG", ("a", "one\r\nQUIT")),
        Message("PRIVMSG", ("a", "one\ntwo")),
        Message("PRIVMSG", ("a", "nul\0")),
        Message("PRIVMSG", ("a", "half a pair \ud83d")),
        Message("PING", ("x",), "a source"),
        Message("PING", ("x",), "nul\0"),
        Message("PING", ("x",), None, {"": "value"}),
        Message("PING", ("x",), None, {"a;b": "value"}),
        Message("PING", ("x",), None, {"a=b": "value"}),
        Message("PING", ("x",), None, {"a b": "value"}),
        Message("PING", ("x",), None, {"a": "nul\0"}),
    ],
)
def test_messages_that_no_line_can_carry(message: Message) -> None:
    with pytest.raises(MessageError):
        message.encode()
