"""What holds in every state of registration, for every line said in it.

``support/registration_walk.py`` walks through all of them.
"""

from __future__ import annotations

import pytest
from support.registration_walk import (
    ATTEMPTS_MAX,
    GOOD,
    NICK,
    SASL_MAX,
    SECRET,
    UNKNOWN,
    expect,
    key,
    walk,
)

from securechat.protocol.capabilities import SASL
from securechat.protocol.framing import LINE_BYTES_MAX
from securechat.protocol.message import parse
from securechat.protocol.registration import (
    TABLE,
    Admit,
    Close,
    Phase,
    Send,
    Verify,
)

# --- what the walk saw -------------------------------------------------------------------------


def test_the_walk_goes_everywhere() -> None:
    """A walk that misses a row of the table or an answer would prove less than it says."""
    steps = walk()
    assert {(step.before.phase, step.command) for step in steps} >= {
        # Without their capabilities these two are unknown; tests of their own go further.
        row
        for row in TABLE
        if row[1] not in {"AWAY", "ISUPPORT"}
    }
    assert {code for step in steps for code in step.codes} == {
        *("409", "410", "431", "432", "451", "461", "464"),
        *("900", "903", "904", "905", "906", "907", "908"),
        *("AUTHENTICATE", "CAP", "FAIL", "PONG"),
    }
    assert {type(effect) for step in steps for effect in step.effects} == {
        *(Admit, Close, Send, Verify)
    }
    assert {step.facts.failures for step in steps} == {0, 1, 2, 3}


# --- who is let in -----------------------------------------------------------------------------


def test_nobody_is_let_in_without_a_login_and_everybody_with_one_is() -> None:
    """Modern IRC, "Connection Registration": by NICK, USER and, where CAP began, ``CAP END``."""
    for step in walk():
        admitted = any(isinstance(effect, Admit) for effect in step.effects)
        wanted = step.facts.complete and step.facts.logged_in and step.line != "QUIT"
        expect(admitted == wanted, step)


def test_nobody_is_let_in_while_capabilities_are_negotiated() -> None:
    """Capability-negotiation, "Connection Registration": not before ``CAP END``."""
    for step in walk():
        if step.after.negotiation.open:
            expect(not any(isinstance(effect, Admit) for effect in step.effects), step)


def test_negotiation_is_open_from_ls_or_req_to_end() -> None:
    """Capability-negotiation, "Connection Registration"."""
    for step in walk():
        expect(step.after.negotiation.open == step.facts.suspended, step)


def test_the_account_is_known_by_a_successful_check_alone() -> None:
    for step in walk():
        known = step.after.phase is Phase.KNOWN
        expect(known == step.facts.logged_in, step)
        expect(step.after.account == ("Alice" if known else ""), step)


def test_a_completed_registration_never_hangs() -> None:
    """Modern IRC, "Connection Registration": it ends by the last of its commands."""
    for step in walk():
        expect(step.ended or not step.facts.complete, step)


def test_what_closes() -> None:
    """QUIT, the third failure, or the end of registration without a login; and nothing else."""
    for step in walk():
        expected = (
            step.line == "QUIT"
            or step.facts.failures >= ATTEMPTS_MAX
            or (step.facts.complete and not step.facts.logged_in)
        )
        expect(step.closed == expected, step)


def test_nothing_comes_after_the_end() -> None:
    for step in walk():
        expect(not any(isinstance(one, Admit | Close) for one in step.effects[:-1]), step)


def test_a_refusal_is_explained_before_the_connection_closes() -> None:
    """Account-registration, "Responses": ``FAIL * ACCOUNT_REQUIRED``, and 464 to those who never
    negotiated SASL; sasl-3.2, "SASL Reauthentication": the reason comes first.
    """
    for step in walk():
        if not step.closed or step.line == "QUIT":
            continue
        if step.facts.failures >= ATTEMPTS_MAX:
            expect(step.codes[-1] in {"904", "905"}, step)
        elif step.verdict is False:
            expect(step.codes[-1] == "464", step)
        else:
            sasl = step.after.negotiation.enabled & SASL
            expect(
                step.codes[-1:] == ["FAIL"] if sasl else step.codes[-2:] == ["FAIL", "464"], step
            )


# --- SASL --------------------------------------------------------------------------------------


def test_only_a_gathered_response_or_pass_at_the_end_is_checked() -> None:
    """Sasl-3.1, "The AUTHENTICATE command"; Modern IRC, "PASS message"."""
    for step in walk():
        if step.verdict is None:
            continue
        if step.command == "AUTHENTICATE":
            expect(step.before.phase is Phase.EXCHANGE, step)
        else:
            expect(step.facts.complete and not step.facts_before.logged_in, step)
            expect(step.before._pass is not None, step)


