"""Conversations that a newcomer can read, played against the server in memory.

The files in ``transcripts/`` have one step a line:

====================================  ======================================================
``* alice``                           alice logs in; what she and the others get is not compared
``* alice with CAPABILITIES``         the same, with these capabilities
``* alice with … showing``            it is compared, for her from the end of NAMES on
``* phone as alice …``                the same for another session of alice's, named phone
``* mallory connects``                somebody connects, and is not logged in
``* restart``                         everybody is disconnected, the server starts again
``* 90 seconds``                      that time passes; everybody answers the server's PING
``alice> LINE``                       alice sends a line
``alice< PATTERN``                    the next line she gets; ``*`` stands for anything
``alice<… PATTERN``                   the next one that fits; those before it are not compared
``alice<``                            she gets nothing more
``alice|``                            the server has closed her connection
====================================  ======================================================

``{word}`` in a pattern stands for anything without a space, ``;`` or ``,`` the first time, and from
then on, in every line, for what that was. In a line, ``\\xff`` stands for that byte and ``<500 a>``
for 500 times that character. At the end nobody may have got anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio
from support.hours import LOOK_SECONDS, look_rarely
from support.house import House, Person, open_house

FOLDER = Path(__file__).with_name("transcripts")
NAMES = ("alice", "bob", "carol", "dave", "erin")
# When every transcript begins, in milliseconds; its time is that of Trio's clock.
START_MS = 1_790_000_000_000


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.txt")), ids=lambda file: file.stem)
async def test_transcript(file: Path, tmp_path: Path, autojump_clock: object) -> None:
    async with Stage(tmp_path) as stage:
        for number, step in _steps(file):
            try:
                await stage.play(step)
            except (AssertionError, EOFError, trio.TooSlowError) as error:
                what = str(error) or "nothing came"
                raise AssertionError(f"{file.name}:{number}: {step}\n{what}") from None
        await stage.nothing_more()


def _steps(file: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if line and not line.startswith("#"):
            yield number, line


class Stage(AsyncExitStack):
    """Plays steps; the server is started by the first and stopped at the end."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._house: House | None = None
        self._people: dict[str, Person] = {}
        self._words: dict[str, str] = {}

    async def play(self, step: str) -> None:
        if step == "* restart":
            await self.aclose()
            self._house, self._people = None, {}
        elif match := re.fullmatch(r"\* (\d+) seconds", step):
            await self._pass(int(match[1]))
        elif match := re.fullmatch(r"\* (\w+) connects", step):
            self._people[match[1]] = await (await self._opened()).visit()
        elif match := re.fullmatch(
            r"\* (\w+)(?: as (\w+))?(?: with ([\w/. -]+?))?( showing)?", step
        ):
            await self._login(match[1], match[2] or match[1], match[3] or "", not match[4])
        elif match := re.fullmatch(r"(\w+)> (.*)", step):
            text = self._filled(match[2])
            await self._people[match[1]].link.send_all(_bytes(text) + b"\r\n")
        elif match := re.fullmatch(r"(\w+)<(…)?(?: (.*))?", step):
            await self._expect(match[1], match[3], skipping=bool(match[2]))
        elif match := re.fullmatch(r"(\w+)\|", step):
            assert await self._people[match[1]].rest() == []
        else:
            raise AssertionError("this is no step of a transcript")

    async def _pass(self, seconds: int) -> None:
        end = trio.current_time() + seconds
        with pytest.MonkeyPatch.context() as patch:
            look_rarely(patch)
            await self._until(end - 2 * LOOK_SECONDS)
        await self._until(end)

    async def _until(self, end: float) -> None:
        """Wait, and have everybody answer the server's PINGs."""
        while trio.current_time() < end:
            for person in self._people.values():
                if not person.ended:
                    await person.send("PONG here")
            await trio.sleep(min(30.0, end - trio.current_time()))

    async def _opened(self) -> House:
        if self._house is None:
            self._house = await self.enter_async_context(
                open_house(
                    self._folder, NAMES, admins=("dave",), moderators=("erin",), now_ms=_now_ms
                )
            )
        return self._house

    async def _login(self, name: str, account: str, caps: str, silent: bool) -> None:
        person = await (await self._opened()).start_login(account, caps)
        self._people[name] = person
        await person.until(" 366 ")
        if silent:
            for other in self._people.values():
                if other.name != "*" and not other.ended:
                    await other.sync()

    async def _expect(self, name: str, pattern: str | None, *, skipping: bool) -> None:
        person = self._people[name]
        if pattern is None:
            assert await person.sync() == []
            return
        wanted = ".*".join(
            re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^ ;,]+)", re.escape(part))
            for part in _bytes(self._filled(pattern)).decode().split("*")
        )
        line = await person.line()
        while skipping and not re.fullmatch(wanted, line):
            line = await person.line()
        match = re.fullmatch(wanted, line)
        assert match, f"came: {line}"
        self._words.update(match.groupdict())

    def _filled(self, text: str) -> str:
        """Return a line with the words that are known by now."""
        return re.sub(r"\{(\w+)\}", lambda match: self._words.get(match[1], match[0]), text)

    async def nothing_more(self) -> None:
        for name, person in self._people.items():
            if not person.ended:
                assert await person.sync() == [], name


def _now_ms() -> int:
    return START_MS + round(trio.current_time() * 1000)


def _bytes(text: str) -> bytes:
    """Return what a line of a transcript stands for."""
    long = re.sub(r"<(\d+) (\S)>", lambda match: int(match[1]) * match[2], text)
    return re.sub(
        rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), long.encode()
    )
