"""The file of remembered servers, and the question that fills it.

docs/client.md, "Whom the client trusts".
"""

from __future__ import annotations

import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support.tls_servers import Authority, new_key

from securechat.certificates.pem import colon_form
from securechat.client.errors import TrustError
from securechat.client.trust import KnownServer, KnownServers, Seen, pin_of
from securechat.client.trust.probing import agreed, notes, question, remembered
from securechat.errors import UserError

NOW = datetime.now(UTC)
DAY = date(2026, 11, 28)
ONE = KnownServer("chat.example", 6697, "ab" * 32, DAY)
OTHER = KnownServer("chat.example", 7000, "cd" * 32, DAY)
ADDRESS = KnownServer("::1", 6697, "ef" * 32, DAY)


@pytest.fixture
def known(nobodys_home: Path) -> KnownServers:
    return KnownServers(nobodys_home / "config" / "known_servers")


def test_nothing_is_remembered_at_first(known: KnownServers) -> None:
    assert known.all() == known.of("chat.example", 6697) == ()
    assert known.complaints() == ()
    assert known.forget("chat.example") == 0
    assert not known.path.exists()


def test_remembering_and_forgetting(known: KnownServers) -> None:
    for server in (ONE, OTHER, ADDRESS):
        known.remember(server)
    assert known.all() == (ONE, OTHER, ADDRESS)
    assert known.of("chat.example", 7000) == (OTHER,)
    assert known.of("::1", 6697) == (ADDRESS,)
    assert known.of("chat.example", 1) == ()
    assert known.forget("chat.example", 7000) == 1
    assert known.all() == (ONE, ADDRESS)
    known.remember(OTHER)
    assert known.forget("chat.example") == 2
    assert known.all() == (ADDRESS,)


def test_the_file_is_for_people_and_for_its_owner_alone(known: KnownServers) -> None:
    known.remember(ONE)
    heading, _, line = known.path.read_text().splitlines()
    assert heading.startswith("# Servers whose public key")
    assert line == f"chat.example 6697 sha256:{'ab' * 32} 2026-11-28"
    assert stat.S_IMODE(known.path.stat().st_mode) == 0o600
    assert [one.name for one in known.path.parent.iterdir()] == ["known_servers"]


def test_remembering_replaces_that_servers_keys_alone(known: KnownServers) -> None:
    known.remember(ONE)
    known.remember(OTHER)
    new = KnownServer("chat.example", 6697, "12" * 32, DAY)
    known.remember(new)
    assert known.all() == (OTHER, new)


def test_several_keys_of_one_server(known: KnownServers) -> None:
    """Somebody may write a second line by hand, before a key is changed."""
    known.remember(ONE)
    second = KnownServer("chat.example", 6697, "12" * 32, DAY)
    with known.path.open("a") as file:
        file.write(second.line)
    assert known.of("chat.example", 6697) == (ONE, second)


DAMAGED = [
    "chat.example",
    "chat.example 6697 sha256:abc 2026-11-28",
    f"chat.example 0 sha256:{'ab' * 32} 2026-11-28",
    f"chat.example 66970 sha256:{'ab' * 32} 2026-11-28",
    f"chat.example 6697 md5:{'ab' * 32} 2026-11-28",
    f"chat.example 6697 sha256:{'AB' * 32} 2026-11-28",
    f"chat.example 6697 sha256:{'ab' * 32} yesterday",
    f"chat.example 6697 sha256:{'ab' * 32} 2026-11-28 and more",
    f"CHAT.example ٣ sha256:{'ab' * 32} 2026-11-28",
]


@pytest.mark.parametrize("line", DAMAGED)
def test_a_damaged_line_trusts_nobody(known: KnownServers, line: str) -> None:
    """The host that it names is refused rather than asked about; others do not notice."""
    known.remember(ADDRESS)
    known.path.write_text(f"# mine\n\n{known.path.read_text()}{line}\n")
    assert known.of("::1", 6697) == (ADDRESS,)
    (complaint,) = known.complaints()
    assert complaint.startswith(f"Line 6 of {known.path} cannot be read: it must be HOST PORT")
    with pytest.raises(TrustError, match=r"-client trust forget chat\.example") as refused:
        known.of("chat.example", 6697)
    assert complaint in str(refused.value)
    known.remember(OTHER)
    assert line in known.path.read_text()
    assert known.path.read_text().startswith("# mine\n\n# Servers")
    assert known.forget("chat.example") == 2
    assert known.all() == (ADDRESS,)
    assert known.complaints() == ()


