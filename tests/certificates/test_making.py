"""The files that are made, and the contexts made of them, against strict verifiers."""

import errno
import os
import shutil
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from tls_in_memory import shake_hands

from securechat import certificates
from securechat.addresses import own_hosts
from securechat.certificates import (
    Made,
    certificate_expiry,
    certificate_fingerprint,
    certificate_warnings,
    client_context,
    colon_form,
    load_server_context,
    make_certificates,
)
from securechat.certificates.issuing import issue_ca
from securechat.errors import CertificateError, ConfigError, UserError

HOSTS = ["localhost", "bücher.example", "127.0.0.1", "::1", "192.0.2.7", "2001:db8::7"]
NAMES = ("ca.key", "ca.pem", "server.key", "server.pem")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "certs"


@pytest.fixture
def made(out: Path) -> Made:
    return make_certificates(out, HOSTS, 397)


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


def openssl(*arguments: str) -> str:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    done = subprocess.run(
        ["openssl", *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def self_signed(
    folder: Path,
    key: CertificateIssuerPrivateKeyTypes,
    *,
    hosts: tuple[str, ...] = (),
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=1),
) -> tuple[Path, Path]:
    """Write a certificate unlike ours (named by CN only, unless ``hosts``) and its key."""
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now + begins, now + ends)
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    certificate_path, key_path = folder / "odd.pem", folder / "odd.key"
    certificate = builder.sign(key, algorithm)
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_path, key_path


# --- making ----------------------------------------------------------------------------------


def test_four_files_and_what_is_told_of_them(out: Path, made: Made) -> None:
    assert sorted(contents(out)) == sorted(NAMES)
    assert (made.ca, made.ca_key) == (out / "ca.pem", out / "ca.key")
    assert (made.certificate, made.key) == (out / "server.pem", out / "server.key")
    assert made.hosts == (HOSTS[0], "xn--bcher-kva.example", *HOSTS[2:])
    assert made.made_ca
    assert not any((made.replaced_ca, made.renewed, made.dropped, made.warnings))
    assert made.fingerprint == certificate_fingerprint(made.certificate)
    assert made.ca_fingerprint == certificate_fingerprint(made.ca)
    assert made.not_after == certificate_expiry(made.certificate)
    assert timedelta(days=396) < made.not_after - datetime.now(UTC) <= timedelta(days=397)


def test_the_server_file_holds_leaf_then_ca(made: Made) -> None:
    leaf, ca = x509.load_pem_x509_certificates(made.certificate.read_bytes())
    assert ca == x509.load_pem_x509_certificate(made.ca.read_bytes())
    leaf.verify_directly_issued_by(ca)


def test_without_hosts_this_machine_is_covered(out: Path) -> None:
    made = make_certificates(out, ())
    assert made.hosts[:3] == ("localhost", "127.0.0.1", "::1")
    assert made.hosts == tuple(own_hosts())


def test_hosts_are_covered_once(out: Path) -> None:
    assert make_certificates(out, ["A", "a", "::1", "0::1"], 1).hosts == ("a", "::1")


def test_a_bad_host_writes_nothing(out: Path) -> None:
    with pytest.raises(UserError, match="is a wildcard"):
        make_certificates(out, ["a", "*.example.org"])
    assert not out.exists()


@pytest.mark.parametrize("days", [0, -1, 3651, 10**12])
def test_days_out_of_range_write_nothing(out: Path, days: int) -> None:
    with pytest.raises(CertificateError, match="1 to 3650 days, not"):
        make_certificates(out, HOSTS, days)
    assert not out.exists()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_whatever_the_umask(out: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        for force, new_ca in ((False, False), (True, False), (False, True)):
            make_certificates(out, HOSTS, force=force, new_ca=new_ca)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()}
            private, public = dict.fromkeys(NAMES[::2], 0o600), dict.fromkeys(NAMES[1::2], 0o644)
            assert modes == private | public
    finally:
        os.umask(before)
    assert stat.S_IMODE(out.stat().st_mode) == 0o755


def test_a_folder_that_is_there_keeps_its_mode(out: Path) -> None:
    out.mkdir()
    out.chmod(0o700)
    make_certificates(out, HOSTS)
    assert stat.S_IMODE(out.stat().st_mode) == 0o700


