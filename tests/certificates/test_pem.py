"""What is wrong with a certificate or key file is said in one sentence that names the file."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from securechat.certificates import pem
from securechat.certificates.issuing import Pair, issue_ca, issue_server
from securechat.errors import CertificateError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REMEDY = "do this"


@pytest.fixture(scope="module")
def ca() -> Pair:
    return issue_ca(NOW)


@pytest.fixture
def files(tmp_path: Path, ca: Pair) -> tuple[Path, Path]:
    server = issue_server(ca, ["localhost"], 10, NOW)
    (tmp_path / "server.pem").write_bytes(server.certificate_pem + ca.certificate_pem)
    (tmp_path / "server.key").write_bytes(server.key_pem)
    return tmp_path / "server.pem", tmp_path / "server.key"


def test_the_first_certificate_is_the_one(files: tuple[Path, Path], ca: Pair) -> None:
    certificate = pem.read_certificate(files[0], REMEDY)
    assert certificate.issuer == ca.certificate.subject
    key = pem.read_key(files[1], REMEDY)
    pem.check_match(certificate, files[0], key, files[1], REMEDY)
    pem.check_dates(certificate, files[0], NOW, REMEDY)


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    with pytest.raises(CertificateError) as caught:
        pem.read_certificate(path, REMEDY)
    assert str(caught.value) == f"There is no certificate at {path}: do this."
    path.write_text("not a folder")
    with pytest.raises(CertificateError, match="There is no private key at"):
        pem.read_key(path / "y.key", REMEDY)


def test_a_file_of_another_user(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(CertificateError, match=r"This user may not read the private key .*\.key: "):
        pem.read_key(files[1], REMEDY)


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"cannot be read \(is a directory\): do this\.$"):
        pem.read_certificate(tmp_path, REMEDY)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\xff\x00",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_what_is_not_pem(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(CertificateError, match=r"is not a certificate in PEM form: do this\.$"):
        pem.read_certificate(path, REMEDY)
    with pytest.raises(CertificateError, match=r"is not a private key in PEM form: do this\.$"):
        pem.read_key(path, REMEDY)


def test_a_key_behind_a_passphrase_is_refused_and_not_asked_for(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "file"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"swordfish"),
        )
    )
    with pytest.raises(CertificateError, match=r"asks for a passphrase: do this\.$"):
        pem.read_key(path, REMEDY)


def test_a_key_that_belongs_elsewhere(files: tuple[Path, Path], ca: Pair) -> None:
    certificate = pem.read_certificate(files[0], REMEDY)
    with pytest.raises(CertificateError, match="does not belong to the first certificate"):
        pem.check_match(certificate, files[0], ca.key, files[1], REMEDY)


def test_a_certificate_whose_key_nobody_knows_matches_nothing(
    files: tuple[Path, Path], ca: Pair
) -> None:
    p256, unknown = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f")
    encoded = pem.der(ca.certificate)
    assert encoded.count(p256) == 1
    odd = x509.load_der_x509_certificate(encoded.replace(p256, unknown))
    with pytest.raises(CertificateError, match="does not belong"):
        pem.check_match(odd, files[0], ca.key, files[1], REMEDY)


def test_dates(files: tuple[Path, Path]) -> None:
    """RFC 5280 section 4.1.2.5: both ends of the validity are part of it."""
    certificate = pem.read_certificate(files[0], REMEDY)
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    pem.check_dates(certificate, files[0], begins, REMEDY)
    pem.check_dates(certificate, files[0], ends, REMEDY)
    second = timedelta(seconds=1)
    with pytest.raises(CertificateError, match=r"expired on 2026-03-11 12:00 UTC: do this\.$"):
        pem.check_dates(certificate, files[0], ends + second, REMEDY)
    with pytest.raises(CertificateError, match="not valid before 2026-03-01 11:00 UTC: set this"):
        pem.check_dates(certificate, files[0], begins - second, REMEDY)


@pytest.mark.parametrize(("mode", "told"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1)])
def test_a_key_that_others_may_read(files: tuple[Path, Path], mode: int, told: int) -> None:
    files[1].chmod(mode)
    warnings = pem.mode_warnings(files[1])
    assert len(warnings) == told
    assert all(str(files[1]) in warning for warning in warnings)


def test_a_missing_key_is_not_warned_about(tmp_path: Path) -> None:
    assert pem.mode_warnings(tmp_path / "none") == []


def test_fingerprint_forms() -> None:
    """FIPS 180-4: the SHA-256 of three known bytes, in WeeChat's and in irssi's form."""
    plain = pem.fingerprint(b"abc")
    assert plain == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert pem.colon_form(plain).startswith("BA:78:16:BF:")
    assert pem.colon_form(plain).replace(":", "").lower() == plain


def test_an_error_without_a_word_from_the_system() -> None:
    assert pem.why(OSError(errno.ENOSPC, "No space left on device")) == "no space left on device"
    assert pem.why(OSError("odd")) == "odd"
