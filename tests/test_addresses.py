"""Hosts are spelled one way, and this machine's addresses are found without asking the network."""

import ipaddress
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat import addresses
from securechat.addresses import canonical_host, lan_addresses, own_hosts
from securechat.errors import UserError


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("localhost", "localhost"),
        ("Chat.Example.ORG", "chat.example.org"),
        ("chat.example.org.", "chat.example.org"),
        (" chat ", "chat"),
        ("a-b.3com", "a-b.3com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("ｌｏｃａｌhost", "localhost"),  # noqa: RUF001 - full-width letters, which UTS 46 maps
        ("chat。example", "chat.example"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[::1]", "::1"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_a_host_has_one_spelling(typed: str, canonical: str) -> None:
    """RFC 5890 for names, RFC 5952 for IPv6 addresses."""
    assert canonical_host(typed) == canonical
    assert canonical_host(canonical) == canonical


@pytest.mark.parametrize(
    "typed",
    [
        "",
        ".",
        "a..b",
        "-a",
        "a-",
        "a_b",
        "two words",
        "https://chat.example.org",
        "chat.example.org:6697",
        "alice@chat",
        "192.0.2",
        "192.0.2.256",
        "1.2.3.4.5",
        "１.２.３.256",  # noqa: RUF001 - full-width digits
        "::g",
        "a" * 64,
        ".".join(["abcdefg"] * 32),
        "ü" * 300,
        "☃_.example",
        "a\nb",
        "a\0b",
    ],
)
def test_what_is_no_host_is_refused(typed: str) -> None:
    """RFC 1123 section 2.1: letters, digits, inner hyphens; a numeric last label is no name."""
    with pytest.raises(UserError, match="is not a host name or an IP address"):
        canonical_host(typed)


@pytest.mark.parametrize("typed", ["*.example.org", "*", "ch*t.example.org"])
def test_wildcards_are_refused(typed: str) -> None:
    with pytest.raises(UserError, match="is a wildcard"):
        canonical_host(typed)


@pytest.mark.parametrize("typed", ["0.0.0.0", "::", "224.0.0.1", "ff02::1"])
def test_an_address_of_no_single_machine_is_refused(typed: str) -> None:
    with pytest.raises(UserError, match="not the address of one machine"):
        canonical_host(typed)


def test_a_zone_is_refused() -> None:
    with pytest.raises(UserError, match="leave out the %"):
        canonical_host("fe80::1%eth0")


@given(st.text())
def test_any_text_is_a_host_or_refused(text: str) -> None:
    try:
        canonical = canonical_host(text)
    except UserError:
        return
    assert canonical.isascii()
    assert canonical_host(canonical) == canonical


@given(st.ip_addresses())
def test_any_address_keeps_its_meaning(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if not (address.is_unspecified or address.is_multicast):
        assert ipaddress.ip_address(canonical_host(address.exploded)) == address


# --- this machine ----------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine named ``den`` on no network; the returned folder holds its tables."""
    monkeypatch.setattr(socket, "gethostname", lambda: "den")
    monkeypatch.setattr(socket, "if_nameindex", list)
    monkeypatch.setattr(addresses, "_HOSTS_FILE", tmp_path / "hosts")
    monkeypatch.setattr(addresses, "_IPV6_TABLE", tmp_path / "if_inet6")
    monkeypatch.setattr(addresses, "_PROBES", ())
    return tmp_path


def test_a_machine_without_a_network_still_has_its_names(machine: Path) -> None:
    assert lan_addresses() == []
    assert own_hosts() == ["localhost", "127.0.0.1", "::1", "den"]


def test_full_names_come_from_the_hosts_file(machine: Path) -> None:
    (machine / "hosts").write_text(
        "127.0.0.1 localhost\n"
        "# 127.0.1.1 den.commented.example den\n"
        "127.0.1.1 den.home.example den other.home.example # den.late.example\n"
        "192.0.2.9 den.elsewhere.example\n"
        "\n"
    )
    assert own_hosts() == ["localhost", "127.0.0.1", "::1", "den", "den.home.example"]


@pytest.mark.parametrize("name", ["my_box", "", "localhost"])
def test_a_machine_name_that_adds_nothing_is_left_out(
    machine: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert own_hosts() == ["localhost", "127.0.0.1", "::1"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's table")
def test_ipv6_addresses_that_do_not_last_are_left_out(machine: Path) -> None:
    """RFC 8981 temporary addresses change daily; RFC 4862 tentative and deprecated ones go away."""
    (machine / "if_inet6").write_text(
        "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n"
        "00000000000000000000000000000001 01 80 10 80       lo\n"
        "fd000000000000000000000000000002 04 40 00 80     eth0\n"
        "20010db8000000000000000000000003 04 40 00 00     eth0\n"
        "20010db8000000000000000000000004 04 40 00 01     eth0\n"
        "20010db8000000000000000000000005 04 40 00 20     eth0\n"
        "20010db8000000000000000000000006 04 40 00 40     eth0\n"
        "20010db8000000000000000000000007 04 40 00 08     eth0\n"
    )
    assert lan_addresses() == ["fd00::2", "2001:db8::3"]


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's interfaces")
def test_an_interface_that_goes_away_meanwhile_is_left_out(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (99, "gone0")])
    assert lan_addresses() == []


def test_no_route_is_no_address(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_PROBES", ((socket.AF_INET, "198.51.100.1"),))
    monkeypatch.setattr(socket, "socket", _RoutelessSocket)
    assert lan_addresses() == []


class _RoutelessSocket(socket.socket):
    def connect(self, address: object, /) -> None:
        raise OSError(101, "Network is unreachable")


def test_on_another_system_the_default_route_is_what_is_known(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(addresses, "_PROBES", ((socket.AF_INET, "127.0.0.1"),))
    assert lan_addresses() == []
    monkeypatch.setattr(addresses, "_facing_default_route", lambda: ["192.0.2.2", "2001:db8::2"])
    assert lan_addresses() == ["192.0.2.2", "2001:db8::2"]


def test_the_addresses_of_the_machine_that_runs_this() -> None:
    found = lan_addresses()
    assert len(found) == len(set(found))
    for text in found:
        address = ipaddress.ip_address(text)
        assert not any((address.is_loopback, address.is_link_local, address.is_unspecified))
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as mine:
            mine.bind((text, 0))  # only an address of this machine can be bound
