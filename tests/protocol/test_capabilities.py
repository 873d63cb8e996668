"""Capabilities: the table, and ``CAP`` in all its forms."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol import capabilities
from securechat.protocol.capabilities import (
    BITS,
    CAP_NOTIFY,
    CAPABILITIES,
    SASL,
    SERVER_TIME,
    Capability,
    Negotiation,
    names_of,
)
from securechat.protocol.framing import LINE_BYTES_MAX
from securechat.protocol.message import parse

NAMES = [row.name for row in CAPABILITIES]
RATIFIED = [name for name in NAMES if not name.startswith("draft/")]

# The longest server and nick that there are, and the room for a line without its CR LF.
SERVER, NICK = "s" * 63, "n" * 64
LINE = LINE_BYTES_MAX - 2

INFORMATIVE = {"soju.im/account-required", "securechat.internal/tokens"}


def answers(negotiation: Negotiation, *lines: str) -> list[str]:
    """Return what the lines are answered with, without ``:irc.example CAP *``."""
    start = ":irc.example CAP * "
    return [
        answer.removeprefix(start)
        for line in lines
        for answer in negotiation.handle(parse(line), "irc.example", "*")
    ]


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make a table that no single line can hold; return its names."""
    rows = tuple(
        Capability(f"example.org/capability-{number:02}", "none", "some,values")
        for number in range(40)
    )
    rows += CAPABILITIES
    monkeypatch.setattr(capabilities, "CAPABILITIES", rows)
    bits = {row.name: 1 << place for place, row in enumerate(rows)}
    monkeypatch.setattr(capabilities, "BITS", bits)
    monkeypatch.setattr(capabilities, "CAP_NOTIFY", bits["cap-notify"])
    return [row.name for row in rows]


# --- the table ---------------------------------------------------------------------------------


def test_the_table_names_each_capability_once_with_its_specification() -> None:
    assert len(set(NAMES)) == len(NAMES)
    known = re.compile(r"extensions/|soju: |ZNC: |SecureChat: ")
    assert all(known.match(row.specification) for row in CAPABILITIES)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_well_formed(name: str) -> None:
    """Capability-negotiation, "Rules for naming capabilities"."""
    assert name == name.lower()
    assert not name.startswith("-")
    assert not set(name) & set(" =~\0:")


def test_each_capability_has_a_bit_of_its_own() -> None:
    assert sorted(BITS.values()) == [1 << place for place in range(len(CAPABILITIES))]
    assert names_of(0) == []
    assert names_of(SASL | SERVER_TIME) == ["sasl", "server-time"]
    assert names_of(sum(BITS.values())) == NAMES


# --- LS and LIST -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ls", ["CAP LS", "cap ls", "CAP LS 301", "CAP LS :", "CAP LS x302", "CAP LS \u0663\u0660\u0662"]
)
def test_ls_without_version_302_shows_names_alone(ls: str) -> None:
    """Capability-negotiation, "CAP LS Version": no values, no ``cap-notify``, for older ones."""
    negotiation = Negotiation()
    assert answers(negotiation, ls) == [f"LS :{' '.join(RATIFIED)}"]
    assert negotiation.enabled == 0


@pytest.mark.parametrize("version", ["302", "307", "3020", "0302", "9" * 400])
def test_ls_with_version_302_or_newer_shows_values(version: str) -> None:
    """Capability-negotiation, "CAP LS Version" and "Capability Values": a number, and what is
    newer than we are gets what we have.
    """
    negotiation = Negotiation()
    lines = answers(negotiation, f"CAP LS {version}")
    shown = [item for line in lines for item in line.partition(":")[2].split(" ")]
    assert [item.partition("=")[0] for item in shown] == NAMES
    assert shown[0] == "sasl=PLAIN"
    assert negotiation.enabled == CAP_NOTIFY