def test_an_exchange_begins_by_the_mechanism_and_with_the_capability_alone() -> None:
    """Sasl-3.1, "Introduction": the client MUST enable the capability first."""
    for step in walk():
        if step.after.phase is Phase.EXCHANGE and step.before.phase is not Phase.EXCHANGE:
            expect(step.line == "AUTHENTICATE PLAIN", step)
            expect(bool(step.before.negotiation.enabled & SASL), step)
            expect(step.effects == (Send("AUTHENTICATE +"),), step)


def test_authenticate_is_answered_as_the_specification_has_it() -> None:
    """Sasl-3.1, "The AUTHENTICATE command" and "Numerics used by this extension"."""
    for step in walk():
        if step.command != "AUTHENTICATE":
            continue
        parameter = step.line.removeprefix("AUTHENTICATE").strip()
        gathered = step.before._collector.size
        match step.before.phase:
            case Phase.KNOWN:
                expected = ["907"]
            case Phase.OPEN if not parameter:
                expected = ["461"]
            case Phase.OPEN if not step.before.negotiation.enabled & SASL:
                expected = ["904"]
            case Phase.OPEN if parameter == "*":
                expected = ["906"]
            case Phase.OPEN if parameter == "PLAIN":
                expected = ["AUTHENTICATE"]
            case Phase.OPEN:
                expected = ["908", "904"]
            case Phase.EXCHANGE if not parameter:
                expected = ["461"]
            case Phase.EXCHANGE if parameter == "*":
                expected = ["906"]
            case Phase.EXCHANGE if parameter != "+" and gathered + len(parameter) > SASL_MAX:
                expected = ["905"]
            case Phase.EXCHANGE if len(parameter) == 400:
                expected = []
            case Phase.EXCHANGE if step.verdict:
                expected = ["900", "903"]
            case _:
                expected = ["904"]
        expect(step.codes == expected, step)


def test_a_success_is_told_by_900_and_for_sasl_by_903_too() -> None:
    """Sasl-3.1, "Numerics": 900 "whether by SASL or otherwise", 903 for SASL."""
    for step in walk():
        expect(("900" in step.codes) == (step.verdict is True), step)
        succeeded = step.verdict is True and step.command == "AUTHENTICATE"
        expect(("903" in step.codes) == succeeded, step)


# --- what changes nothing ----------------------------------------------------------------------


def test_unknown_commands_are_refused_with_451_and_change_nothing() -> None:
    """Modern IRC, ERR_NOTREGISTERED (451): before login nothing else does anything."""
    for step in walk():
        if step.line in UNKNOWN:
            expect(step.codes == ["451"], step)
            expect(len(step.effects) == 1, step)
            expect(key(step.after) == key(step.before), step)


@pytest.mark.parametrize(
    "line",
    ["CAP LIST", "CAP FOO", "CAP", "NICK", "NICK #bad", "USER u", "PASS", "PING token", "PING",
     "PONG token", "AUTHENTICATE"],
)  # fmt: skip
def test_what_asks_or_is_wrong_changes_nothing(line: str) -> None:
    """Modern IRC, "Connection Messages": such a command is answered and otherwise ignored."""
    for step in walk():
        if step.line == line:
            expect(key(step.after) == key(step.before), step)


def test_a_login_is_never_lost() -> None:
    for step in walk():
        if step.facts_before.logged_in:
            expect(step.after.account == "Alice", step)
            expect(step.verdict is None, step)


# --- every line sent ---------------------------------------------------------------------------


def test_every_line_sent_is_the_servers_fits_and_keeps_secrets() -> None:
    """Modern IRC, "Message Format" and "Numeric Replies"."""
    for step in walk():
        target = "wiz" if step.before.nick or step.line == NICK else "*"
        for effect in step.effects:
            if isinstance(effect, Close):
                expect(effect.reason.isprintable() and SECRET not in effect.reason, step)
            if not isinstance(effect, Send) or effect.line == "AUTHENTICATE +":
                continue
            message = parse(effect.line)
            expect(message.source == "irc.example", step)
            expect(len(effect.line.encode()) <= LINE_BYTES_MAX - 2, step)
            expect(SECRET not in effect.line and GOOD not in effect.line, step)
            if message.command.isdigit() or message.command == "CAP":
                expect(message.params[0] == target, step)