def test_keys_are_private_from_the_moment_they_exist(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open
    keys: list[str] = []

    def watched_open(path: str | Path, flags: int, mode: int = 0o777) -> int:
        descriptor = real_open(path, flags, mode)
        if flags & os.O_CREAT:
            assert flags & os.O_EXCL
            if ".key" in str(path):
                assert stat.S_IMODE(os.fstat(descriptor).st_mode) == 0o600
                keys.append(str(path))
        return descriptor

    monkeypatch.setattr(os, "open", watched_open)
    before = os.umask(0)
    try:
        make_certificates(out, HOSTS)
    finally:
        os.umask(before)
    assert len(keys) == 2


@pytest.mark.parametrize("present", [("server.pem",), ("server.key",), NAMES])
def test_what_exists_is_refused_and_stays_as_it_is(
    out: Path, made: Made, present: tuple[str, ...]
) -> None:
    for name in NAMES:
        if name not in present:
            (out / name).unlink()
    before = contents(out)
    with pytest.raises(CertificateError, match=r"This would replace .*server\..*--force"):
        make_certificates(out, HOSTS)
    assert contents(out) == before


def test_force_renews_the_server_and_keeps_the_ca(out: Path, made: Made) -> None:
    before = contents(out)
    again = make_certificates(out, ["localhost", "127.0.0.1"], 10, force=True)
    after = contents(out)
    assert sorted(after) == sorted(NAMES)
    assert [before[name] == after[name] for name in NAMES] == [True, True, False, False]
    assert again.renewed
    assert not any((again.made_ca, again.replaced_ca))
    assert again.ca_fingerprint == made.ca_fingerprint
    assert again.fingerprint != made.fingerprint
    assert again.dropped == ("xn--bcher-kva.example", "::1", "192.0.2.7", "2001:db8::7")
    # A client that trusts the CA notices nothing.
    server = load_server_context(again.certificate, again.key)
    shake_hands(server, client_context(made.ca), "localhost")


def test_a_new_ca_replaces_everything(out: Path, made: Made) -> None:
    before = contents(out)
    old_client = client_context(made.ca)
    again = make_certificates(out, HOSTS, new_ca=True)
    after = contents(out)
    assert not any(before[name] == after[name] for name in NAMES)
    assert again.made_ca
    assert again.replaced_ca
    server = load_server_context(again.certificate, again.key)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server, old_client, "localhost")
    shake_hands(server, client_context(again.ca), "localhost")


def test_a_new_ca_where_there_was_none_replaces_none(out: Path) -> None:
    made = make_certificates(out, HOSTS, new_ca=True)
    assert made.made_ca
    assert not any((made.replaced_ca, made.renewed))


def test_a_ca_alone_is_used(out: Path, made: Made) -> None:
    (out / "server.pem").unlink()
    (out / "server.key").unlink()
    again = make_certificates(out, HOSTS)
    assert again.ca_fingerprint == made.ca_fingerprint
    assert not any((again.made_ca, again.renewed))


def test_an_unreadable_certificate_is_renewed_all_the_same(out: Path, made: Made) -> None:
    made.certificate.write_text("torn")
    assert make_certificates(out, HOSTS, force=True).dropped == ()
    made.certificate.unlink()
    assert make_certificates(out, HOSTS, force=True).renewed


def test_a_renewal_ends_with_its_ca(out: Path) -> None:
    nine_years_ago = datetime.now(UTC) - timedelta(days=3600)
    make_certificates(out, HOSTS, now=nine_years_ago)
    made = make_certificates(out, HOSTS, force=True)
    assert made.not_after == certificate_expiry(made.ca)
    assert len(made.warnings) == 1
    assert "--new-ca" in made.warnings[0]
    load_server_context(made.certificate, made.key)


def test_a_ca_key_that_others_may_read_is_warned_about(out: Path, made: Made) -> None:
    made.ca_key.chmod(0o644)
    again = make_certificates(out, HOSTS, force=True)
    assert len(again.warnings) == 1
    assert "chmod 600" in again.warnings[0]


def _no_ca_key(out: Path) -> None:
    (out / "ca.key").unlink()


def _no_ca(out: Path) -> None:
    (out / "ca.pem").unlink()


def _another_key(out: Path) -> None:
    (out / "ca.key").write_bytes(issue_ca(datetime.now(UTC)).key_pem)


def _torn_key(out: Path) -> None:
    (out / "ca.key").write_bytes((out / "ca.key").read_bytes()[:60])


def _torn_ca(out: Path) -> None:
    (out / "ca.pem").write_bytes((out / "ca.pem").read_bytes()[:60])


def _no_ca_at_all(out: Path) -> None:
    shutil.copy(out / "server.pem", out / "ca.pem")
    shutil.copy(out / "server.key", out / "ca.key")


def _unfit_ca(out: Path) -> None:
    certificate, key = self_signed(out, ed25519.Ed25519PrivateKey.generate())
    certificate.replace(out / "ca.pem")
    key.replace(out / "ca.key")


