"""Registration, command by command: what each takes, and that nothing breaks or tells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.talk import PASSWORD, Talk, plain, play

from securechat.errors import MessageError
from securechat.protocol.framing import LINE_BYTES_MAX
from securechat.protocol.message import parse
from securechat.protocol.registration import Admit, Close, Registration, Send, Verify

# --- the commands one by one -------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["PRIVMSG #lobby :hi", "JOIN #lobby", "WHO *", "LIST", "NAMES", "MOTD", "OPER a b", "001 x"],
)
def test_other_commands_are_refused_and_nothing_happens(line: str) -> None:
    """Modern IRC, ERR_NOTREGISTERED (451)."""
    refusal = "S: :irc.example 451 * :You have not registered: log in first"
    talk = Talk()
    assert talk.says(line) == [refusal]
    assert talk.registration == Registration("irc.example")


def test_ping_pong_quit() -> None:
    """Modern IRC, "PING message", "PONG message", "QUIT message"."""
    play("""
        C: PING :a token
        S: :irc.example PONG irc.example :a token
        C: PING
        S: :irc.example 409 * :No origin specified
        C: PING :
        S: :irc.example 409 * :No origin specified
        C: PONG x
        C: QUIT :Gone to have lunch
        -- closes: Quit
    """)


@pytest.mark.parametrize("line", ["NICK", "NICK :"])
def test_nick_needs_a_parameter(line: str) -> None:
    """Modern IRC, "NICK message": 431."""
    assert Talk().says(line) == ["S: :irc.example 431 * :No nickname given"]


@pytest.mark.parametrize("nick", ["Wiz", "a[]{}\\|", "\u00e9tienne", "_x-9", "n" * 64])
def test_nicks_that_may_be_asked_for(nick: str) -> None:
    """Modern IRC, "NICK message": at least letters, digits, brackets, backslash and bar."""
    talk = Talk()
    assert talk.says(f"NICK {nick}") == []
    assert talk.registration.nick == nick


@pytest.mark.parametrize(
    ("nick", "shown"),
    [
        ("#lobby", "#lobby"),
        ("a!b", "a!b"),
        ("a@b", "a@b"),
        ("*", "*"),
        ("1st", "1st"),
        (":a", "*"),
        ("a b", "*"),
        ("n" * 65, "n" * 65),
        ("\u00e9" * 33, "\u00e9" * 33),
    ],
)
def test_nicks_that_may_not(nick: str, shown: str) -> None:
    """Modern IRC, "NICK message": 432, and the nick stays what it was."""
    talk = Talk()
    talk.says("NICK wiz")
    assert talk.says(f"NICK :{nick}") == [f"S: :irc.example 432 wiz {shown} :Erroneous nickname"]
    assert talk.registration.nick == "wiz"


@pytest.mark.parametrize(
    "line", ["USER", "USER a", "USER a 0 *", "USER a 0 * :", "USER :", "USER a 0 :* name"]
)
def test_user_needs_four_parameters(line: str) -> None:
    """Modern IRC, "USER message": 461."""
    talk = Talk()
    assert talk.says(line) == ["S: :irc.example 461 * USER :Not enough parameters"]
    assert talk.registration.username == ""


def test_a_long_username_is_cut() -> None:
    """Modern IRC, "USER message": silently, where there is a limit."""
    talk = Talk()
    assert talk.says(f"USER {'u' * 400} 0 * :A name") == []
    assert talk.registration.username == "u" * 64
    assert talk.registration.realname == "A name"


def test_a_long_token_comes_back_as_far_as_a_line_reaches() -> None:
    """Modern IRC, "Message Format": 512 bytes with CR LF."""
    (answer,) = Talk().says(f"PING {'x' * 505}")
    assert answer.startswith("S: :irc.example PONG irc.example :xxx")
    assert len(answer) == len("S: ") + LINE_BYTES_MAX - 2


# --- anything at all ---------------------------------------------------------------------------

heads = st.sampled_from(
    ["CAP LS", "CAP REQ", "CAP", "NICK", "USER", "USER a 0 *", "PASS", "PING", "AUTHENTICATE", "X"]
)
tails = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"))
long_tails = st.builds(str.__mul__, st.sampled_from("xX9\u00e9\U0001f600"), st.integers(1, 600))
openings = st.sampled_from(
    ["CAP REQ :sasl", "NICK wiz", "USER u 0 * :U", "AUTHENTICATE PLAIN", f"NICK {'n' * 64}"]
)
lines = openings | st.builds(
    "{} {}{}".format, heads, st.sampled_from(["", ":"]), tails | long_tails
)


@given(st.lists(lines, max_size=12), st.booleans())
def test_every_answer_fits_a_line_and_nothing_breaks(said: list[str], right: bool) -> None:
    """Modern IRC, "Message Format": whatever comes, 512 bytes, and one source: the server."""
    server = "s" * 63
    registration = Registration(server, sasl_bytes_max=1000)
    for line in said:
        try:
            message = parse(line.encode()[: LINE_BYTES_MAX - 2].decode(errors="ignore"))
        except MessageError:
            continue
        todo = registration.handle(message)
        while todo:
            match todo.pop(0):
                case Verify():
                    todo += registration.verified("a" * 32 if right else None)
                case Send(answer):
                    assert len(answer.encode()) <= LINE_BYTES_MAX - 2
                    assert parse(answer).source == server or answer == "AUTHENTICATE +"
                case Admit():
                    assert registration.account
                    return
                case Close(reason):
                    assert reason
                    return


# --- secrets -----------------------------------------------------------------------------------


def test_no_repr_shows_a_password() -> None:
    registration = Registration("irc.example")
    for line in (
        f"PASS :alice:{PASSWORD}",
        "CAP REQ :sasl",
        "AUTHENTICATE PLAIN",
        f"AUTHENTICATE {plain('alice', PASSWORD * 20)[:400]}",
    ):
        registration.handle(parse(line))
        assert "horse" not in repr(registration)
        assert plain("alice", PASSWORD)[:20] not in repr(registration)
    registration.handle(parse("AUTHENTICATE *"))
    registration.handle(parse("AUTHENTICATE PLAIN"))
    (verify,) = registration.handle(parse(f"AUTHENTICATE {plain('alice', PASSWORD)}"))
    assert isinstance(verify, Verify)
    assert "horse" not in repr(verify)
