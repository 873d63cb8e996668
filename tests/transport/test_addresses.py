"""The keys that limits are counted by."""

from __future__ import annotations

import pytest

from securechat.transport.addresses import address_key


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),  # RFC 4291, 2.5.5.2
        ("::ffff:c000:207", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("memory", "memory"),
        ("", ""),
        ("300.1.1.1", "300.1.1.1"),
    ],
)
def test_what_an_address_is_counted_under(address: str, key: str) -> None:
    assert address_key(address) == key


def test_one_household_is_one_key_and_its_neighbour_another() -> None:
    """docs/safety.md: IPv6 is counted by its /64."""
    assert address_key("2001:db8::1") == address_key("2001:db8::ffff:ffff:ffff:ffff")
    assert address_key("2001:db8::1") != address_key("2001:db8:0:1::1")
