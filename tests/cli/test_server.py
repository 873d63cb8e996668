"""``securechat-server``: flags, settings, announcements and what is said when something is wrong.

Starting it as a process, and what then goes wrong, is tested in ``tests/system``.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
from click.testing import Result
from structlog.testing import capture_logs

import securechat
from securechat.certificates import client_context, make_certificates
from securechat.cli import server as program
from securechat.cli.server import ANNOUNCE_BYTES_MAX
from securechat.config import SETTINGS, Settings
from securechat.errors import UserError
from securechat.server import console
from securechat.server.watchers import ANNOUNCEMENT_RECORD
from securechat.store.contract import Change
from securechat.store.lock import sole_server
from securechat.store.sqlite import open_store
from securechat.transport.sockets import connect
from securechat.transport.tls import TLSLink

Program = Callable[..., Result]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for setting in SETTINGS.values():
        monkeypatch.delenv(setting.variable, raising=False)
    monkeypatch.delenv("SECURECHAT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


# --- what is said without serving -----------------------------------------------------------------


def test_version(run: Program) -> None:
    assert run("--version").stdout == f"securechat-server, version {securechat.__version__}\n"


def test_help_tells_every_setting(run: Program) -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert all(setting.flag in result.stdout for setting in SETTINGS.values())
    assert "announce" in result.stdout


def test_print_config_shows_what_holds_and_where_it_came_from(
    run: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defaults, then the file, then variables, then flags: the later wins."""
    file = tmp_path / "chat.toml"
    file.write_text('network = "FromFile"\nport = 1111\nlobby = "#file"\n')
    monkeypatch.setenv("SECURECHAT_PORT", "2222")
    monkeypatch.setenv("SECURECHAT_LOBBY", "#variable")
    result = run("--config", file, "--lobby", "#flag", "--print-config")
    assert result.exit_code == 0
    shown = tomllib.loads(result.stdout)
    assert (shown["network"], shown["port"], shown["lobby"]) == ("FromFile", 2222, "#flag")
    assert shown["message_burst"] == 20
    assert set(shown) == set(SETTINGS)
    lines = {line.partition(" ")[0]: line for line in result.stdout.splitlines()}
    assert lines["network"].endswith(f"# {file}")
    assert lines["port"].endswith("# SECURECHAT_PORT")
    assert lines["lobby"].endswith("# --lobby")
    assert lines["data"].endswith("# default")


