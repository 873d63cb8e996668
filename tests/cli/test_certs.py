"""``securechat-certs`` as a person types it."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from securechat.certificates import certificate_fingerprint, colon_form, make_certificates
from securechat.cli.certs import main

SCRIPT = Path(__file__).parents[2] / "scripts" / "gen_certs.py"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments, prog_name="securechat-certs")
    assert result.exit_code == status, result.output
    if status:
        assert result.stdout == ""
    return result


def test_the_first_run_tells_all_that_one_needs() -> None:
    result = run("--host", "localhost", "--host", "192.0.2.7", "--days", "30")
    assert result.stderr == ""
    text = result.stdout
    assert "Made the CA certs/ca.pem and its key certs/ca.key.\n" in text
    assert "Made the server certificate certs/server.pem and its key certs/server.key.\n" in text
    fingerprint = certificate_fingerprint(Path("certs/server.pem"))
    assert re.search(rf"WeeChat +{fingerprint}\n", text)
    assert re.search(rf"irssi +{colon_form(fingerprint)}\n", text)
    assert re.search(r"Covers +localhost, 192\.0\.2\.7\n", text)
    ends = datetime.now(UTC) + timedelta(days=30)
    assert re.search(rf"Valid until +{ends:%Y-%m-%d} \d\d:\d\d UTC\n", text)
    assert text.endswith("Next:\n  securechat-users add NAME\n  securechat-server\n")
    assert "BEGIN" not in text
    assert "\x1b" not in text


def test_another_folder_is_named_in_the_line_to_type_next() -> None:
    text = run("--out", "my certs", "--host", "localhost").stdout
    line = "securechat-server --cert 'my certs/server.pem' --key 'my certs/server.key'\n"
    assert text.endswith(line)


def test_a_second_run_is_refused() -> None:
    run("--host", "localhost")
    result = run("--host", "localhost", status=1)
    assert result.stderr == (
        "Error: This would replace certs/server.pem and certs/server.key: "
        "say --force to renew (the CA stays), or choose another folder with --out.\n"
    )


def test_a_renewal_tells_what_changes() -> None:
    run("--host", "localhost", "--host", "chat.example.org")
    text = run("--force", "--host", "localhost").stdout
    assert "Kept the CA" in text
    assert "Renewed the server certificate" in text
    assert "SIGHUP" in text
    assert "No longer covered: chat.example.org" in text
    assert "CA IS ANOTHER" not in text


def test_a_new_ca_is_told_loudly() -> None:
    run("--host", "localhost")
    text = run("--new-ca", "--host", "localhost").stdout
    assert "*** THE CA IS ANOTHER ONE NOW ***\nEvery client must get the new certs/ca.pem" in text


def test_a_warning_goes_to_standard_error() -> None:
    long_ago = datetime.now(UTC) - timedelta(days=3600)
    make_certificates(Path("certs"), ["localhost"], now=long_ago)
    result = run("--force", "--host", "localhost")
    assert result.stderr.startswith("Warning: The CA ends on ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--host", "*.example.org"), "is a wildcard"),
        (("--host", "a b"), "'a b' is not a host name or an IP address."),
        (("--days", "0"), "0 is not in the range"),
        (("--out", "file"), "is a file"),
        (("extra",), "unexpected extra argument"),
    ],
)
def test_wrong_usage(folder: Path, arguments: tuple[str, ...], sentence: str) -> None:
    (folder / "file").write_text("")
    assert sentence in run(*arguments, status=2).stderr
    assert not Path("certs").exists()


def test_a_folder_that_cannot_be_written(folder: Path) -> None:
    (folder / "file").write_text("")
    result = run("--out", "file/certs", "--host", "localhost", status=1)
    assert result.stderr == (
        "Error: file/certs cannot be written (not a directory): choose another folder with --out.\n"
    )


@pytest.mark.skipif(not SCRIPT.exists(), reason="scripts/gen_certs.py is not in a wheel")
@pytest.mark.parametrize("installed", [True, False])
def test_the_script_in_the_checkout_does_the_same(folder: Path, installed: bool) -> None:
    # Without site (-S) an editable installation is not seen, only the packages beside click.
    packages = {"PYTHONPATH": str(Path(click.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, *([] if installed else ["-S"]), SCRIPT, "--host", "localhost"],
        env=os.environ | ({} if installed else packages),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "securechat-users add NAME" in done.stdout
    written = sorted(path.name for path in Path("certs").iterdir())
    assert written == ["ca.key", "ca.pem", "server.key", "server.pem"]


@pytest.mark.skipif(not SCRIPT.exists(), reason="scripts/gen_certs.py is not in a wheel")
def test_the_script_without_its_packages_says_what_to_do() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-E", SCRIPT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"The Python package '\w+' is missing: run `make install`.*\n", done.stderr)