def _expired_ca(out: Path) -> None:
    ca = issue_ca(datetime.now(UTC) - timedelta(days=4000))
    (out / "ca.pem").write_bytes(ca.certificate_pem)
    (out / "ca.key").write_bytes(ca.key_pem)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_no_ca_key, "There is no private key at"),
        (_no_ca, "is there without its certificate"),
        (_another_key, "does not belong to the first certificate"),
        (_torn_key, "is not a private key in PEM form"),
        (_torn_ca, "is not a certificate in PEM form"),
        (_no_ca_at_all, "is not the certificate of a CA that can sign here"),
        (_unfit_ca, "is not the certificate of a CA that can sign here"),
        (_expired_ca, "expired on"),
    ],
)
def test_a_ca_that_cannot_sign_is_told_and_a_new_one_helps(
    out: Path, made: Made, spoil: Callable[[Path], None], sentence: str
) -> None:
    spoil(out)
    before = contents(out)
    with pytest.raises(CertificateError, match=f"{sentence}.*make a new CA with --new-ca"):
        make_certificates(out, HOSTS, force=True)
    assert contents(out) == before
    again = make_certificates(out, HOSTS, new_ca=True)
    shake_hands(load_server_context(again.certificate, again.key), client_context(again.ca), "::1")


# --- crashes and full disks ------------------------------------------------------------------


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_folder_that_cannot_be(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CertificateError, match=r"cannot be written \(.*choose another folder"):
        make_certificates(tmp_path / where, HOSTS)


@pytest.mark.parametrize("call", range(1, 5))
def test_a_full_disk_changes_nothing(
    out: Path, made: Made, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    before, calls = contents(out), iter(range(1, 100))

    def fsync(descriptor: int) -> None:
        if next(calls) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(CertificateError, match="no space left on device"):
        make_certificates(out, HOSTS, new_ca=True)
    assert contents(out) == before


CRASHING = """
import os, sys
from pathlib import Path
from securechat.certificates import make_certificates
renames, real = iter(range(100)), Path.replace
def replace(self, target):
    if next(renames) == int(sys.argv[2]):
        os._exit(9)
    return real(self, target)
Path.replace = replace
make_certificates(Path(sys.argv[1]), ["localhost"], new_ca=True)
"""


@pytest.mark.parametrize("renames", range(4))
def test_a_crash_leaves_each_file_whole_and_another_run_mends(
    out: Path, made: Made, renames: int
) -> None:
    before = contents(out)
    done = subprocess.run(
        [sys.executable, "-c", CRASHING, str(out), str(renames)], timeout=60, check=False
    )
    assert done.returncode == 9
    after = contents(out)
    changed = [name for name in ("ca.key", "ca.pem", "server.key") if before[name] != after[name]]
    assert changed == ["ca.key", "ca.pem", "server.key"][:renames]
    for name in NAMES:
        assert after[name].endswith(b"-----\n")
    if renames == 3:  # between the last two renames, the one moment of a mismatched server pair
        with pytest.raises(CertificateError, match="does not belong"):
            load_server_context(made.certificate, made.key)
    else:
        load_server_context(made.certificate, made.key)
    again = make_certificates(out, HOSTS, new_ca=True)
    shake_hands(load_server_context(again.certificate, again.key), client_context(again.ca), "::1")


# --- strict verifiers ------------------------------------------------------------------------


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


# --- the server's context --------------------------------------------------------------------


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


# --- the client's context --------------------------------------------------------------------


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


# --- warnings for the server's start ---------------------------------------------------------


def test_warnings(out: Path, made: Made) -> None:
    assert certificate_warnings(made.certificate, made.key) == []
    made.key.chmod(0o640)
    short = make_certificates(out / "short", HOSTS, 29)
    (key_warning,) = certificate_warnings(made.certificate, made.key)
    assert "chmod 600" in key_warning
    (expiry_warning,) = certificate_warnings(short.certificate, short.key)
    assert "renew it with securechat-certs --force" in expiry_warning


def test_a_renewal_can_keep_the_key(tmp_path: Path) -> None:
    """Clients that remember the public key (RFC 7469 section 2.4) go on knowing the server."""
    first = make_certificates(tmp_path, HOSTS)
    key, before = first.key.read_bytes(), first.fingerprint
    again = make_certificates(tmp_path, HOSTS, keep_key=True)
    assert again.renewed
    assert not again.made_ca
    assert (again.key.read_bytes(), again.key.stat().st_mode & 0o777) == (key, 0o600)
    assert again.fingerprint != before
    load_server_context(again.certificate, again.key)
    moved = make_certificates(tmp_path, HOSTS, keep_key=True, new_ca=True)
    assert moved.replaced_ca
    assert moved.key.read_bytes() == key
    load_server_context(moved.certificate, moved.key)


def test_a_key_to_be_kept_must_be_there_and_of_use(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"no private key at .*: leave out --keep-key"):
        make_certificates(tmp_path, HOSTS, keep_key=True)
    assert list(tmp_path.iterdir()) == []
    made = make_certificates(tmp_path, HOSTS)
    made.key.write_bytes(
        x25519.X25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    with pytest.raises(CertificateError, match="of no use for a certificate here"):
        make_certificates(tmp_path, HOSTS, keep_key=True)
