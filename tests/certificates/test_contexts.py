"""The TLS contexts made of certificates, ours and others', against strict verifiers."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from support.certificates import HOSTS, self_signed, shake_hands

from securechat import certificates
from securechat.certificates import (
    Made,
    certificate_warnings,
    client_context,
    colon_form,
    load_server_context,
    make_certificates,
)
from securechat.errors import CertificateError, ConfigError


def openssl(*arguments: str) -> str:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    done = subprocess.run(
        ["openssl", *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_openssl_verifies_strictly(made: Made) -> None:
    """RFC 5280's rules as ``openssl verify -x509_strict`` checks them, and each host form."""
    strict = ("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(made.ca))
    assert openssl(*strict, str(made.certificate)).endswith(": OK\n")
    for host in made.hosts:
        check = "-verify_hostname" if host[0].isalpha() else "-verify_ip"
        openssl(*strict, check, host, str(made.certificate))
    shown = openssl("x509", "-in", str(made.certificate), "-noout", "-fingerprint", "-sha256")
    assert shown.strip().partition("=")[2] == colon_form(made.fingerprint)


@pytest.mark.parametrize("tls", ["1.3", "1.2"])
@pytest.mark.parametrize("host", ["localhost", "xn--bcher-kva.example", *HOSTS[2:]])
def test_pythons_strict_context_accepts_every_host(made: Made, host: str, tls: str) -> None:
    """RFC 6125 for names, RFC 2818 section 3.1 for addresses, by ``VERIFY_X509_STRICT``."""
    server = load_server_context(made.certificate, made.key, tls_minimum=tls)
    client = client_context(made.ca, tls_minimum=tls)
    assert client.verify_flags & ssl.VERIFY_X509_STRICT
    assert client.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    if tls == "1.2":
        client.maximum_version = ssl.TLSVersion.TLSv1_2
    serving, calling = shake_hands(server, client, host)
    assert calling.version() == serving.version() == f"TLSv{tls}"
    presented = calling.getpeercert(binary_form=True)
    assert presented is not None
    assert certificates.fingerprint(presented) == made.fingerprint


@pytest.mark.parametrize("host", ["example.org", "a.localhost", "192.0.2.8", "2001:db8::8"])
def test_another_host_is_refused(made: Made, host: str) -> None:
    server = load_server_context(made.certificate, made.key)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake_hands(server, client_context(made.ca), host)


def test_a_certificate_with_a_common_name_only_is_refused(tmp_path: Path) -> None:
    """RFC 9525 section 1.2: the common name is no host name."""
    paths = self_signed(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(load_server_context(*paths), client_context(paths[0]), "localhost")
    lenient = client_context(paths[0])
    lenient.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname mismatch"):
        shake_hands(load_server_context(*paths), lenient, "localhost")


def test_another_ca_is_refused(made: Made, tmp_path: Path) -> None:
    other = make_certificates(tmp_path / "other", HOSTS)
    server = load_server_context(made.certificate, made.key)
    for trusting in (client_context(other.ca), client_context()):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(server, trusting, "localhost")


def test_an_expired_server_certificate_is_refused(out: Path) -> None:
    made = make_certificates(out, HOSTS, 1, now=datetime.now(UTC) - timedelta(days=2))
    expired = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    expired.load_cert_chain(made.certificate, made.key)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shake_hands(expired, client_context(made.ca), "localhost")


def test_trust_in_one_certificate_by_itself(made: Made) -> None:
    server = load_server_context(made.certificate, made.key)
    leaf = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    by_der = client_context(cadata=leaf.public_bytes(serialization.Encoding.DER))
    by_pem = client_context(cadata=made.ca.read_text())
    for client in (by_der, by_pem):
        shake_hands(server, client, "localhost")


@pytest.mark.parametrize(
    ("offered", "chosen"), [(None, None), (["irc"], "irc"), (["h2"], None), (["h2", "irc"], "irc")]
)
def test_alpn_is_accepted_and_never_required(
    made: Made, offered: list[str] | None, chosen: str | None
) -> None:
    """RFC 7301; unlike its section 3.2, a client with other protocols is served without one."""
    server = load_server_context(made.certificate, made.key)
    client = ssl.create_default_context(cafile=made.ca)
    if offered is not None:
        client.set_alpn_protocols(offered)
    serving, calling = shake_hands(server, client, "localhost")
    assert serving.selected_alpn_protocol() == calling.selected_alpn_protocol() == chosen


def test_our_own_client_offers_irc(made: Made) -> None:
    server = load_server_context(made.certificate, made.key)
    serving, _ = shake_hands(server, client_context(made.ca), "localhost")
    assert serving.selected_alpn_protocol() == "irc"


def test_tls_1_2_is_refused_unless_allowed(made: Made) -> None:
    old = client_context(made.ca, tls_minimum="1.2")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        shake_hands(load_server_context(made.certificate, made.key), old, "localhost")
    server = load_server_context(made.certificate, made.key, tls_minimum="1.2")
    _, calling = shake_hands(server, old, "localhost")
    assert calling.session is not None
    assert not calling.session.has_ticket
    shake_hands(server, client_context(made.ca), "localhost")


@pytest.mark.parametrize(
    ("suite", "served"),
    [
        ("ECDHE-RSA-AES128-GCM-SHA256", True),
        ("ECDHE-RSA-CHACHA20-POLY1305", True),
        ("ECDHE-RSA-AES128-SHA256", False),
        ("AES128-GCM-SHA256", False),
        ("DHE-RSA-AES128-GCM-SHA256", False),
    ],
)
def test_tls_1_2_needs_forward_secrecy_and_aead(tmp_path: Path, suite: str, served: bool) -> None:
    """RFC 9325 sections 4.1 and 4.2."""
    key = rsa.generate_private_key(65537, 2048)
    paths = self_signed(tmp_path, key, hosts=("localhost",))
    server = load_server_context(*paths, tls_minimum="1.2")
    client = ssl.create_default_context(cafile=paths[0])
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(suite)
    if served:
        _, calling = shake_hands(server, client, "localhost")
        assert calling.cipher() == (suite, "TLSv1.2", 128 if "128" in suite else 256)
    else:
        with pytest.raises(ssl.SSLError):
            shake_hands(server, client, "localhost")


def test_no_session_ticket_is_sent(made: Made) -> None:
    server = load_server_context(made.certificate, made.key)
    serving, calling = shake_hands(server, client_context(made.ca), "localhost")
    serving.write(b"PING")
    assert calling.read() == b"PING"
    assert calling.session is None or not calling.session.has_ticket
    assert server.num_tickets == 0


@pytest.mark.parametrize("wrong", ["1.1", "", "TLSv1.3"])
def test_another_tls_version_is_no_choice(made: Made, wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"take 1\.3 or 1\.2"):
        load_server_context(made.certificate, made.key, tls_minimum=wrong)
    with pytest.raises(ConfigError, match=r"take 1\.3 or 1\.2"):
        client_context(made.ca, tls_minimum=wrong)


@pytest.fixture
def good(made: Made) -> Iterator[ssl.SSLContext]:
    """A context in use, which a failed load of another must leave working."""
    context = load_server_context(made.certificate, made.key)
    yield context
    shake_hands(context, client_context(cadata=made.ca.read_text()), "localhost")


def test_a_new_context_takes_over(made: Made, good: ssl.SSLContext) -> None:
    again = make_certificates(made.certificate.parent, HOSTS, force=True)
    fresh = load_server_context(again.certificate, again.key)
    assert fresh is not good
    _, calling = shake_hands(fresh, client_context(made.ca), "localhost")
    assert certificates.fingerprint(calling.getpeercert(True) or b"") == again.fingerprint


def test_a_missing_certificate_or_key(made: Made, good: ssl.SSLContext) -> None:
    made.key.unlink()
    with pytest.raises(CertificateError, match=r"no private key at .*securechat-certs.*--key"):
        load_server_context(made.certificate, made.key)
    made.certificate.unlink()
    with pytest.raises(CertificateError, match=r"no certificate at .*securechat-certs.*--cert"):
        load_server_context(made.certificate, made.key)


def test_a_key_that_does_not_fit(made: Made, good: ssl.SSLContext) -> None:
    made.ca_key.replace(made.key)
    with pytest.raises(CertificateError, match=r"does not belong .*securechat-certs --force"):
        load_server_context(made.certificate, made.key)


@pytest.mark.parametrize(
    ("days", "sentence"), [(-10, "expired on .*--force"), (10, "not valid before .*clock")]
)
def test_a_certificate_that_is_not_valid_today(out: Path, days: int, sentence: str) -> None:
    made = make_certificates(out, HOSTS, 1, now=datetime.now(UTC) + timedelta(days=days))
    with pytest.raises(CertificateError, match=sentence):
        load_server_context(made.certificate, made.key)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(rsa.generate_private_key(65537, 1024), id="RSA too short"),
        pytest.param(ec.generate_private_key(ec.SECP224R1()), id="curve that TLS 1.3 dropped"),
    ],
)
def test_a_pair_that_no_handshake_could_use(
    tmp_path: Path, key: CertificateIssuerPrivateKeyTypes
) -> None:
    """RFC 8446 section 4.2.3; the second loads, and fails only at the trial handshake."""
    paths = self_signed(tmp_path, key)
    with pytest.raises(CertificateError, match=r"cannot be used for TLS \([a-z ]+\): name a pair"):
        load_server_context(*paths)


