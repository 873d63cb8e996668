"""The servers that are measured: how each is configured, started and logged in to.

Each is set up to be at its best: no limits on floods, clones or queues, no lookups, no plug-in
that is not needed, TLS 1.3 with the same certificate. They listen on the loopback interface only.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from benchmarks.process import ServerFailed

CHANNEL = "#lobby"
MODERN_CAPS = ("message-tags", "server-time", "echo-message")
_OPER = "bench"
_SETUP_S = 300.0


class Server(ABC):
    """One server in a temporary folder of its own, on one port, for one run."""

    name: ClassVar[str]
    login: ClassVar[str] = "pass"
    joins_by_itself: ClassVar[bool] = False
    sender_modes: ClassVar[str] = ""
    """User modes that the sender takes as an operator; empty where that is not needed."""
    has_modern_caps: ClassVar[bool] = False

    def __init__(self, folder: Path, port: int, certificate: Path, key: Path) -> None:
        self.folder = folder
        self.port = port
        self.certificate = certificate
        self.key = key
        self.secret = secrets.token_hex(16)

    @classmethod
    def missing(cls) -> str | None:
        """Say what is not installed; ``None`` when it can be run."""
        return None if shutil.which(cls.name) else f"{cls.name} is not installed"

    def passwords(self, names: Sequence[str]) -> dict[str, str]:
        """Return what each session logs in with."""
        return dict.fromkeys(names, self.secret)

    def prepare(self, passwords: Mapping[str, str]) -> None:  # noqa: B027 - most need nothing
        """Make the accounts, where the server has accounts. Raises ``ServerFailed``."""

    def environment(self) -> dict[str, str]:
        """Return what is added to the environment of the server."""
        return {}

    @property
    def sender_oper(self) -> tuple[str, str, str] | None:
        """Return the sender's operator name, password and modes, where it must be one."""
        return (_OPER, self.secret, self.sender_modes) if self.sender_modes else None

    @abstractmethod
    def command(self) -> list[str]:
        """Write the configuration and return the command that runs in the foreground."""


class Ngircd(Server):
    """ngIRCd. Only an operator's user mode F lifts its brake on those who send much."""

    name = "ngircd"
    sender_modes = "F"

    def config(self) -> str:
        """Return the configuration, after ngircd.conf(5)."""
        return f"""[Global]
Name = bench.test
Info = benchmark
Listen = 127.0.0.1
Ports =
Password = {self.secret}
MotdPhrase = hello
ServerUID = {os.getuid()}
ServerGID = {os.getgid()}
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 20
MaxPenaltyTime = 0
PingTimeout = 3600
PongTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
[SSL]
CertFile = {self.certificate}
KeyFile = {self.key}
Ports = {self.port}
[Operator]
Name = {_OPER}
Password = {self.secret}
"""

    def command(self) -> list[str]:
        path = self.folder / "ngircd.conf"
        path.write_text(self.config(), encoding="utf-8")
        return ["ngircd", "-n", "-f", str(path)]


class Inspircd(Server):
    """InspIRCd 3 with GnuTLS, which is the TLS module that Debian's package has."""

    name = "inspircd"
    has_modern_caps = True

    def config(self) -> str:
        """Return the configuration, after the project's documentation of version 3."""
        modules = ["ssl_gnutls"]
        modules += ["cap", "ircv3", "ircv3_ctctags", "ircv3_servertime", "ircv3_msgid"]
        modules += ["ircv3_echomessage"]
        loaded = "\n".join(f'<module name="{name}">' for name in modules)
        return f"""{loaded}
<server name="bench.test" description="benchmark" network="bench" id="001">
<admin name="bench" nick="bench" email="bench@bench.test">
<bind address="127.0.0.1" port="{self.port}" type="clients" sslprofile="bench">
<sslprofile name="bench" provider="gnutls" certfile="{self.certificate}" keyfile="{self.key}"
    priority="NORMAL:-VERS-ALL:+VERS-TLS1.3" requestclientcert="no" hash="sha256"
    outrecsize="16384">
<connect name="bench" allow="*" password="{self.secret}" timeout="60" pingfreq="3600"
    threshold="1000000000" commandrate="1000000000" fakelag="no" recvq="1073741824"
    softsendq="1073741824" hardsendq="1073741824" localmax="100000" globalmax="100000"
    limit="100000" maxchans="100" resolvehostnames="no" useident="no" maxconnwarn="no"
    uniqueusername="no">
<performance quietbursts="yes" somaxconn="512" netbuffersize="65534" clonesonconnect="no">
<channels users="100" opers="100">
<cidr ipv4clone="32" ipv6clone="128">
<dns server="127.0.0.1" timeout="1">
<options nosnoticestack="no">
<pid file="{self.folder}/inspircd.pid">
<path configdir="{self.folder}" datadir="{self.folder}" logdir="{self.folder}">
"""

    def command(self) -> list[str]:
        path = self.folder / "inspircd.conf"
        path.write_text(self.config(), encoding="utf-8")
        flags = ["--runasroot"] if os.getuid() == 0 else []
        return ["inspircd", "--nofork", "--nolog", "--config", str(path), *flags]


