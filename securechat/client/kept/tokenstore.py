"""Where device tokens are kept: in the system's keyring, or in a file for their owner alone.

The keyring's entries have the service ``securechat`` and the user ``account@host:port``. Keyrings
are other programs behind D-Bus or a system service: they may be missing, locked or silent. So they
are asked in a thread, with a deadline, and where there is no use of them the token goes into
``tokens.json`` among the user's data, with mode 0600. Passwords are never kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import trio

from securechat.addresses import canonical_host
from securechat.client.files import changing, read_text, tokens_path, write_text
from securechat.client.methods.tokens import DeviceToken
from securechat.errors import UserError
from securechat.protocol.names import fold

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "securechat"
KEYRING_SECONDS_MAX = 30
"""How long a keyring is waited for: it may ask its person to unlock it."""

T = TypeVar("T")


def login_name(account: str, host: str, port: int) -> str:
    """Return what a token is kept under."""
    return f"{fold(account)}@{canonical_host(host)}:{port}"


class _NoKeyring(Exception):
    """There is no keyring that answers."""


class TokenStore:
    """Keeps one token for each login. ``path`` is the file, the usual one unless given.

    Every method raises ``UserError`` for a file that cannot be read or written.
    """

    def __init__(
        self, path: Path | None = None, *, keyring_seconds_max: float = KEYRING_SECONDS_MAX
    ) -> None:
        self.path = path or tokens_path()
        self._seconds_max = keyring_seconds_max

    async def get(self, login: str) -> DeviceToken | None:
        """Return the token of a login, if one is kept."""
        try:
            kept = await self._in_keyring(lambda ring: ring.get_password(SERVICE, login))
        except _NoKeyring:
            kept = None
        token = _read(kept) if kept else None
        return token or _read(self._file().get(login))

    async def put(self, login: str, token: DeviceToken) -> str:
        """Keep a token in place of the one before; return where, in words for its person."""
        text = json.dumps({"id": token.id, "token": token.secret})
        try:
            await self._in_keyring(lambda ring: ring.set_password(SERVICE, login, text))
        except _NoKeyring:
            self._change(login, {"id": token.id, "token": token.secret})
            return f"in {self.path}, which you alone can read; there is no keyring here to use"
        self._change(login, None)
        return "in this system's keyring"

    async def forget(self, login: str) -> bool:
        """Keep the token of a login no longer; return whether there was one."""
        found = await self.get(login) is not None
        self._change(login, None)
        try:
            await self._in_keyring(lambda ring: _delete(ring, login))
        except _NoKeyring:
            pass  # then it is not in there
        return found

    # --- the keyring ---------------------------------------------------------------------------

    async def _in_keyring(self, work: Callable[[KeyringBackend], T]) -> T:
        """Do something with the keyring in a thread. Raises ``_NoKeyring``."""
        with trio.move_on_after(self._seconds_max):
            return await trio.to_thread.run_sync(
                lambda: _with_keyring(work), abandon_on_cancel=True
            )
        raise _NoKeyring

    # --- the file ------------------------------------------------------------------------------

    def _file(self) -> dict[str, object]:
        text = read_text(self.path)
        if not text:
            return {}
        if self.path.stat().st_mode & 0o077:
            raise UserError(
                f"Others on this machine can read the device tokens in {self.path}: type "
                f"chmod 600 {self.path}, and securechat-client logout if somebody may have."
            )
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise UserError(
                f"{self.path} holds no device tokens: remove it, and log in by your passwords."
            )
        return content

    def _change(self, login: str, entry: dict[str, str] | None) -> None:
        if entry is None and not self.path.exists():
            return
        with changing(self.path):
            content = self._file()
            before = dict(content)
            if entry is None:
                content.pop(login, None)
            else:
                content[login] = entry
            if content != before:
                write_text(self.path, json.dumps(content, indent=2) + "\n")


def _with_keyring(work: Callable[[KeyringBackend], T]) -> T:
    """Find the keyring and do something with it. Raises ``_NoKeyring`` where that fails."""
    import keyring  # noqa: PLC0415 - slow to load; only where a token may be
    from keyring.backends import chainer, fail, null  # noqa: PLC0415 - loads keyring itself
    from keyring.errors import KeyringError  # noqa: PLC0415 - loads keyring itself

    try:
        ring = keyring.get_keyring()
        empty = isinstance(ring, chainer.ChainerBackend) and not ring.backends
        if empty or isinstance(ring, fail.Keyring | null.Keyring):
            raise _NoKeyring
        return work(ring)
    except (KeyringError, OSError, RuntimeError) as error:
        raise _NoKeyring from error


def _delete(ring: KeyringBackend, login: str) -> None:
    from keyring.errors import PasswordDeleteError  # noqa: PLC0415 - loads keyring itself

    try:
        ring.delete_password(SERVICE, login)
    except PasswordDeleteError:
        pass  # it was not in there


def _read(entry: object) -> DeviceToken | None:
    """Return the token that was kept as JSON; ``None`` for what is none."""
    if isinstance(entry, str):
        try:
            entry = json.loads(entry)
        except ValueError:
            return None
    match entry:
        case {"id": str(token_id), "token": str(secret)}:
            return DeviceToken(token_id, secret)
    return None
