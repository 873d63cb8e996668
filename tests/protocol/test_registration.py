"""Registration, as people see it: how a login goes, and how it goes wrong.

``test_registration_commands.py`` has its commands one by one, ``test_registration_walk.py`` goes
through every state there is. How conversations are written is told by ``support.talk``.
"""

from __future__ import annotations

import pytest
from support.talk import ACCOUNTS, PASSWORD, Talk, plain, play
from support.wire_lines import listed

from securechat.protocol.registration import Registration


def test_a_modern_client_logs_in() -> None:
    """Modern IRC, "Connection Registration": the recommended order; sasl-3.2, "Usage".

    The welcome will name the account, Alice, whatever nick was asked for.
    """
    play(f"""
        C: CAP LS 302
        {listed("CAP LS 302")}
        C: NICK somebody
        C: USER al 0 * :Alice A.
        C: CAP REQ :sasl server-time
        S: :irc.example CAP somebody ACK :sasl server-time
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE {plain("alice", PASSWORD)}
        S: :irc.example 900 somebody somebody!al@irc.example Alice :You are now logged in as Alice
        S: :irc.example 903 somebody :SASL authentication successful
        C: CAP END
        -- admits Alice
    """)


def test_the_example_of_the_sasl_specification() -> None:
    """Sasl-3.1, "Example protocol exchange": no LS, and an authorization identity."""
    play("""
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: NICK jilles
        C: USER jilles cheetah.stack.nl 1 :Jilles Tjoelker
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE amlsbGVzAGppbGxlcwBzZXNhbWU=
        S: :irc.example 900 jilles jilles!jilles@irc.example Jilles :You are now logged in as Jilles
        S: :irc.example 903 jilles :SASL authentication successful
        C: CAP END
        -- admits Jilles
    """)


def test_a_client_logs_in_before_it_says_who_it_is() -> None:
    """Capability-negotiation, "The CAP command": ``*`` stands for the nick that is not known."""
    play(f"""
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: CAP END
        C: AUTHENTICATE plain
        S: AUTHENTICATE +
        C: AUTHENTICATE {plain("alice", PASSWORD)}
        S: :irc.example 900 * *!*@irc.example Alice :You are now logged in as Alice
        S: :irc.example 903 * :SASL authentication successful
        C: USER al 0 * :Alice
        C: NICK alice
        -- admits Alice
    """)