def test_ls_suspends_registration_and_end_resumes_it() -> None:
    """Capability-negotiation, "The CAP LS subcommand" and "The CAP END subcommand"."""
    negotiation = Negotiation()
    assert not negotiation.open
    answers(negotiation, "CAP LS")
    assert negotiation.open
    assert answers(negotiation, "CAP END") == []
    assert not negotiation.open
    assert answers(negotiation, "CAP END") == []


def test_a_later_ls_never_lowers_the_version_but_is_answered_as_it_asks() -> None:
    """Capability-negotiation, "CAP LS Version": the reply is consistent with the request's
    version, the higher one is kept.
    """
    negotiation = Negotiation()
    answers(negotiation, "CAP LS 302")
    assert answers(negotiation, "CAP LS") == [f"LS :{' '.join(RATIFIED)}"]
    assert answers(negotiation, "CAP REQ -cap-notify") == ["NAK :-cap-notify"]
    assert negotiation.version == 302
    assert negotiation.enabled & CAP_NOTIFY


def test_a_later_ls_may_raise_the_version() -> None:
    """Capability-negotiation, "CAP LS Version"."""
    negotiation = Negotiation()
    answers(negotiation, "CAP LS")
    assert "sasl=PLAIN" in answers(negotiation, "CAP LS 302")[0]
    assert negotiation.enabled & CAP_NOTIFY


def test_a_connection_can_have_values_of_its_own() -> None:
    """Sasl-3.2, "Mechanism list in CAP LS": EXTERNAL where a certificate was presented."""
    negotiation = Negotiation(values={"sasl": "PLAIN,EXTERNAL"})
    assert "sasl=PLAIN,EXTERNAL" in answers(negotiation, "CAP LS 302")[0]
    assert "=" not in answers(negotiation, "CAP LS")[0]


def test_list_tells_what_is_enabled_without_values() -> None:
    """Capability-negotiation, "The CAP LIST subcommand"; values are for LS and NEW alone."""
    negotiation = Negotiation()
    assert answers(negotiation, "CAP LIST") == ["LIST :"]
    assert not negotiation.open
    answers(negotiation, "CAP LS 302", "CAP REQ :server-time sasl")
    assert answers(negotiation, "CAP LIST") == ["LIST :sasl cap-notify server-time"]


