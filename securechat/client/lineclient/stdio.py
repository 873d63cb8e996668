"""Standard input and output without a terminal: pipes, files, other programs.

Nothing here blocks Trio, and nothing keeps the program from ending: input is read when the system
says that there is some, output is written by worker threads on the bare file descriptor.
"""

from __future__ import annotations

import os
from functools import partial

import trio

from securechat.errors import UserError

CHUNK_BYTES = 64 * 1024
LINE_BYTES_MAX = 1024 * 1024


class StdStreams:
    """A screen and a source of lines on file descriptors; errors go to the third one."""

    interactive = False

    def __init__(self, stdin: int = 0, stdout: int = 1, stderr: int = 2) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = stderr
        self._buffer = b""
        self._ended = False

    async def next_line(self) -> str | None:
        """Return the next line of input, without its end; ``None`` after the last.

        Raises ``UserError`` for a line over ``LINE_BYTES_MAX`` and for what is not UTF-8.
        """
        while b"\n" not in self._buffer and not self._ended:
            if len(self._buffer) > LINE_BYTES_MAX:
                raise UserError("A line on standard input is too long to be said.")
            chunk = await self._read()
            self._ended = not chunk
            self._buffer += chunk
        await trio.lowlevel.checkpoint()
        if not self._buffer:
            return None
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            return line.removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            raise UserError("Standard input is not text in UTF-8.") from None

    async def _read(self) -> bytes:
        try:
            await trio.lowlevel.wait_readable(self._stdin)
        except PermissionError:
            pass  # a regular file, which the system does not watch: it never waits for long
        try:
            return os.read(self._stdin, CHUNK_BYTES)
        except OSError:
            return b""  # the terminal it came from is gone

    async def show(self, text: str, *, error: bool = False) -> None:
        """Write text. Raises ``BrokenPipeError`` when nobody reads it any more."""
        fd = self._stderr if error else self._stdout
        data = text.encode(errors="replace")
        await trio.to_thread.run_sync(partial(_write_all, fd, data), abandon_on_cancel=True)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read_first_line(fd: int = 0) -> str:
    """Return the first line of an input, and leave what follows it unread.

    Raises ``UserError`` when there is none.
    """
    out = bytearray()
    while (byte := os.read(fd, 1)) not in (b"", b"\n"):
        out += byte
        if len(out) > LINE_BYTES_MAX:
            break
    try:
        line = out.decode().rstrip("\r")
    except UnicodeDecodeError:
        line = ""
    if not line:
        raise UserError("There is no password on standard input: it must be the first line.")
    return line