class Floor(Server):
    """What TLS and the kernel cost by themselves: see ``benchmarks.floor``."""

    name = "floor"

    @classmethod
    def missing(cls) -> str | None:
        return None

    def command(self) -> list[str]:
        arguments = [str(self.port), str(self.certificate), str(self.key)]
        return [sys.executable, "-m", "benchmarks.floor", *arguments]

    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}


class Securechat(Server):
    """SecureChat from this checkout: an account for each session, limits off."""

    name = "securechat"
    login = "sasl"
    joins_by_itself = True
    has_modern_caps = True
    OFF = (
        "messages_per_second",
        "message_burst",
        "connections_per_address",
        "new_connections_per_address",
        "waiting_per_address",
        "login_attempts_per_minute",
        "outbox_bytes_max",
        "announce_members_max",
    )

    def __init__(
        self, folder: Path, port: int, certificate: Path, key: Path, *, fast: bool = True
    ) -> None:
        super().__init__(folder, port, certificate, key)
        self.fast = fast
        """Whether passwords are hashed with the fast profile, to be in sooner."""
        self.settings: dict[str, str] = {}
        """Settings by name, beside those that are off."""

    @classmethod
    def missing(cls) -> str | None:
        if cls._program("securechat-server").exists():
            return None
        return "it is not installed beside this Python: run make install"

    @staticmethod
    def _program(name: str) -> Path:
        return Path(sys.executable).with_name(name)

    def passwords(self, names: Sequence[str]) -> dict[str, str]:
        return {name: secrets.token_urlsafe(18) for name in names}

    def environment(self) -> dict[str, str]:
        off = {f"SECURECHAT_{setting.upper()}": "0" for setting in self.OFF}
        given = {f"SECURECHAT_{name.upper()}": value for name, value in self.settings.items()}
        return {**off, **({"SECURECHAT_PASSWORD_HASH": "fast"} if self.fast else {}), **given}

    def prepare(self, passwords: Mapping[str, str]) -> None:
        accounts = self.folder / "accounts.csv"
        rows = "".join(f"{name},{password}\n" for name, password in passwords.items())
        accounts.touch(mode=0o600)
        accounts.write_text("name,password\n" + rows, encoding="utf-8")
        program = str(self._program("securechat-users"))
        done = subprocess.run(
            [program, "--data", str(self.folder / "data"), "import", str(accounts)],
            env={**os.environ, **self.environment()},
            capture_output=True,
            text=True,
            timeout=_SETUP_S,
            check=False,
        )
        if done.returncode:
            raise ServerFailed(f"its accounts could not be made: {done.stderr.strip()}")

    def command(self) -> list[str]:
        return [
            *(str(self._program("securechat-server")), "--host", "127.0.0.1"),
            *("--port", str(self.port), "--cert", str(self.certificate)),
            *("--key", str(self.key), "--data", str(self.folder / "data")),
        ]


SERVERS: dict[str, type[Server]] = {
    server.name: server for server in (Securechat, Ngircd, Inspircd, Floor)
}