def test_a_host_that_is_none(known: KnownServers) -> None:
    known.remember(ADDRESS)
    with known.path.open("a") as file:
        file.write(f"%% 6697 sha256:{'ab' * 32} 2026-11-28\n")
    assert len(known.complaints()) == 1
    assert known.of("chat.example", 6697) == ()
    assert known.forget("%%") == 1


def test_a_file_that_cannot_be_read(known: KnownServers) -> None:
    known.path.mkdir(parents=True)
    with pytest.raises(UserError, match=r"known_servers cannot be read: is a directory\."):
        known.of("chat.example", 6697)
    with pytest.raises(UserError, match="cannot be read"):
        known.remember(ONE)


# --- the question ------------------------------------------------------------------------------


def seen(host: str = "chat.example", *, begins: int = -1, ends: int = 30) -> Seen:
    ca = Authority("The CA")
    der = ca.issue("chat.example", addresses=("10.0.0.1",), begins=begins, ends=ends).der
    return Seen.of(host, 7000, der)


def test_the_question_shows_what_there_is_to_compare() -> None:
    """In both forms in which securechat-server prints it (console.banner)."""
    one = seen()
    text = question(one, NOW, ["Line 3 cannot be read."])
    assert text.startswith("Line 3 cannot be read.\nNothing here vouches for the server at chat.ex")
    rows = [line[13:] for line in text.splitlines()]
    assert f"  SHA-256    {one.fingerprint}\n" in text
    at = rows.index(one.fingerprint)
    assert rows[at + 1] + rows[at + 2] == colon_form(one.fingerprint)
    assert "  made for   chat.example, 10.0.0.1\n" in text
    assert "  subject    none\n" in text
    assert "  issued by  CN=The CA\n" in text
    assert (
        f"  valid      from {one.begins:%Y-%m-%d %H:%M} to {one.ends:%Y-%m-%d %H:%M} UTC\n" in text
    )
    assert "note" not in text
    assert "Compare the SHA-256 with the one that securechat-server printed" in text
    # What is compared stands in columns; the sentences are folded where they are shown.
    assert max(len(line) for line in text.splitlines() if line.startswith("  ")) <= 80


def test_what_is_odd_is_noted() -> None:
    assert notes(seen(), NOW) == []
    assert notes(seen("10.0.0.1"), NOW) == []
    assert notes(seen("other"), NOW) == ["it is not made for other"]
    assert notes(seen(begins=-9, ends=-1), NOW) == ["it has expired"]
    assert notes(seen(), NOW - timedelta(days=9)) == ["it is not valid yet"]
    assert "  note       it has expired\n" in question(seen(begins=-9, ends=-1), NOW)


def test_a_certificate_without_names() -> None:
    der = Authority().issue(common_name="chat.example", self_signed=True).der
    text = question(Seen.of("chat.example", 6697, der), NOW)
    assert "  made for   no name at all\n" in text
    assert "  subject    CN=chat.example\n" in text
    assert "  issued by  itself\n" in text
    assert "  note       it is not made for chat.example\n" in text


@pytest.mark.parametrize(
    ("answer", "yes"),
    [("yes", True), (" YES\n", True), ("y", False), ("", False), ("yes!", False), ("no", False)],
)
def test_yes_is_typed_in_full(answer: str, yes: bool) -> None:
    assert agreed(answer) is yes


def test_the_key_is_remembered_and_outlives_the_certificate() -> None:
    """RFC 7469 section 2.4: the pin is of the SubjectPublicKeyInfo."""
    key, ca = new_key(), Authority()
    first, renewed = ca.issue("h", key=key), Authority().issue("h", key=key, ends=90)
    one = Seen.of("h", 6697, first.der)
    assert remembered(one, DAY) == KnownServer("h", 6697, pin_of(renewed.der), DAY)
    assert one.fingerprint != Seen.of("h", 6697, renewed.der).fingerprint
    assert pin_of(first.der) != pin_of(ca.issue("h").der)


def test_what_is_no_certificate() -> None:
    for read in (pin_of, lambda der: Seen.of("h", 6697, der)):
        with pytest.raises(TrustError, match="certificate cannot be read"):
            read(b"\x30\x03\x02\x01\x01")
