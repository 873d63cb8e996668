"""The client's own files: where they are, and how they are changed.

Settings and remembered servers are in the folder that the system has for configuration
(``~/.config/securechat``), device tokens in the one for data (``~/.local/share/securechat``); the
variables of the XDG Base Directory Specification move them. ``SECURECHAT_CLIENT_CONFIG`` names
another settings file, and the remembered servers are beside it.

A file is written whole beside its place, synced, and renamed into it, so that a crash leaves the
old one or the new one. New files are for their owner alone (0600) from the moment they exist.

The functions here read and write small files, and block for that long.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from securechat.errors import UserError

VARIABLE = "SECURECHAT_CLIENT_CONFIG"
_APPLICATION = "securechat"
_PRIVATE = 0o600


def settings_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the settings are: the file that the variable names, else the usual one."""
    named = environ.get(VARIABLE)
    return Path(named) if named else platformdirs.user_config_path(_APPLICATION) / "client.toml"


def known_servers_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the remembered servers are: beside the settings."""
    return settings_path(environ).with_name("known_servers")


def themes_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the person's own themes: beside the settings."""
    return settings_path(environ).with_name("themes")


def tokens_path() -> Path:
    """Return where device tokens are on a machine without a keyring."""
    return platformdirs.user_data_path(_APPLICATION) / "tokens.json"


def read_text(path: Path) -> str:
    """Return a file's text; nothing where there is no file. Raises ``UserError``."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise UserError(f"{path} cannot be read: {_why(error)}.") from error
    except UnicodeDecodeError:
        raise UserError(f"{path} is not text in UTF-8: mend it, or move it away.") from None


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Hold off other clients that would change a file of this folder, which is made if missing.

    The wait has no deadline: whoever holds the lock is writing one small file, and the system lets
    go of it when that process ends. Raises ``UserError`` for a folder that cannot be had.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UserError(f"{path.parent} cannot be used: {_why(error)}.") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write_text(path: Path, text: str, *, keep_mode: bool = False) -> None:
    """Replace a file, or the one that a symbolic link there means. Its folder exists.

    With ``keep_mode`` an old file's permissions stay; otherwise it is its owner's alone.
    Raises ``UserError``.
    """
    try:
        path = path.resolve()
        mode = path.stat().st_mode & 0o777 if keep_mode and path.exists() else _PRIVATE
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {_why(error)}.") from error


def _why(error: OSError) -> str:
    """Return the system's word for an error, without the path that our sentence has already."""
    return (error.strerror or str(error)).lower()