def test_no_capability_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Capability-negotiation, "The CAP LS subcommand": an empty parameter."""
    monkeypatch.setattr(capabilities, "CAPABILITIES", ())
    assert answers(Negotiation(), "CAP LS") == ["LS :"]
    assert answers(Negotiation(), "CAP LS 302") == ["LS :"]


def test_what_one_line_cannot_hold_comes_in_several_to_those_who_know_them(
    many: list[str],
) -> None:
    """Capability-negotiation, "Multiline replies": ``*`` before all lists but the last."""
    negotiation = Negotiation()
    lines = negotiation.handle(parse("CAP LS 302"), SERVER, NICK)
    assert len(lines) > 2
    shown: list[str] = []
    for line in lines:
        assert len(line) <= LINE
        nick, subcommand, *marks, names = parse(line).params
        assert (nick, subcommand) == (NICK, "LS")
        assert marks == ([] if line is lines[-1] else ["*"])
        shown += names.split(" ")
    assert [name.partition("=")[0] for name in shown] == many
    assert {"sasl=PLAIN", f"{many[0]}=some,values"} <= set(shown)


def test_list_comes_in_several_lines_too(many: list[str]) -> None:
    """Capability-negotiation, "Multiline replies"."""
    negotiation = Negotiation()
    answers(negotiation, "CAP LS 302", *(f"CAP REQ {name}" for name in many))
    lines = negotiation.handle(parse("CAP LIST"), SERVER, NICK)
    assert len(lines) > 1
    assert all(len(line) <= LINE for line in lines)
    assert [parse(line).params[2] == "*" for line in lines] == [True] * (len(lines) - 1) + [False]
    enabled = [name for name in many if name not in INFORMATIVE]
    assert " ".join(parse(line).params[-1] for line in lines).split() == enabled


def test_older_clients_get_one_line_whatever_there_is(many: list[str]) -> None:
    """Capability-negotiation, "CAP LS Version": no multiline replies without 302.

    Drafts are younger than that, and left out where there is too much for a line.
    """
    shown = " ".join(name for name in many if not name.startswith("draft/"))
    assert answers(Negotiation(), "CAP LS") == [f"LS :{shown}"]


@pytest.mark.parametrize("ls", ["CAP LS", "CAP LS 302"])
def test_the_real_table_fits(ls: str) -> None:
    """Modern IRC, "Message Format": 512 bytes, for the longest server and nick there can be."""
    for line in Negotiation().handle(parse(ls), SERVER, NICK):
        assert len(line) <= LINE


# --- REQ ---------------------------------------------------------------------------------------


def test_req_enables_and_disables() -> None:
    """Capability-negotiation, "The CAP REQ subcommand"."""
    negotiation = Negotiation()
    assert answers(negotiation, "CAP REQ :sasl batch") == ["ACK :sasl batch"]
    assert names_of(negotiation.enabled) == ["sasl", "batch"]
    assert answers(negotiation, "CAP REQ :-sasl") == ["ACK :-sasl"]
    assert names_of(negotiation.enabled) == ["batch"]


def test_req_suspends_registration() -> None:
    """Capability-negotiation, "The CAP REQ subcommand"; NAK or not."""
    for wanted in ("sasl", "unheard-of"):
        negotiation = Negotiation()
        answers(negotiation, f"CAP REQ {wanted}")
        assert negotiation.open


@pytest.mark.parametrize(
    "wanted",
    ["unheard-of", "sasl unheard-of", "-batch unheard-of", "SASL", "sasl=PLAIN", "--sasl", "-"],
)
def test_req_is_accepted_as_a_whole_or_not_at_all(wanted: str) -> None:
    """Capability-negotiation, "The CAP REQ subcommand"; names are case-sensitive and opaque."""
    negotiation = Negotiation()
    answers(negotiation, "CAP REQ :batch")
    assert answers(negotiation, f"CAP REQ :{wanted}") == [f"NAK :{wanted}"]
    assert names_of(negotiation.enabled) == ["batch"]


@pytest.mark.parametrize("wanted", ["soju.im/account-required", "-soju.im/account-required"])
def test_what_only_informs_cannot_be_requested(wanted: str) -> None:
    """Soju, account-required: servers reject any REQ that includes it."""
    negotiation = Negotiation()
    assert answers(negotiation, f"CAP REQ :batch {wanted}") == [f"NAK :batch {wanted}"]
    assert negotiation.enabled == 0


def test_a_list_without_its_colon_is_the_same_list() -> None:
    """Extended-isupport, "Examples": ``CAP REQ batch draft/extended-isupport``."""
    negotiation = Negotiation()
    assert answers(negotiation, "CAP REQ batch sasl") == ["ACK :batch sasl"]
    assert names_of(negotiation.enabled) == ["sasl", "batch"]


def test_what_is_so_already_is_acknowledged() -> None:
    """Capability-negotiation, "The CAP REQ subcommand"."""
    negotiation = Negotiation()
    wanted = ["CAP REQ sasl", "CAP REQ sasl", "CAP REQ -sasl", "CAP REQ -sasl"]
    assert answers(negotiation, *wanted) == ["ACK :sasl"] * 2 + ["ACK :-sasl"] * 2
    assert negotiation.enabled == 0


def test_a_list_is_read_from_left_to_right() -> None:
    """Capability-negotiation, "The CAP command"; a trailing space is nothing."""
    negotiation = Negotiation()
    assert answers(negotiation, "CAP REQ :sasl -sasl batch ") == ["ACK :sasl -sasl batch"]
    assert names_of(negotiation.enabled) == ["batch"]


@pytest.mark.parametrize("req", ["CAP REQ", "CAP REQ :"])
def test_asking_for_nothing_changes_nothing(req: str) -> None:
    negotiation = Negotiation()
    assert answers(negotiation, req) == ["ACK :"]
    assert negotiation.enabled == 0


def test_version_302_keeps_cap_notify() -> None:
    """Capability-negotiation, "cap-notify": implicit, requested without effect, never off."""
    negotiation = Negotiation()
    answers(negotiation, "CAP LS 302")
    assert answers(negotiation, "CAP REQ cap-notify") == ["ACK :cap-notify"]
    assert answers(negotiation, "CAP REQ :batch -cap-notify") == ["NAK :batch -cap-notify"]
    assert names_of(negotiation.enabled) == ["cap-notify"]


def test_older_clients_turn_cap_notify_on_and_off() -> None:
    """Capability-negotiation, "cap-notify"."""
    negotiation = Negotiation()
    answers(negotiation, "CAP LS", "CAP REQ cap-notify")
    assert negotiation.enabled == CAP_NOTIFY
    assert answers(negotiation, "CAP REQ -cap-notify") == ["ACK :-cap-notify"]
    assert negotiation.enabled == 0


def test_a_request_that_no_one_answer_can_repeat_is_refused() -> None:
    """Capability-negotiation, "The CAP REQ subcommand": a client asks in several instead."""
    negotiation = Negotiation()
    room = LINE - len(f":{SERVER} CAP {NICK} ACK :")
    fits = "sasl -sasl".ljust(room - len(" batch")) + " batch"
    (line,) = negotiation.handle(parse(f"CAP REQ :{fits}"), SERVER, NICK)
    assert line == f":{SERVER} CAP {NICK} ACK :{fits}"
    assert len(line) == LINE
    answers(negotiation, "CAP REQ -batch")
    (line,) = negotiation.handle(parse(f"CAP REQ :{fits} sasl"), SERVER, NICK)
    assert len(line) == LINE
    assert line.startswith(f":{SERVER} CAP {NICK} NAK :sasl -sasl")
    assert negotiation.enabled == 0


# --- what is wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize("subcommand", ["FOO", "ACK", "NAK", "NEW", "DEL", "CLEAR"])
def test_subcommands_that_are_none_of_a_clients(subcommand: str) -> None:
    """Capability-negotiation, "The CAP command": 410 with what was sent."""
    negotiation = Negotiation()
    expected = [f":irc.example 410 * {subcommand} :Invalid CAP command"]
    assert answers(negotiation, f"CAP {subcommand}") == expected
    assert answers(negotiation, f"CAP {subcommand} :sasl") == expected
    assert negotiation == Negotiation()


def test_no_subcommand() -> None:
    """Modern IRC, ERR_NEEDMOREPARAMS (461): a parameter that is required."""
    negotiation = Negotiation()
    assert answers(negotiation, "CAP") == [":irc.example 461 * CAP :Not enough parameters"]
    assert negotiation == Negotiation()


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"))
subcommands = st.sampled_from(["LS", "LIST", "REQ", "END", "FOO"]) | texts.map(":".__add__)
lists = st.lists(st.sampled_from([*NAMES, "-sasl", "302", "-", "x" * 200])).map(" ".join)


@given(st.lists(st.tuples(subcommands, lists | texts), max_size=5))
def test_whatever_is_asked_every_answer_fits_a_line(asked: list[tuple[str, str]]) -> None:
    """Modern IRC, "Message Format"."""
    negotiation = Negotiation()
    for subcommand, argument in asked:
        line = f"CAP {subcommand} :{argument}".encode()[:LINE].decode(errors="ignore")
        for answer in negotiation.handle(parse(line), SERVER, NICK):
            assert len(answer.encode()) <= LINE
            assert parse(answer).source == SERVER
            assert names_of(negotiation.enabled) == [
                name for name in NAMES if negotiation.enabled & BITS[name]
            ]