@pytest.mark.parametrize("cadata", ["", b"", "no PEM", b"no DER"])
def test_nothing_to_trust_is_refused(cadata: str | bytes) -> None:
    with pytest.raises(CertificateError, match=r"The certificate to be trusted .*ca\.pem"):
        client_context(cadata=cadata)


def test_a_ca_file_that_is_missing_or_bad(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"There is no certificate at .*ca\.pem that the"):
        client_context(tmp_path / "ca.pem")
    (tmp_path / "ca.pem").write_text("no PEM")
    with pytest.raises(CertificateError, match=r"not a certificate in PEM form: name the ca\.pem"):
        client_context(tmp_path / "ca.pem")


def test_a_ca_file_that_is_good_only_at_its_beginning(made: Made) -> None:
    torn = made.ca.read_bytes() + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    made.ca.write_bytes(torn)
    with pytest.raises(CertificateError, match=r"ca\.pem cannot be used for TLS"):
        client_context(made.ca)


def test_warnings(out: Path, made: Made) -> None:
    assert certificate_warnings(made.certificate, made.key) == []
    made.key.chmod(0o640)
    short = make_certificates(out / "short", HOSTS, 29)
    (key_warning,) = certificate_warnings(made.certificate, made.key)
    assert "chmod 600" in key_warning
    (expiry_warning,) = certificate_warnings(short.certificate, short.key)
    assert "renew it with securechat-certs --force" in expiry_warning
