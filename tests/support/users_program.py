"""``securechat-users`` as tests run it, and what became of the accounts."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import argon2
import trio
from click.testing import Result

from securechat.store.credentials.accounts import Account, Accounts
from securechat.store.sqlite import open_store

PASSWORD = "my cat sits on the mat"
OTHER = "the dog sits there too"
#: A hash of the fast profile, of no password that anybody knows.
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo"
Users = Callable[..., Result]


def added(users: Users, name: str, *options: str) -> None:
    result = users("add", name, "--password-stdin", *options, typed=f"{PASSWORD}\n")
    assert result.exit_code == 0, result.stderr


def account(data: Path, name: str) -> Account | None:
    async def read() -> Account | None:
        async with open_store(data) as store:
            return await Accounts(store).get(name)

    return trio.run(read)


def hash_of(data: Path, name: str) -> str:
    found = account(data, name)
    assert found is not None
    return found.password_hash


def accepts(data: Path, name: str, password: str) -> bool:
    try:
        return argon2.PasswordHasher().verify(hash_of(data, name), password)
    except argon2.exceptions.VerifyMismatchError:
        return False


class Terminal:
    """The program on a pseudo-terminal, 80 columns wide."""

    def __init__(self, *arguments: object, **environment: str) -> None:
        ours, theirs = pty.openpty()
        self._fd = ours
        self.shown = self._unread = ""
        program = "import sys; from securechat.cli.users import main; main()"
        self._child = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "80"} | environment,
        )
        os.close(theirs)

    def expect(self, text: str) -> None:
        """Read on until the program has shown a text after the one expected last."""
        while text not in self._unread:
            ready, _, _ = select.select([self._fd], [], [], 20)
            assert ready, f"{text!r} was not shown, only {self._unread!r}"
            self._read()
        self._unread = self._unread.partition(text)[2]

    def _read(self) -> bool:
        """Read what there is; say whether the program still has the terminal."""
        try:
            chunk = os.read(self._fd, 4096).decode()
        except OSError:  # Linux says so when the other side is closed
            chunk = ""
        self.shown += chunk
        self._unread += chunk
        return bool(chunk)

    def type(self, line: str) -> None:
        os.write(self._fd, f"{line}\n".encode())

    def finish(self) -> int:
        """Read everything else and return the exit status."""
        while self._read():
            pass
        return self._child.wait(20)

    def close(self) -> None:
        os.close(self._fd)
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait(20)
