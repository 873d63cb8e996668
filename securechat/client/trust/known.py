"""The remembered servers: a file that people can read, a line for each key.

::

    chat.example.org 6697 sha256:9f86d081884c7d65… 2026-11-28

Host (as ``canonical_host`` spells it), port, the pin of the public key, and the day on which
somebody said yes. A server may have several lines: any of these keys is its own.

Comments and lines that cannot be read stay as they are. One that cannot be read is told of, and
trusts nobody; where it begins with the host in question, that host is refused until it is mended,
because a damaged pin must not become a question that somebody answers in a hurry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from securechat.addresses import canonical_host, with_port
from securechat.client.errors import TrustError
from securechat.client.files import changing, known_servers_path, read_text, write_text
from securechat.errors import UserError

_HEADING = """\
# Servers whose public key somebody here said yes to: HOST PORT sha256:KEY DAY
# "securechat-client trust list" shows them, "securechat-client trust forget HOST" removes one.
"""
_PIN = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class KnownServer:
    """One key of one server; ``pin`` is lower-case hex."""

    host: str
    port: int
    pin: str
    since: date

    @property
    def line(self) -> str:
        """The line of the file, with its line feed."""
        return f"{self.host} {self.port} sha256:{self.pin} {self.since.isoformat()}\n"


class KnownServers:
    """The file; it is read anew each time, because other clients change it too.

    Every method raises ``UserError`` for a file that cannot be read or written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or known_servers_path()

    def all(self) -> tuple[KnownServer, ...]:
        """Return every key, in the file's order."""
        return tuple(one for _, _, one in self._lines() if one is not None)

    def of(self, host: str, port: int) -> tuple[KnownServer, ...]:
        """Return the keys of a server, none where it is not remembered.

        Raises ``TrustError`` where a line about that host cannot be read.
        """
        found = []
        for number, line, one in self._lines():
            if one is None and _first_word(line) == host:
                raise TrustError(
                    f"Not connected: {self._damaged(number)} Mend it, or type: "
                    f"securechat-client trust forget {host}"
                )
            if one is not None and (one.host, one.port) == (host, port):
                found.append(one)
        return tuple(found)

    def complaints(self) -> tuple[str, ...]:
        """Return a sentence for each line that cannot be read."""
        return tuple(self._damaged(number) for number, _, one in self._lines() if one is None)

    def remember(self, server: KnownServer) -> None:
        """Add a key; what was remembered for that server is replaced."""
        with changing(self.path):
            kept = self._without(server.host, server.port, damaged=False)
            write_text(self.path, "".join([*(kept or [_HEADING]), server.line]))

    def forget(self, host: str, port: int | None = None) -> int:
        """Forget a host, on one port or on all; return how many lines went, damaged ones too."""
        with changing(self.path):
            before = list(self._lines())
            kept = self._without(host, port, damaged=True)
            removed = len(read_text(self.path).splitlines()) - len(kept) if before else 0
            if removed:
                write_text(self.path, "".join(kept))
        return removed

    def _without(self, host: str, port: int | None, *, damaged: bool) -> list[str]:
        """Return the file's lines without those of a server; ``damaged`` ones of it go too."""
        gone = {
            number
            for number, line, one in self._lines()
            if (one is not None and one.host == host and port in (None, one.port))
            or (damaged and one is None and _first_word(line) == host)
        }
        lines = read_text(self.path).splitlines()
        return [f"{line}\n" for number, line in enumerate(lines, 1) if number not in gone]

    def _lines(self) -> Iterator[tuple[int, str, KnownServer | None]]:
        """Yield number, text and meaning of every line that is not empty and no comment."""
        for number, line in enumerate(read_text(self.path).splitlines(), 1):
            text = line.strip()
            if text and not text.startswith("#"):
                yield number, text, _parse(text)

    def _damaged(self, number: int) -> str:
        return (
            f"Line {number} of {self.path} cannot be read: it must be "
            "HOST PORT sha256:KEY DAY, with 64 hexadecimal digits and a day as 2026-11-28."
        )


def describe(server: KnownServer) -> str:
    """Return how a server is named to people and to ``trust forget``."""
    return with_port(server.host, server.port)


def _first_word(line: str) -> str:
    word = line.split(maxsplit=1)[0]
    try:
        return canonical_host(word)
    except UserError:
        return word


def _parse(line: str) -> KnownServer | None:
    words = line.split()
    if len(words) != 4:
        return None
    host, port, pin, since = words
    found = _PIN.fullmatch(pin)
    if found is None or not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        return None
    try:
        return KnownServer(canonical_host(host), int(port), found[1], date.fromisoformat(since))
    except (UserError, ValueError):
        return None