def test_a_long_response_comes_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sasl-3.1, "The AUTHENTICATE command": a full last chunk is followed by ``+``."""
    password = "x" * (300 - len("\0alice\0"))
    monkeypatch.setitem(ACCOUNTS, "alice", password)
    chunk = plain("alice", password)
    assert len(chunk) == 400
    play(f"""
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE {chunk}
        C: PING between
        S: :irc.example PONG irc.example :between
        C: AUTHENTICATE +
        S: :irc.example 900 * *!*@irc.example Alice :You are now logged in as Alice
        S: :irc.example 903 * :SASL authentication successful
    """)


def test_a_wrong_password_may_be_tried_again() -> None:
    """Sasl-3.1, "The AUTHENTICATE command": retry from ``AUTHENTICATE <mechanism>``."""
    play(f"""
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE {plain("alice", "guess")}
        S: :irc.example 904 * :SASL authentication failed
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE {plain("alice", PASSWORD)}
        S: :irc.example 900 * *!*@irc.example Alice :You are now logged in as Alice
        S: :irc.example 903 * :SASL authentication successful
    """)


def test_three_failures_close_the_connection_and_the_reason_comes_first() -> None:
    """Sasl-3.2, "SASL Reauthentication": the reason MUST be given before disconnecting."""
    play(f"""
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE {plain("alice", "guess")}
        S: :irc.example 904 * :SASL authentication failed
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE not-base-64
        S: :irc.example 904 * :SASL authentication failed
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE {"A" * 401}
        S: :irc.example 905 * :SASL message too long
        -- closes: Too many failed logins
    """)


def test_no_limit_of_attempts_is_no_limit() -> None:
    talk = Talk(Registration("irc.example", attempts_max=0))
    talk.says("CAP REQ :sasl")
    for _ in range(50):
        assert talk.says("AUTHENTICATE PLAIN") == ["S: AUTHENTICATE +"]
        assert talk.says("AUTHENTICATE +") == ["S: :irc.example 904 * :SASL authentication failed"]


def test_a_login_is_aborted() -> None:
    """Sasl-3.1, "The AUTHENTICATE command": ``*`` is answered by 906, and is no failure."""
    play("""
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE *
        S: :irc.example 906 * :SASL authentication aborted
        C: AUTHENTICATE *
        S: :irc.example 906 * :SASL authentication aborted
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
    """)


def test_an_unfinished_login_is_aborted_when_registration_ends() -> None:
    """Sasl-3.1, "The AUTHENTICATE command": 906; then there is no login, so nobody is let in."""
    play("""
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: NICK alice
        C: USER al 0 * :Alice
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: CAP END
        S: :irc.example 906 alice :SASL authentication aborted
        S: :irc.example FAIL * ACCOUNT_REQUIRED :Log in: an account is required
        -- closes: An account is required
    """)


@pytest.mark.parametrize("mechanism", ["EXTERNAL", "SCRAM-SHA-256", "PLAIN2", "+", ":"])
def test_a_mechanism_that_is_not_offered(mechanism: str) -> None:
    """Sasl-3.1, 908 and "The AUTHENTICATE command": the client MAY try another."""
    play(f"""
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: AUTHENTICATE {mechanism}
        S: :irc.example 908 * PLAIN :are available SASL mechanisms
        S: :irc.example 904 * :SASL authentication failed
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
    """)


def test_sasl_is_requested_before_it_is_used() -> None:
    """Sasl-3.1, "Introduction": the client MUST enable the capability first."""
    play("""
        C: AUTHENTICATE PLAIN
        S: :irc.example 904 * :Request the sasl capability first
        C: AUTHENTICATE *
        S: :irc.example 904 * :Request the sasl capability first
    """)


def test_authenticate_needs_a_parameter() -> None:
    """Modern IRC, ERR_NEEDMOREPARAMS (461)."""
    play("""
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: AUTHENTICATE
        S: :irc.example 461 * AUTHENTICATE :Not enough parameters
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE
        S: :irc.example 461 * AUTHENTICATE :Not enough parameters
    """)


def test_nobody_logs_in_twice() -> None:
    """Sasl-3.1, 907; sasl-3.2, "SASL Reauthentication": appropriate where it is not possible."""
    play(f"""
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE {plain("alice", PASSWORD)}
        S: :irc.example 900 * *!*@irc.example Alice :You are now logged in as Alice
        S: :irc.example 903 * :SASL authentication successful
        C: AUTHENTICATE PLAIN
        S: :irc.example 907 * :You have already authenticated using SASL
    """)


def test_acting_as_somebody_else_is_refused_without_asking() -> None:
    """RFC 4616, section 2: an authorization identity that the account may not assume."""
    talk = Talk()
    talk.play(f"""
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE {plain("alice", PASSWORD, acting_as="jilles")}
        S: :irc.example 904 * :SASL authentication failed
    """)
    assert talk.verified == []


def test_a_response_over_the_limit_is_too_long() -> None:
    """Sasl-3.1, "The AUTHENTICATE command": the server MAY limit the total length; 905."""
    talk = Talk(Registration("irc.example", sasl_bytes_max=1000))
    talk.play(f"""
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE {"A" * 400}
        C: AUTHENTICATE {"A" * 400}
        C: AUTHENTICATE {"A" * 204}
        S: :irc.example 905 * :SASL message too long
    """)
    assert talk.verified == []
