"""Standard input and output on real descriptors: pipes and files."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from securechat.client.lineclient import stdio
from securechat.client.lineclient.stdio import StdStreams, read_first_line
from securechat.errors import UserError


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass  # the test closed it


async def all_lines(streams: StdStreams) -> list[str]:
    lines = []
    with trio.fail_after(5):
        while (line := await streams.next_line()) is not None:
            lines.append(line)
    return lines


async def test_lines_from_a_pipe(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], "one\r\n\ngrüße\nlast without an end".encode())
    os.close(pipe[1])
    assert await all_lines(StdStreams(pipe[0])) == ["one", "", "grüße", "last without an end"]


async def test_lines_from_a_file_which_the_system_does_not_watch(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_text("one\ntwo\n")
    with path.open() as file:
        assert await all_lines(StdStreams(file.fileno())) == ["one", "two"]


async def test_waiting_for_a_line_can_be_cancelled(pipe: tuple[int, int]) -> None:
    streams = StdStreams(pipe[0])
    os.write(pipe[1], b"half a li")
    with trio.move_on_after(0.05) as scope:
        await streams.next_line()
    assert scope.cancelled_caught
    os.write(pipe[1], b"ne\n")
    with trio.fail_after(5):
        assert await streams.next_line() == "half a line"


async def test_a_terminal_that_is_gone(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading from a terminal whose other end is closed fails with EIO (POSIX, ``read``)."""
    os.write(pipe[1], b"x")

    def gone(fd: int, size: int) -> bytes:
        raise OSError(errno.EIO, "gone")

    monkeypatch.setattr(os, "read", gone)
    assert await all_lines(StdStreams(pipe[0])) == []


async def test_what_is_no_text(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"\xff\xfe\n")
    with pytest.raises(UserError, match="not text in UTF-8"):
        await StdStreams(pipe[0]).next_line()


async def test_an_endless_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "LINE_BYTES_MAX", 100)
    monkeypatch.setattr(stdio, "CHUNK_BYTES", 64)
    path = tmp_path / "input"
    path.write_text("x" * 1000)
    with path.open() as file, pytest.raises(UserError, match="too long"):
        await StdStreams(file.fileno()).next_line()


async def test_showing(pipe: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "errors"
    with path.open("w") as errors:
        streams = StdStreams(stdout=pipe[1], stderr=errors.fileno())
        await streams.show("grüße\n")
        await streams.show("oh\n", error=True)
    assert os.read(pipe[0], 100) == "grüße\n".encode()
    assert path.read_text() == "oh\n"
    assert not streams.interactive


async def test_a_reader_that_is_slow_blocks_nobody_else(pipe: tuple[int, int]) -> None:
    streams = StdStreams(stdout=pipe[1])
    with trio.move_on_after(0.1) as scope:
        await streams.show("x" * 1_000_000)
    assert scope.cancelled_caught
    os.close(pipe[0])  # lets the thread go


async def test_a_reader_that_is_gone(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError):
        await StdStreams(stdout=pipe[1]).show("hello\n")


@pytest.mark.parametrize(
    ("data", "password"),
    [
        (b"secret\nrest", "secret"),
        (b"secret\r\nrest", "secret"),
        (b"only", "only"),
        ("grüße\nrest".encode(), "grüße"),
    ],
)
def test_the_first_line_is_taken_and_the_rest_left(
    pipe: tuple[int, int], data: bytes, password: str
) -> None:
    os.write(pipe[1], data)
    os.close(pipe[1])
    assert read_first_line(pipe[0]) == password
    assert os.read(pipe[0], 100) == (b"rest" if b"rest" in data else b"")


@pytest.mark.parametrize("data", [b"", b"\nrest", b"\xff\n"])
def test_no_first_line(pipe: tuple[int, int], data: bytes) -> None:
    os.write(pipe[1], data)
    os.close(pipe[1])
    with pytest.raises(UserError, match="no password on standard input"):
        read_first_line(pipe[0])


def test_a_first_line_without_end(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "LINE_BYTES_MAX", 10)
    os.write(pipe[1], b"x" * 100)
    assert read_first_line(pipe[0]) == "x" * 11
