"""Logging in from the client's side, as tables of what comes and what goes."""

from __future__ import annotations

import base64

import pytest

from securechat.client.errors import LoginRefused
from securechat.client.state.login import WANTED, Login
from securechat.errors import ConnectionLost
from securechat.protocol.message import Message, parse


def lines(messages: list[Message]) -> list[str]:
    return [message.encode().decode().rstrip("\r\n") for message in messages]


def run(login: Login, *received: str) -> list[str]:
    return [line for one in received for line in lines(login.receive(parse(one)))]


RESPONSE = base64.b64encode(b"\0alice\0secret").decode()


def test_a_login() -> None:
    """IRCv3 capability-negotiation and sasl-3.2, in the order of their examples."""
    login = Login("alice", "secret")
    assert lines(login.start()) == ["CAP LS 302", "NICK alice", "USER alice 0 * alice"]
    assert run(login, "CAP * LS * :batch other", "CAP * LS :sasl=PLAIN,EXTERNAL") == [
        "CAP REQ :sasl batch"
    ]
    assert run(login, "CAP * ACK :sasl batch") == ["AUTHENTICATE PLAIN"]
    assert run(login, "AUTHENTICATE +") == [f"AUTHENTICATE {RESPONSE}"]
    assert run(login, ":s 900 alice a!b@c alice :You are", ":s 903 alice :Done") == ["CAP END"]
    assert not login.done
    assert run(login, ":s NOTICE * :***", "PING :x", ":s 001 alice :Welcome") == ["PONG x"]
    assert login.done
    assert login.enabled == {"sasl", "batch"}
    assert login.offered["sasl"] == "PLAIN,EXTERNAL"


def test_a_long_password_goes_in_chunks_of_400_bytes() -> None:
    """IRCv3 sasl-3.1: a response is split; a last chunk of exactly 400 bytes is followed by +."""
    login = Login("alice", "x" * (300 - len("\0alice\0")))
    run(login, "CAP * LS :sasl", "CAP * ACK :sasl")
    sent = run(login, "AUTHENTICATE +")
    assert [len(line) for line in sent] == [len("AUTHENTICATE ") + 400, len("AUTHENTICATE +")]


def test_when_the_request_is_refused_only_sasl_is_asked_for() -> None:
    login = Login("alice", "secret")
    assert run(login, "CAP * LS :sasl batch", "CAP * NAK :sasl batch") == [
        "CAP REQ :sasl batch",
        "CAP REQ sasl",
    ]
    with pytest.raises(LoginRefused, match="no login by password"):
        run(login, "CAP * NAK :sasl")


@pytest.mark.parametrize("offer", ["batch", "sasl=EXTERNAL", ""])
def test_a_server_without_sasl_plain(offer: str) -> None:
    with pytest.raises(LoginRefused, match="no login by password"):
        run(Login("alice", "secret"), f"CAP * LS :{offer}")


@pytest.mark.parametrize(
    ("received", "sentence"),
    [
        (
            ":s 904 alice :SASL authentication failed",
            "The server does not accept this password for alice.",
        ),
        (
            ":s 904 alice :Too many tries.",
            "The server does not accept this password for alice. The server says: Too many tries.",
        ),
        (":s 902 alice :Locked", "The server refused the login: Locked."),
        (":s 905 alice :SASL message too long", "The server refused the login: SASL message too"),
        (":s 433 * alice :Nickname is already in use", "The server refused the login: Nickname"),
        (":s 464 alice", "The server refused the login: alice."),
        ("FAIL * ACCOUNT_REQUIRED :Log in", "The server refused the login: Log in."),
        (":s 001 alice :Welcome", "The server let us in without a login"),
    ],
)
def test_refusals(received: str, sentence: str) -> None:
    login = Login("alice", "secret")
    with pytest.raises(LoginRefused) as refusal:
        run(login, received)
    assert str(refusal.value).startswith(sentence)
    assert "secret" not in repr(login)


@pytest.mark.parametrize(
    ("received", "reason"), [("ERROR :Too many", "Too many"), ("ERROR", "The server closed")]
)
def test_a_server_that_ends_the_connection(received: str, reason: str) -> None:
    with pytest.raises(ConnectionLost, match=reason):
        run(Login("alice", "secret"), received)


@pytest.mark.parametrize(
    "received", ["CAP *", "CAP * LIST :x", "AUTHENTICATE +", "AUTHENTICATE", ":s 020 * :wait"]
)
def test_what_is_not_answered(received: str) -> None:
    """The password goes out only after the server acknowledged ``sasl``."""
    assert run(Login("alice", "secret"), received) == []


def test_a_long_list_is_asked_for_in_lines_that_every_server_can_answer() -> None:
    """capability-negotiation: the answer repeats the list, and is a line of 512 bytes too."""
    login = Login("alice", "p")
    login.start()
    requests = run(login, f"CAP * LS :{' '.join(WANTED)}")
    assert len(requests) > 1
    assert all(len(f":{'s' * 63} CAP {'n' * 32} NAK {line[8:]}") <= 510 for line in requests)
    asked = [name for line in requests for name in line.removeprefix("CAP REQ :").split()]
    assert asked == list(WANTED)
    answers = [run(login, line.replace("REQ", "* ACK")) for line in requests]
    assert [line for answer in answers for line in answer] == ["AUTHENTICATE PLAIN"]
    assert login.enabled == set(WANTED)


def test_what_else_is_refused_does_not_keep_anybody_out() -> None:
    login = Login("alice", "p")
    login.start()
    run(login, f"CAP * LS :{' '.join(WANTED)}", "CAP * ACK :sasl batch")
    assert run(login, "CAP * NAK :setname") == []
