"""The profile of the certificates, field by field (RFC 5280, and docs/safety.md's table of it)."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from securechat.certificates.issuing import (
    CA_DAYS,
    Pair,
    covered_hosts,
    is_ca,
    issue_ca,
    issue_server,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOSTS = ("localhost", "xn--bcher-kva.example", "127.0.0.1", "2001:db8::1")


@pytest.fixture(scope="module")
def ca() -> Pair:
    return issue_ca(NOW)


@pytest.fixture(scope="module")
def server(ca: Pair) -> Pair:
    return issue_server(ca, HOSTS, 397, NOW)


def _usages(certificate: x509.Certificate) -> set[str]:
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
    )
    return {name for name in names if getattr(usage.value, name)}


def test_both_are_p256_certificates_of_version_3(ca: Pair, server: Pair) -> None:
    for pair in (ca, server):
        assert pair.certificate.version == x509.Version.v3
        assert isinstance(pair.certificate.signature_hash_algorithm, hashes.SHA256)
        public_key = pair.certificate.public_key()
        assert isinstance(public_key, ec.EllipticCurvePublicKey)
        assert isinstance(public_key.curve, ec.SECP256R1)
        assert public_key == pair.key.public_key()


def test_the_ca_signs_end_certificates_and_nothing_else(ca: Pair) -> None:
    """RFC 5280 sections 4.2.1.3 and 4.2.1.9."""
    basic = ca.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert basic.value == x509.BasicConstraints(ca=True, path_length=0)
    assert _usages(ca.certificate) == {"key_cert_sign", "crl_sign"}
    assert ca.certificate.issuer == ca.certificate.subject
    ca.certificate.verify_directly_issued_by(ca.certificate)


def test_the_server_certificate_signs_handshakes_and_nothing_else(server: Pair) -> None:
    """RFC 5280 sections 4.2.1.3, 4.2.1.9 and 4.2.1.12."""
    extensions = server.certificate.extensions
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert basic.value == x509.BasicConstraints(ca=False, path_length=None)
    assert _usages(server.certificate) == {"digital_signature"}
    extended = extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(extended.value) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_key_identifiers_link_the_two(ca: Pair, server: Pair) -> None:
    """RFC 5280 sections 4.2.1.1 and 4.2.1.2."""
    subject = x509.SubjectKeyIdentifier
    of_ca = ca.certificate.extensions.get_extension_for_class(subject).value
    of_server = server.certificate.extensions.get_extension_for_class(subject).value
    authority = x509.AuthorityKeyIdentifier
    of_issuer = server.certificate.extensions.get_extension_for_class(authority).value
    assert of_issuer.key_identifier == of_ca.digest
    assert of_server.digest != of_ca.digest
    server.certificate.verify_directly_issued_by(ca.certificate)


def test_addresses_are_addresses_and_names_are_names(server: Pair) -> None:
    """RFC 5280 section 4.2.1.6: an address stands in an iPAddress, never in a dNSName."""
    kind = x509.SubjectAlternativeName
    names = server.certificate.extensions.get_extension_for_class(kind).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "xn--bcher-kva.example"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ip_address("127.0.0.1"),
        ip_address("2001:db8::1"),
    ]
    assert covered_hosts(server.certificate) == HOSTS


def test_lifetimes(ca: Pair, server: Pair) -> None:
    assert ca.certificate.not_valid_after_utc == NOW + timedelta(days=CA_DAYS)
    assert server.certificate.not_valid_after_utc == NOW + timedelta(days=397)
    for pair in (ca, server):
        begins = pair.certificate.not_valid_before_utc
        assert NOW - timedelta(days=1) < begins < NOW
    whole = server.certificate.not_valid_after_utc - server.certificate.not_valid_before_utc
    assert whole < timedelta(days=398)  # where browsers stop accepting


def test_a_server_certificate_lies_within_the_life_of_its_ca(ca: Pair) -> None:
    late = NOW + timedelta(days=CA_DAYS - 10)
    clipped = issue_server(ca, HOSTS, 397, late).certificate
    assert clipped.not_valid_after_utc == ca.certificate.not_valid_after_utc
    early = issue_server(ca, HOSTS, 397, NOW - timedelta(minutes=30)).certificate
    assert early.not_valid_before_utc == ca.certificate.not_valid_before_utc


def test_no_two_are_alike(ca: Pair, server: Pair) -> None:
    again = issue_ca(NOW).certificate
    assert again.subject != ca.certificate.subject
    assert len({c.serial_number for c in (again, ca.certificate, server.certificate)}) == 3


def test_a_foreign_ca_without_key_identifier_is_pointed_to_by_its_key() -> None:
    """RFC 5280 section 4.2.1.1: the identifier is then the hash of the issuer's key."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "House CA")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA384())
    )
    leaf = issue_server(Pair(certificate, key), HOSTS, 10, NOW).certificate
    authority = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    expected = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    assert authority.key_identifier == expected.digest
    leaf.verify_directly_issued_by(certificate)


def test_what_a_certificate_does_not_say_is_not_there() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW)
    bare = builder.sign(key, hashes.SHA256())
    assert covered_hosts(bare) == ()
    assert not is_ca(bare)
