"""Conversations that a newcomer can read, played against the server in memory.

The files in ``transcripts/`` have one step a line:

====================================  ======================================================
``* alice``                           alice logs in; what she and the others get is not compared
``* alice with CAPABILITIES``         the same, with these capabilities
``* alice with … showing``            it is compared, for her from the end of NAMES on
``* restart``                         everybody is disconnected, the server starts again
``alice> LINE``                       alice sends a line
``alice< PATTERN``                    the next line she gets; ``*`` stands for anything
``alice<``                            she gets nothing more
====================================  ======================================================

At the end nobody may have got anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from support.house import House, Person, open_house

FOLDER = Path(__file__).with_name("transcripts")
NAMES = ("alice", "bob", "carol", "dave")


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.txt")), ids=lambda file: file.stem)
async def test_transcript(file: Path, tmp_path: Path, autojump_clock: object) -> None:
    async with Stage(tmp_path) as stage:
        for number, step in _steps(file):
            try:
                await stage.play(step)
            except AssertionError as error:
                raise AssertionError(f"{file.name}:{number}: {step}\n{error}") from None
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

    async def play(self, step: str) -> None:
        if step == "* restart":
            await self.aclose()
            self._house, self._people = None, {}
        elif step.startswith("* "):
            name, _, rest = step[2:].partition(" with ")
            await self._login(name, rest)
        elif match := re.fullmatch(r"(\w+)> (.*)", step):
            await self._people[match[1]].send(match[2])
        elif match := re.fullmatch(r"(\w+)<(?: (.*))?", step):
            await self._expect(match[1], match[2])
        else:
            raise AssertionError("this is no step of a transcript")

    async def _login(self, name: str, rest: str) -> None:
        if self._house is None:
            self._house = await self.enter_async_context(
                open_house(self._folder, NAMES, admins=("dave",))
            )
        caps = rest.removesuffix("showing").strip()
        person = await self._house.start_login(name, caps)
        self._people[name] = person
        await person.until(" 366 ")
        if not rest.endswith("showing"):
            for other in self._people.values():
                await other.sync()

    async def _expect(self, name: str, pattern: str | None) -> None:
        person = self._people[name]
        if pattern is None:
            assert await person.sync() == []
            return
        line = await person.line()
        wanted = ".*".join(re.escape(part) for part in pattern.split("*"))
        assert re.fullmatch(wanted, line), f"came: {line}"

    async def nothing_more(self) -> None:
        for name, person in self._people.items():
            if not person.ended:
                assert await person.sync() == [], name