def test_what_print_config_shows_can_be_read_back(run: Program, tmp_path: Path) -> None:
    first = run("--port", "7000", "--host", "127.0.0.1", "--print-config").stdout
    (tmp_path / "all.toml").write_text(first)
    second = run("--config", tmp_path / "all.toml", "--print-config").stdout
    assert tomllib.loads(second) == tomllib.loads(first)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--prot", "1"], "No such option '--prot'"),
        (["--port", "many"], "--port"),
        (["--port", "70000"], "--port"),
        (["--lobby", "lobby"], "--lobby"),
        (["sing"], "No such command 'sing'"),
        (["announce"], "TEXT... is missing: write 'main announce TEXT...'"),
    ],
)
def test_wrong_usage(run: Program, arguments: list[str], sentence: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_setting_names_the_nearest(run: Program, tmp_path: Path) -> None:
    (tmp_path / "chat.toml").write_text("prot = 1\n")
    result = run("--config", tmp_path / "chat.toml")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: prot in ")
    assert "the nearest is port" in result.stderr


def test_a_missing_certificate_says_what_to_do(run: Program) -> None:
    result = run("--port", "0")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1


# --- announce -------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    async def make() -> None:
        async with open_store(tmp_path / "data"):
            pass

    trio.run(make)
    return tmp_path / "data"


@pytest.mark.parametrize("text", ["", "  ", "x" * (ANNOUNCE_BYTES_MAX + 1), "ü" * 201])
def test_a_text_that_cannot_be_announced(run: Program, data: Path, text: str) -> None:
    result = run("announce", "--data", data, text)
    assert result.exit_code == 1
    assert result.stderr == "Error: Give a text of 1 to 400 bytes to announce.\n"


def test_announcing_where_nothing_runs(
    run: Program, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left lying for whoever starts a server later."""
    monkeypatch.setattr(program, "ANNOUNCE_SECONDS", 0.1)
    result = run("announce", "--data", data, "anybody?")
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: No server is running on {data}, so nobody was told: name another folder with "
        "--data.\n"
    )

    async def left() -> int:
        async with open_store(data) as store:
            return len(await store.scan(ANNOUNCEMENT_RECORD))

    assert trio.run(left) == 0


async def test_an_announcement_that_was_taken_is_done(data: Path) -> None:
    texts: list[object] = []

    async def take() -> None:
        async with open_store(data) as store:
            while not texts:
                for record in await store.scan(ANNOUNCEMENT_RECORD):
                    texts.append((record.value or {}).get("text"))
                    await store.put([Change(record.kind, record.key, None)])
                await trio.sleep(0.005)  # the other side is a store of its own: no event

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take)
            await program._announce(data, "lunch")
    assert texts == ["lunch"]


def test_the_folder_may_come_from_the_settings(
    run: Program, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, str]] = []

    async def taken(folder: Path, text: str) -> None:
        asked.append((folder, text))

    monkeypatch.setattr(program, "_announce", taken)
    monkeypatch.setenv("SECURECHAT_DATA", str(data))
    result = run("announce", "two", "words")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "Announced.\n")
    assert asked == [(data, "two words")]


# --- serving --------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    make_certificates(tmp_path / "certs", hosts=["localhost", "127.0.0.1"])
    return Settings(
        host=("127.0.0.1",),
        port=0,
        cert=tmp_path / "certs" / "server.pem",
        key=tmp_path / "certs" / "server.key",
        data=tmp_path / "data",
    )


@pytest.fixture
def banners(monkeypatch: pytest.MonkeyPatch) -> trio.MemoryReceiveChannel[dict[str, Any]]:
    """What each banner was made of, as soon as it is."""
    sender, receiver = trio.open_memory_channel[dict[str, Any]](10)

    def banner(settings: Settings, **facts: Any) -> str:
        sender.send_nowait(facts)
        return console.banner(settings, **facts)

    monkeypatch.setattr(program, "banner", banner)
    return receiver


async def greeted(port: int, settings: Settings) -> None:
    """Connect as a client that trusts the CA does, and be answered."""
    context = client_context(settings.cert.with_name("ca.pem"))
    link = TLSLink.client(await connect("127.0.0.1", port), context, "localhost")
    await link.handshake()
    await link.send_all(b"PING x\r\n")
    assert await link.receive() == b":securechat.internal PONG securechat.internal :x\r\n"
    link.close()


async def test_it_serves_until_it_is_told_to_stop(
    settings: Settings,
    banners: trio.MemoryReceiveChannel[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with trio.fail_after(60), capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(program._serve, settings)
            facts = await banners.receive()
            assert facts["account"] is None
            assert not facts["on_terminal"]
            await greeted(facts["port"], settings)
            # A new certificate is taken over while it runs; a bad one is not.
            make_certificates(settings.cert.parent, hosts=["localhost"], force=True)
            signal.raise_signal(signal.SIGHUP)
            await logged(logs, "certificate replaced")
            await greeted(facts["port"], settings)
            settings.cert.write_text("not a certificate")
            signal.raise_signal(signal.SIGHUP)
            await logged(logs, "certificate not replaced, the old one serves on")
            await greeted(facts["port"], settings)
            with pytest.raises(UserError, match="server"), sole_server(settings.data):
                pass
            signal.raise_signal(signal.SIGTERM)
    assert logs[-1]["event"] == "stopped"
    assert f"localhost:{facts['port']}" in capsys.readouterr().out


async def logged(logs: list[Any], event: str) -> None:
    while not any(entry["event"] == event for entry in logs):  # noqa: ASYNC110 - a list
        await trio.sleep(0.005)  # real: the server waits for threads and signals


async def test_on_a_terminal_a_typed_line_is_announced(
    settings: Settings,
    banners: trio.MemoryReceiveChannel[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    async def type_a_line(announce: Callable[[str], object]) -> None:
        announce("typed")

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(program, "read_console", type_a_line)
    with trio.fail_after(60), capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(program._serve, settings)
            assert (await banners.receive())["on_terminal"]
            await logged(logs, "announced")
            signal.raise_signal(signal.SIGINT)
    assert logs[-1]["event"] == "stopped"


def test_programs_are_named_as_the_shell_here_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    client = folder / "securechat-client"
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert program._programs() == ""  # not installed beside Python: no better name is known
    client.touch(0o755)
    assert program._programs() == ".venv/bin/"
    monkeypatch.chdir(folder.parent)
    assert program._programs() == "bin/"
    monkeypatch.chdir(Path(__file__).parent)
    assert program._programs() == f"{folder}/"
    monkeypatch.setenv("PATH", str(folder))
    assert program._programs() == ""


@pytest.fixture
def _log_as_before() -> Iterator[None]:
    """Put back what ``logs.configure`` changes for the whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("_log_as_before")
def test_the_program_itself_serves_and_ends_with_status_0(
    run: Program, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the flags to the end: a warning of the certificate, the log's form, the exit status."""

    async def stop_at_once(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(program, "_greet", stop_at_once)
    monkeypatch.setattr(program, "certificate_warnings", lambda *_: ["It expires tomorrow."])
    result = run(
        *("--host", "127.0.0.1", "--port", "0", "--log-format", "json"),
        *("--cert", settings.cert, "--key", settings.key, "--data", settings.data),
    )
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.stderr.splitlines()]
    assert (rows[0]["event"], rows[0]["level"]) == ("It expires tomorrow.", "warning")
    assert rows[-1]["event"] == "stopped"
