"""Logging in with PASS, and not at all: what clients without SASL are told."""

from __future__ import annotations

import pytest
from support.talk import ACCOUNTS, PASSWORD, Talk, plain, play
from support.wire_lines import listed


def test_a_client_without_sasl_gives_account_and_password_as_pass() -> None:
    """Modern IRC, "PASS message": before NICK and USER."""
    play(f"""
        C: PASS :alice:{PASSWORD}
        C: NICK somebody
        C: USER al 0 * :Alice
        S: :irc.example 900 somebody somebody!al@irc.example Alice :You are now logged in as Alice
        -- admits Alice
    """)


def test_pass_works_beside_capabilities() -> None:
    """Modern IRC, "Connection Registration": PASS between LS and NICK, END at the end."""
    play(f"""
        C: CAP REQ :server-time
        S: :irc.example CAP * ACK :server-time
        C: PASS :alice:{PASSWORD}
        C: NICK alice
        C: USER al 0 * :Alice
        C: CAP END
        S: :irc.example 900 alice alice!al@irc.example Alice :You are now logged in as Alice
        -- admits Alice
    """)


def test_a_wrong_pass_is_told_and_closes() -> None:
    """Modern IRC, "PASS message": 464, and ERROR."""
    play("""
        C: PASS alice:guess
        C: NICK alice
        C: USER al 0 * :Alice
        S: :irc.example 464 alice :Password incorrect
        -- closes: Password incorrect
    """)


def test_the_last_pass_counts() -> None:
    """Modern IRC, "PASS message": only the last one sent is used."""
    talk = Talk()
    talk.play(f"""
        C: PASS jilles:sesame
        C: PASS :alice:{PASSWORD}
        C: NICK alice
        C: USER al 0 * :Alice
        S: :irc.example 900 alice alice!al@irc.example Alice :You are now logged in as Alice
        -- admits Alice
    """)
    assert talk.verified == ["alice"]


@pytest.mark.parametrize("password", ["sesame", "jilles:", ":sesame", ":"])
def test_a_pass_of_another_form_is_none(password: str) -> None:
    """The form is ``account:password``; the 464 at the end says so."""
    talk = Talk()
    talk.play(f"""
        C: PASS jilles:sesame
        C: PASS :{password}
        C: NICK jilles
        C: USER j 0 * :Jilles
        S: :irc.example FAIL * ACCOUNT_REQUIRED :Log in: an account is required
        S: :irc.example 464 jilles :Log in with SASL, or with a server password of the form \
account:password
        -- closes: An account is required
    """)
    assert talk.verified == []


def test_a_password_may_hold_colons(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account's name cannot, so the first colon parts them."""
    monkeypatch.setitem(ACCOUNTS, "alice", "a:b: c")
    play("""
        C: PASS :alice:a:b: c
        C: NICK alice
        C: USER al 0 * :Alice
        S: :irc.example 900 alice alice!al@irc.example Alice :You are now logged in as Alice
        -- admits Alice
    """)


@pytest.mark.parametrize("line", ["PASS", "PASS :"])
def test_pass_needs_a_parameter(line: str) -> None:
    """Modern IRC, "PASS message": 461."""
    assert Talk().says(line) == ["S: :irc.example 461 * PASS :Not enough parameters"]


def test_sasl_wins_over_pass() -> None:
    """Who logged in with SASL is known, and PASS is not even tried."""
    talk = Talk()
    talk.play(f"""
        C: PASS jilles:guess
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE {plain("alice", PASSWORD)}
        S: :irc.example 900 * *!*@irc.example Alice :You are now logged in as Alice
        S: :irc.example 903 * :SASL authentication successful
        C: PASS jilles:sesame
        C: NICK alice
        C: USER al 0 * :Alice
        C: CAP END
        -- admits Alice
    """)
    assert talk.verified == ["alice"]


def test_pass_is_tried_where_sasl_failed() -> None:
    talk = Talk()
    talk.play(f"""
        C: PASS jilles:sesame
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: NICK jilles
        C: USER j 0 * :Jilles
        C: AUTHENTICATE PLAIN
        S: AUTHENTICATE +
        C: AUTHENTICATE {plain("alice", "guess")}
        S: :irc.example 904 jilles :SASL authentication failed
        C: CAP END
        S: :irc.example 900 jilles jilles!j@irc.example Jilles :You are now logged in as Jilles
        -- admits Jilles
    """)
    assert talk.verified == ["alice", "jilles"]


def test_without_sasl_a_person_reads_why() -> None:
    """Account-registration, "Responses": ACCOUNT_REQUIRED; 464 for those who know no FAIL."""
    play("""
        C: NICK alice
        C: USER al 0 * :Alice
        S: :irc.example FAIL * ACCOUNT_REQUIRED :Log in: an account is required
        S: :irc.example 464 alice :Log in with SASL, or with a server password of the form \
account:password
        -- closes: An account is required
    """)


def test_capabilities_without_a_login() -> None:
    """Account-registration, "Responses": in response to CAP END too."""
    play(f"""
        C: CAP LS
        {listed("CAP LS")}
        C: NICK alice
        C: USER al 0 * :Alice
        C: CAP REQ :batch
        S: :irc.example CAP alice ACK :batch
        C: CAP END
        S: :irc.example FAIL * ACCOUNT_REQUIRED :Log in: an account is required
        S: :irc.example 464 alice :Log in with SASL, or with a server password of the form \
account:password
        -- closes: An account is required
    """)


def test_who_negotiated_sasl_is_not_told_of_passwords() -> None:
    """Account-registration, "Responses": ACCOUNT_REQUIRED alone."""
    play("""
        C: CAP REQ :sasl
        S: :irc.example CAP * ACK :sasl
        C: NICK alice
        C: USER al 0 * :Alice
        C: CAP END
        S: :irc.example FAIL * ACCOUNT_REQUIRED :Log in: an account is required
        -- closes: An account is required
    """)
