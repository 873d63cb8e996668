"""The files that are made: whole, private, and never touched unless that was asked for."""

import errno
import os
import shutil
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from support.certificates import HOSTS, NAMES, self_signed, shake_hands

from securechat.addresses import own_hosts
from securechat.certificates import (
    Made,
    certificate_expiry,
    certificate_fingerprint,
    client_context,
    load_server_context,
    make_certificates,
)
from securechat.certificates.issuing import issue_ca
from securechat.errors import CertificateError, UserError


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


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
