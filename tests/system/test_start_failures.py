"""A server that cannot start says so in one sentence and exits with the right status."""

from __future__ import annotations

import datetime as dt
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator

import pytest
from support.system import Home, authority, run_program, running_server


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


async def complaint(home: Home, *flags: str, status: int = 1, **settings: object) -> str:
    """Start a server that cannot start and return its one sentence."""
    result = await run_program("securechat-server", *home.server_flags(), *flags, settings=settings)
    text = result.stderr.decode()
    assert result.returncode == status, text
    assert result.stdout == b""
    assert "Traceback" not in text
    last = text.rstrip("\n").split("\n")[-1]
    assert last.startswith("Error: ")
    if status == 1:
        assert text == f"{last}\n", "a sentence, and nothing else"
    return last


def no_certificate(home: Home) -> None:
    home.cert.unlink()


def no_key(home: Home) -> None:
    home.key.unlink()


def certificate_is_a_folder(home: Home) -> None:
    home.cert.unlink()
    home.cert.mkdir()


def certificate_is_text(home: Home) -> None:
    home.cert.write_text("not a certificate\n")


def key_is_text(home: Home) -> None:
    home.key.write_text("not a key\n")


def key_of_another_pair(home: Home) -> None:
    home.issue(home.folder / "other.pem", home.key)


def expired(home: Home) -> None:
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    leaf = authority().issue_cert("localhost", not_after=yesterday)
    leaf.cert_chain_pems[0].write_to_path(home.cert)
    leaf.private_key_pem.write_to_path(home.key)


@pytest.mark.parametrize(
    ("spoil", "culprit", "words"),
    [
        (no_certificate, "server.pem", ["securechat-certs"]),
        (no_key, "server.key", ["securechat-certs"]),
        (certificate_is_a_folder, "server.pem", ["directory"]),
        (certificate_is_text, "server.pem", ["certificate"]),
        (key_is_text, "server.key", ["key"]),
        (key_of_another_pair, "server.key", ["server.pem"]),
        (expired, "server.pem", ["expired"]),
    ],
)
async def test_a_bad_certificate_or_key(
    home: Home, spoil: Callable[[Home], None], culprit: str, words: list[str]
) -> None:
    spoil(home)
    sentence = await complaint(home)
    for word in (culprit, *words):
        assert word in sentence
    assert not home.data.exists(), "nothing is made by a server that cannot start"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["cert", "key"])
async def test_an_unreadable_certificate_or_key(home: Home, name: str) -> None:
    path = getattr(home, name)
    path.chmod(0)
    sentence = await complaint(home)
    assert str(path) in sentence
    assert "This user may not read" in sentence


async def test_a_port_in_use(home: Home, taken_port: int) -> None:
    sentence = await complaint(home, "--port", str(taken_port))
    assert str(taken_port) in sentence
    assert "in use" in sentence


async def test_an_address_that_this_machine_does_not_have(home: Home) -> None:
    """192.0.2.0/24 is for documentation (RFC 5737)."""
    assert "192.0.2.7" in await complaint(home, "--host", "192.0.2.7")


async def test_a_data_folder_that_cannot_be_written(home: Home) -> None:
    home.data.write_text("a file where the folder should be")
    home.data = home.data / "below"
    sentence = await complaint(home)
    assert str(home.data) in sentence
    assert "--data" in sentence


async def test_a_database_of_a_newer_version(home: Home) -> None:
    await home.add("alice")
    database = sqlite3.connect(home.data / "securechat.db")
    database.execute("PRAGMA user_version = 999")
    database.close()
    sentence = await complaint(home)
    assert "newer SecureChat" in sentence
    assert str(home.data) in sentence


async def test_a_database_that_is_none(home: Home) -> None:
    home.data.mkdir()
    (home.data / "securechat.db").write_bytes(b"something else entirely " * 100)
    assert "not a SecureChat database" in await complaint(home)


async def test_a_second_server_on_the_same_data(home: Home) -> None:
    await home.add("alice")
    async with running_server(home):
        sentence = await complaint(home)
        assert "Another server is running" in sentence
        assert str(home.data) in sentence


async def test_a_misspelled_setting_in_the_file(home: Home) -> None:
    config = home.folder / "securechat.toml"
    config.write_text("outbox_byte_max = 5\n")
    sentence = await complaint(home, "--config", str(config))
    assert "outbox_bytes_max" in sentence
    assert str(config) in sentence


async def test_a_misspelled_setting_in_the_environment(home: Home) -> None:
    sentence = await complaint(home, pasword_hash="fast")
    assert "SECURECHAT_PASSWORD_HASH" in sentence


async def test_a_value_out_of_range_in_the_environment(home: Home) -> None:
    assert "SECURECHAT_PORT" in await complaint(home, port=65536)


async def test_a_file_of_settings_that_is_missing(home: Home) -> None:
    assert "nowhere.toml" in await complaint(home, "--config", str(home.folder / "nowhere.toml"))


@pytest.mark.parametrize(
    ("flags", "word"),
    [(("--port", "65536"), "65536"), (("--no-such-flag",), "--no-such-flag"), (("jump",), "jump")],
)
async def test_wrong_usage(home: Home, flags: tuple[str, ...], word: str) -> None:
    """Click's own exit status for wrong usage is 2."""
    assert word in await complaint(home, *flags, status=2)
